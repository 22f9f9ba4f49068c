package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// source is a hash of the module's sources, set by the Makefile: two programs of
// one build share it, whatever their tags.
var source string

// build names what the program was built from, but for its tags and platform.
func build() string { return release + " " + source }

// release is the version that CHANGELOG.md and CITATION.cff speak of.
const release = "0.1.0"

// version returns the release and what the program was built from.
func version() string {
	revision, modified := "", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				revision = ", " + s.Value[:min(12, len(s.Value))]
			case s.Key == "vcs.modified" && s.Value == "true":
				modified = " with changes"
			}
		}
	}
	sources := ""
	if source != "" {
		sources = ", sources " + source
	}
	return fmt.Sprintf("radd %s (%s/%s, %s%s%s%s)", release, runtime.GOOS, runtime.GOARCH, runtime.Version(), sources, revision, modified)
}
