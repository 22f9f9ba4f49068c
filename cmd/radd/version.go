package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// release is the version that CHANGELOG.md and CITATION.cff speak of.
const release = "0.1.0"

// version returns the release and what the program was built from.
func version() string {
	revision, modified := "", ""
	if build, ok := debug.ReadBuildInfo(); ok {
		for _, s := range build.Settings {
			switch {
			case s.Key == "vcs.revision":
				revision = ", " + s.Value[:min(12, len(s.Value))]
			case s.Key == "vcs.modified" && s.Value == "true":
				modified = " with changes"
			}
		}
	}
	return fmt.Sprintf("radd %s (%s/%s, %s%s%s)", release, runtime.GOOS, runtime.GOARCH, runtime.Version(), revision, modified)
}
