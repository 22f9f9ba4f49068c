package cuda_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestHeader makes the calls of CUDA 12 where cuda.h declares those of 12 and
// those of 13: include/cuda.h passes the one through and gives the other its
// arguments.
func TestHeader(t *testing.T) {
	compiler, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("NOT COMPILED: include/cuda.h: ", err)
	}
	const common = `
#pragma once
#include <stddef.h>
typedef int CUresult, CUdevice, CUmem_advise;
typedef unsigned long long CUdeviceptr;
typedef struct context *CUcontext;
typedef struct stream *CUstream;
typedef struct graph *CUgraph;
typedef struct node *CUgraphNode;
#define CU_DEVICE_CPU ((CUdevice)-1)
`
	headers := map[string]string{
		"12": common + `
#define CUDA_VERSION 12090
CUresult cuCtxCreate(CUcontext *, unsigned int, CUdevice);
CUresult cuMemAdvise(CUdeviceptr, size_t, CUmem_advise, CUdevice);
CUresult cuMemPrefetchAsync(CUdeviceptr, size_t, CUdevice, CUstream);
CUresult cuGraphAddDependencies(CUgraph, const CUgraphNode *, const CUgraphNode *, size_t);
CUresult cuGraphGetEdges(CUgraph, CUgraphNode *, CUgraphNode *, size_t *);
`,
		"13": common + `
#define CUDA_VERSION 13000
enum { CU_MEM_LOCATION_TYPE_DEVICE = 1, CU_MEM_LOCATION_TYPE_HOST = 2 };
typedef struct { int type, id; } CUmemLocation;
typedef struct CUctxCreateParams CUctxCreateParams;
typedef struct CUgraphEdgeData CUgraphEdgeData;
#define cuCtxCreate cuCtxCreate_v4
#define cuMemAdvise cuMemAdvise_v2
#define cuMemPrefetchAsync cuMemPrefetchAsync_v2
#define cuGraphAddDependencies cuGraphAddDependencies_v2
#define cuGraphGetEdges cuGraphGetEdges_v2
CUresult cuCtxCreate(CUcontext *, CUctxCreateParams *, unsigned int, CUdevice);
CUresult cuMemAdvise(CUdeviceptr, size_t, CUmem_advise, CUmemLocation);
CUresult cuMemPrefetchAsync(CUdeviceptr, size_t, CUmemLocation, unsigned int, CUstream);
CUresult cuGraphAddDependencies(CUgraph, const CUgraphNode *, const CUgraphNode *, const CUgraphEdgeData *, size_t);
CUresult cuGraphGetEdges(CUgraph, CUgraphNode *, CUgraphNode *, CUgraphEdgeData *, size_t *);
`,
	}
	const calls = `
#include <cuda.h>
CUresult calls(CUcontext *c, CUdeviceptr p, CUstream s, CUgraph g, CUgraphNode *n, size_t *size) {
	return cuCtxCreate(c, 1u, 0) | cuMemAdvise(p, 8, 3, CU_DEVICE_CPU) | cuMemPrefetchAsync(p, 8, 0, s) |
		cuGraphAddDependencies(g, n, n, 1) | cuGraphGetEdges(g, n, n, size);
}
`
	for version, header := range headers {
		folder := t.TempDir()
		for name, text := range map[string]string{"cuda.h": header, "calls.c": calls} {
			if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		compile := func(flags ...string) ([]byte, error) {
			flags = append(flags, "-I"+folder, "-Wall", "-Werror", "-fsyntax-only", filepath.Join(folder, "calls.c"))
			return exec.Command(compiler, flags...).CombinedOutput()
		}
		if out, err := compile("-Iinclude"); err != nil {
			t.Errorf("with the cuda.h of CUDA %s: %v\n%s", version, err, out)
		}
		if _, err := compile(); (err != nil) != (version == "13") {
			t.Errorf("with the cuda.h of CUDA %s alone: %v", version, err)
		}
	}
}
