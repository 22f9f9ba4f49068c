package cuda

import "time"

// Limit bounds what a backend does at once, as tests want it: 0 leaves a bound
// as it is.
type Limit struct {
	Generic bool
	Blocks  int
	Steps   int
	Records int
	Memory  int
	Trials  int
	Launch  time.Duration
}

// Limit sets bounds.
func (b *Backend[F]) Limit(l Limit) *Backend[F] {
	for _, x := range []struct {
		of    *int
		bound int
	}{
		{&b.limits.blocks, l.Blocks}, {&b.limits.steps, l.Steps}, {&b.limits.records, l.Records},
		{&b.limits.memory, l.Memory}, {&b.limits.trials, l.Trials},
	} {
		if x.bound > 0 {
			*x.of = x.bound
		}
	}
	if l.Launch > 0 {
		b.limits.launch = l.Launch
	}
	b.limits.generic = l.Generic
	return b
}

// Kernels lists all kernels: names, hidden units (0: any) and types.
func Kernels() (all []struct {
	Name, Dtype string
	N           int
}) {
	for _, k := range list {
		all = append(all, struct {
			Name, Dtype string
			N           int
		}{k.name, k.dtype, k.n})
	}
	return all
}
