package cuda

import (
	"bytes"
	_ "embed" // the manifest
	"encoding/json"
	"fmt"
)

//go:embed images/manifest.json
var manifestText []byte

// Plan is how networks of one size are computed on a device.
type Plan struct {
	Kernel   string `json:"kernel"`
	Threads  int    `json:"threads"`       // in a block, which has one network
	Shared   int    `json:"shared_memory"` // bytes of a block
	Resident int    `json:"resident"`      // blocks that the device holds at once
	Usage           // as the compiler said; zero where it has compiled nothing for the device's architecture
}

// Plan returns how the backend computes networks of n hidden units.
func (b *Backend[F]) Plan(n int) (Plan, error) {
	b.turn.Lock()
	defer b.turn.Unlock()
	if err := checkN(n); err != nil {
		return Plan{}, b.fail("planning", err)
	}
	k := b.kernelFor(n)
	p := Plan{Kernel: k.name, Threads: k.block(n), Shared: sharedFor[F](k, n, 0)}
	var err error
	if p.Resident, err = b.driver.Resident(k.name, p.Threads, p.Shared); err != nil {
		return Plan{}, b.fail("kernel "+k.name, err)
	}
	var m Manifest
	if err := json.NewDecoder(bytes.NewReader(manifestText)).Decode(&m); err != nil {
		return Plan{}, fmt.Errorf("%s: %w", ManifestName, err)
	}
	p.Usage = m.Kernels[b.driver.Properties().Architecture][k.name]
	return p, nil
}

// Properties returns the device's.
func (b *Backend[F]) Properties() Properties { return b.driver.Properties() }
