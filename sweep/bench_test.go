package sweep

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"radd/internal/cputime"
	"radd/train"
)

// BenchmarkThousand trains 1,000 networks of 25 units for 50 gradient steps, as a
// sweep and by the kernels alone, in turns, and reports what the sweep takes
// besides, as a share of the kernels' time: by the processor's time, and by the
// clock's, all cores counted.
func BenchmarkThousand(b *testing.B) {
	var whole, alone, wall, kernels float64
	for range b.N {
		dir := b.TempDir()
		path := filepath.Join(dir, "sweep.yaml")
		text := "out: out\nbase: {hidden: 25, gradient-steps: 50, device: cpu}\ngrid: {seed: 1..1000}\n" + bare
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			b.Fatal(err)
		}
		runtime.GC()
		start := cputime.Process()
		s, err := Open(path)
		if err != nil {
			b.Fatal(err)
		}
		sum, err := s.Run(context.Background(), Options{})
		if err != nil {
			b.Fatal(err)
		}
		whole += (cputime.Process() - start).Seconds()
		wall += float64(sum.Jobs) * sum.Seconds
		kernels += sum.Kernels
		alone += kernelsAlone(b, s, sum.Jobs).Seconds()

		asked := time.Now()
		if _, err := s.Status(0); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(time.Since(asked).Seconds(), "s/status")
	}
	b.ReportMetric(100*(whole/alone-1), "%processor")
	b.ReportMetric(100*(wall/kernels-1), "%clock")
}

// kernelsAlone trains the sweep's networks without a file, and returns the
// processor time of that.
func kernelsAlone(b *testing.B, s *Sweep, jobs int) time.Duration {
	var configs []train.Config
	for _, sh := range s.shards {
		list, err := sh.configs()
		if err != nil {
			b.Fatal(err)
		}
		configs = append(configs, list...)
	}
	f, err := train.OpenFleet(configs, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	runtime.GC()
	start := cputime.Process()
	networks := make(chan int)
	var workers sync.WaitGroup
	for range jobs {
		workers.Go(func() {
			for i := range networks {
				f.Advance(context.Background(), []int{i}, 50)
			}
		})
	}
	for i := range configs {
		networks <- i
	}
	close(networks)
	workers.Wait()
	return cputime.Process() - start
}
