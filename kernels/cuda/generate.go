//go:build ignore

// Generate compiles the kernels for every architecture and writes images/ with
// its manifest. Run it in the package's folder: go run generate.go.
package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"log"
	"os"
	"path/filepath"

	"radd/kernels/cuda"
	"radd/kernels/cuda/nvcc"
)

func main() {
	log.SetFlags(0)
	if err := generate("."); err != nil {
		log.Fatal(err)
	}
}

func generate(folder string) error {
	compiler, err := nvcc.Find()
	if err != nil {
		return err
	}
	sources, err := cuda.HashSources(os.DirFS(filepath.Join(folder, "src")))
	if err != nil {
		return err
	}
	m := cuda.Manifest{
		Compiler: compiler.Version, Flags: cuda.Flags, Sources: sources,
		Images: map[string]string{}, Code: map[string]string{}, Kernels: map[string]map[string]cuda.Usage{},
	}
	for _, architecture := range append(cuda.Architectures, cuda.Virtual) {
		image, usage, err := compiler.Compile(folder, architecture)
		if err != nil {
			return err
		}
		var packed bytes.Buffer
		z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
		if err != nil {
			return err
		}
		if _, err := z.Write(image); err != nil {
			return err
		}
		if err := z.Close(); err != nil {
			return err
		}
		name := cuda.ImageName(architecture)
		if err := os.WriteFile(filepath.Join(folder, "images", name), packed.Bytes(), 0o666); err != nil {
			return err
		}
		m.Images[name] = cuda.Hash(image)
		if m.Code[name], err = nvcc.HashCode(image); err != nil {
			return err
		}
		if len(usage) > 0 {
			m.Kernels[architecture] = usage
		}
		log.Printf("%s: %d bytes, %d kernels", name, packed.Len(), len(usage))
	}
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "images", cuda.ManifestName), append(data, '\n'), 0o666)
}
