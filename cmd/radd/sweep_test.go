//go:build unix

package main

import (
	"archive/zip"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// killed is a sweep of a hundred small networks; a checkpoint is due every 30 ms.
const killed = `
out: out
base:
  hidden: 8
  gradient-steps: 150
  checkpoint-minutes: 0.0005
  task: {blocks: 1}
grid: {seed: 1..50, objective: [cross-entropy, probability]}
rollout: {blocks: 10}
shard: 8
`

// Killed at random moments, a sweep loses no network, publishes none twice, and
// ends with the tables of one that was left alone.
func TestSweepKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a hundred programs")
	}
	const kills = 100
	sweeps := map[string]string{}
	for _, name := range []string{"killed", "whole"} {
		dir := filepath.Join(t.TempDir(), name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		sweeps[name] = filepath.Join(dir, "sweep.yaml")
		if err := os.WriteFile(sweeps[name], []byte(killed), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	died := 0
	for range kills {
		cmd, _ := program("sweep", "run", sweeps["killed"], "--quiet")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(20+random.IntN(200)) * time.Millisecond)
		cmd.Process.Signal(syscall.SIGKILL)
		cmd.Wait()
		if cmd.ProcessState.ExitCode() < 0 {
			died++
		}
	}
	tables := map[string]map[string]string{}
	for name, file := range sweeps {
		for _, args := range [][]string{{"sweep", "run", file, "--quiet"}, {"sweep", "collect", file, "--quiet"}} {
			cmd, stderr := program(args...)
			if err := cmd.Run(); err != nil {
				t.Fatalf("%s: %v: %s", name, err, stderr)
			}
		}
		tables[name] = map[string]string{}
		for _, table := range []string{"networks", "curves", "comparison"} {
			data, err := os.ReadFile(filepath.Join(filepath.Dir(file), "out", "tables", table+".parquet"))
			if err != nil {
				t.Fatal(err)
			}
			tables[name][table] = string(data)
		}
	}
	for table, want := range tables["whole"] {
		if tables["killed"][table] != want {
			t.Errorf("%s differs", table)
		}
	}
	published := map[string]int{}
	shards, _ := filepath.Glob(filepath.Join(filepath.Dir(sweeps["killed"]), "out", "shards", "*.zip"))
	for _, shard := range shards {
		z, err := zip.OpenReader(shard)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range z.File {
			if strings.HasSuffix(f.Name, "/result.json") {
				published[path.Dir(f.Name)]++
			}
		}
		z.Close()
	}
	for name, times := range published {
		if times != 1 {
			t.Errorf("%s was published %d times", name, times)
		}
	}
	if len(published) != 100 || died < kills/2 {
		t.Errorf("%d networks published, want 100; %d of %d kills met the program at work", len(published), died, kills)
	}
}
