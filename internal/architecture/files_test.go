package architecture

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestPins holds go.mod to the versions whose arithmetic and whose quirks the
// code was written against. Gorgonia's tensor package panics at start on
// today's Go without the named version of assume-no-moving-gc.
func TestPins(t *testing.T) {
	pins := map[string]string{
		"gorgonia.org/gorgonia":              "v0.9.18",
		"gorgonia.org/tensor":                "v0.9.24",
		"gorgonia.org/cu":                    "v0.9.6",
		"gonum.org/v1/gonum":                 "v0.17.0",
		"go4.org/unsafe/assume-no-moving-gc": "v0.0.0-20231121144256-b99613f794b6",
	}
	found := map[string]string{}
	for line := range strings.Lines(read(t, "go.mod")) {
		fields := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "require "))
		if len(fields) > 0 && (fields[0] == "replace" || slices.Contains(fields, "=>")) {
			t.Errorf("go.mod: %s: a replacement makes the build depend on more than versions", strings.TrimSpace(line))
		}
		if len(fields) >= 2 {
			found[fields[0]] = fields[1]
		}
	}
	for name, version := range pins {
		if found[name] != version {
			t.Errorf("go.mod: %s is at %q, want %s", name, found[name], version)
		}
	}
}

// TestFixtures compares every fixture with the checksum published beside it.
func TestFixtures(t *testing.T) {
	const folder = "testdata/oracle"
	sums := map[string]string{}
	for line := range strings.Lines(read(t, folder+"/SHA256SUMS")) {
		sum, name, ok := strings.Cut(strings.TrimSpace(line), "  ")
		if !ok || sums[name] != "" {
			t.Fatalf("SHA256SUMS: bad line %q", line)
		}
		sums[name] = sum
	}
	entries, err := os.ReadDir(filepath.Join(root, folder))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		name := entry.Name()
		if name == "SHA256SUMS" {
			continue
		}
		sum := sha256.Sum256([]byte(read(t, path.Join(folder, name))))
		if got := hex.EncodeToString(sum[:]); got != sums[name] {
			t.Errorf("%s has SHA-256 %s, but SHA256SUMS says %q", name, got, sums[name])
		}
		delete(sums, name)
	}
	for name := range sums {
		t.Errorf("%s is in SHA256SUMS but not in %s", name, folder)
	}
}

// text returns the module's text files with their content, without go.sum,
// whose hashes spell anything.
func text(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, name := range files(t) {
		content := read(t, name)
		if name != "go.sum" && utf8.ValidString(content) && !strings.Contains(content, "\x00") {
			all[name] = content
		}
	}
	return all
}

// TestText looks for what is fit for a desk but not for a project: notes to
// oneself, and paths of the machine that a file was written on.
func TestText(t *testing.T) {
	notes := regexp.MustCompile(`\b(TO[D]O|FIX[M]E|XX[X])\b`)
	paths := regexp.MustCompile(machinePaths(t))
	for name, content := range text(t) {
		number := 0
		for line := range strings.Lines(content) {
			number++
			if found := notes.FindString(line); found != "" {
				t.Errorf("%s:%d: %s: finish it or drop it", name, number, found)
			}
			if found := paths.FindString(line); found != "" {
				t.Errorf("%s:%d: %s: a path of one machine", name, number, found)
			}
		}
	}
}

// machinePaths returns a pattern of absolute paths that stand on one machine
// alone: home and temporary folders, and wherever this tree lies.
func machinePaths(t *testing.T) string {
	t.Helper()
	patterns := []string{
		`(?:^|[^\w.])/(?:home|Users)/\w`, `(?:^|[^\w.])/(?:root|tmp|var/folders)/\w`, `\b[A-Z]:\\(?:Users|Temp)\b`,
	}
	here, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	// A path of one folder, such as a container's, is an ordinary word.
	if here = filepath.ToSlash(here); strings.Count(here, "/") > 1 {
		patterns = append(patterns, `(?:^|[^\w.])`+regexp.QuoteMeta(here)+`\b`)
	}
	return strings.Join(patterns, "|")
}

// TestMachinePaths shows that the pattern can match, and that it leaves a
// project's own paths alone.
func TestMachinePaths(t *testing.T) {
	paths := regexp.MustCompile(machinePaths(t))
	for line, want := range map[string]bool{
		"see /" + "home/ada/radd":       true,
		"in `/" + "tmp/x`":              true,
		"/" + "root/go/bin/tool":        true,
		"/proc/cpuinfo and /etc/passwd": false,
		"runs/home/metrics.csv":         false,
		"docs.example/tmp/page":         false,
	} {
		if paths.MatchString(line) != want {
			t.Errorf("%q: match is %v, want %v", line, !want, want)
		}
	}
}

// TestLinks follows the relative links of every page.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	for name, content := range text(t) {
		if path.Ext(name) != ".md" {
			continue
		}
		for _, match := range link.FindAllStringSubmatch(content, -1) {
			target, _, _ := strings.Cut(match[1], "#")
			if target == "" || strings.Contains(target, "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(root, path.Dir(name), target)); err != nil {
				t.Errorf("%s: the link to %s leads nowhere", name, match[1])
			}
		}
	}
}
