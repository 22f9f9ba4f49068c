package bench

import (
	"context"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"radd/internal/npz"
	"radd/kernels"
	"radd/task"
)

// pythonWith returns a Python that has the module.
func pythonWith(t *testing.T, module string) string {
	t.Helper()
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(python, "-c", "import numpy, "+module).Run() == nil {
			return python
		}
	}
	t.Skip("no Python here has " + module)
	return ""
}

// TestPyTorchAgrees holds every PyTorch peer to a fixture's loss.
func TestPyTorchAgrees(t *testing.T) {
	const fixture = "../testdata/oracle/n50_trained_prob.npz"
	python := pythonWith(t, "torch")
	n, theta, _, err := kernels.ReadWeights(fixture)
	if err != nil {
		t.Fatal(err)
	}
	f, err := npz.Open(fixture)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	session, err := task.ReadSession(f, "", task.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	want, _, err := f.Float64("loss/ce_mean")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	work := filepath.Join(dir, "work.npz")
	if err := errors.Join(os.CopyFS(dir, scripts), writeWork(work, kernels.Shape{N: n}, theta, session)); err != nil {
		t.Fatal(err)
	}
	for dtype, tolerance := range map[string]float64{"f64": 1e-9, "f32": lossTolerance} {
		s, err := startScript(context.Background(), python, filepath.Join(dir, "peers", "torch_peer.py"), work, dtype)
		if err != nil {
			t.Fatal(err)
		}
		defer s.stop()
		if len(s.Peers) != 3 || !strings.HasPrefix(s.Library, "PyTorch ") {
			t.Errorf("%s: %q, %q", dtype, s.Library, s.Peers)
		}
		for _, name := range s.Peers {
			ns, loss, err := s.ask(name)
			if err != nil {
				t.Fatal(err)
			}
			if math.Abs(loss/want[0]-1) > tolerance || ns <= 0 {
				t.Errorf("%s, %s: loss %v, want %v; %v ns", dtype, name, loss, want[0], ns)
			}
		}
	}
}

// TestMeasurePeers: radd and gorgonia are always there; what is not is told.
func TestMeasurePeers(t *testing.T) {
	rounds := 0
	r, err := MeasurePeers(context.Background(), PeersConfig{Hidden: []int{3}, Dtypes: []string{"f32", "f64"}, Rounds: 2,
		Python: filepath.Join(t.TempDir(), "python"), Report: func(int, int) { rounds++ }})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Peers) != 4 || len(r.Absent) != 2 || rounds != 4 {
		t.Fatalf("%d rounds, %+v", rounds, r)
	}
	for i, p := range r.Peers {
		if p.RNNSteps != 12*peerTrials || p.MicrosPerRNNStep.Low <= 0 || i%2 == 0 && p.Times.Median != 1 {
			t.Errorf("%+v", p)
		}
	}
}

// TestPeersLeftOut: a peer that fails, or computes something else, is not timed.
func TestPeersLeftOut(t *testing.T) {
	g := &peerGroup{loss: .5, T: 10}
	calls := 0
	returns := func(loss float64, err error) gradientSteps {
		return func() (float64, float64, error) { calls++; return 1000, loss, err }
	}
	g.add("kernels", "radd", returns(.5, nil))
	g.add("near", "peer", returns(.5*(1+lossTolerance/2), nil))
	g.add("far", "peer", returns(.5*(1+lossTolerance*2), nil))
	g.add("not a number", "peer", returns(math.NaN(), nil))
	g.add("broken", "peer", returns(.5, errors.New("out of memory")))
	if err := g.measure(context.Background(), 3, func(int) {}); err != nil {
		t.Fatal(err)
	}
	if len(g.peers) != 2 || g.peers[1].Name != "near" || g.peers[1].MicrosPerRNNStep.Median != .1 || len(g.absent) != 3 || calls != 2*3+3 {
		t.Errorf("%d calls, %+v", calls, g)
	}
	if last := g.absent[2]; last != (Absence{"peer, broken", "out of memory"}) {
		t.Errorf("%+v", last)
	}
}

// TestScriptFails: what a script complains of last is the error.
func TestScriptFails(t *testing.T) {
	dir := t.TempDir()
	for _, test := range []struct{ name, does, want string }{
		{"at once", "echo Traceback >&2; echo 'No module' >&2; exit 1", "No module"},
		{"silently", "exit 0", "EOF"},
		{"with nonsense", "echo hello", "invalid character"},
	} {
		t.Run(test.name, func(t *testing.T) {
			python := filepath.Join(dir, strings.ReplaceAll(test.name, " ", "-"))
			if err := os.WriteFile(python, []byte("#!/bin/sh\n"+test.does+"\n"), 0o700); err != nil {
				t.Fatal(err)
			}
			if _, err := startScript(context.Background(), python, "script.py", "work.npz", "f32"); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %s", err, test.want)
			}
		})
	}
}

func TestOneCore(t *testing.T) {
	got := strings.Join(oneCore([]string{"PATH=/bin", "OPENBLAS_CORETYPE=Haswell", "OMP_NUM_THREADS=8", "MKL_X=1"}), " ")
	if !strings.HasPrefix(got, "PATH=/bin OMP_NUM_THREADS=1 ") || strings.Contains(got, "Haswell") || strings.Contains(got, "MKL_X") {
		t.Error(got)
	}
}
