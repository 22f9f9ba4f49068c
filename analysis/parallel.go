package analysis

import (
	"runtime"
	"sync"
	"sync/atomic"

	"radd/internal/panics"
)

// parallel calls do for 0 … n−1 on as many goroutines as the program may use
// cores.
func parallel(n int, do func(i int)) {
	var next atomic.Int64
	var running sync.WaitGroup
	workers := min(n, runtime.GOMAXPROCS(0))
	faults := make([]error, workers)
	for worker := range workers {
		running.Go(func() {
			faults[worker] = panics.Catch(func() error {
				for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
					do(i)
				}
				return nil
			})
		})
	}
	running.Wait()
	for _, fault := range faults {
		if fault != nil {
			panic(fault) // the caller's, as it would be without goroutines
		}
	}
}
