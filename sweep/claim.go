package sweep

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// DefaultLease is the time without a sign of life after which a program on
// another host is taken to be dead.
const DefaultLease = 2 * time.Minute

// process names a process so that no other process, before or after, on this
// host or another, has the same name.
type process struct {
	Host    string `json:"host"`
	Boot    string `json:"boot"`    // the kernel's boot id; "" where there is none
	Space   string `json:"space"`   // of process ids: containers on one kernel differ in it
	PID     int    `json:"pid"`     //
	Started string `json:"started"` // since boot, in the kernel's ticks; "" where it does not say
}

// self is this process.
func self() process {
	host, _ := os.Hostname() // a nameless host has a boot id
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	space, _ := os.Readlink("/proc/self/ns/pid")
	return process{host, strings.TrimSpace(string(boot)), space, os.Getpid(), started(os.Getpid())}
}

// started returns when the process was started, "" where there is none or the
// system does not say.
func started(pid int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	_, after, _ := strings.Cut(string(stat), ") ") // the name before may hold anything but this
	fields := strings.Fields(string(after))
	const state, start = 0, 19 // counted from the state
	if len(fields) <= start || fields[state] == "Z" {
		return ""
	}
	return fields[start]
}

// dead reports whether the process is known to have ended: only of a process of
// this host can that be told.
func (p process) dead(here process) bool {
	switch {
	case p.Host != here.Host || p.Space != here.Space:
		return false
	case p.Boot != here.Boot:
		return true
	case p.Started != "":
		return started(p.PID) != p.Started
	}
	return errors.Is(syscall.Kill(p.PID, 0), syscall.ESRCH)
}

// claim is the file by which a program holds a shard.
type claim struct {
	process
	Nonce  uint64 `json:"nonce"`
	Jobs   int    `json:"jobs"`   // cores at work
	Deaths int    `json:"deaths"` // owners in a row that died without a checkpoint
	Mark   int64  `json:"mark"`   // the shard's checkpoint when the claim was made: its time in ns

	path    string
	beating time.Time // by the file server's clock
}

func readClaim(path string) (*claim, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	stat, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	c := &claim{path: path, beating: stat.ModTime()}
	if err := json.Unmarshal(data, c); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// fileTime returns the time by the clock that stamps the sweep's files, which
// need not be this machine's.
func (s *Sweep) fileTime() (time.Time, error) {
	probe := filepath.Join(s.Out, workDir, fmt.Sprintf(".clock-%016x", rand.Uint64()))
	if err := os.WriteFile(probe, []byte{0}, 0o644); err != nil {
		return time.Time{}, err
	}
	defer os.Remove(probe)
	stat, err := os.Stat(probe)
	if err != nil {
		return time.Time{}, err
	}
	return stat.ModTime(), nil
}

// lost reports whether the claim's owner has died, or given no sign of life for
// the lease.
func (c *claim) lost(here process, now time.Time, lease time.Duration) bool {
	return c.dead(here) || now.Sub(c.beating) > lease
}

// mark tells the checkpoints of a shard apart; 0 is none.
func (s *Sweep) mark(sh *shard) int64 {
	stat, err := os.Stat(s.path(workDir, sh, ".zip"))
	if err != nil {
		return 0
	}
	return stat.ModTime().UnixNano()
}

// take claims the shard, nil where another program holds it. A claim of the dead
// is replaced.
func (s *Sweep) take(sh *shard, here process, jobs int, lease time.Duration) (*claim, error) {
	path := s.path(claimsDir, sh, ".json")
	deaths := 0
	mark := s.mark(sh)
	old, err := readClaim(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	default:
		if !old.dead(here) {
			// Most claims are fresh by this machine's clock as well: then the file
			// server is not asked. Where the clocks differ, that only waits longer.
			if age := time.Since(old.beating); age >= 0 && age < lease/2 {
				return nil, nil
			}
			now, err := s.fileTime()
			if err != nil {
				return nil, err
			}
			if !old.lost(here, now, lease) {
				return nil, nil
			}
		}
		if old.Mark == mark {
			deaths = old.Deaths + 1
		}
		if err := s.unseat(old); err != nil {
			return nil, err
		}
	}
	c := &claim{process: here, Nonce: rand.Uint64(), Jobs: jobs, Deaths: deaths, Mark: mark, path: path}
	won, err := commit(path, func(w io.Writer) error { return json.NewEncoder(w).Encode(c) })
	if err != nil || !won {
		return nil, err
	}
	return c, nil
}

// unseat removes the claim of a dead owner. Where another program has replaced
// it meanwhile, that one's claim is put back.
func (s *Sweep) unseat(old *claim) error {
	aside := filepath.Join(s.Out, workDir, fmt.Sprintf(".unseated-%016x", rand.Uint64()))
	if err := os.Rename(old.path, aside); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	defer os.Remove(aside)
	moved, err := readClaim(aside)
	if err == nil && moved.Nonce != old.Nonce {
		err = os.Link(aside, old.path)
		if errors.Is(err, fs.ErrExist) {
			err = nil
		}
	}
	return err
}

// beat gives a sign of life: the file is written again as it is, which stamps it
// by the file server's clock. It reports whether the claim is still this one.
func (c *claim) beat() bool {
	is, err := readClaim(c.path)
	if err != nil || is.Nonce != c.Nonce {
		return false
	}
	data, err := json.Marshal(c)
	if err != nil {
		return false
	}
	f, err := os.OpenFile(c.path, os.O_WRONLY, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	_, err = f.WriteAt(append(data, '\n'), 0)
	return err == nil
}

// release gives the claim up, if it is still this one.
func (c *claim) release() error {
	if is, err := readClaim(c.path); err != nil || is.Nonce != c.Nonce {
		return nil
	}
	return os.Remove(c.path)
}
