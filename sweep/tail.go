package sweep

import (
	"io"
	"os"
)

// tail returns the last n bytes of a file, fewer where it has fewer.
func tail(path string, n int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	stat, err := f.Stat()
	if err != nil {
		return nil, err
	}
	n = min(n, stat.Size())
	return io.ReadAll(io.NewSectionReader(f, stat.Size()-n, n))
}
