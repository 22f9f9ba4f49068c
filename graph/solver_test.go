package graph

import (
	"fmt"
	"testing"

	"gorgonia.org/gorgonia"

	"radd/kernels"
)

// Adam and RMSProp against gorgonia's own over several steps, clipped and not.
func TestSolversAreGorgonias(t *testing.T) {
	t.Run("f64", func(t *testing.T) { solversAreGorgonias[float64](t, 1e-14) })
	// Float32 sums in another order differ in the last bits.
	t.Run("f32", func(t *testing.T) { solversAreGorgonias[float32](t, 1e-6) })
}

func solversAreGorgonias[F kernels.Float](t *testing.T, tolerance float64) {
	const size, lr = 11, .01
	for _, clip := range []float64{0, .3} {
		options := []gorgonia.SolverOpt{gorgonia.WithLearnRate(lr)}
		if clip > 0 {
			options = append(options, gorgonia.WithClip(clip))
		}
		for name, pair := range map[string][2]gorgonia.Solver{
			"adam": {&Adam[F]{LearningRate: lr, Clip: clip, Mean: make([]F, size), Square: make([]F, size)},
				gorgonia.NewAdamSolver(options...)},
			"rmsprop": {&RMSProp[F]{LearningRate: lr, Clip: clip, Square: make([]F, size)},
				gorgonia.NewRMSPropSolver(options...)},
		} {
			t.Run(fmt.Sprintf("%s, clipped by %v", name, clip), func(t *testing.T) {
				var theta [2][]F
				for i := range theta {
					theta[i] = someNumbers[F](size, 3)
				}
				for step := range 6 {
					for i, solver := range pair {
						model := valueGrad{dense(theta[i], size), dense(someNumbers[F](size, step), size)}
						if err := solver.Step([]gorgonia.ValueGrad{model}); err != nil {
							t.Fatal(err)
						}
					}
				}
				near(t, "θ", theta[0], theta[1], tolerance)
			})
		}
	}
}

func TestSolversRefuse(t *testing.T) {
	for _, s := range []gorgonia.Solver{&Adam[float64]{Mean: make([]float64, 3), Square: make([]float64, 3)}, &RMSProp[float64]{Square: make([]float64, 3)}} {
		four := valueGrad{dense(make([]float64, 4), 4), dense(make([]float64, 4), 4)}
		if err := s.Step([]gorgonia.ValueGrad{four}); err == nil {
			t.Errorf("%T took four elements where it has three", s)
		}
		if err := s.Step(nil); err == nil {
			t.Errorf("%T took a model of no vector", s)
		}
	}
}

// A network whose weights are held to connections keeps them through updates,
// and Settle between updates changes nothing but signs that do not act.
func TestSettle(t *testing.T) {
	const n = 5
	c := Connect(RNN{}, Connectivity{Input: "first", Recurrent: "block-diagonal", Excitatory: .6})
	for _, solver := range Solvers {
		var theta [2][]float64
		for i := range theta {
			u := engine[float64](t, c, n, DefaultSteps, 1)
			net := network[float64](t, n, kernels.CrossEntropyMean)
			net.Theta = thetaOf(c, n, 3)
			net.LearningRate = .05 // so that weights change their sign
			net.Velocity = make([]float64, len(net.Theta)*Moments(solver))
			trainer, err := NewTrainer[float64](u, net)
			if err != nil {
				t.Fatal(err)
			}
			trainer.Use(solver, 0, c, n)
			if i == 1 {
				trainer.settle = nil
			}
			for range 20 {
				if _, err := trainer.Step(); err != nil {
					t.Fatal(err)
				}
			}
			theta[i] = net.Theta
		}
		changed := 0
		for i, w := range theta[1] {
			if w != theta[0][i] {
				changed++
			}
		}
		if changed == 0 {
			t.Errorf("%s: no weight changed its sign: the test shows nothing", solver)
		}
		Settle(c, n, theta[1])
		near(t, solver, theta[0], theta[1], exact)
		w := kernels.Views(kernels.Shape{N: n}, theta[0])
		for i := range n {
			for j := range n {
				switch x := w.HiddenHidden[i*n+j]; {
				case (2*i < n) != (2*j < n) && x != 0:
					t.Errorf("%s: weight (%d, %d) is %v, want none", solver, i, j, x)
				case j < 3 && x < 0, j >= 3 && x > 0:
					t.Errorf("%s: weight (%d, %d) is %v, of the wrong sign", solver, i, j, x)
				}
			}
			if i >= 2 && (w.InputHidden[3*i] != 0 || w.InputHidden[3*i+1] != 0) {
				t.Errorf("%s: unit %d sees the input", solver, i)
			}
		}
	}
}
