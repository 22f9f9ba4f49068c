package train

import (
	"errors"
	"strings"
	"testing"

	"radd/kernels/cuda"
)

// machine has so many GPUs, or an error in their place.
type machine struct {
	count int
	err   error
}

func (m machine) Devices() ([]cuda.Properties, error) { return make([]cuda.Properties, m.count), m.err }
func (machine) Open(index int) (cuda.Driver, error)   { return nil, errors.New("nobody opens it") }

func TestAutomatic(t *testing.T) {
	for _, v := range []struct {
		name                string
		networks, breakEven int
		host                cuda.Host
		device, why         string
	}{
		{"not measured", 1 << 20, 0, machine{count: 1}, "cpu", "has not been measured"},
		{"few networks", 99, 100, machine{count: 1}, "cpu", "from 100 on"},
		{"as many as it takes", 100, 100, machine{count: 1}, "gpu", "100 networks"},
		{"this build", 100, 100, nil, "cpu", "reaches no GPU"},
		{"no GPU", 100, 100, machine{}, "cpu", "there is no GPU"},
		{"no driver", 100, 100, machine{1, errors.New("no driver")}, "cpu", "there is no GPU"},
	} {
		device, why := automatic(v.networks, v.breakEven, v.host)
		if device != v.device || !strings.Contains(why, v.why) {
			t.Errorf("%s: %s, because %s; want %s, because %s", v.name, device, why, v.device, v.why)
		}
	}
}
