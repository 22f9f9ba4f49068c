package train

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"

	"radd/internal/atomicfs"
	"radd/internal/npz"
	"radd/kernels"
)

const spoolDir = "spool" // within a rollout's staging folder

// states are the arrays of a rollout's states.npz that have a row for every RNN
// step, each in a spool of its own until their length is known.
type states[F kernels.Float] struct {
	fsys  atomicfs.FS
	dir   string
	steps int // RNN steps so far

	trial, step, blockSide, trialSide spool[int64]
	input, hidden, feedback           spool[F]
	prob                              spool[float64] // in float32 the small one of the two would underflow
}

// openStates opens the spools for a network of n hidden units, in a folder of
// their own in dir.
func openStates[F kernels.Float](fsys atomicfs.FS, dir string, n int) (*states[F], error) {
	s := &states[F]{fsys: fsys, dir: filepath.Join(dir, spoolDir),
		trial: column[int64]("trial"), step: column[int64]("step"),
		input: column[F]("input", kernels.Inputs), hidden: column[F]("hidden", n),
		prob: column[float64]("prob", kernels.Actions), feedback: column[F]("feedback"),
		blockSide: column[int64]("block_side"), trialSide: column[int64]("trial_side")}
	if err := fsys.Mkdir(s.dir, 0o755); err != nil {
		return nil, err
	}
	for _, c := range s.columns() {
		if err := c.create(fsys, s.dir); err != nil {
			return nil, errors.Join(err, s.close())
		}
	}
	return s, nil
}

// columns returns the spools in the order of the archive.
func (s *states[F]) columns() []elements {
	return []elements{&s.trial, &s.step, &s.input, &s.hidden, &s.prob, &s.feedback, &s.blockSide, &s.trialSide}
}

// add appends the tape's passage.
func (s *states[F]) add(p *kernels.Tape[F]) error {
	T := p.T
	s.steps += T
	trial := integers(p.Trial[:T])
	blockSide, trialSide := make([]int64, T), make([]int64, T)
	for t, n := range trial {
		blockSide[t], trialSide[t] = int64(p.Session.BlockSide[n]), int64(p.Session.TrialSide[n])
	}
	return errors.Join(
		s.trial.add(trial), s.step.add(integers(p.Step[:T])),
		s.input.add(p.Input[:T*kernels.Inputs]), s.hidden.add(p.Hidden[p.N:(T+1)*p.N]),
		s.prob.add(probabilities(nil, p)), s.feedback.add(p.Feedback[:T]),
		s.blockSide.add(blockSide), s.trialSide.add(trialSide))
}

// writeTo writes all arrays to the archive. The spools must have been closed.
func (s *states[F]) writeTo(ctx context.Context, z *npz.Writer) error {
	for _, c := range s.columns() {
		if err := c.copyTo(ctx, s.fsys, s.dir, z, s.steps); err != nil {
			return err
		}
	}
	return nil
}

// close closes the spools' files; a second time it does nothing.
func (s *states[F]) close() error {
	var errs []error
	for _, c := range s.columns() {
		errs = append(errs, c.close())
	}
	return errors.Join(errs...)
}

// remove removes the spools.
func (s *states[F]) remove() error { return s.fsys.RemoveAll(s.dir) }

// elements is a spool of whatever elements.
type elements interface {
	create(fsys atomicfs.FS, dir string) error
	close() error
	copyTo(ctx context.Context, fsys atomicfs.FS, dir string, z *npz.Writer, steps int) error
}

// element is a type of which arrays are spooled.
type element interface{ int64 | float32 | float64 }

// spool is a file of one array's elements as they come.
type spool[E element] struct {
	name  string
	row   []int // shape of what one RNN step adds
	out   *appender
	bytes []byte // scratch
}

func column[E element](name string, row ...int) spool[E] {
	return spool[E]{name: name, row: row}
}

func (s *spool[E]) create(fsys atomicfs.FS, dir string) error {
	f, err := fsys.OpenFile(filepath.Join(dir, s.name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	s.out = &appender{f, bufio.NewWriterSize(f, 1<<16)}
	return nil
}

func (s *spool[E]) add(v []E) error {
	var err error
	if s.bytes, err = binary.Append(s.bytes[:0], binary.LittleEndian, v); err != nil {
		return err
	}
	_, err = s.out.Write(s.bytes)
	return err
}

func (s *spool[E]) close() error {
	if s.out == nil {
		return nil
	}
	err := s.out.Close()
	s.out = nil
	return err
}

// copyTo adds the elements, those of the given number of RNN steps, to the
// archive as an array.
func (s *spool[E]) copyTo(ctx context.Context, fsys atomicfs.FS, dir string, z *npz.Writer, steps int) error {
	f, err := fsys.OpenFile(filepath.Join(dir, s.name), os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	stream, err := npz.NewStream[E](z, s.name, append([]int{steps}, s.row...)...)
	if err != nil {
		return err
	}
	left := steps
	for _, d := range s.row {
		left *= d
	}
	chunk := make([]E, min(left, 1<<14))
	size := binary.Size(E(0))
	buffer := make([]byte, len(chunk)*size)
	for left > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(left, len(chunk))
		if _, err := io.ReadFull(f, buffer[:n*size]); err != nil {
			return err
		}
		if _, err := binary.Decode(buffer[:n*size], binary.LittleEndian, chunk[:n]); err != nil {
			return err
		}
		if err := stream.Write(chunk[:n]); err != nil {
			return err
		}
		left -= n
	}
	return nil
}
