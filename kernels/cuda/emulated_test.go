//go:build !gpu && linux

package cuda_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"radd/kernels"
	"radd/kernels/cuda"
	"radd/kernels/cuda/cudatest"
	"radd/task"
)

// memory is enough for all that the tests do at once; what is not touched costs
// nothing.
const memory = 1 << 30

// on returns a backend that keeps to itself what there is to tell.
func on[F kernels.Float](d cuda.Driver) *cuda.Backend[F] {
	return cuda.New[F](d, slog.New(slog.DiscardHandler))
}

// open returns a backend on an emulated device.
func open[F kernels.Float](tb testing.TB) *cuda.Backend[F] {
	tb.Helper()
	return on[F](cudatest.Open(tb, memory, cudatest.Sources()...))
}

// TestOutOfMemory wants an error that names the device, what is needed and what
// is there, and networks as they were.
func TestOutOfMemory(t *testing.T) {
	const little = 1 << 16
	b := on[float32](cudatest.Open(t, little, cudatest.Sources()...))
	net := network[float32](short(t, nil), 50, 1)
	err := b.Train(context.Background(), []*kernels.Network[float32]{net}, 3)
	wantError(t, err, "gpu:0 (emulated device)", "one network of 50 hidden units needs", "no network fits")
	same(t, "", net, network[float32](short(t, nil), 50, 1))

	defer func() {
		err, _ := recover().(error)
		wantError(t, err, "gpu:0 (emulated device)", "one session needs more than")
	}()
	tapes := kernels.NewBatch[float32](50, 1)
	tapes.Draw(short(t, func(c *task.Config) { c.Blocks = 9 }), 1, 0)
	b.Forward(net.Theta, net.Objective, tapes.Tapes)
}

// TestWaves wants to be told once how many networks the memory holds, and all of
// them trained.
func TestWaves(t *testing.T) {
	var told bytes.Buffer
	b := cuda.New[float32](cudatest.Open(t, memory, cudatest.Sources()...), slog.New(slog.NewTextHandler(&told, nil)))
	b.Limit(cuda.Limit{Memory: 220 << 10})
	var nets []*kernels.Network[float32]
	for seed := range uint64(5) {
		nets = append(nets, network[float32](short(t, nil), 50, seed))
	}
	for range 2 {
		if err := b.Train(context.Background(), nets, 1); err != nil {
			t.Fatal(err)
		}
	}
	for i, net := range nets {
		if net.Step != 2 {
			t.Errorf("network %d: %d gradient steps, want 2", i, net.Step)
		}
	}
	if text := told.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "gpu:0 (emulated device)") ||
		!strings.Contains(text, "networks=5 at_once=2") {
		t.Errorf("told %q", text)
	}
}

// TestLostDevice ends the device in the middle of a training run: an error says
// so, and the networks are as before.
func TestLostDevice(t *testing.T) {
	d := &cudatest.Dying{Device: cudatest.Open(t, memory, cudatest.Sources()...), Launches: 3}
	b := on[float64](d).Limit(cuda.Limit{Steps: 1})
	nets := []*kernels.Network[float64]{network[float64](short(t, nil), 25, 1), network[float64](short(t, nil), 25, 2)}
	if err := b.Train(context.Background(), nets, 2); err != nil {
		t.Fatal(err)
	}
	want := []*kernels.Network[float64]{network[float64](short(t, nil), 25, 1), network[float64](short(t, nil), 25, 2)}
	if err := open[float64](t).Train(context.Background(), want, 2); err != nil {
		t.Fatal(err)
	}
	err := b.Train(context.Background(), nets, 5)
	wantError(t, err, "gpu:0 (emulated device)", "kernel n25_f64", "the device is lost")
	for i := range nets {
		same(t, "", nets[i], want[i])
	}
}

// TestFreeMemory wants an arena to leave the driver its share of the memory, however
// much of it what is laid out takes.
func TestFreeMemory(t *testing.T) {
	p := short(t, nil)
	var used []int
	for memory := 256 << 10; ; memory -= 8 << 10 {
		d := &fullest{Device: cudatest.Open(t, memory, cudatest.Sources()...)}
		free, err := d.Memory()
		if err != nil {
			t.Fatal(err)
		}
		net := network[float32](p, 50, 1)
		if err := on[float32](d).Train(context.Background(), []*kernels.Network[float32]{net}, 1); err != nil {
			break // it fits no longer
		}
		if used = append(used, d.most); d.most > free/16*15 {
			t.Errorf("%d bytes are allocated of %d that are free", d.most, free)
		}
	}
	if len(used) < 2 || used[0] <= used[len(used)-1] {
		t.Errorf("allocations of %d bytes as the memory shrinks: the last are to be bounded by it", used)
	}
}

// fullest remembers the largest allocation that was asked for.
type fullest struct {
	*cudatest.Device
	most int
}

func (d *fullest) Allocate(bytes int) (cuda.Pointer, error) {
	d.most = max(d.most, bytes)
	return d.Device.Allocate(bytes)
}

// TestJobsHaveSteps wants no launch to have a job without gradient steps, whose block
// would pass no barrier: here of a network that has failed beside others.
func TestJobsHaveSteps(t *testing.T) {
	d := &watched{Device: cudatest.Open(t, memory, cudatest.Sources()...)}
	p := short(t, nil)
	networks := func() (all []*kernels.Network[float32]) {
		for seed := range uint64(3) {
			all = append(all, network[float32](p, 2, seed))
		}
		all[1].LearningRate = math.Inf(1)
		return all
	}
	got, want := networks(), networks()
	if err := on[float32](d).Limit(cuda.Limit{Steps: 1}).Train(context.Background(), got, 3); err != nil {
		t.Fatal(err)
	}
	if got[1].Err == nil {
		t.Error("no network failed")
	}
	if want := [][]int64{{1, 1, 1}, {1, 1}, {1, 1}}; !slices.EqualFunc(d.steps, want, slices.Equal) {
		t.Errorf("launches of jobs with the gradient steps %d, want %d", d.steps, want)
	}
	b := open[float32](t)
	for i := range want {
		if err := b.Train(context.Background(), want[i:i+1], 3); err != nil {
			t.Fatal(err)
		}
		same(t, fmt.Sprintf("network %d: ", i), got[i], want[i])
	}
}

// watched remembers the gradient steps of each launch's jobs.
type watched struct {
	*cudatest.Device
	steps [][]int64
}

func (d *watched) Launch(kernel string, grid, block, shared int, arguments cuda.Pointer) error {
	steps, err := cuda.StepsOf(d.Device, arguments)
	d.steps = append(d.steps, steps)
	return errors.Join(err, d.Device.Launch(kernel, grid, block, shared, arguments))
}

// TestFailingCalls makes every call of the driver fail in its turn: each comes
// out as an *Error with its cause, and no network is changed.
func TestFailingCalls(t *testing.T) {
	device := cudatest.Open(t, memory, cudatest.Sources()...)
	p := short(t, func(c *task.Config) { c.Blocks = 1 })
	for call := 1; ; call++ {
		d := &failing{Device: device, call: call}
		net := network[float32](p, 2, 1)
		err := on[float32](d).Limit(cuda.Limit{Steps: 1}).Train(context.Background(), []*kernels.Network[float32]{net}, 2)
		if !d.failed {
			if err != nil || net.Step != 2 {
				t.Errorf("%d gradient steps, %v", net.Step, err)
			}
			if call < 10 {
				t.Errorf("only %d calls", call-1)
			}
			return
		}
		var e *cuda.Error
		if !errors.As(err, &e) || !errors.Is(err, errFailing) || e.Device == "" || e.Doing == "" {
			t.Errorf("call %d: %v", call, err)
		}
		same(t, "", net, network[float32](p, 2, 1))
	}
}

// TestFailingPassages does the same with passages and their gradients: every call
// comes out under one heading.
func TestFailingPassages(t *testing.T) {
	device := cudatest.Open(t, memory, cudatest.Sources()...)
	net := network[float32](short(t, nil), 2, 1)
	tapes := kernels.NewBatch[float32](2, 1)
	tapes.Draw(net.Sampler, 5, 1)
	passages := func(d cuda.Driver) (err error) {
		defer func() { err, _ = recover().(error) }()
		b := on[float32](d)
		b.Forward(net.Theta, net.Objective, tapes.Tapes)
		b.Backward(net.Theta, net.Objective, tapes.Tapes, 1, make([]float32, len(net.Theta)))
		return nil
	}
	var headings []string
	for call := 1; ; call++ {
		d := &failing{Device: device, call: call}
		err := passages(d)
		if !d.failed {
			if err != nil {
				t.Error(err)
			}
			break
		}
		var e *cuda.Error
		if !errors.As(err, &e) || !errors.Is(err, errFailing) {
			t.Fatalf("call %d: %v", call, err)
		}
		if strings.Count(err.Error(), e.Device) != 1 {
			t.Errorf("call %d: two headings: %v", call, err)
		}
		headings = append(headings, e.Doing)
	}
	for _, want := range []string{"asking for free memory", "copying to the device", "kernel n2_f32", "copying from the device"} {
		if !slices.Contains(headings, want) {
			t.Errorf("no call failed while %s: %q", want, headings)
		}
	}
}

var errFailing = errors.New("it fails")

// failing is a device whose call-th call fails.
type failing struct {
	*cudatest.Device
	call   int
	failed bool
	full   bool // an allocation has failed, and so do those that are tried with less
}

func (d *failing) fails() error {
	if d.call--; d.call == 0 {
		d.failed = true
		return errFailing
	}
	return nil
}

func (d *failing) Memory() (int, error) {
	if err := d.fails(); err != nil {
		return 0, err
	}
	return d.Device.Memory()
}

func (d *failing) Allocate(bytes int) (cuda.Pointer, error) {
	if d.full = d.full || d.fails() != nil; d.full {
		return 0, errFailing
	}
	return d.Device.Allocate(bytes)
}

func (d *failing) Upload(to cuda.Pointer, from []byte) error {
	return errors.Join(d.fails(), d.Device.Upload(to, from))
}

func (d *failing) Download(to []byte, from cuda.Pointer) error {
	return errors.Join(d.fails(), d.Device.Download(to, from))
}

func (d *failing) Resident(kernel string, block, shared int) (int, error) {
	if err := d.fails(); err != nil {
		return 0, err
	}
	return d.Device.Resident(kernel, block, shared)
}

func (d *failing) Launch(kernel string, grid, block, shared int, arguments cuda.Pointer) error {
	if err := d.fails(); err != nil {
		return err
	}
	return d.Device.Launch(kernel, grid, block, shared, arguments)
}

func (d *failing) Synchronise() error { return errors.Join(d.fails(), d.Device.Synchronise()) }

func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("no error, want one that says %q", parts)
		return
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%v: does not say %q", err, part)
		}
	}
}

// TestTogether wants two devices to train what one does, and one to go on where
// the other is lost.
func TestTogether(t *testing.T) {
	networks := func() (all []*kernels.Network[float32]) {
		for i, n := range []int{2, 25, 25, 9, 2, 25, 2} {
			all = append(all, network[float32](short(t, nil), n, uint64(i)))
		}
		return all
	}
	want := networks()
	if err := open[float32](t).Train(context.Background(), want, 3); err != nil {
		t.Fatal(err)
	}
	second := cudatest.Open(t, memory, cudatest.Sources()...)
	both := cuda.Together[float32]{open[float32](t), on[float32](second)}
	got := networks()
	if err := both.Train(context.Background(), got, 3); err != nil {
		t.Fatal(err)
	}
	for i := range want {
		same(t, "", got[i], want[i])
	}
	if info := both.Info(); info.Device != "gpu:0,gpu:0" || info.Dtype != "f32" {
		t.Errorf("%+v", info)
	}

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := both.Train(ctx, got, 3); err != context.Canceled {
		t.Errorf("%v, want %v", err, context.Canceled)
	}

	if err := second.Kill(); err != nil {
		t.Fatal(err)
	}
	got = networks()
	wantError(t, both.Train(context.Background(), got, 3), "the device is lost")
	if got[0].Step != 3 || got[4].Step != 0 {
		t.Errorf("%d and %d gradient steps on the device that is there and the one that is lost, want 3 and 0", got[0].Step, got[4].Step)
	}
}

// TestTooLarge wants networks that the kernels do not take to be refused.
func TestTooLarge(t *testing.T) {
	b := open[float32](t)
	p := short(t, nil)
	large := network[float32](p, cuda.MaxN+1, 1)
	wantError(t, b.Train(context.Background(), []*kernels.Network[float32]{large}, 1), "1025 hidden units", "use the CPU")
	taught := network[float32](p, 2, 1)
	taught.Objective, taught.Teacher = kernels.SoftCrossEntropyMean, &kernels.Teacher[float32]{Shape: large.Shape, Theta: large.Theta}
	wantError(t, b.Train(context.Background(), []*kernels.Network[float32]{taught}, 1), "by a teacher", "use the CPU")
}

// TestLittleSharedMemory wants a device whose blocks have too little shared
// memory for a tailored kernel to take the generic one.
func TestLittleSharedMemory(t *testing.T) {
	const turing = 64 << 10
	b := on[float32](&small{Device: cudatest.Open(t, memory, cudatest.Sources()...), shared: turing})
	p := short(t, func(c *task.Config) { c.Blocks = 1 })
	got, want := network[float32](p, 250, 2), network[float32](p, 250, 2)
	if err := b.Train(context.Background(), []*kernels.Network[float32]{got}, 1); err != nil {
		t.Fatal(err)
	}
	if err := open[float32](t).Limit(cuda.Limit{Generic: true}).Train(context.Background(), []*kernels.Network[float32]{want}, 1); err != nil {
		t.Fatal(err)
	}
	same(t, "", got, want)
}

type small struct {
	*cudatest.Device
	shared int
}

func (d *small) Properties() cuda.Properties {
	p := d.Device.Properties()
	p.SharedMemory = d.shared
	return p
}

// TestPassages plays and differentiates tapes of different length in several
// launches, and in waves that the memory holds, and wants what one launch gives.
func TestPassages(t *testing.T) {
	const n = 25
	p := short(t, func(c *task.Config) { c.Blocks = 5 })
	net := network[float64](p, n, 1)
	pass := func(l cuda.Limit) (*kernels.Batch[float64], []float64) {
		b := open[float64](t).Limit(l)
		tapes := kernels.NewBatch[float64](n, 3)
		tapes.Draw(p, 5, 1)
		b.Forward(net.Theta, net.Objective, tapes.Tapes)
		grad := make([]float64, len(net.Theta))
		b.Backward(net.Theta, net.Objective, tapes.Tapes, 1, grad)
		return tapes, grad
	}
	want, wantGrad := pass(cuda.Limit{})
	for _, l := range []cuda.Limit{{Trials: 1}, {Trials: 4}, {Work: 1}, {Memory: 300 << 10}, {Trials: 9, Memory: 200 << 10}} {
		got, grad := pass(l)
		if distance(grad, wantGrad) != 0 {
			t.Errorf("%+v: another gradient", l)
		}
		for i, q := range got.Tapes {
			w := want.Tapes[i]
			if q.T != w.T || q.Behaviour != w.Behaviour || distance([]float64{q.Loss}, []float64{w.Loss}) > agreement {
				t.Fatalf("%+v: %d RNN steps, %+v, loss %v; want %d, %+v, %v", l, q.T, q.Behaviour, q.Loss, w.T, w.Behaviour, w.Loss)
			}
			T := q.T
			if distance(q.Hidden[:(T+1)*n], w.Hidden[:(T+1)*n]) != 0 || distance(q.Input[:3*T], w.Input[:3*T]) != 0 ||
				!slices.Equal(q.Trial[:T], w.Trial[:T]) || !slices.Equal(q.Step[:T], w.Step[:T]) || !slices.Equal(q.Feedback[:T], w.Feedback[:T]) {
				t.Errorf("%+v: tape %d is another", l, i)
			}
		}
	}
}

// TestManyNetworks plays networks from goroutines of their own: those that wait
// while the device is busy share the next launch, to the bits that each gives
// alone. A session that fits into no memory fails alone.
func TestManyNetworks(t *testing.T) {
	const n = 25
	p := short(t, nil)
	var nets []*kernels.Network[float32]
	var want []*kernels.Batch[float32]
	alone := open[float32](t)
	sessions := func(i int) *kernels.Batch[float32] {
		b := kernels.NewBatch[float32](n, 1+i%2)
		b.Draw(p, nets[i].Seed, 0)
		return b
	}
	for i := range 6 {
		nets = append(nets, network[float32](p, n, uint64(i)))
		want = append(want, sessions(i))
		alone.Forward(nets[i].Theta, kernels.CrossEntropyMean, want[i].Tapes)
	}
	const fitting = 4 << 20 // bytes: enough for those, not for the long one
	long := kernels.NewBatch[float32](n, 1)
	long.Draw(short(t, func(c *task.Config) { c.Blocks = 2000 }), 1, 0)
	for _, tooLong := range []bool{false, true} {
		d := &gated{Device: cudatest.Open(t, memory, cudatest.Sources()...), arrived: make(chan struct{}), open: make(chan struct{})}
		b := on[float32](d).Limit(cuda.Limit{Memory: fitting})
		got, failures := make([]*kernels.Batch[float32], len(nets)), make([]any, len(nets)+1)
		var playing sync.WaitGroup
		play := func(i int, theta []float32, batch *kernels.Batch[float32]) {
			playing.Go(func() {
				defer func() { failures[i] = recover() }()
				b.Forward(theta, kernels.CrossEntropyMean, batch.Tapes)
			})
		}
		for i, net := range nets {
			got[i] = sessions(i)
			play(i, net.Theta, got[i])
			if i == 0 {
				<-d.arrived
			}
		}
		waiting := len(nets) - 1
		if tooLong {
			play(len(nets), nets[0].Theta, long)
			waiting++
		}
		for b.Waiting() < waiting {
			time.Sleep(time.Millisecond)
		}
		close(d.open)
		playing.Wait()
		if !tooLong && d.launches != 2 {
			t.Errorf("%d launches, want 2", d.launches)
		}
		if err, _ := failures[len(nets)].(error); tooLong {
			wantError(t, err, "gpu:0 (emulated device)", "one session needs more than")
		}
		for i := range nets {
			if failures[i] != nil {
				t.Fatalf("network %d: %v", i, failures[i])
			}
			for k, w := range want[i].Tapes {
				q := got[i].Tapes[k]
				if q.T != w.T || q.Loss != w.Loss || q.Behaviour != w.Behaviour || !slices.Equal(q.Hidden[:(q.T+1)*n], w.Hidden[:(w.T+1)*n]) {
					t.Errorf("network %d, tape %d: %d RNN steps, loss %v; want %d, %v", i, k, q.T, q.Loss, w.T, w.Loss)
				}
			}
		}
	}
}

// gated is a device whose first launch waits until it is opened.
type gated struct {
	*cudatest.Device
	arrived, open chan struct{}
	launches      int
}

func (d *gated) Launch(kernel string, grid, block, shared int, arguments cuda.Pointer) error {
	if d.launches++; d.launches == 1 {
		close(d.arrived)
		<-d.open
	}
	return d.Device.Launch(kernel, grid, block, shared, arguments)
}

// TestAccesses runs every kernel on a device that checks accesses to memory: a
// launch fails where one lies outside, is misaligned or races.
func TestAccesses(t *testing.T) {
	if testing.Short() {
		t.Skip("checked accesses take many times as long")
	}
	d := cudatest.OpenChecked(t, 64<<20, cudatest.Sources()...)
	for _, k := range cuda.Kernels() {
		sizes := []int{k.N}
		if k.N == 0 {
			sizes = []int{7, 40, 257} // of the last, a thread has two rows
		}
		t.Run(k.Name, func(t *testing.T) {
			for _, n := range sizes {
				if k.Dtype == "f32" {
					accesses(t, on[float32](d), n)
				} else {
					accesses(t, on[float64](d), n)
				}
			}
		})
	}
	t.Run("draw", func(t *testing.T) {
		p := short(t, func(c *task.Config) { c.Blocks, c.BlockMin, c.BlockMax = 9, 2, 30 })
		for seed := range uint64(3) {
			_, err32 := on[float32](d).Draw(p, task.Origin{Seed: seed, Stream: task.StreamTrain}, 200)
			_, err64 := on[float64](d).Draw(p, task.Origin{Seed: seed, Stream: task.StreamTrain}, 200)
			if err := errors.Join(err32, err64); err != nil {
				t.Fatal(err)
			}
		}
	})
	for _, kernel := range probeKernels {
		t.Run(kernel, func(t *testing.T) {
			p := cuda.Probe{Kernel: kernel, Threads: 64}
			if kernel == "probe_copy" {
				p.Bytes = 16 * 1001
			}
			if _, err := p.Run(d, 2); err != nil {
				t.Error(err)
			}
		})
	}
}

// accesses trains networks, one of which fails, with a teacher and without, and plays
// and differentiates passages: drawn, recorded, forced and along a teacher's.
func accesses[F kernels.Float](t *testing.T, b *cuda.Backend[F], n int) {
	t.Helper()
	p := short(t, func(c *task.Config) {
		c.Blocks, c.BlockMin, c.BlockMax, c.BlankSteps, c.MaxObservations = 1, 2, 2, 1, 3
	})
	teacher := network[F](p, 9, 1)
	var nets []*kernels.Network[F]
	for seed := range uint64(2) {
		nets = append(nets, network[F](p, n, seed), network[F](p, n, seed))
		nets[2*seed].Objective, nets[2*seed].Teacher = kernels.SoftCrossEntropyMean, &kernels.Teacher[F]{Shape: teacher.Shape, Theta: teacher.Theta}
	}
	nets[3].LearningRate = math.Inf(1)
	if err := b.Limit(cuda.Limit{Steps: 1}).Train(context.Background(), nets, 2); err != nil {
		t.Fatal(err)
	}
	theta, grad := nets[1].Theta, make([]F, len(nets[1].Theta))
	pass := func(o kernels.Objective, change func(*kernels.Tape[F])) *kernels.Tape[F] {
		tapes := kernels.NewBatch[F](n, 2)
		tapes.Draw(p, 5, 1)
		for _, tape := range tapes.Tapes {
			change(tape)
		}
		b.Forward(theta, o, tapes.Tapes)
		b.Backward(theta, o, tapes.Tapes, 1, grad)
		return tapes.Tapes[0]
	}
	lead := pass(kernels.CrossEntropyMean, func(*kernels.Tape[F]) {})
	pass(kernels.QLogMean(.3), func(tape *kernels.Tape[F]) { tape.Session.Record() })
	pass(kernels.SoftCrossEntropyMean, func(tape *kernels.Tape[F]) { tape.Teacher = lead })
	d := &kernels.Decisions{}
	for at := range lead.T {
		d.Trial = append(d.Trial, int64(lead.Trial[at]))
		d.Step = append(d.Step, int64(lead.Step[at]))
		d.Feedback = append(d.Feedback, float64(lead.Feedback[at]))
	}
	tapes := kernels.NewBatch[F](n, 1)
	tapes.Draw(p, 5, 1)
	tapes.Tapes[0].Forced = d
	b.Forward(theta, kernels.ProbabilityMean, tapes.Tapes)
	b.Backward(theta, kernels.ProbabilityMean, tapes.Tapes, 1, grad)
}
