//go:build unix

package graph

import (
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gorgonia.org/gorgonia"

	"radd/kernels"
	"radd/kernels/cpu"
	"radd/kernels/kernelstest"
)

// processorTime is what the process has computed so far, whoever else computes.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// timed runs a benchmark's loop and reports its processor time as well. It returns
// that of one run, in milliseconds.
func timed(b *testing.B, run func() error) (ms float64) {
	var start time.Duration
	n := 0
	for b.Loop() {
		if n == 0 {
			start = processorTime()
		}
		if err := run(); err != nil {
			b.Fatal(err)
		}
		n++
	}
	ms = float64((processorTime() - start).Microseconds()) / 1000 / float64(n)
	b.ReportMetric(ms, "cpu-ms/op")
	return ms
}

// BenchmarkUnrolled is one run, the loss and all gradients, of a session of 657
// RNN steps: by the fused kernels, in segments, in one graph, and on gorgonia's
// TapeMachine.
func BenchmarkUnrolled(b *testing.B) {
	f := kernelstest.Load(b, "n50_trained_prob")
	tape, grad := kernels.NewTape[float64](f.N), make([]float64, kernels.Shape{N: f.N}.Size())
	tapes := []*kernels.Tape[float64]{tape}
	both := func(k kernels.Backend[float64]) func() error {
		return func() error {
			tape.Begin(f.Session)
			k.Forward(f.Theta, kernels.CrossEntropyMean, tapes)
			k.Backward(f.Theta, kernels.CrossEntropyMean, tapes, 1, grad)
			return nil
		}
	}
	b.Run("fused, generic", func(b *testing.B) {
		k := cpu.New[float64](cpu.Generic, 1)
		defer k.Close()
		timed(b, both(k))
	})
	for _, K := range []int{DefaultSteps, 657} {
		b.Run(fmt.Sprintf("VM, %d steps", K), func(b *testing.B) {
			timed(b, both(engine[float64](b, RNN{}, f.N, K, 1)))
		})
	}
	b.Run("TapeMachine, 657 steps", func(b *testing.B) {
		s, err := unroll[float64](RNN{}, f.N, 657, ofLogarithm, naming)
		if err != nil {
			b.Fatal(err)
		}
		for i, n := range slices.Concat(s.parameters, s.input, s.weight, s.first, s.incoming) {
			if err := gorgonia.Let(n, dense(someNumbers[float64](size(n), i), n.Shape().Clone()...)); err != nil {
				b.Fatal(err)
			}
		}
		start := processorTime()
		machine := gorgonia.NewTapeMachine(s.graph)
		defer machine.Close()
		b.Logf("compiled in %v of processor time", processorTime()-start)
		timed(b, func() error { defer machine.Reset(); return machine.RunAll() })
	})
}

// BenchmarkCompile schedules one graph of all steps. With -update it draws
// docs/schedule.svg.
func BenchmarkCompile(b *testing.B) {
	var points plotter.XYs
	for _, K := range []int{350, 700, 1400, 2400, 4800} {
		s, err := build[float64](RNN{}, 50, K, ofLogarithm, naming(0)) // hashes may meet: it is not run
		if err != nil {
			b.Fatal(err)
		}
		var ms float64
		b.Run(fmt.Sprintf("%d steps", K), func(b *testing.B) {
			ms = timed(b, func() error { _, err := compileSegment[float64](s); return err })
		})
		points = append(points, plotter.XY{X: float64(K), Y: ms})
	}
	if !*update {
		return
	}
	p := plot.New()
	p.X.Label.Text, p.Y.Label.Text = "RNN steps of the graph", "scheduling, ms of processor time"
	p.X.Min, p.Y.Min = 0, 0
	line, dots, err := plotter.NewLinePoints(points)
	if err != nil {
		b.Fatal(err)
	}
	p.Add(plotter.NewGrid(), line, dots)
	if err := p.Save(12*vg.Centimeter, 8*vg.Centimeter, "../docs/schedule.svg"); err != nil {
		b.Fatal(err)
	}
}
