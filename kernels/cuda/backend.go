package cuda

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"radd/kernels"
)

// Backend runs networks and sessions on one device. It implements
// kernels.Backend. Calls from several goroutines take turns; those of Forward share
// launches.
//
// Forward and Backward have no error to return: they panic with an *Error
// where the device fails.
type Backend[F kernels.Float] struct {
	driver Driver
	turn   sync.Mutex
	arena  arena
	ruler  arena // measures
	pass   pass[F]
	copies copies
	limits limits
	log    *slog.Logger
	told   map[key]int // of networks that do not all fit: how many the log was told to

	waiting  sync.Mutex // for the calls of Forward
	calls    []*call[F] // that wait for their turn
	spare    []*call[F] // that are over
	together []*call[F] // that share a launch
}

// limits bound what the device does at once. Results do not depend on them.
type limits struct {
	generic bool          // no tailored kernels
	blocks  int           // resident at once; 0: as many as the device holds
	steps   int           // gradient steps of a network in one launch; 0: as time allows
	launch  time.Duration // that training's launches aim at
	records int           // of gradient steps that a launch may return
	memory  int           // bytes to use; 0: what is free
	trials  int           // of a passage in one launch
	work    int           // multiply–adds by W_hh of a passage in one launch, at most
}

// launchTime keeps signals, progress and displays served: display devices end
// kernels after two seconds or more.
const launchTime = 250 * time.Millisecond

// passageWork does the same for passages of large networks: a block of the generic
// kernel is taken to do 10⁹ multiply–adds a second at least.
const passageWork = 1 << 28

// New returns a backend that computes on the driver's device and closes it. It
// tells the log when networks must wait for memory.
func New[F kernels.Float](d Driver, log *slog.Logger) *Backend[F] {
	return &Backend[F]{driver: d, log: log, told: map[key]int{}, limits: limits{launch: launchTime, records: 1 << 20, trials: 4096, work: passageWork}}
}

// Info implements kernels.Backend.
func (b *Backend[F]) Info() kernels.Info {
	p := b.driver.Properties()
	return kernels.Info{Device: fmt.Sprintf("gpu:%d", p.Index), ISA: p.Architecture, Dtype: kernels.Dtype[F]()}
}

// Close implements kernels.Backend.
func (b *Backend[F]) Close() error {
	b.turn.Lock()
	defer b.turn.Unlock()
	return b.fail("closing", b.driver.Close())
}

// Update implements kernels.Backend, on the host: that is where θ is.
func (b *Backend[F]) Update(theta, velocity, grad []F, lr, momentum F) {
	velocity, grad = velocity[:len(theta)], grad[:len(theta)]
	for i := range theta {
		velocity[i] = F(momentum*velocity[i]) + grad[i] // the conversions keep a compiler from fusing
		theta[i] -= F(lr * velocity[i])
	}
}

// kernelFor returns the kernel of networks with n hidden units.
func (b *Backend[F]) kernelFor(n int) *kernel {
	return kernelFor[F](n, b.driver.Properties().SharedMemory, b.limits.generic)
}

// fail returns an error that names the device, or nil.
func (b *Backend[F]) fail(doing string, err error) error {
	if err == nil {
		return nil
	}
	return &Error{b.driver.Properties().String(), doing, err}
}

// budget returns the bytes that may be laid out in an arena.
func (b *Backend[F]) budget(a *arena) (int, error) {
	if b.limits.memory > 0 {
		return b.limits.memory, nil
	}
	most, err := a.usable(b.driver)
	return most, b.fail("asking for free memory", err)
}

// launch runs a kernel to its end.
func (b *Backend[F]) launch(k *kernel, grid, n, teacher int, arguments Pointer) error {
	err := b.driver.Launch(k.name, grid, k.block(n), sharedFor[F](k, n, teacher), arguments)
	if err == nil {
		err = b.driver.Synchronise()
	}
	if err != nil {
		return b.fail("kernel "+k.name, err)
	}
	return nil
}
