package analysis

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"radd/internal/input"
	"radd/internal/npz"
	"radd/kernels/kernelstest"
)

// arrays are an archive's, by name: []float64 or []int64 with their shapes.
type arrays map[string]array

type array struct {
	data  any
	shape []int
}

// proper returns a trajectory file's arrays, all there are: T = 7 of 2 units
// with one input, and 3 RNN steps held out.
func proper() arrays {
	side := []int64{1, 1, 1, -1, -1, 1, 1}
	return arrays{
		hiddenName:            {[]float64{.1, .2, .3, .4, .5, .6, .7, .8, -.1, -.2, -.3, -.4, -.5, -.6}, []int{7, 2}},
		inputName:             {[]float64{1, 2, 3, 4, 5, 6, 7}, []int{7, 1}},
		projectionName:        {[]float64{1, 0, 0, 1, .6, .8}, []int{3, 2}},
		offsetName:            {[]float64{.1, -.1}, []int{2}},
		blockSideName:         {side, []int{7}},
		readoutWeightName:     {[]float64{1, 2, 3, 5}, []int{2, 2}},
		probabilityName:       {[]float64{.5, .5, .1, .9, .2, .8, .3, .7, 1, 0, 0, 1, .5, .5}, []int{7, 2}},
		sessionName:           {[]int64{-3, -3, 0, 0, 0, 9, 9}, []int{7}},
		"held_out/hidden":     {[]float64{0, 0, .1, .1, .2, .2}, []int{3, 2}},
		"held_out/input":      {[]float64{0, 1, 2}, []int{3, 1}},
		"held_out/session":    {[]int64{1, 1, 2}, []int{3}},
		"held_out/block_side": {[]int64{1, -1, 1}, []int{3}},
		"trial":               {[]int64{1, 2}, []int{2}}, // ignored
	}
}

func (a arrays) archive(tb testing.TB) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := npz.NewWriter(&b)
	var names []string
	for name := range a {
		names = append(names, name)
	}
	slices.Sort(names)
	var errs []error
	for _, name := range names {
		switch data := a[name].data.(type) {
		case []float64:
			errs = append(errs, npz.Add(w, name, data, a[name].shape...))
		case []int64:
			errs = append(errs, npz.Add(w, name, data, a[name].shape...))
		}
	}
	if err := errors.Join(append(errs, w.Close())...); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// open returns the file of an archive.
func open(archive []byte) (*File, error) {
	f, err := npz.Read(bytes.NewReader(archive), int64(len(archive)), "test.npz")
	if err != nil {
		return nil, err
	}
	return ReadFile(f, "test.npz")
}

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.npz")
	if err := os.WriteFile(path, proper().archive(t), 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.N != 2 || f.Q != 1 || f.T != 7 || f.Name != path {
		t.Errorf("%+v", f.Trajectory)
	}
	c, held := whole(t, f.Trajectory), whole(t, f.HeldOut)
	a := proper()
	for what, ok := range map[string]bool{
		"hidden":     slices.Equal(c.Hidden, a[hiddenName].data.([]float64)),
		"input":      slices.Equal(c.Input, a[inputName].data.([]float64)),
		"prob":       slices.Equal(c.Probability, a[probabilityName].data.([]float64)),
		"block_side": slices.Equal(c.BlockSide, narrow(a[blockSideName].data.([]int64))),
		"session":    slices.Equal(c.Session, a[sessionName].data.([]int64)),
		"projection": slices.Equal(f.Projection.RawMatrix().Data, a[projectionName].data.([]float64)) && f.Projection.RawMatrix().Rows == 3,
		"offset":     slices.Equal(f.Offset, a[offsetName].data.([]float64)),
		"readout":    slices.Equal(f.ReadoutWeight, a[readoutWeightName].data.([]float64)),
		"held out":   slices.Equal(held.Hidden, a["held_out/hidden"].data.([]float64)) && slices.Equal(held.Session, []int64{1, 1, 2}) && len(held.BlockSide) == 3 && held.Probability == nil,
		"has":        f.HasBlocks() && f.HasProbability(),
	} {
		if !ok {
			t.Errorf("%s is not what was written", what)
		}
	}
	_, err = OpenFile(path + "x")
	wantFault(t, err, "no such file")
}

// TestFileOptional leaves out what may be.
func TestFileOptional(t *testing.T) {
	a := arrays{hiddenName: proper()[hiddenName], inputName: proper()[inputName], projectionName: proper()[projectionName]}
	f, err := open(a.archive(t))
	if err != nil {
		t.Fatal(err)
	}
	c := whole(t, f.Trajectory)
	if c.Session != nil || c.BlockSide != nil || c.Probability != nil || f.HeldOut != nil || f.Offset != nil || f.HasBlocks() || f.HasProbability() {
		t.Errorf("%+v, %+v", c, f)
	}
	_, err = f.Readouts(Full)
	wantFault(t, err, "test.npz: block_side", "readout_weight")
	a[blockSideName] = proper()[blockSideName]
	if f, err = open(a.archive(t)); err != nil {
		t.Fatal(err)
	}
	_, err = f.Readouts(Full)
	wantFault(t, err, "test.npz: readout_weight")
}

func TestFileFaults(t *testing.T) {
	drop := func(names ...string) func(arrays) {
		return func(a arrays) {
			for _, name := range names {
				delete(a, name)
			}
		}
	}
	floats := func(name string, data []float64, shape ...int) func(arrays) {
		return func(a arrays) { a[name] = array{data, shape} }
	}
	integers := func(name string, data []int64, shape ...int) func(arrays) {
		return func(a arrays) { a[name] = array{data, shape} }
	}
	nan := math.NaN()
	for _, test := range []struct {
		name   string
		change func(arrays)
		says   []string
	}{
		{"no states", drop(hiddenName), []string{"hidden: there is no such array"}},
		{"no inputs", drop(inputName), []string{"input: there is no such array"}},
		{"neither projection nor blocks", drop(projectionName, blockSideName), []string{"block_side", "projection, or block_side with readout_weight"}},
		{"neither projection nor weights", drop(projectionName, readoutWeightName), []string{"readout_weight"}},
		{"states of three dimensions", floats(hiddenName, make([]float64, 14), 7, 2, 1), []string{"hidden: shape (7, 2, 1)"}},
		{"no RNN steps", floats(hiddenName, nil, 0, 2), []string{"hidden: shape (0, 2)", "1 or more rows"}},
		{"no units", floats(hiddenName, nil, 7, 0), []string{"hidden: shape (7, 0)", "1 or more columns"}},
		{"integer states", integers(hiddenName, make([]int64, 14), 7, 2), []string{"hidden", "float64"}},
		{"inputs of another length", floats(inputName, make([]float64, 6), 6, 1), []string{"input: shape (6, 1)", "(7, any)"}},
		{"a projection of other units", floats(projectionName, make([]float64, 6), 2, 3), []string{"projection: shape (2, 3)", "(any, 2)"}},
		{"a projection of no rows", floats(projectionName, nil, 0, 2), []string{"projection: no rows"}},
		{"a projection with NaN", floats(projectionName, []float64{1, 2, 3, nan}, 2, 2), []string{"projection[1, 1]: NaN"}},
		{"an offset with NaN", floats(offsetName, []float64{1, nan}, 2), []string{"offset[1]: NaN"}},
		{"a short offset", floats(offsetName, []float64{1}, 1), []string{"offset: shape (1)"}},
		{"weights transposed", floats(readoutWeightName, make([]float64, 6), 3, 2), []string{"readout_weight: shape (3, 2)"}},
		{"block sides by trial", integers(blockSideName, make([]int64, 3), 3), []string{"block_side: shape (3)", "(7)"}},
		{"block sides 0 and 1", integers(blockSideName, []int64{1, 1, 0, 1, 1, 1, 1}, 7), []string{"block_side[2]: 0", "-1 left, 1 right"}},
		{"a block side beyond a byte", integers(blockSideName, []int64{1, 257, 1, 1, 1, 1, 1}, 7), []string{"block_side[1]"}},
		{"real block sides", floats(blockSideName, make([]float64, 7), 7), []string{"block_side", "int64"}},
		{"probabilities of one action", floats(probabilityName, make([]float64, 7), 7), []string{"prob: shape (7)"}},
		{"a probability above 1", floats(probabilityName, []float64{0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 7, 2), []string{"prob[1, 1]: 2"}},
		{"session ids out of order", integers(sessionName, []int64{0, 0, 1, 1, 0, 0, 0}, 7), []string{"session[4]: 0"}},
		{"short session ids", integers(sessionName, []int64{0}, 1), []string{"session: shape (1)"}},
		{"a state that is NaN", func(a arrays) { a[hiddenName].data.([]float64)[9] = nan }, []string{"hidden[4, 1]: NaN"}},
		{"held-out states alone", drop("held_out/input"), []string{"held_out/input: there is no such array"}},
		{"held-out inputs alone", drop("held_out/hidden"), []string{"held_out/hidden: there is no such array"}},
		{"held-out states of other units", floats("held_out/hidden", make([]float64, 9), 3, 3), []string{"held_out/hidden: shape (3, 3)"}},
		{"held-out inputs, more of them", floats("held_out/input", make([]float64, 6), 3, 2), []string{"held_out/input: shape (3, 2)", "(3, 1)"}},
		{"no held-out RNN steps", floats("held_out/hidden", nil, 0, 2), []string{"held_out/hidden: no rows"}},
		{"held-out session ids", integers("held_out/session", []int64{1}, 1), []string{"held_out/session: shape (1)"}},
		{"a held-out state that is NaN", floats("held_out/hidden", []float64{1, 2, 3, nan, 5, 6}, 3, 2), []string{"held_out/hidden[1, 1]: NaN"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := proper()
			test.change(a)
			f, err := open(a.archive(t))
			if err == nil {
				err = readAll(f)
			}
			wantFault(t, err, append(test.says, "test.npz")...)
		})
	}
}

// readAll returns the first error of a file's trajectories.
func readAll(f *File) error {
	for _, t := range []*Trajectory{f.Trajectory, f.HeldOut} {
		if t == nil {
			continue
		}
		for _, err := range t.Chunks() {
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// TestOracleFile finds the readouts in a file, which is read at every pass
// again, as in memory.
func TestOracleFile(t *testing.T) {
	a := kernelstest.Open(t, "radd_n50")
	f, err := ReadFile(a.File, "radd_n50")
	if err != nil {
		t.Fatal(err)
	}
	if f.Projection == nil || f.T != 6924 {
		t.Fatalf("%+v", f)
	}
	r, err := f.Readouts(PCA)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "projection", r.Projection.RawMatrix().Data, kernelstest.Open(t, "radd_n50_student").Floats("pca/projection"), fittedTolerance)
}

// TestTarget prefers a file's projection, unless a readout is asked for.
func TestTarget(t *testing.T) {
	c := sided(300, []float64{1, -1}, 0, 1)
	wide := make([]int64, c.T)
	for i, side := range c.BlockSide {
		wide[i] = int64(side)
	}
	f, err := open(arrays{
		hiddenName:        {c.Hidden, []int{c.T, 2}},
		inputName:         {[]float64{}, []int{c.T, 0}},
		blockSideName:     {wide, []int{c.T}},
		projectionName:    proper()[projectionName],
		readoutWeightName: proper()[readoutWeightName],
	}.archive(t))
	if err != nil {
		t.Fatal(err)
	}
	bare := *f
	bare.Projection = nil
	for _, test := range []struct {
		name string
		file *File
		kind Kind
		want Kind // "" for the file's
	}{
		{"projection", f, "", ""}, {"pca asked for", f, PCA, PCA}, {"full asked for", f, Full, Full},
		{"no projection", &bare, "", Full}, {"no projection, pca", &bare, PCA, PCA},
	} {
		P, offset, r, err := test.file.Target(test.kind)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case test.want == "" && (P != f.Projection || r != nil):
			t.Errorf("%s: not the file's", test.name)
		case test.want != "" && (r == nil || r.Kind != test.want || P != r.Projection || !slices.Equal(offset, r.Offset)):
			t.Errorf("%s: %+v", test.name, r)
		}
	}
	_, _, _, err = f.Target("plane")
	wantFault(t, err, "full, pca")
}

// TestFileMemory shows that reading takes a chunk's memory, not the file's.
func TestFileMemory(t *testing.T) {
	const T, N = 100_000, 20 // 16 MB
	var b bytes.Buffer
	w := npz.NewWriter(&b)
	if err := errors.Join(
		npz.Add(w, hiddenName, make([]float64, T*N), T, N),
		npz.Add(w, inputName, make([]float64, T), T, 1),
		npz.Add(w, projectionName, make([]float64, N), 1, N),
		npz.Add(w, blockSideName, slices.Repeat([]int64{1}, T), T),
		w.Close(),
	); err != nil {
		t.Fatal(err)
	}
	f, err := open(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	const most = 4 << 20
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := readAll(f); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > most {
		t.Errorf("a pass over 16 MB allocates %d bytes", got)
	}
}

// FuzzReadFile reads files whose arrays, of any values, may lack or have a row
// too many; package npz fuzzes the archive around them, whose checksums would
// be in the way here.
func FuzzReadFile(f *testing.F) {
	const all = 1<<11 - 1
	f.Add(uint8(7), uint8(2), uint8(1), uint8(2), uint16(all), uint16(0), []byte("\x3f\xf0\x00\x00\x00\x00\x00\x00"))
	f.Add(uint8(9), uint8(3), uint8(0), uint8(1), uint16(0b1011), uint16(0), []byte("\xbf\xe0\x00\x00\x00\x00\x00\x01"))
	f.Add(uint8(3), uint8(1), uint8(1), uint8(1), uint16(all), uint16(0), []byte("\x7f\xf8\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Add(uint8(3), uint8(1), uint8(1), uint8(1), uint16(all), uint16(0b100), []byte{})
	f.Add(uint8(0), uint8(0), uint8(0), uint8(0), uint16(all), uint16(0), []byte{1})
	f.Fuzz(func(t *testing.T, T, N, Q, M uint8, present, longer uint16, values []byte) {
		next := 0
		word := func() uint64 {
			var bits uint64
			for range 8 {
				bits <<= 8
				if len(values) > 0 {
					bits |= uint64(values[next%len(values)])
					next++
				}
			}
			return bits
		}
		a := arrays{}
		for i, entry := range []struct {
			name    string
			integer bool
			rows    uint8
			columns []int
		}{
			{hiddenName, false, T, []int{int(N)}},
			{inputName, false, T, []int{int(Q)}},
			{projectionName, false, M, []int{int(N)}},
			{offsetName, false, N, nil},
			{blockSideName, true, T, nil},
			{readoutWeightName, false, 2, []int{int(N)}},
			{probabilityName, false, T, []int{2}},
			{sessionName, true, T, nil},
			{"held_out/hidden", false, T / 2, []int{int(N)}},
			{"held_out/input", false, T / 2, []int{int(Q)}},
			{"held_out/session", true, T / 2, nil},
		} {
			if present>>i&1 == 0 {
				continue
			}
			shape := append([]int{int(entry.rows) + int(longer>>i&1)}, entry.columns...)
			size := 1
			for _, dim := range shape {
				size *= dim
			}
			if entry.integer {
				data := make([]int64, size)
				for i := range data {
					data[i] = int64(word())
				}
				a[entry.name] = array{data, shape}
				continue
			}
			data := make([]float64, size)
			for i := range data {
				data[i] = math.Float64frombits(word())
			}
			a[entry.name] = array{data, shape}
		}
		file, err := open(a.archive(t))
		if err == nil {
			err = readAll(file)
		}
		if err != nil {
			if !input.Is(err) {
				t.Errorf("%T: %v", err, err)
			}
			return
		}
		c := whole(t, file.Trajectory)
		if c.T != int(T)+int(longer&1) || !slices.Equal(c.Hidden, a[hiddenName].data.([]float64)) || notFinite(c.Hidden) >= 0 {
			t.Errorf("%d RNN steps, states %v", c.T, c.Hidden)
		}
		if file.HasBlocks() != (c.BlockSide != nil) || file.HasProbability() != (c.Probability != nil) {
			t.Error("arrays are and are not there")
		}
	})
}
