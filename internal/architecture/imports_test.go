package architecture

import (
	"go/ast"
	"go/build/constraint"
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "radd"

// rule is one row of the table: what the packages in a folder and below may
// import besides the standard library, internal/ and the folder itself.
type rule struct {
	folder string
	own    []string // folders of this module, with all that is below them
	others []string // third-party modules, or packages of one
}

// rules holds the imports of everything but tests. Data moves in one direction:
//
//	task ─► kernels ─► graph ─► train ─► distill ─► sweep ─► bench, report ─► cmd/radd
//	  └──────────► analysis ─────────────┘
//
// A dependency that earns its place enters the table.
var rules = []rule{
	{"task", nil,
		[]string{"gonum.org/v1/gonum"}},
	{"kernels", []string{"task"},
		[]string{"golang.org/x/sys/cpu", "golang.org/x/sync", "github.com/mmcloughlin/avo", "gorgonia.org/cu"}},
	{"graph", []string{"kernels", "task"},
		// hm: the types of gorgonia's Op; math32 and gonum's BLAS: what its tensors compute with
		[]string{"gorgonia.org/gorgonia", "gorgonia.org/tensor", "github.com/chewxy/hm", "github.com/chewxy/math32", "gonum.org/v1/gonum/blas"}},
	{"train", []string{"graph", "kernels", "task"},
		[]string{"github.com/goccy/go-yaml", "github.com/gofrs/flock", "github.com/parquet-go/parquet-go"}},
	{"analysis", []string{"task", "kernels"},
		[]string{"gonum.org/v1/gonum"}},
	{"distill", []string{"analysis", "train", "graph", "kernels", "task"},
		[]string{"gonum.org/v1/gonum"}},
	{"sweep", []string{"distill", "analysis", "train", "graph", "kernels", "task"},
		[]string{"github.com/goccy/go-yaml"}},
	{"report", []string{"sweep", "distill", "analysis", "train", "graph", "kernels", "task"},
		[]string{"gonum.org/v1/plot", "codeberg.org/go-pdf/fpdf"}}, // fpdf: the dates in a PDF
	{"claims", []string{"report", "sweep", "distill", "analysis", "train", "kernels", "task"},
		[]string{"gonum.org/v1/gonum", "golang.org/x/sync"}},
	{"bench", []string{"report", "sweep", "distill", "analysis", "train", "graph", "kernels", "task"},
		[]string{"gonum.org/v1/plot"}}, // its figures are clock readings, which report has none of
	{"cmd/radd", []string{"claims", "bench", "report", "sweep", "distill", "analysis", "train", "graph", "kernels", "task"},
		[]string{"github.com/alecthomas/kong", "github.com/schollz/progressbar/v3", "golang.org/x/term", "golang.org/x/sync"}},
	{"internal", nil,
		[]string{"github.com/parquet-go/parquet-go", "golang.org/x/sys", "github.com/goccy/go-yaml", "github.com/gofrs/flock"}},
}

// gpuOnly are imports that link a C library: the plain build has none.
var gpuOnly = []string{"C", "gorgonia.org/cu"}

// generatorOnly are imports of programs that write source files.
var generatorOnly = []string{"github.com/mmcloughlin/avo"}

// within reports whether a package or file lies in a folder or below it.
func within(name, folder string) bool {
	return name == folder || strings.HasPrefix(name, folder+"/")
}

func withinAny(name string, folders []string) bool {
	return slices.ContainsFunc(folders, func(f string) bool { return within(name, f) })
}

// refusal says why a file of the given folder, with the given build constraint
// (nil for none), may not import a package; it is empty where it may.
func refusal(folder, imported string, build constraint.Expr) string {
	i := slices.IndexFunc(rules, func(r rule) bool { return within(folder, r.folder) })
	if i < 0 {
		return "its folder has no row in the table of imports"
	}
	r := rules[i]
	own, ours := strings.CutPrefix(imported, module+"/")
	first, _, _ := strings.Cut(imported, "/")
	switch {
	case ours && !within(own, r.folder) && !within(own, "internal") && !withinAny(own, r.own):
		return "the table does not let " + r.folder + " import it"
	case ours:
		return ""
	case withinAny(imported, gpuOnly) && !needs(build, "gpu"):
		return "only files with //go:build gpu may"
	case withinAny(imported, generatorOnly) && !needs(build, "ignore"):
		return "only generators, with //go:build ignore, may"
	case strings.Contains(first, ".") && !withinAny(imported, r.others):
		return "the table does not list it for " + r.folder
	}
	return ""
}

// needs reports whether a file with this constraint is built only under the tag.
func needs(build constraint.Expr, tag string) bool {
	return build != nil && !build.Eval(func(t string) bool { return t != tag })
}

// source is what the tests look at in a Go file.
type source struct {
	name    string
	imports []string
	build   constraint.Expr
	old     bool // it has a line of the form before //go:build
}

// sources parses every Go file of the module, whatever its build tags: the tests
// too, or all but them.
func sources(t *testing.T, tests bool) []source {
	t.Helper()
	var list []source
	for _, name := range files(t) {
		if path.Ext(name) != ".go" || strings.Contains("/"+name, "/testdata/") || !tests && strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, name), nil, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		s := source{name: name}
		for _, spec := range f.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			s.imports = append(s.imports, imported)
		}
		for _, c := range headComments(f) {
			switch {
			case constraint.IsGoBuild(c.Text):
				if s.build, err = constraint.Parse(c.Text); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
			case constraint.IsPlusBuild(c.Text):
				s.old = true
			}
		}
		list = append(list, s)
	}
	return list
}

// headComments returns the comments before the package clause.
func headComments(f *ast.File) []*ast.Comment {
	var list []*ast.Comment
	for _, group := range f.Comments {
		if group.Pos() < f.Package {
			list = append(list, group.List...)
		}
	}
	return list
}

func TestImports(t *testing.T) {
	for _, s := range sources(t, false) {
		for _, imported := range s.imports {
			if why := refusal(path.Dir(s.name), imported, s.build); why != "" {
				t.Errorf("%s imports %s: %s", s.name, imported, why)
			}
		}
	}
}

// TestDirectDependencies sees to it that go.mod calls indirect only what no file
// of the module imports.
func TestDirectDependencies(t *testing.T) {
	var imports []string
	for _, s := range sources(t, true) {
		imports = append(imports, s.imports...)
	}
	for line := range strings.Lines(read(t, "go.mod")) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		imported := slices.ContainsFunc(imports, func(i string) bool { return within(i, name) })
		if imported && strings.Contains(line, "// indirect") {
			t.Errorf("go.mod: %s is imported, so it belongs in the block of direct dependencies", name)
		}
	}
}

// TestBuildTags holds the module to its two tags, besides what the toolchain
// itself sets.
func TestBuildTags(t *testing.T) {
	known := []string{"gpu", "purego", "ignore",
		"unix", "linux", "darwin", "windows", "amd64", "arm64", "cgo", "race"}
	for _, s := range sources(t, false) {
		if s.old {
			t.Errorf("%s: a +build line; use //go:build", s.name)
		}
		if s.build == nil {
			continue
		}
		s.build.Eval(func(tag string) bool {
			if !slices.Contains(known, tag) && !strings.HasPrefix(tag, "go1.") {
				t.Errorf("%s: build tag %s (allowed: %s)", s.name, tag, strings.Join(known, ", "))
			}
			return true
		})
	}
}

// TestRefusal shows that the rules can fail.
func TestRefusal(t *testing.T) {
	gpu, err := constraint.Parse("//go:build gpu && linux")
	if err != nil {
		t.Fatal(err)
	}
	either, err := constraint.Parse("//go:build gpu || linux")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		folder, imported string
		build            constraint.Expr
		allowed          bool
	}{
		{"task", "math", nil, true},
		{"task", "radd/internal/philox", nil, true},
		{"task", "radd/kernels", nil, false},
		{"task", "gonum.org/v1/gonum/mat", nil, true},
		{"task", "gonum.org/v1/gonumerics", nil, false},
		{"kernels/cpu", "radd/kernels", nil, true},
		{"kernels/cpu", "radd/graph", nil, false},
		{"kernels/cpu", "golang.org/x/sys/cpu", nil, true},
		{"kernels/cpu", "golang.org/x/sys/unix", nil, false},
		{"kernels/cuda", "gorgonia.org/cu", gpu, true},
		{"kernels/cuda", "gorgonia.org/cu", either, false},
		{"kernels/cuda", "gorgonia.org/cu", nil, false},
		{"kernels/cuda", "C", nil, false},
		{"kernels/cpu", "github.com/mmcloughlin/avo/build", nil, false},
		{"graph", "radd/kernels/cpu", nil, true},
		{"graph", "radd/train", nil, false},
		{"train", "github.com/schollz/progressbar/v3", nil, false},
		{"analysis", "radd/train", nil, false},
		{"internal/npz", "radd/task", nil, false},
		{"cmd/radd", "radd/train", nil, true},
		{"tasks", "math", nil, false},
	} {
		if why := refusal(test.folder, test.imported, test.build); (why == "") != test.allowed {
			t.Errorf("%s importing %s: allowed %v, want %v (%s)", test.folder, test.imported, why == "", test.allowed, why)
		}
	}
}
