package sweep

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"radd/internal/atomicfs"
	"radd/train"
)

// ErrStopped says that a sweep was asked to stop and did so behind checkpoints.
var ErrStopped = errors.New("stopped after writing checkpoints; run it again to go on")

// FailuresError says that a sweep has come to its end, but for networks that failed.
type FailuresError struct{ Failed, Networks int }

func (e *FailuresError) Error() string {
	return fmt.Sprintf("%d of %d networks failed; radd sweep status says why", e.Failed, e.Networks)
}

// Options are what one program that works on a sweep needs besides it. The zero
// value works.
type Options struct {
	Jobs   int           // networks side by side; 0 means one per core
	Lease  time.Duration // 0 means DefaultLease
	Wait   bool          // for the shards of other programs
	Asked  bool          // shards with networks that the file asks for, and no others of the folder
	First  int           // the shard to begin at, so that many programs do not all ask for the same
	Log    *slog.Logger  // nil is silent
	Report func(Progress)
}

// Progress is how far the sweep's folder is; of Options.Asked, the part of it.
type Progress struct {
	Networks, Finished, Failed int
	Now                        []string // what runs here, in order
}

// Summary tells of what one program did, and of the sweep.
type Summary struct {
	Out       string  `json:"out"`
	Networks  int     `json:"networks"`
	Finished  int     `json:"finished"` // failed ones included
	Failed    int     `json:"failed"`
	Trained   int     `json:"trained_here"`
	Continued int     `json:"continued_here"`        // of them, from where a shorter one of the sweep ended
	Kernels   float64 `json:"training_core_seconds"` // of what was trained here
	After     float64 `json:"rollout_core_seconds"`  // likewise, with distillation
	Seconds   float64 `json:"seconds"`
	Jobs      int     `json:"jobs"`
}

const (
	carefulAfter = 3  // deaths without a checkpoint: from then on one network at a time
	failAfter    = 10 // deaths without a checkpoint: the network at hand is what kills
	stretch      = time.Second
	firstSteps   = 50 // gradient steps of a stretch, before its speed is known
)

// runner is one program at work on a sweep.
type runner struct {
	*Sweep
	Options
	here    process
	scratch string
	work    chan func()    // has room for one: while that waits, the next shard is claimed
	working sync.WaitGroup // jobs handed out
	cancel  context.CancelCauseFunc
	opened  int // shards

	mu       sync.Mutex
	open     map[string]*openShard
	now      map[string]string // what runs, by network or shard
	progress Progress
	summary  Summary
	lengths  map[string][]place // networks that differ in their length alone, by identity
}

// Run trains the sweep's networks that are not finished, rolls them out and
// distils them. Several programs may do so at once. It returns ErrStopped when ctx ends,
// after checkpoints, and a *FailuresError where networks failed.
func (s *Sweep) Run(ctx context.Context, opt Options) (Summary, error) {
	start := time.Now()
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.Lease == 0 {
		opt.Lease = DefaultLease
	}
	if opt.Jobs <= 0 {
		opt.Jobs = runtime.GOMAXPROCS(0)
	}
	if err := s.Plan(ctx); err != nil {
		return Summary{}, err
	}
	scratch, err := scratchFolder()
	if err != nil {
		return Summary{}, err
	}
	defer os.RemoveAll(scratch)
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r := &runner{Sweep: s, Options: opt, here: self(), scratch: scratch, work: make(chan func(), 1), cancel: cancel, open: map[string]*openShard{}, now: map[string]string{}}
	r.summary = Summary{Out: s.Out, Jobs: opt.Jobs}
	if r.lengths, err = s.lengths(); err != nil {
		return r.summary, err
	}
	all := len(s.shards)
	if opt.Asked {
		if err := s.narrow(); err != nil {
			return r.summary, err
		}
	}
	if err := r.count(); err != nil {
		return r.summary, err
	}

	var helpers sync.WaitGroup
	for range opt.Jobs {
		helpers.Go(func() {
			for do := range r.work {
				do()
				r.working.Done()
			}
		})
	}
	ended := make(chan struct{})
	helpers.Go(func() { r.every(ended, opt.Lease/4, (*openShard).beat) })
	helpers.Go(func() { r.every(ended, 20*time.Millisecond, (*openShard).saveIfDue) })
	err = r.shardsInTurn(inner)
	r.working.Wait()
	close(r.work)
	close(ended)
	helpers.Wait()
	for _, w := range r.open { // those that were not finished
		err = errors.Join(err, w.save(), w.claim.release(), w.fleet.Close())
	}
	if cause := context.Cause(inner); cause != nil && ctx.Err() == nil {
		err = errors.Join(cause, err)
	}
	if err := errors.Join(err, r.count()); err != nil {
		return r.summary, err
	}
	r.summary.Seconds = time.Since(start).Seconds()
	r.summary.Networks, r.summary.Finished, r.summary.Failed = r.progress.Networks, r.progress.Finished, r.progress.Failed
	switch {
	case ctx.Err() != nil && r.progress.Finished < r.progress.Networks:
		return r.summary, ErrStopped
	case r.progress.Finished == r.progress.Networks && len(s.shards) == all:
		s.sweepUp(opt.Lease)
	}
	if r.progress.Failed > 0 {
		return r.summary, &FailuresError{r.progress.Failed, r.progress.Networks}
	}
	return r.summary, nil
}

// count sets the progress to what is published.
func (r *runner) count() error {
	st, err := r.Sweep.Status(r.Lease)
	r.progress = Progress{Networks: st.Planned, Finished: st.Done + st.Failed, Failed: st.Failed}
	return err
}

// every calls do for the open shards, again and again.
func (r *runner) every(ended chan struct{}, pause time.Duration, do func(*openShard) error) {
	tick := time.NewTicker(max(pause, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return
		case <-tick.C:
		}
		r.mu.Lock()
		var open []*openShard
		for _, w := range r.open {
			open = append(open, w)
		}
		r.mu.Unlock()
		for _, w := range open {
			if err := do(w); err != nil {
				r.cancel(err)
			}
		}
	}
}

// shardsInTurn claims shard after shard and hands out their networks.
func (r *runner) shardsInTurn(ctx context.Context) error {
	done := map[string]bool{} // published, or done here
	for at := 0; ctx.Err() == nil; {
		w, err := r.next(ctx, done, &at)
		if err != nil {
			return err
		}
		if w != nil {
			w.handOut(ctx)
			continue
		}
		r.working.Wait() // what is open here is published then
		published, err := r.published()
		if err != nil {
			return err
		}
		missing := 0
		for _, sh := range r.shards {
			if !published[sh.id] {
				missing++
				delete(done, sh.id)
			}
		}
		if missing == 0 || !r.Wait {
			return nil
		}
		at = 0
		select {
		case <-ctx.Done():
		case <-time.After(min(r.Lease/4, 5*time.Second)):
		}
	}
	return nil
}

// next claims a shard that is neither published nor claimed, from place at on;
// nil where there is none.
func (r *runner) next(ctx context.Context, done map[string]bool, at *int) (*openShard, error) {
	for ; *at < len(r.shards); *at++ {
		sh := r.shards[(*at+r.First)%len(r.shards)]
		if done[sh.id] {
			continue
		}
		if _, err := os.Stat(r.path(shardsDir, sh, ".zip")); err == nil {
			done[sh.id] = true
			continue
		}
		c, err := r.take(sh, r.here, r.Jobs, r.Lease)
		if err != nil {
			return nil, err
		}
		if c == nil {
			continue
		}
		done[sh.id] = true
		if _, err := os.Stat(r.path(shardsDir, sh, ".zip")); err == nil { // published in between
			if err := c.release(); err != nil {
				return nil, err
			}
			continue
		}
		return r.enter(ctx, sh, c)
	}
	return nil, nil
}

// openShard is a shard that this program works on.
type openShard struct {
	*runner
	shard   *shard
	claim   *claim
	fleet   train.Fleet
	configs []train.Config
	due     time.Duration // between checkpoints; 0 is never

	mu      sync.Mutex
	before  []float64 // core-seconds of training that another network has taken already
	entries []*entry  // finished networks; nil elsewhere
	left    int
	saved   time.Time
	closed  bool
}

// enter opens a claimed shard, from its newest checkpoint.
func (r *runner) enter(ctx context.Context, sh *shard, c *claim) (*openShard, error) {
	w := &openShard{runner: r, shard: sh, claim: c, saved: time.Now()}
	var err error
	if w.configs, err = sh.configs(); err != nil {
		return nil, errors.Join(err, c.release())
	}
	w.entries, w.before, w.left = make([]*entry, len(w.configs)), make([]float64, len(w.configs)), len(w.configs)
	w.due = time.Duration(w.configs[0].CheckpointMinutes * float64(time.Minute))
	resume := make([]*train.Snapshot, len(w.configs))
	if err := w.load(resume); err != nil {
		r.Log.Warn("passing over what is damaged of a shard's checkpoint", "shard", sh.id, "error", err)
	}
	log := r.Log
	if r.opened++; r.opened > 1 { // what computes is said once
		log = slog.New(slog.DiscardHandler)
	}
	if w.fleet, err = train.OpenFleet(w.configs, resume, log); err != nil {
		return nil, errors.Join(err, c.release())
	}
	again := 0
	for i, from := range resume {
		if from != nil && w.fleet.State(i).GradientSteps == 0 {
			again++
		}
	}
	if again > 0 {
		r.Log.Warn("networks begin again: the shard's checkpoint is of another device or instruction set", "shard", sh.id, "networks", again)
	}
	r.mu.Lock()
	r.open[sh.id] = w
	r.mu.Unlock()
	return w, nil
}

// load takes over what the shard's checkpoint holds. The error is of the networks
// that it passes over.
func (w *openShard) load(resume []*train.Snapshot) error {
	path := w.path(workDir, w.shard, ".zip")
	if w.mark(w.shard) == 0 {
		return nil
	}
	a, err := openArchive(path)
	if err != nil {
		return err
	}
	defer a.Close()
	var damage error
	for i, c := range w.configs {
		e, err := a.entry(c)
		switch {
		case err != nil:
			damage = errors.Join(damage, err)
		case e == nil:
		case e.result.State == Done || e.result.State == Failed:
			w.entries[i] = e
			w.left--
		default:
			resume[i] = &e.snapshot
		}
	}
	return damage
}

// handOut gives the shard's networks to the workers.
func (w *openShard) handOut(ctx context.Context) {
	var todo []int
	for i, e := range w.entries {
		if e == nil {
			todo = append(todo, i)
		}
	}
	if len(todo) == 0 { // all finished, but not published
		if err := w.publish(); err != nil {
			w.cancel(err)
		}
		return
	}
	if w.claim.Deaths >= carefulAfter {
		w.carefully(ctx, todo)
		return
	}
	if w.fleet.Together() {
		name := fmt.Sprintf("shard %s (%d networks)", w.shard.id, len(todo))
		w.advance(ctx, name, todo)
		w.running(name, "")
	}
	for _, i := range todo {
		w.working.Add(1)
		select {
		case w.work <- func() { w.one(ctx, i) }:
		case <-ctx.Done():
			w.working.Done()
			return
		}
	}
}

// carefully works on one network at a time, with a checkpoint after each: what
// kills the program is then known, and fails.
func (w *openShard) carefully(ctx context.Context, todo []int) {
	for n, i := range todo {
		if n == 0 && w.claim.Deaths >= failAfter {
			w.fleet.Fail(i, fmt.Errorf("killed: %d programs in a row died while they worked on it", w.claim.Deaths))
		}
		if ctx.Err() != nil {
			return
		}
		w.one(ctx, i)
		if err := w.save(); err != nil {
			w.cancel(err)
		}
	}
}

// running says what runs under the name; nothing does where text is empty.
func (r *runner) running(name, text string) {
	if r.Report == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if text == "" {
		delete(r.now, name)
	} else {
		r.now[name] = text
	}
	r.report()
}

// report reports the progress; the runner's lock is held.
func (r *runner) report() {
	p := r.progress
	for _, name := range sortedKeys(r.now) {
		p.Now = append(p.Now, name+" "+r.now[name])
	}
	r.Report(p)
}

// one trains a network to its end and makes of it what is to be made.
func (w *openShard) one(ctx context.Context, i int) {
	if err := w.goOn(i); err != nil {
		w.cancel(err)
		return
	}
	name := Name(&w.configs[i])
	w.advance(ctx, name, []int{i})
	defer w.running(name, "")
	s := w.fleet.State(i)
	if !s.Done || ctx.Err() != nil && s.Err == nil {
		return
	}
	e, err := w.entry(i, s)
	if err == nil && s.Err == nil && w.shard.plan.file.Rollout.Blocks > 0 {
		w.running(name, "plays")
		err = w.after(ctx, e)
	}
	if err != nil {
		if ctx.Err() == nil {
			w.cancel(fmt.Errorf("%s: %w", e.result.Name, err))
		}
		return
	}
	w.finish(i, e)
}

// advance trains the networks, all together called name, until they are done or
// ctx ends.
func (w *openShard) advance(ctx context.Context, name string, networks []int) {
	for steps := firstSteps; ctx.Err() == nil; {
		done, least, most := true, 0, 0
		for _, i := range networks {
			if s := w.fleet.State(i); !s.Done && (done || s.GradientSteps < least) {
				done, least, most = false, s.GradientSteps, w.configs[i].GradientSteps
			}
		}
		if done {
			return
		}
		w.running(name, fmt.Sprintf("%d of %d", least, most))
		start := time.Now()
		if err := w.fleet.Advance(ctx, networks, steps); err != nil {
			w.cancel(err)
			return
		}
		steps = max(1, int(float64(steps)*min(4, float64(stretch)/float64(time.Since(start)+1))))
	}
}

// entry returns the network as the shard will hold it.
func (w *openShard) entry(i int, s train.FleetState) (*entry, error) {
	e := &entry{config: w.configs[i], students: map[string][]byte{}}
	keys := map[string]any{}
	for _, k := range identityKeys() {
		keys[k.Name] = k.Value(&e.config)
	}
	e.result = Result{Name: Name(&e.config), Config: keys, State: begun, Training: Training{
		GradientSteps: s.GradientSteps, Loss: s.Loss, GradientNorm: s.GradientNorm, Figures: s.Figures,
		Trials: s.Trials, RNNSteps: s.RNNSteps, Device: s.Device, ISA: s.ISA}}
	e.timing = Timing{Train: s.Seconds, Host: w.here.Host}
	switch {
	case s.Err != nil:
		e.result.State, e.result.Why = Failed, s.Err.Error()
	case s.Done:
		e.result.State = Done
	}
	var err error
	e.snapshot, err = w.fleet.Snapshot(i)
	return e, err
}

// finish takes in a finished network, and publishes the shard after its last.
func (w *openShard) finish(i int, e *entry) {
	w.mu.Lock()
	w.entries[i] = e
	w.left--
	last := w.left == 0
	w.mu.Unlock()
	w.runner.mu.Lock()
	w.summary.Trained++
	w.summary.Kernels += e.timing.Train - w.before[i]
	if w.before[i] > 0 {
		w.summary.Continued++
	}
	w.summary.After += e.timing.Rollout
	w.progress.Finished++
	if e.result.State == Failed {
		w.progress.Failed++
		w.Log.Error("a network failed", "network", e.result.Name, "why", e.result.Why)
	}
	if w.Report != nil {
		w.report()
	}
	w.runner.mu.Unlock()
	if last {
		w.working.Add(1)
		go func() { // a core need not wait for the disk
			defer w.working.Done()
			if err := w.publish(); err != nil {
				w.cancel(err)
			}
		}()
	}
}

// publish makes the shard's file, unless another program has made it meanwhile.
func (w *openShard) publish() error {
	won, err := commit(w.path(shardsDir, w.shard, ".zip"), func(out io.Writer) error { return writeArchive(out, w.entries) })
	if err != nil {
		return err
	}
	if !won {
		w.Log.Warn("another program has published the shard: dropping this one's", "shard", w.shard.id)
	}
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.runner.mu.Lock()
	delete(w.open, w.shard.id)
	w.runner.mu.Unlock()
	err = os.Remove(w.path(workDir, w.shard, ".zip"))
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, w.claim.release(), w.fleet.Close())
}

// beat gives a sign of life.
func (w *openShard) beat() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.closed && !w.claim.beat() {
		w.Log.Warn("another program has taken over the shard, or its claim cannot be written", "shard", w.shard.id)
	}
	return nil
}

func (w *openShard) saveIfDue() error {
	w.mu.Lock()
	isDue := w.due > 0 && time.Since(w.saved) >= w.due
	w.mu.Unlock()
	if !isDue {
		return nil
	}
	return w.save()
}

// save writes the shard's checkpoint: all networks that have begun.
func (w *openShard) save() error {
	w.mu.Lock()
	w.saved = time.Now()
	finished := append([]*entry(nil), w.entries...)
	w.mu.Unlock()
	var entries []*entry
	for i, e := range finished {
		if e == nil {
			s := w.fleet.State(i)
			if s.GradientSteps == 0 {
				continue
			}
			var err error
			if e, err = w.entry(i, s); err != nil {
				return err
			}
			if e.result.State == Done {
				e.result.State = trained
			}
		}
		entries = append(entries, e)
	}
	if len(entries) == 0 {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed { // published meanwhile
		return nil
	}
	return atomicfs.WriteFile(atomicfs.OS, w.path(workDir, w.shard, ".zip"), func(out io.Writer) error { return writeArchive(out, entries) })
}

// Reopen takes the failed networks out of the published shards, so that they are
// trained again, and returns how many. What else a shard holds becomes its
// checkpoint. Shards of other programs are left alone.
func (s *Sweep) Reopen(lease time.Duration) (int, error) {
	if lease == 0 {
		lease = DefaultLease
	}
	published, err := s.published()
	if err != nil {
		return 0, err
	}
	count := 0
	for _, sh := range s.shards {
		if !published[sh.id] {
			continue
		}
		path := s.path(shardsDir, sh, ".zip")
		if d, err := digestOf(path); err != nil || len(d.Failed) == 0 {
			if err != nil {
				return count, err
			}
			continue
		}
		c, err := s.take(sh, self(), 1, lease)
		if err != nil {
			return count, err
		}
		if c == nil {
			continue
		}
		n, err := s.reopen(sh, path)
		count += n
		if err := errors.Join(err, c.release()); err != nil {
			return count, err
		}
	}
	return count, nil
}

// reopen does so with a shard that is claimed and published at path.
func (s *Sweep) reopen(sh *shard, path string) (failed int, err error) {
	a, err := openArchive(path)
	if errors.Is(err, fs.ErrNotExist) { // another program was faster
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer a.Close()
	configs, err := sh.configs()
	if err != nil {
		return 0, err
	}
	var kept []*entry
	for _, c := range configs {
		e, err := a.entry(c)
		if err != nil {
			return 0, err
		}
		switch {
		case e == nil:
			return 0, a.lacks(Name(&c))
		case e.result.State == Failed:
			failed++
		default:
			kept = append(kept, e)
		}
	}
	if len(kept) > 0 {
		err = atomicfs.WriteFile(atomicfs.OS, s.path(workDir, sh, ".zip"), func(out io.Writer) error { return writeArchive(out, kept) })
		if err != nil {
			return 0, err
		}
	}
	return failed, os.Remove(path)
}

// sweepUp removes what programs that were killed have left, once everything is
// published: checkpoints and claims at once, unfinished files when no living
// program can be at work on them.
func (s *Sweep) sweepUp(lease time.Duration) {
	for _, dir := range []string{workDir, claimsDir} {
		left, _ := filepath.Glob(filepath.Join(s.Out, dir, "[^.]*"))
		for _, path := range left {
			os.Remove(path) // if not now, then after the next run
		}
	}
	now, err := s.fileTime()
	if err != nil {
		return
	}
	unfinished, _ := filepath.Glob(filepath.Join(s.Out, workDir, ".*-*"))
	for _, path := range unfinished {
		if stat, err := os.Stat(path); err == nil && now.Sub(stat.ModTime()) > lease {
			os.Remove(path)
		}
	}
}
