package bench

import (
	"bufio"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

//go:embed peers/*.py
var scripts embed.FS

// libraries are the Python libraries that scripts time.
var libraries = []struct{ name, script string }{{"PyTorch", "torch_peer.py"}, {"JAX", "jax_peer.py"}}

// script is a Python process that makes gradient steps when it is asked to.
type script struct {
	Library string   `json:"library"` // with its version
	Peers   []string `json:"peers"`

	process *exec.Cmd
	asked   io.WriteCloser
	answers *json.Decoder
	errors  *strings.Builder
}

// startScript starts a script with its arguments, the first of which is the file
// that writeWork wrote. The error says what is missing.
func startScript(ctx context.Context, python, path string, arguments ...string) (*script, error) {
	s := &script{process: exec.CommandContext(ctx, python, append([]string{"-u", path}, arguments...)...), errors: &strings.Builder{}}
	s.process.Env = oneCore(os.Environ())
	s.process.Stderr = s.errors
	var err error
	if s.asked, err = s.process.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := s.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.answers = json.NewDecoder(bufio.NewReader(out))
	if err := s.process.Start(); err != nil {
		return nil, err
	}
	if err := s.answers.Decode(s); err != nil {
		return nil, fmt.Errorf("%s: %w", python, s.failed(err))
	}
	return s, nil
}

// oneCore returns the environment with libraries held to one core, and without
// what sets their linear algebra to another processor than this one.
func oneCore(environment []string) []string {
	var list []string
	for _, variable := range environment {
		tuned := false
		for _, prefix := range []string{"OPENBLAS_", "MKL_", "OMP_", "XLA_FLAGS="} {
			tuned = tuned || strings.HasPrefix(variable, prefix)
		}
		if !tuned {
			list = append(list, variable)
		}
	}
	return append(list, "OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1", "MKL_NUM_THREADS=1",
		"XLA_FLAGS=--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
}

// ask has a peer make a burst of gradient steps.
func (s *script) ask(peer string) (ns, loss float64, err error) {
	var answer struct{ NS, Loss float64 }
	if _, err := fmt.Fprintln(s.asked, peer); err != nil {
		return 0, 0, s.failed(err)
	}
	if err := s.answers.Decode(&answer); err != nil {
		return 0, 0, s.failed(err)
	}
	return answer.NS, answer.Loss, nil
}

// failed ends the process and returns the last line that it complained with.
func (s *script) failed(err error) error {
	s.stop()
	lines := strings.Split(strings.TrimSpace(s.errors.String()), "\n")
	if last := lines[len(lines)-1]; last != "" {
		return errors.New(last)
	}
	return err
}

func (s *script) stop() {
	s.asked.Close()
	_ = s.process.Wait() // it ends when it is asked no more; a fault has been told
}
