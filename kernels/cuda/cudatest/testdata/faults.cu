// Kernels with the faults that the emulated device is to find, and one without.
#include "../../src/device.cuh"

#define FAULT(name)                                           \
  static void name(void *a);                                  \
  static emulation::Kernel register_##name(#name, name);      \
  static void name(void *a)

FAULT(sum) {
  u64 *const to = (u64 *)a;
  SHARED_MEMORY(shared);
  ((u64 *)shared)[threadIdx.x] = threadIdx.x;
  __syncthreads();
  const u64 total = warp_sum(double(((u64 *)shared)[blockDim.x - 1 - threadIdx.x]));
  if (threadIdx.x % 32 == 0) atomicAdd(to, total);
}

FAULT(unwritten_shared) {
  SHARED_MEMORY(shared);
  *(u64 *)a = *(u64 *)shared;
}

FAULT(some_at_the_barrier) {
  (void)a;
  if (threadIdx.x < 40) __syncthreads();
}

FAULT(two_barriers) {
  (void)a;
  if (threadIdx.x % 2)
    __syncthreads();
  else
    __syncthreads();
}

FAULT(barrier_and_shuffle) {
  (void)a;
  if (threadIdx.x == 7)
    __syncthreads();
  else
    warp_sum(1.0);
}

FAULT(half_a_warp_shuffles) {
  (void)a;
  if (threadIdx.x % 32 < 16) warp_sum(1.0);
}

FAULT(behind_memory) { ((u64 *)a)[32] = threadIdx.x; }

FAULT(before_memory) { ((u64 *)a)[-1] = threadIdx.x; }

FAULT(behind_shared) {
  (void)a;
  SHARED_MEMORY(shared);
  shared[512] = 1;
}

FAULT(order) {
  u64 *const at = (u64 *)a;
  ((unsigned char *)a)[8 + (*at)++] = (unsigned char)(threadIdx.x);
}

FAULT(null) {
  (void)a;
  *(volatile u64 *)8 = 1;
}
