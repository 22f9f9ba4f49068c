package train

import (
	"context"
	"io"
	"path/filepath"
	"time"

	"radd/internal/atomicfs"
	"radd/internal/npz"
	"radd/internal/parquet"
	"radd/kernels"
	"radd/task"
)

// TrialRow is a row of a rollout's trials.parquet. Posteriors are the
// probability of the right side, those of Bayesian observers who saw what the
// network saw: the side's after the trial's last RNN step, the block's at the
// trial's start.
type TrialRow struct {
	Trial        int64   `parquet:"trial"`        // from 0
	Block        int64   `parquet:"block"`        // from 0
	BlockSide    int8    `parquet:"block_side"`   // −1 left, +1 right
	TrialSide    int8    `parquet:"trial_side"`   // −1 left, +1 right
	Strength     float64 `parquet:"strength"`     // of the stimulus
	RNNSteps     int64   `parquet:"rnn_steps"`    // blank steps included
	Observations int64   `parquet:"observations"` // RNN steps that are no blank steps
	Action       int8    `parquet:"action"`       // −1 left, +1 right, 0 none
	Correct      bool    `parquet:"correct"`
	Feedback     float64 `parquet:"feedback"`      // of the last RNN step
	CrossEntropy float64 `parquet:"cross_entropy"` // nats, summed over the observations

	DifferenceSidePosterior  float64 `parquet:"difference_side_posterior"`
	DifferenceBlockPosterior float64 `parquet:"difference_block_posterior"`
	FullSidePosterior        float64 `parquet:"full_side_posterior"`
	FullBlockPosterior       float64 `parquet:"full_block_posterior"`
	BlocklessSidePosterior   float64 `parquet:"blockless_side_posterior"`
	BlocklessBlockPosterior  float64 `parquet:"blockless_block_posterior"`
	PublishedSidePosterior   float64 `parquet:"published_side_posterior"`
	PublishedBlockPosterior  float64 `parquet:"published_block_posterior"`
}

// recording is one rollout in progress. The session is played stretch by
// stretch. Nothing but its trials' sides and strengths is kept in memory as it
// goes: rows of trials go to their file, the arrays of RNN steps, whose length T
// stands in each one's header and is known at the end only, to spools.
type recording[F kernels.Float] struct {
	Options
	backend kernels.Backend[F]
	theta   []F
	cfg     RolloutConfig
	stretch int // trials
	units   int // what the readout reads of a state, its first elements
	session task.Session
	tape    *kernels.Tape[F]

	observers []*task.Bayes // by kind
	posterior []float64     // scratch
	block     int           // of the trial that was written down last
	blockEnd  int           // trial after the last of that block
	tally     task.Tally
	computing time.Duration
}

func newRecording[F kernels.Float](b kernels.Backend[F], theta []F, w Weights, cfg RolloutConfig, opt Options, stretch int) *recording[F] {
	of := w.config()
	r := &recording[F]{Options: opt, backend: b, theta: theta, cfg: cfg, stretch: stretch, units: w.N,
		tape: kernels.NewTape[F](w.N * of.cell().States()), block: -1}
	for _, kind := range task.Kinds() {
		r.observers = append(r.observers, task.NewBayes(kind, &cfg.Task))
	}
	return r
}

// write plays the session and fills the folder with all files but the summary.
func (r *recording[F]) write(ctx context.Context, dir string) (err error) {
	spools, err := openStates[F](r.FS, dir, r.tape.N)
	if err != nil {
		return err
	}
	defer spools.close()
	err = r.file(dir, trialsFile, func(w io.Writer) error {
		rows := parquet.NewWriter[TrialRow](w)
		err := r.play(ctx, func() error {
			for last, trial := range r.tape.Played() {
				if err := rows.Write(r.row(last, trial)); err != nil {
					return err
				}
			}
			return spools.add(r.tape)
		})
		if err != nil {
			return err
		}
		return rows.Close()
	})
	if err != nil {
		return err
	}
	if err := spools.close(); err != nil {
		return err
	}
	err = r.file(dir, statesFile, func(w io.Writer) error {
		z := npz.NewWriter(w)
		if err := spools.writeTo(ctx, z); err != nil {
			return err
		}
		n, N := r.units, r.tape.N
		weight := r.theta[len(r.theta)-kernels.Actions-kernels.Actions*n:] // the readout ends θ in every cell
		readout := make([]F, kernels.Actions*N)
		for a := range kernels.Actions {
			copy(readout[a*N:], weight[a*n:][:n])
		}
		if err := npz.Add(z, "readout_weight", readout, kernels.Actions, N); err != nil {
			return err
		}
		return z.Close()
	})
	if err != nil {
		return err
	}
	if err := spools.remove(); err != nil {
		return err
	}
	return r.file(dir, sessionFile, func(w io.Writer) error {
		z := npz.NewWriter(w)
		if err := task.WriteSession(z, "", &r.session); err != nil {
			return err
		}
		return z.Close()
	})
}

func (r *recording[F]) file(dir, name string, write func(io.Writer) error) error {
	return atomicfs.WriteFile(r.FS, filepath.Join(dir, name), write)
}

// play plays the session and calls keep after every stretch of it, which the
// tape then holds.
func (r *recording[F]) play(ctx context.Context, keep func() error) error {
	start := time.Now()
	s := &r.session
	s.Draw(task.NewSampler(r.cfg.Task), task.Origin{Seed: r.cfg.Seed, Stream: task.StreamRollout})
	r.computing += time.Since(start)
	r.tape.BeginStretch(s, r.stretch)
	for more := true; more; more = r.tape.Continue(r.stretch) {
		if err := ctx.Err(); err != nil {
			return err
		}
		start := time.Now()
		r.backend.Forward(r.theta, kernels.CrossEntropySum, []*kernels.Tape[F]{r.tape})
		r.computing += time.Since(start)
		for _, trial := range r.tape.Played() {
			r.tally.Add(trial)
		}
		if err := keep(); err != nil {
			return err
		}
		if r.Progress != nil {
			r.Progress(r.tape.To, s.Trials())
		}
	}
	return nil
}

// row returns the session's next trial, whose last RNN step has the given index
// in the stretch.
func (r *recording[F]) row(last int, t task.Trial) TrialRow {
	trial := int(r.tape.Trial[last])
	if trial == r.blockEnd {
		r.block++
		r.blockEnd += r.session.BlockLength[r.block]
	}
	row := TrialRow{
		Trial: int64(trial), Block: int64(r.block), BlockSide: t.BlockSide, TrialSide: t.Side, Strength: t.Strength,
		RNNSteps: int64(t.RNNSteps), Observations: int64(t.Observations),
		Action: t.Action, Correct: t.Correct(), Feedback: float64(r.tape.Feedback[last]), CrossEntropy: t.Nats,
	}
	watch := func(kind task.Kind) (side, block float64) {
		b := r.observers[kind]
		block = b.Block()
		r.posterior = b.Watch(&r.session, trial, t.RNNSteps, r.posterior[:0])
		return b.Side(), block
	}
	row.DifferenceSidePosterior, row.DifferenceBlockPosterior = watch(task.Difference)
	row.FullSidePosterior, row.FullBlockPosterior = watch(task.Full)
	row.BlocklessSidePosterior, row.BlocklessBlockPosterior = watch(task.Blockless)
	row.PublishedSidePosterior, row.PublishedBlockPosterior = watch(task.Published)
	return row
}

func (r *recording[F]) summary(w Weights, out string) RolloutSummary {
	s := RolloutSummary{Out: out, FormatVersion: rolloutVersion, Weights: w.Path, WeightsSHA256: w.SHA256, Hidden: w.N, Cell: w.Cell,
		Blocks: r.cfg.Blocks, Seed: r.cfg.Seed, Info: r.backend.Info(),
		Figures: r.tally.Figures(), ByStrength: r.tally.ByStrength(),
		Seconds: r.computing.Seconds(), Task: constants(r.cfg.Task)}
	s.MicrosPerRNNStep = s.Seconds / float64(s.RNNSteps) * 1e6
	return s
}
