package analysis

import (
	"cmp"
	"fmt"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"radd/internal/input"
	"radd/kernels"
)

// Kind says where the two readouts are looked for.
type Kind string

// The kinds of readouts.
const (
	// Full: in the space of all units, with h̄ = 0.
	Full Kind = "full"
	// PCA: in the plane of the first two principal directions, with h̄ the mean
	// state. Closer to the paper's released code.
	PCA Kind = "pca"
)

// Readouts are two directions in the space of a network's states: along the
// first it reads the stimulus side, along the second the block side can be
// read.
type Readouts struct {
	Kind       Kind
	Projection *mat.Dense  // P: the stimulus readout, the block readout (2, N), unit rows
	Offset     []float64   // h̄ (N)
	Block      *Logistic   // on the state (full), or on its two coordinates in the plane (pca)
	Components *Components // of the trajectory

	plane *mat.Dense // V (2, N), nil where Kind is Full
}

// FindReadouts returns the readouts of a network with readout weights W_out
// (2, N), left before right. The stimulus readout is W_out[right] − W_out[left],
// the block readout the logistic regression of block side on the states of all
// RNN steps. With PCA the first is projected on the plane, the second fitted to
// the plane's coordinates, and both are carried back to N dimensions.
//
// The error is FitLogistic's, or an *input.Error where a readout has length 0
// or the network has too few units for a plane. It panics if W_out is not
// (2, N).
//
// Source: SI 7.3, P; task, "P's rows".
func FindReadouts(t *Trajectory, readoutWeight []float64, kind Kind) (*Readouts, error) {
	components, err := PrincipalComponents(t)
	if err != nil {
		return nil, err
	}
	return findReadouts(t, readoutWeight, kind, components)
}

// findReadouts does as FindReadouts for a trajectory of known components.
func findReadouts(t *Trajectory, readoutWeight []float64, kind Kind, components *Components) (r *Readouts, err error) {
	N := t.N
	if len(readoutWeight) != kernels.Actions*N {
		panic("analysis: the readout's weights are not (2, N)")
	}
	stimulus := make([]float64, N)
	floats.SubTo(stimulus, readoutWeight[N:], readoutWeight[:N])

	r = &Readouts{Kind: kind, Components: components, Offset: make([]float64, N)}
	switch kind {
	case Full:
	case PCA:
		if N < 2 {
			return nil, &input.Error{File: t.Name, Field: hiddenName, Found: "one unit", Allowed: "2 or more for the readout " + string(PCA)}
		}
		r.plane = components.Plane()
		copy(r.Offset, components.Mean)
		stimulus = inPlane(r.plane, stimulus)
	default:
		return nil, &input.Error{Field: "readout", Found: fmt.Sprintf("%q", kind), Allowed: fmt.Sprintf("%s, %s", Full, PCA)}
	}
	if r.Block, err = FitLogistic(r.coordinates(t)); err != nil {
		return nil, err
	}
	r.Projection = mat.NewDense(2, N, nil)
	for row, direction := range [][]float64{stimulus, r.Block.Weight} {
		norm := floats.Norm(direction, 2)
		if norm == 0 {
			return nil, &input.Error{File: t.Name, Field: []string{readoutWeightName, blockSideName}[row],
				Found:   fmt.Sprintf("a %s readout of length 0", []string{"stimulus", "block"}[row]),
				Allowed: "a direction"}
		}
		r.Projection.SetRow(row, r.unit(direction, norm))
	}
	return r, nil
}

// inPlane returns the coordinates of a direction in the plane V (2, N).
func inPlane(V *mat.Dense, direction []float64) []float64 {
	return []float64{floats.Dot(V.RawRowView(0), direction), floats.Dot(V.RawRowView(1), direction)}
}

// coordinates returns the trajectory in which Block is fitted.
func (r *Readouts) coordinates(t *Trajectory) *Trajectory {
	if r.plane == nil {
		return t
	}
	return t.Project(r.plane, r.Offset)
}

// unit returns a direction, given in Block's coordinates with its norm, as a
// unit vector (N).
func (r *Readouts) unit(direction []float64, norm float64) []float64 {
	u := direction
	if r.plane != nil {
		u = make([]float64, len(r.Offset))
		for i, x := range direction {
			floats.AddScaled(u, x, r.plane.RawRowView(i))
		}
	}
	return floats.ScaleTo(make([]float64, len(u)), 1/norm, u)
}

// Angle returns the angle between the two readouts, in degrees.
func (r *Readouts) Angle() float64 {
	return Angle(r.Projection.RawRowView(0), r.Projection.RawRowView(1))
}

// CovarianceAngle returns the angle between the two readouts in the metric of
// the states' covariance, in degrees: see [Components.Angle].
func (r *Readouts) CovarianceAngle() float64 {
	return r.Components.Angle(r.Projection.RawRowView(0), r.Projection.RawRowView(1))
}

// BlockAccuracyOn returns the share of another trajectory's RNN steps whose
// block side the block readout tells.
func (r *Readouts) BlockAccuracyOn(t *Trajectory) (float64, error) {
	return r.Block.AccuracyOn(r.coordinates(t))
}

// Halves tell how well a trajectory determines its readouts: everything is
// found twice, in its first half alone and in its second half alone.
type Halves struct {
	First, Second *Readouts
	// Angles in degrees between the two halves' readouts, stimulus before
	// block. In the full space the stimulus readout is the weights' and its
	// angle is 0.
	Angles [2]float64
	// The same in the metric of the whole trajectory's covariance.
	CovarianceAngles [2]float64
	// HeldOutAccuracy is the share of RNN steps whose block side is told by the
	// block readout of the half that they are not in.
	HeldOutAccuracy float64
}

// SplitHalves finds the readouts r anew in the trajectory's RNN steps before
// T/2 and in those from there on. Errors are FindReadouts'.
//
// Source: task: the block readout in the full space is poorly determined.
func SplitHalves(t *Trajectory, readoutWeight []float64, r *Readouts) (*Halves, error) {
	parts, err := split(t)
	if err != nil {
		return nil, err
	}
	return splitHalves(parts, readoutWeight, r)
}

// part is a half of a trajectory with its components.
type part struct {
	*Trajectory
	components *Components
}

// split returns the halves of a trajectory.
func split(t *Trajectory) (parts [2]part, err error) {
	T, err := t.Count()
	if err != nil {
		return parts, err
	}
	if T < 2 {
		return parts, tooShort(t, T, 2)
	}
	parts[0].Trajectory, parts[1].Trajectory = t.Slice(0, T/2), t.Slice(T/2, T)
	for i := range parts {
		if parts[i].components, err = PrincipalComponents(parts[i].Trajectory); err != nil {
			return parts, err
		}
	}
	return parts, nil
}

func splitHalves(parts [2]part, readoutWeight []float64, r *Readouts) (*Halves, error) {
	var found [2]*Readouts
	var errs [2]error
	parallel(2, func(i int) {
		found[i], errs[i] = findReadouts(parts[i].Trajectory, readoutWeight, r.Kind, parts[i].components)
	})
	if err := cmp.Or(errs[0], errs[1]); err != nil {
		return nil, err
	}
	h := &Halves{First: found[0], Second: found[1]}
	for row := range h.Angles {
		u, v := found[0].Projection.RawRowView(row), found[1].Projection.RawRowView(row)
		h.Angles[row] = Angle(u, v)
		h.CovarianceAngles[row] = r.Components.Angle(u, v)
	}
	for i, part := range parts {
		accuracy, err := found[1-i].BlockAccuracyOn(part.Trajectory)
		if err != nil {
			return nil, err
		}
		h.HeldOutAccuracy += accuracy * float64(part.T) / float64(parts[0].T+parts[1].T)
	}
	return h, nil
}

// Readouts returns the file's readouts of a kind.
//
// The error is FindReadouts', or an *input.Error where the file lacks
// block_side or readout_weight.
func (f *File) Readouts(kind Kind) (*Readouts, error) {
	if err := f.needReadout(); err != nil {
		return nil, err
	}
	return FindReadouts(f.Trajectory, f.ReadoutWeight, kind)
}

// Target returns the directions P (M, N) that a student shall follow and their
// offset h̄ (N, nil is 0): the file's own where it has a projection and no kind
// of readout is asked for (kind ""), else its readouts, which come third, and
// are Full where no kind is asked for.
//
// The error is that of [File.Readouts].
func (f *File) Target(kind Kind) (P *mat.Dense, offset []float64, r *Readouts, err error) {
	if kind == "" && f.Projection != nil {
		return f.Projection, f.Offset, nil, nil
	}
	if kind == "" {
		kind = Full
	}
	if r, err = f.Readouts(kind); err != nil {
		return nil, nil, nil, err
	}
	return r.Projection, r.Offset, r, nil
}
