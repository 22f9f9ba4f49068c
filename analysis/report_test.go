package analysis

import (
	"bytes"
	"cmp"
	"encoding/json"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"radd/internal/npz"
)

// The report of the fixture's trajectory against its solution by other
// programs, and its arrays against the readouts themselves.
func TestExamine(t *testing.T) {
	f, err := OpenFile(filepath.Join("..", "testdata", "oracle", "radd_n50.npz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := Examine(f)
	if err != nil {
		t.Fatal(err)
	}
	if r.Hidden != 50 || len(r.Explained) != 50 || len(r.Readouts) != 2 {
		t.Fatalf("%+v", r)
	}
	student, err := npz.Open(filepath.Join("..", "testdata", "oracle", "radd_n50_student.npz"))
	if err != nil {
		t.Fatal(err)
	}
	defer student.Close()
	for _, readout := range r.Readouts {
		for name, got := range map[string]float64{"angle_degrees": float64(readout.Angle), "block_accuracy": float64(readout.BlockAccuracy)} {
			want, _, err := student.Float64(string(readout.Kind) + "/" + name)
			if err != nil {
				t.Fatal(err)
			}
			if math.Abs(got-want[0]) > 1e-6*math.Abs(want[0]) {
				t.Errorf("%s of %s: %v, want %v", name, readout.Kind, got, want[0])
			}
		}
		if readout.Missing != "" || !(readout.HeldOutBlockAccuracy > .5) || !(readout.HalvesAngles[1] > 0) {
			t.Errorf("%+v", readout)
		}
	}
	if full, pca := r.Readouts[0], r.Readouts[1]; full.HalvesAngles[1] < 3*pca.HalvesAngles[1] {
		t.Errorf("halves are %v° apart in the full space, %v° in the plane", full.HalvesAngles[1], pca.HalvesAngles[1])
	}

	var b bytes.Buffer
	w := npz.NewWriter(&b)
	if err := r.Write(w); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	back, err := npz.Read(bytes.NewReader(b.Bytes()), int64(b.Len()), "report")
	if err != nil {
		t.Fatal(err)
	}
	for name, shape := range map[string][]int{"covariance": {50, 50}, "directions": {50, 50}, "full/projection": {2, 50}, "full/block_weight": {50},
		"pca/block_weight": {2}, "pca/offset": {50}, "pca/block_intercept": {}} {
		if _, err := back.Want(name, shape...); err != nil {
			t.Error(err)
		}
	}
	if _, err := json.Marshal(r); err != nil {
		t.Error(err)
	}
}

// States that tell the block side without fault have no block readout, and the
// report says so.
func TestExamineSeparable(t *testing.T) {
	const T = 200
	var hidden, observed []float64
	var side []int64
	for i := range T {
		side = append(side, int64(1-2*(i/50%2)))
		x := math.Sin(float64(i * i))
		hidden = append(hidden, float64(side[i])*(2+x), x)
		observed = append(observed, x)
	}
	var b bytes.Buffer
	w := npz.NewWriter(&b)
	if err := cmp.Or(
		npz.Add(w, "hidden", hidden, T, 2),
		npz.Add(w, "input", observed, T, 1),
		npz.Add(w, "block_side", side, T),
		npz.Add(w, "readout_weight", []float64{0, 0, 1, 1}, 2, 2),
		w.Close(),
	); err != nil {
		t.Fatal(err)
	}
	archive, err := npz.Read(bytes.NewReader(b.Bytes()), int64(b.Len()), "states")
	if err != nil {
		t.Fatal(err)
	}
	f, err := ReadFile(archive, "states")
	if err != nil {
		t.Fatal(err)
	}
	r, err := Examine(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, readout := range r.Readouts {
		if readout.Missing == "" || !math.IsNaN(float64(readout.Angle)) {
			t.Errorf("%+v", readout)
		}
	}
	text, err := json.Marshal(r)
	if err != nil || !strings.Contains(string(text), `"angle":null`) {
		t.Errorf("%s, %v", text, err)
	}
}
