package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, programs)
}

// TestScripts runs the command lines in testdata/script, each in a folder of
// its own in which oracle/ holds the fixtures.
func TestScripts(t *testing.T) {
	oracle, err := filepath.Abs("../../testdata/oracle")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(e *testscript.Env) error {
			return os.Symlink(oracle, filepath.Join(e.WorkDir, "oracle"))
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"lastline": lastLine,
			"code":     code,
			"await":    await,
		},
	})
}
