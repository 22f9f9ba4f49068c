package cuda

import (
	"context"
	"errors"
	"strings"
	"sync"

	"radd/kernels"
)

// Together is several backends, of a device each, that share sets of networks.
// Single passages run on the first. It implements kernels.Backend.
type Together[F kernels.Float] []*Backend[F]

// Info implements kernels.Backend: the devices, joined by commas.
func (t Together[F]) Info() kernels.Info {
	info := t[0].Info()
	var devices []string
	for _, b := range t {
		devices = append(devices, b.Info().Device)
	}
	info.Device = strings.Join(devices, ",")
	return info
}

// Forward implements kernels.Backend.
func (t Together[F]) Forward(theta []F, o kernels.Objective, tapes []*kernels.Tape[F]) float64 {
	return t[0].Forward(theta, o, tapes)
}

// Backward implements kernels.Backend.
func (t Together[F]) Backward(theta []F, o kernels.Objective, tapes []*kernels.Tape[F], scale F, grad []F) {
	t[0].Backward(theta, o, tapes, scale, grad)
}

// Update implements kernels.Backend.
func (t Together[F]) Update(theta, velocity, grad []F, lr, momentum F) {
	t[0].Update(theta, velocity, grad, lr, momentum)
}

// Train implements kernels.Backend. The networks of every size are dealt out in
// turn. Where a device fails, the others go on; the error is that of each that
// failed.
func (t Together[F]) Train(ctx context.Context, networks []*kernels.Network[F], gradientSteps int) error {
	shares := make([][]*kernels.Network[F], len(t))
	dealt := map[int]int{} // of each size
	for _, net := range networks {
		to := dealt[net.Shape.N] % len(t)
		dealt[net.Shape.N]++
		shares[to] = append(shares[to], net)
	}
	failures := make([]error, len(t))
	var training sync.WaitGroup
	for i, b := range t {
		training.Go(func() { failures[i] = b.Train(ctx, shares[i], gradientSteps) })
	}
	training.Wait()
	if ctx.Err() != nil { // which each of them returns
		for i, err := range failures {
			if err == ctx.Err() {
				failures[i] = nil
			}
		}
		if err := errors.Join(failures...); err != nil {
			return err
		}
		return ctx.Err()
	}
	return errors.Join(failures...)
}

// Close implements kernels.Backend.
func (t Together[F]) Close() error {
	var failures []error
	for _, b := range t {
		failures = append(failures, b.Close())
	}
	return errors.Join(failures...)
}
