package analysis

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// parallel calls do for 0 … n−1 on as many goroutines as the program may use
// cores.
func parallel(n int, do func(i int)) {
	var next atomic.Int64
	var running sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		running.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	running.Wait()
}
