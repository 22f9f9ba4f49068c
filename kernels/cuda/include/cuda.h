// The toolkit's cuda.h; where that is of CUDA 13 or later, with the calls of 12
// that gorgonia.org/cu makes and 13 gives other arguments. `make gpu` has the C
// compiler look for headers here first.
//
// Source: NVIDIA's list of the driver interface's changes from 12 to 13.
#pragma once
#include_next <cuda.h>

#if CUDA_VERSION >= 13000

static inline CUmemLocation location_12(CUdevice device) {
  CUmemLocation location = {.type = CU_MEM_LOCATION_TYPE_DEVICE, .id = device};
  if (device == CU_DEVICE_CPU) location.type = CU_MEM_LOCATION_TYPE_HOST;
  return location;
}

static inline CUresult cuCtxCreate_12(CUcontext *context, unsigned int flags, CUdevice device) {
  return cuCtxCreate(context, 0, flags, device);
}
static inline CUresult cuMemAdvise_12(CUdeviceptr pointer, size_t count, CUmem_advise advice, CUdevice device) {
  return cuMemAdvise(pointer, count, advice, location_12(device));
}
static inline CUresult cuMemPrefetchAsync_12(CUdeviceptr pointer, size_t count, CUdevice device, CUstream stream) {
  return cuMemPrefetchAsync(pointer, count, location_12(device), 0, stream);
}
static inline CUresult cuGraphAddDependencies_12(CUgraph graph, const CUgraphNode *from, const CUgraphNode *to, size_t count) {
  return cuGraphAddDependencies(graph, from, to, 0, count);
}
static inline CUresult cuGraphGetEdges_12(CUgraph graph, CUgraphNode *from, CUgraphNode *to, size_t *count) {
  return cuGraphGetEdges(graph, from, to, 0, count);
}

#undef cuCtxCreate
#undef cuMemAdvise
#undef cuMemPrefetchAsync
#undef cuGraphAddDependencies
#undef cuGraphGetEdges
#define cuCtxCreate cuCtxCreate_12
#define cuMemAdvise cuMemAdvise_12
#define cuMemPrefetchAsync cuMemPrefetchAsync_12
#define cuGraphAddDependencies cuGraphAddDependencies_12
#define cuGraphGetEdges cuGraphGetEdges_12

#endif
