package analysis

import (
	"cmp"
	"errors"
	"math"

	"radd/internal/npz"
	"radd/task"
)

// Report is what a trajectory tells about its network's states and readouts.
type Report struct {
	Hidden    int             `json:"hidden"`
	RNNSteps  int             `json:"rnn_steps"`
	Explained []task.Ratio    `json:"explained_variance"` // share of each principal component (N), largest first
	Readouts  []ReadoutReport `json:"readouts"`           // full, then, of two units or more, pca

	components *Components
	frame      *Frame // nil where there is no plane
}

// ReadoutReport is what a trajectory tells about its readouts of one kind.
// Angles are in degrees; those of halves are of the stimulus and of the block
// readout. Where there is no block readout, Missing says why, and what depends
// on it is null.
type ReadoutReport struct {
	Kind                   Kind          `json:"readout"`
	Angle                  task.Ratio    `json:"angle"`                    // between stimulus and block readout
	CovarianceAngle        task.Ratio    `json:"covariance_angle"`         // the same in the metric of the states' covariance
	HalvesAngles           [2]task.Ratio `json:"halves_angles"`            // between the halves of the trajectory
	HalvesCovarianceAngles [2]task.Ratio `json:"halves_covariance_angles"` // likewise
	BlockAccuracy          task.Ratio    `json:"block_accuracy"`           // share of RNN steps
	HeldOutBlockAccuracy   task.Ratio    `json:"held_out_block_accuracy"`  // each half by the other's readout
	BlockNats              task.Ratio    `json:"block_cross_entropy"`      // nats per RNN step
	Missing                string        `json:"missing,omitempty"`        // why there is no readout of this kind
	MissingHalves          string        `json:"missing_halves,omitempty"` // likewise, of the halves

	readouts *Readouts
}

// Examine returns the report of a trajectory file, in a few dozen passes, the
// kinds of readouts side by side. That a block readout does not exist, because
// the states tell block sides without fault, is in the report; other errors are
// those of [FindReadouts].
func Examine(f *File) (*Report, error) {
	components, err := PrincipalComponents(f.Trajectory)
	if err != nil {
		return nil, err
	}
	r := &Report{Hidden: f.N, RNNSteps: components.T, components: components}
	for _, share := range components.Explained() {
		r.Explained = append(r.Explained, task.Ratio(share))
	}
	kinds := []Kind{Full, PCA}
	if f.N < 2 {
		kinds = kinds[:1] // one unit has no plane
	}
	if err := f.needReadout(); err != nil {
		return nil, err
	}
	halves, err := split(f.Trajectory)
	if err != nil {
		return nil, err
	}
	r.Readouts = make([]ReadoutReport, len(kinds))
	errs := make([]error, len(kinds))
	parallel(len(kinds), func(i int) {
		r.Readouts[i], errs[i] = examine(f, kinds[i], components, halves)
	})
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	if pca := r.Found(PCA); pca != nil {
		r.frame = FrameOf(pca)
	}
	if r.frame != nil { // so that the sign is not arbitrary
		for i := range 2 {
			components.Directions.SetRow(i, r.frame.Plane.RawRowView(i))
		}
	}
	return r, nil
}

// Found returns the readouts of a kind, nil where there are none.
func (r *Report) Found(kind Kind) *Readouts {
	for _, report := range r.Readouts {
		if report.Kind == kind {
			return report.readouts
		}
	}
	return nil
}

// Frame returns the axes of the plane and of the readouts in it, nil where there
// are none.
func (r *Report) Frame() *Frame { return r.frame }

// Tables returns the shares of variance and the readouts in the plane.
func (r *Report) Tables() []*Table { return []*Table{r.components.variance(), r.readoutTable()} }

// examine returns the report of one kind of readouts.
func examine(f *File, kind Kind, components *Components, parts [2]part) (ReadoutReport, error) {
	none := task.Ratio(math.NaN())
	r := ReadoutReport{Kind: kind, Angle: none, CovarianceAngle: none, BlockAccuracy: none, HeldOutBlockAccuracy: none, BlockNats: none,
		HalvesAngles: [2]task.Ratio{none, none}, HalvesCovarianceAngles: [2]task.Ratio{none, none}}
	var separation *SeparationError
	readouts, err := findReadouts(f.Trajectory, f.ReadoutWeight, kind, components)
	if errors.As(err, &separation) {
		r.Missing = err.Error()
		return r, nil
	}
	if err != nil {
		return r, err
	}
	r.readouts = readouts
	r.Angle, r.CovarianceAngle = task.Ratio(readouts.Angle()), task.Ratio(readouts.CovarianceAngle())
	r.BlockAccuracy, r.BlockNats = task.Ratio(readouts.Block.Accuracy), task.Ratio(readouts.Block.Nats)
	halves, err := splitHalves(parts, f.ReadoutWeight, readouts)
	if errors.As(err, &separation) {
		r.MissingHalves = err.Error()
		return r, nil
	}
	if err != nil {
		return r, err
	}
	for i := range halves.Angles {
		r.HalvesAngles[i], r.HalvesCovarianceAngles[i] = task.Ratio(halves.Angles[i]), task.Ratio(halves.CovarianceAngles[i])
	}
	r.HeldOutBlockAccuracy = task.Ratio(halves.HeldOutAccuracy)
	return r, nil
}

// Write adds the report's arrays to the archive: mean (N), covariance (N, N),
// directions (N, N, a principal direction a row), explained_variance (N), and
// for every kind of readouts that exists <kind>/projection (2, N), <kind>/offset
// (N), <kind>/block_weight (N, or 2 in the plane) and <kind>/block_intercept ().
// Errors are w's.
func (r *Report) Write(w *npz.Writer) error {
	c, N := r.components, r.Hidden
	covariance := make([]float64, 0, N*N)
	for i := range N {
		for j := range N {
			covariance = append(covariance, c.Covariance.At(i, j))
		}
	}
	err := cmp.Or(
		npz.Add(w, "mean", c.Mean, N),
		npz.Add(w, "covariance", covariance, N, N),
		npz.Add(w, "directions", c.Directions.RawMatrix().Data, N, N),
		npz.Add(w, "explained_variance", c.Explained(), N),
	)
	for _, readout := range r.Readouts {
		x, name := readout.readouts, string(readout.Kind)+"/"
		if x == nil || err != nil {
			continue
		}
		err = cmp.Or(
			npz.Add(w, name+"projection", x.Projection.RawMatrix().Data, 2, N),
			npz.Add(w, name+"offset", x.Offset, N),
			npz.Add(w, name+"block_weight", x.Block.Weight, len(x.Block.Weight)),
			npz.Add(w, name+"block_intercept", []float64{x.Block.Intercept}),
		)
	}
	return err
}
