package bench

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"
)

// Machine is where measurements were made.
type Machine struct {
	Processor string `json:"processor"`
	Cores     int    `json:"cores"` // that the program may use
	Platform  string `json:"platform"`
	Go        string `json:"go"`
	Version   string `json:"version"` // of the program
	Time      string `json:"time"`
}

func machine(version string) Machine {
	return Machine{Processor: processor(), Cores: runtime.GOMAXPROCS(0), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Go: runtime.Version(), Version: version,
		Time: time.Now().UTC().Format(time.RFC3339)}
}

// processor returns the processor's name, or says that it is not known.
func processor() string {
	if name := systemProcessor(); name != "" {
		return name
	}
	return "unknown " + runtime.GOARCH
}

// processorOf reads the name from Linux's /proc/cpuinfo. A virtual machine may
// say little, so family and model are added.
func processorOf(info io.Reader) string {
	fields := map[string]string{}
	for lines := bufio.NewScanner(info); lines.Scan(); {
		key, value, found := strings.Cut(lines.Text(), ":")
		if key = strings.TrimSpace(key); found && fields[key] == "" {
			fields[key] = strings.TrimSpace(value)
		}
	}
	name := fields["model name"]
	if name != "" && fields["cpu family"] != "" {
		name = fmt.Sprintf("%s (family %s, model %s)", name, fields["cpu family"], fields["model"])
	}
	return name
}

func readProcessor() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	defer f.Close()
	return processorOf(f)
}
