package distill

import (
	"runtime"
	"sync"
	"sync/atomic"

	"radd/internal/panics"
)

// inParallel calls do for 0 … n−1 on so many goroutines, 0 for one per core, and
// returns the first error by number. After an error it begins nothing further.
func inParallel(n, workers int, do func(i int) error) error {
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	errs := make([]error, n)
	var next, failed atomic.Int64
	var running sync.WaitGroup
	for range min(n, workers) {
		running.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && failed.Load() == 0; i = int(next.Add(1)) - 1 {
				if errs[i] = panics.Catch(func() error { return do(i) }); errs[i] != nil {
					failed.Add(1)
				}
			}
		})
	}
	running.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
