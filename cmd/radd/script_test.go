package main

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// lastLine FIELD… fails unless the last line of standard output is a JSON object
// that has the fields; with FIELD=TEXT, the field's JSON must be that text.
func lastLine(ts *testscript.TestScript, neg bool, fields []string) {
	lines := strings.Split(strings.TrimSuffix(ts.ReadFile("stdout"), "\n"), "\n")
	object := map[string]json.RawMessage{}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &object); err != nil {
		ts.Fatalf("the last line is no JSON object: %v: %s", err, lines[len(lines)-1])
	}
	for _, field := range fields {
		name, want, exact := strings.Cut(field, "=")
		got, has := object[name]
		if ok := has && (!exact || string(got) == want); ok == neg {
			ts.Fatalf("%s is %s in %s", field, got, lines[len(lines)-1])
		}
	}
}

// code N PROGRAM ARGUMENT… runs the program and fails unless its exit code is N.
// Its output is for stdout and stderr to look at.
func code(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// await FILE waits for the file, a minute at most.
func await(ts *testscript.TestScript, neg bool, args []string) {
	for range 6000 {
		if _, err := os.Stat(ts.MkAbs(args[0])); err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	ts.Fatalf("%s did not appear", args[0])
}
