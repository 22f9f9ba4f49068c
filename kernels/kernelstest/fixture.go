package kernelstest

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"radd/internal/npz"
	"radd/kernels"
	"radd/task"
)

// Networks are the names of the fixtures that hold one network with one
// recorded session; Batch is the one with several sessions a gradient step.
var Networks = []string{"n2_init", "n50_init", "n2_trained_prob", "n25_trained_ce", "n50_trained_prob"}

// Batch is the name of the fixture with several sessions a gradient step.
const Batch = "n25_batch"

// Objectives are the oracle's, under their names in fixtures.
var Objectives = [...]struct {
	Name string
	kernels.Objective
}{
	{"ce_mean", kernels.CrossEntropyMean},
	{"ce_sum", kernels.CrossEntropySum},
	{"prob_mean", kernels.ProbabilityMean},
}

// Teaching are objectives that teach the task: the oracle's, and others.
var Teaching = []kernels.Objective{kernels.CrossEntropyMean, kernels.CrossEntropySum, kernels.ProbabilityMean, kernels.QLogMean(.3)}

// Fixture is one network of the oracle.
type Fixture struct {
	N     int
	Theta []float64 // packed as kernels.Shape says

	Session *task.Session              // nil in Batch, with what follows but Training
	Record  Record                     // of the session in closed loop
	Loss    [len(Objectives)]float64   // of the session
	Grad    [len(Objectives)][]float64 // of Loss by θ, packed as θ

	Training []Training // from Theta, each; empty in some fixtures
}

// Record is what every RNN step of a closed-loop session showed.
type Record struct {
	kernels.Decisions
	Input       []float64 // (T, 3)
	Hidden      []float64 // (T, N)
	Probability []float64 // (T, 2)
	Counted     []bool    // (T)
	Target      []int64   // (T)
}

// Training is K gradient steps with B sessions each.
type Training struct {
	Objective    kernels.Objective
	LearningRate float64
	Momentum     float64
	Sessions     [][]*task.Session // (K, B)
	Loss         []float64         // (K) before each update
	RNNSteps     []int64           // (K, B)
	Theta        []float64         // at the end
}

// Load reads a fixture. It fails the test where it cannot.
func Load(tb testing.TB, name string) *Fixture {
	tb.Helper()
	a := Open(tb, name)
	f := new(Fixture)
	f.N, f.Theta = a.Weights("weight/")
	if a.Has("session/trial_side") {
		f.Session = a.Session("session/")
		f.Record = a.record(f.N)
		for o, objective := range Objectives {
			f.Loss[o] = a.scalar("loss/" + objective.Name)
			_, f.Grad[o] = a.Weights("grad/" + objective.Name + "/")
		}
	}
	for _, objective := range Objectives {
		if a.Has("train/" + objective.Name + "/loss") {
			f.Training = append(f.Training, a.training(objective.Name, objective.Objective))
		}
	}
	return f
}

// Archive is one of the oracle's files. Its methods fail the test where the
// file does not hold what they are asked for.
type Archive struct {
	*npz.File
	tb testing.TB
}

// Open opens testdata/oracle/<name>.npz of the module until the test ends.
func Open(tb testing.TB, name string) Archive {
	tb.Helper()
	f, err := npz.Open(filepath.Join(moduleRoot(tb), "testdata", "oracle", name+".npz"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { f.Close() })
	return Archive{f, tb}
}

// moduleRoot returns the folder of go.mod: the working directory, which is the
// package's in a test, or one above it.
func moduleRoot(tb testing.TB) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			tb.Fatal("no go.mod in the working directory or above")
		}
		dir = parent
	}
}

// Floats returns an array of floats of any shape, row-major.
func (a Archive) Floats(name string) []float64 {
	a.tb.Helper()
	data, _, err := a.Float64(name)
	if err != nil {
		a.tb.Fatal(err)
	}
	return data
}

// Integers returns an array of integers of any shape, row-major.
func (a Archive) Integers(name string) []int64 {
	a.tb.Helper()
	data, _, err := a.Int64(name)
	if err != nil {
		a.tb.Fatal(err)
	}
	return data
}

// Weights returns the six parameters, or gradients by them, whose names follow
// the prefix: their N and all packed as kernels.Shape says.
func (a Archive) Weights(prefix string) (n int, theta []float64) {
	a.tb.Helper()
	shape, err := a.Shape(prefix + "core.weight_hh_l0")
	if err != nil {
		a.tb.Fatal(err)
	}
	for _, p := range (kernels.Shape{N: shape[0]}).Parameters() {
		if _, err := a.Want(prefix+p.Name, p.Shape...); err != nil {
			a.tb.Fatal(err)
		}
		theta = append(theta, a.Floats(prefix+p.Name)...)
	}
	return shape[0], theta
}

// Session returns the session of the paper's task whose arrays' names follow
// the prefix.
func (a Archive) Session(prefix string) *task.Session {
	a.tb.Helper()
	config, err := task.DefaultConfig().Resolve()
	if err != nil {
		a.tb.Fatal(err)
	}
	s, err := task.ReadSession(a.File, prefix, config)
	if err != nil {
		a.tb.Fatal(err)
	}
	return s
}

func (a Archive) scalar(name string) float64 {
	a.tb.Helper()
	return a.Floats(name)[0]
}

func (a Archive) record(n int) Record {
	a.tb.Helper()
	r := Record{
		Decisions: kernels.Decisions{
			Trial:    a.Integers("record/trial"),
			Step:     a.Integers("record/step"),
			Feedback: a.Floats("record/feedback"),
		},
		Input:       a.Floats("record/input"),
		Hidden:      a.Floats("record/hidden"),
		Probability: a.Floats("record/prob"),
		Target:      a.Integers("record/target"),
	}
	var err error
	if r.Counted, _, err = a.Bool("record/counted"); err != nil {
		a.tb.Fatal(err)
	}
	if T := len(r.Trial); len(r.Hidden) != T*n || len(r.Input) != T*kernels.Inputs || len(r.Target) != T {
		a.tb.Fatalf("a record of %d RNN steps has %d elements of hidden states", T, len(r.Hidden))
	}
	return r
}

// training reads the training with one objective. With one session a gradient
// step it is at train/<objective>/<k>/session/, with several, which all
// objectives share, at train/<k>/<session>/session/.
func (a Archive) training(name string, o kernels.Objective) Training {
	a.tb.Helper()
	folder, batch := "train/"+name+"/", a.Has("train/sessions")
	t := Training{
		Objective: o,
		Momentum:  a.scalar("train/momentum"),
		Loss:      a.Floats(folder + "loss"),
		RNNSteps:  a.Integers(folder + "rnn_steps"),
	}
	if batch {
		t.LearningRate = a.scalar(folder + "lr")
	} else {
		t.LearningRate = a.scalar("train/lr")
	}
	_, t.Theta = a.Weights(folder + "weight/")
	for k := range t.Loss {
		var sessions []*task.Session
		if batch {
			for b := range a.Integers("train/sessions")[0] {
				sessions = append(sessions, a.Session(fmt.Sprintf("train/%d/%d/session/", k, b)))
			}
		} else {
			sessions = append(sessions, a.Session(fmt.Sprintf("%s%d/session/", folder, k)))
		}
		t.Sessions = append(t.Sessions, sessions)
	}
	return t
}
