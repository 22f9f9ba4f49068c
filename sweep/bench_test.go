package sweep

import (
	"context"
	"os"
	"path/filepath"
	"testing"
)

// BenchmarkThousand trains 1,000 networks of 25 units for 50 gradient steps, and
// reports what the cores did besides training, as a share of it.
func BenchmarkThousand(b *testing.B) {
	for range b.N {
		dir := b.TempDir()
		path := filepath.Join(dir, "sweep.yaml")
		text := "out: out\nbase: {hidden: 25, gradient-steps: 50, device: cpu}\ngrid: {seed: 1..1000}\n" + bare
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			b.Fatal(err)
		}
		s, err := Open(path)
		if err != nil {
			b.Fatal(err)
		}
		sum, err := s.Run(context.Background(), Options{})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(100*(float64(sum.Jobs)*sum.Seconds-sum.Kernels)/sum.Kernels, "%overhead")
	}
}
