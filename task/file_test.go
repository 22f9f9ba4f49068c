package task

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"radd/internal/input"
	"radd/internal/npz"
)

// archive returns an archive in memory that add fills.
func archive(t testing.TB, add func(*npz.Writer) error) *npz.File {
	t.Helper()
	var b bytes.Buffer
	w := npz.NewWriter(&b)
	if err := add(w); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := npz.Read(bytes.NewReader(b.Bytes()), int64(b.Len()), "memory.npz")
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// sessionFile holds the arrays of a session file as they are.
type sessionFile struct {
	blockLength, trialSide, blockSide []int64
	strength, observation             []float64
}

// write adds the arrays, those of length 0 left out; maxSteps shapes
// observation.
func (a *sessionFile) write(w *npz.Writer, prefix string, maxSteps int) (err error) {
	add := func(e error) { err = errors.Join(err, e) }
	for name, x := range map[string][]int64{blockLengthName: a.blockLength, trialSideName: a.trialSide, blockSideName: a.blockSide} {
		if x != nil {
			add(npz.Add(w, prefix+name, x, len(x)))
		}
	}
	if a.strength != nil {
		add(npz.Add(w, prefix+strengthName, a.strength, len(a.strength)))
	}
	if a.observation != nil {
		add(npz.Add(w, prefix+observationName, a.observation, len(a.observation)/maxSteps/2, maxSteps, 2))
	}
	return err
}

// small returns a valid file of two blocks, two and one trials, for smallConfig.
func small() *sessionFile {
	return &sessionFile{
		blockLength: []int64{2, 1},
		trialSide:   []int64{1, -1, 1},
		blockSide:   []int64{1, 1, 1}, // blocks need not alternate
		strength:    []float64{0, .3, 7},
		observation: []float64{0, 0, 1, 2, 3, 4, 0, 0, 5, 6, 7, 8, 0, 0, -1, -2, -3, -4},
	}
}

func smallConfig(t testing.TB) Config {
	return resolved(t, func(c *Config) { c.BlankSteps, c.MaxObservations = 1, 2 })
}

// A session that is written and read is the same session, recorded beforehand
// or drawn on the way.
func TestSessionFileRoundTrip(t *testing.T) {
	c := DefaultConfig()
	for _, record := range []bool{false, true} {
		s := draw(c, Origin{Seed: 6, Stream: StreamTrain})
		if record {
			s.Record()
		}
		for _, prefix := range []string{"", "session/", "train/ce_mean/0/session/"} {
			f := archive(t, func(w *npz.Writer) error { return WriteSession(w, prefix, s) })
			got, err := ReadSession(f, strings.TrimSuffix(prefix, "session/"), c)
			if err != nil {
				t.Fatal(err)
			}
			want := draw(c, s.origin)
			want.Record()
			want.origin = Origin{}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("recorded %v, prefix %q: another session came back", record, prefix)
			}
		}
	}
}

// Fixtures are session files.
func TestReadSessionOracle(t *testing.T) {
	for _, test := range []struct{ file, prefix string }{
		{"bayes.npz", ""}, {"bayes.npz", "session/"}, {"n2_init.npz", ""}, {"n50_trained_prob.npz", "train/ce_mean/0/"},
	} {
		f := oracle(t, test.file)
		s, err := ReadSession(f, test.prefix, DefaultConfig())
		if err != nil {
			t.Error(err)
			continue
		}
		want := floatsOf(t, f, strings.TrimSuffix(test.prefix, "session/")+"session/observation")
		if left, right := s.Observe(1, 5); left != want[24+10] || right != want[24+11] {
			t.Errorf("%s: observations %v, %v; want %v", test.file, left, right, want[24+10:24+12])
		}
		if r := s.Rule(); r.MaxSteps != 12 || r.BlankSteps != 2 {
			t.Errorf("%s: rule %+v", test.file, r)
		}
	}
}

// Each fault is refused with an error that names array, index, what is there
// and what is allowed.
func TestReadSessionFaults(t *testing.T) {
	c := smallConfig(t)
	for _, test := range []struct {
		name  string
		spoil func(*sessionFile)
		want  string // parts of the error
	}{
		{"no fault", func(a *sessionFile) {}, ""},
		{"missing trial_side", func(a *sessionFile) { a.trialSide = nil }, "trial_side: there is no such array"},
		{"missing block_side", func(a *sessionFile) { a.blockSide = nil }, "block_side: there is no such array"},
		{"missing block_length", func(a *sessionFile) { a.blockLength = nil }, "block_length: there is no such array"},
		{"missing strength", func(a *sessionFile) { a.strength = nil }, "strength: there is no such array"},
		{"missing observation", func(a *sessionFile) { a.observation = nil }, "observation: there is no such array"},
		{"no trials", func(a *sessionFile) { a.trialSide = []int64{} }, "trial_side: no trials|1 or more"},
		{"block sides short", func(a *sessionFile) { a.blockSide = a.blockSide[:2] }, "block_side: shape|(2)|(3)"},
		{"strengths long", func(a *sessionFile) { a.strength = append(a.strength, 1) }, "strength: shape|(4)|(3)"},
		{"observations short", func(a *sessionFile) { a.observation = a.observation[:12] }, "observation: shape|(2, 3, 2)|(3, 3, 2)"},
		{"side 0", func(a *sessionFile) { a.trialSide[1] = 0 }, "trial_side[1]: 0|-1 left, 1 right"},
		{"side 257", func(a *sessionFile) { a.trialSide[2] = 257 }, "trial_side[2]: 257|-1 left, 1 right"},
		{"block side 2", func(a *sessionFile) { a.blockSide[0] = 2 }, "block_side[0]: 2|-1 left, 1 right"},
		{"block side changes within a block", func(a *sessionFile) { a.blockSide[1] = -1 }, "block_side[1]: -1|1 throughout block 0, trials 0 to 1"},
		{"empty block", func(a *sessionFile) { a.blockLength = []int64{2, 0, 1} }, "block_length[1]: 0|1 or more"},
		{"negative block", func(a *sessionFile) { a.blockLength = []int64{4, -1} }, "block_length[0]: 4|1 or more, and 3 with"},
		{"lengths that overflow", func(a *sessionFile) { a.blockLength = []int64{1, math.MaxInt64} }, "block_length[1]: 9223372036854775807|3 with"},
		{"blocks short", func(a *sessionFile) { a.blockLength = []int64{2} }, "block_length: a sum of 2|3, the number of trials"},
		{"no blocks", func(a *sessionFile) { a.blockLength = []int64{} }, "block_length: a sum of 0|3, the number of trials"},
		{"negative strength", func(a *sessionFile) { a.strength[2] = -1 }, "strength[2]: -1|a finite number, 0 or above"},
		{"strength NaN", func(a *sessionFile) { a.strength[0] = nan }, "strength[0]: NaN|a finite number"},
		{"strength Inf", func(a *sessionFile) { a.strength[0] = inf }, "strength[0]: +Inf|a finite number"},
		{"blank not blank", func(a *sessionFile) { a.observation[7] = 1e-9 }, "observation[1, 0, 1]: 1e-09|0 on blank steps"},
		{"blank NaN", func(a *sessionFile) { a.observation[12] = nan }, "observation[2, 0, 0]: NaN|0 on blank steps"},
		{"observation NaN", func(a *sessionFile) { a.observation[8] = nan }, "observation[1, 1, 0]: NaN|a finite number"},
		{"observation Inf", func(a *sessionFile) { a.observation[17] = -inf }, "observation[2, 2, 1]: -Inf|a finite number"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, prefix := range []string{"", "session/"} {
				a := small()
				test.spoil(a)
				f := archive(t, func(w *npz.Writer) error { return a.write(w, prefix, c.MaxSteps()) })
				s, err := ReadSession(f, "", c)
				if test.want == "" {
					if err != nil {
						t.Fatal(err)
					}
					continue
				}
				if s != nil || !input.Is(err) {
					t.Fatalf("session %v, error %v", s, err)
				}
				for i, part := range strings.Split(test.want, "|") {
					if i == 0 && !strings.Contains(part, "no such") {
						part = prefix + part
					}
					if !strings.Contains(err.Error(), part) {
						t.Errorf("error %q does not say %q", err, part)
					}
				}
			}
		})
	}
	t.Run("strengths that are whole numbers", func(t *testing.T) {
		a := small()
		a.strength = nil
		f := archive(t, func(w *npz.Writer) error {
			return errors.Join(a.write(w, "", c.MaxSteps()), npz.Add(w, strengthName, []int64{1, 2, 3}, 3))
		})
		if _, err := ReadSession(f, "", c); !input.Is(err) {
			t.Errorf("error %v", err)
		}
	})
}

// Sizes are held against each other and to a limit before anything is read.
func TestReadSessionSizes(t *testing.T) {
	const trials = 20_000
	f := archive(t, func(w *npz.Writer) error {
		a := small()
		a.trialSide = slices.Repeat([]int64{1}, trials)
		return a.write(w, "", 3)
	})
	refused := func(f *npz.File, c Config, want string) {
		t.Helper()
		if _, err := ReadSession(f, "", c); !input.Is(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one of input that says %q", err, want)
		}
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	refused(f, smallConfig(t), "block_side: shape (3)")
	runtime.ReadMemStats(&after)
	if bytes := after.TotalAlloc - before.TotalAlloc; bytes > 8*trials/2 {
		t.Errorf("%d bytes were taken to find that the shapes differ", bytes)
	}
	refused(f, resolved(t, func(c *Config) { c.MaxObservations = 10_000 }), "trial_side: 20000 trials (allowed: up to 13419 of 10002 RNN steps)")
	many := archive(t, func(w *npz.Writer) error {
		a := small()
		a.blockLength = make([]int64, 4)
		return a.write(w, "", 3)
	})
	refused(many, smallConfig(t), "block_length: 4 blocks")
}

// A bare array goes before one of the same name after session/.
func TestReadSessionPrefersBareNames(t *testing.T) {
	c := smallConfig(t)
	other := small()
	other.strength = []float64{9, 9, 9}
	f := archive(t, func(w *npz.Writer) error {
		return errors.Join(other.write(w, "session/", c.MaxSteps()), npz.Add(w, strengthName, []float64{1, 2, 3}, 3))
	})
	s, err := ReadSession(f, "", c)
	if err != nil {
		t.Fatal(err)
	}
	if want := []float64{1, 2, 3}; !slices.Equal(s.Strength, want) {
		t.Errorf("strengths %v, want %v", s.Strength, want)
	}
}

// fullDisk takes so many bytes and no more.
type fullDisk int

func (d *fullDisk) Write(b []byte) (int, error) {
	if len(b) > int(*d) {
		return 0, io.ErrShortWrite
	}
	*d -= fullDisk(len(b))
	return len(b), nil
}

func TestWriteSessionReportsErrors(t *testing.T) {
	s := draw(DefaultConfig(), Origin{Seed: 6, Stream: StreamTrain})
	var whole bytes.Buffer
	w := npz.NewWriter(&whole)
	if err := WriteSession(w, "", s); err != nil {
		t.Fatal(err)
	}
	for size := 0; size < whole.Len(); size += 1000 {
		disk := fullDisk(size)
		w := npz.NewWriter(&disk)
		err := WriteSession(w, "", s)
		if err == nil {
			err = w.Close() // what a buffer still held
		}
		if !errors.Is(err, io.ErrShortWrite) {
			t.Fatalf("%d bytes of room: error %v", size, err)
		}
	}
}

// FuzzReadSession turns bytes into the arrays of a session file: whatever they
// hold is refused as somebody's input or makes a session that can be played.
func FuzzReadSession(f *testing.F) {
	le := func(x ...float64) (b []byte) {
		for _, v := range x {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
		}
		return b
	}
	a := small()
	f.Add([]byte{2, 1}, []byte{1, 255, 1}, []byte{1, 1, 1}, le(a.strength...), le(a.observation...))
	f.Add([]byte{3}, []byte{1, 2, 1}, []byte{1, 1}, le(nan, inf, 0), le(a.observation[:7]...))
	f.Add([]byte{0, 129}, []byte{}, []byte{}, []byte{}, []byte{})
	c := smallConfig(f)
	f.Fuzz(func(t *testing.T, blockLength, trialSide, blockSide, strength, observation []byte) {
		ints := func(b []byte) []int64 {
			x := make([]int64, len(b))
			for i, v := range b {
				x[i] = int64(int8(v))
			}
			return x
		}
		floats := func(b []byte) []float64 {
			x := make([]float64, len(b)/8)
			for i := range x {
				x[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
			}
			return x
		}
		o := floats(observation)
		a := sessionFile{ints(blockLength), ints(trialSide), ints(blockSide), floats(strength), o[:len(o)/6*6]}
		file := archive(t, func(w *npz.Writer) error { return a.write(w, "", c.MaxSteps()) })
		s, err := ReadSession(file, "", c)
		if err != nil {
			if !input.Is(err) {
				t.Errorf("not an *input.Error: %v", err)
			}
			return
		}
		actor := NewBayes(Full, &c)
		for n := range s.Trials() {
			if got := actor.Play(s, n); got.RNNSteps < 2 || got.RNNSteps > 3 || math.IsNaN(got.Nats) {
				t.Errorf("trial %d: %+v", n, got)
			}
		}
	})
}
