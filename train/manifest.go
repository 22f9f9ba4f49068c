package train

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"

	"radd/internal/atomicfs"
	"radd/internal/npz"
	"radd/kernels"
	"radd/task"
)

// Manifest tells where a run's numbers come from.
type Manifest struct {
	FormatVersion string            `json:"format_version"`
	Program       string            `json:"program"`
	Go            string            `json:"go"`
	Modules       map[string]string `json:"modules"`
	Host          string            `json:"host"`
	Platform      string            `json:"platform"`
	Cores         int               `json:"cores"`
	ComputedBy    kernels.Info      `json:"computed_by"`
	ConfigSHA256  string            `json:"config_sha256"`
	InitSHA256    string            `json:"init_sha256,omitempty"`
	WeightsSHA256 string            `json:"weights_sha256,omitempty"` // of the finished or resumed run
	GradientStep  int               `json:"gradient_step"`
}

// writeManifest replaces manifest.json. Weights are the bytes of the newest
// weights' file, nil where there is none yet.
func (t *training[F]) writeManifest(weights []byte) error {
	m := Manifest{
		FormatVersion: formatVersion,
		Program:       t.Version,
		Go:            runtime.Version(),
		Modules:       map[string]string{},
		Platform:      runtime.GOOS + "/" + runtime.GOARCH,
		Cores:         runtime.NumCPU(),
		ComputedBy:    t.state.Info,
		InitSHA256:    t.cfg.InitSHA256,
		GradientStep:  t.net.Step,
	}
	m.Host, _ = os.Hostname() // a nameless host is no reason to stop
	if build, ok := debug.ReadBuildInfo(); ok {
		for _, d := range build.Deps {
			m.Modules[d.Path] = d.Version
		}
	}
	m.ConfigSHA256 = sum(t.config)
	if weights != nil {
		m.WeightsSHA256 = sum(weights)
	}
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return t.keep(manifestFile, append(data, '\n'))
}

// manifestOf reports whether the folder's manifest is of the network's gradient
// step and weights.
func (t *training[F]) manifestOf(weights []byte) bool {
	var m Manifest
	data, err := readBytes(t.FS, filepath.Join(t.dir, manifestFile))
	return err == nil && json.Unmarshal(data, &m) == nil && m.GradientStep == t.net.Step && m.WeightsSHA256 == sum(weights)
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

// weightsMeta is the metadata of a weights' file.
func weightsMeta(cfg *Config, step int) kernels.Meta {
	meta := kernels.Meta{
		"format_version": formatVersion,
		"objective":      cfg.Objective,
		"reduction":      cfg.Reduction,
		"seed":           fmt.Sprint(cfg.Seed),
		"gradient_step":  fmt.Sprint(step),
	}
	if cfg.Cell != "rnn" {
		meta["cell"], meta["hidden"] = cfg.Cell, fmt.Sprint(cfg.Hidden)
		meta["leak"], meta["state_noise"] = number(cfg.Leak), number(cfg.StateNoise)
	}
	return meta
}

// fail puts the evidence of a number that is not finite into non-finite/: the
// weights and the momentum before the gradient step, its sessions, and what it
// showed. It returns the error that ended the run.
func (t *training[F]) fail(r kernels.Record, err error) error {
	var bad *kernels.NonFiniteError
	if !errors.As(err, &bad) {
		return err
	}
	t.Log.Error("training stopped", "error", bad, "evidence", evidenceDir)
	report := map[string]any{
		"gradient_step": bad.GradientStep,
		"what":          bad.What,
		"value":         fmt.Sprint(bad.Value),
		"loss":          fmt.Sprint(r.Loss),
		"gradient_norm": fmt.Sprint(r.GradientNorm),
		"rnn_steps":     r.RNNSteps,
		"trials":        r.Trials,
	}
	write := atomicfs.ReplaceDir(t.FS, filepath.Join(t.dir, evidenceDir), func(staging string) error {
		for _, file := range []struct {
			name   string
			layout []kernels.Parameter
			vector []F
		}{{weightsFile, t.layout, t.net.Theta}, {momentumFile, momentLayout(t.layout, t.net), t.net.Velocity}} {
			var b bytes.Buffer
			if err := kernels.WriteParameters(&b, file.layout, file.vector, weightsMeta(&t.cfg, t.net.Step)); err != nil {
				return err
			}
			if err := atomicfs.WriteBytes(t.FS, filepath.Join(staging, file.name), b.Bytes()); err != nil {
				return err
			}
		}
		for i, tape := range t.trainer.Batch().Tapes {
			err := atomicfs.WriteFile(t.FS, filepath.Join(staging, fmt.Sprintf("session-%d.npz", i)), func(w io.Writer) error {
				z := npz.NewWriter(w)
				return errors.Join(task.WriteSession(z, "", tape.Session), z.Close())
			})
			if err != nil {
				return err
			}
		}
		return atomicfs.WriteJSON(t.FS, filepath.Join(staging, "report.json"), report)
	})
	return errors.Join(fmt.Errorf("%w; the weights before it and its sessions are in %s",
		err, filepath.Join(t.dir, evidenceDir)), write, t.journal.Sync())
}
