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

// What follows is for the checks of accesses.

FAULT(ordered) {
  SHARED_MEMORY(shared);
  u32 *const words = (u32 *)shared, *const to = (u32 *)a;
  const u32 t = threadIdx.x, lane = t % 32;
  words[t] = t;
  __syncwarp();
  u32 x = words[t - lane + (lane + 1) % 32]; // of the same warp
  __syncthreads();
  x += words[blockDim.x - 1 - t]; // of the other one
  __syncthreads();
  words[t] = x;
  if (blockIdx.x == 0 && t < 32) to[t] = words[t];
  atomicAdd((u64 *)a + 20, 1);
}

FAULT(reads_what_others_write) {
  SHARED_MEMORY(shared);
  u32 *const words = (u32 *)shared;
  words[threadIdx.x] = 1;
  ((u32 *)a)[threadIdx.x % 32 + 32 * (threadIdx.x / 32 == 1)] = words[threadIdx.x ^ 32];
}

FAULT(writes_what_others_read) {
  SHARED_MEMORY(shared);
  u32 *const words = (u32 *)shared;
  words[threadIdx.x] = 1;
  __syncthreads();
  const u32 x = words[threadIdx.x ^ 1];
  words[threadIdx.x] = x + 1;
  (void)a;
}

FAULT(all_write) {
  (void)a;
  SHARED_MEMORY(shared);
  shared[0] = 1;
}

FAULT(shuffle_for_a_barrier) {
  (void)a;
  SHARED_MEMORY(shared);
  u32 *const words = (u32 *)shared;
  words[threadIdx.x] = u32(warp_sum(1.0));
  words[threadIdx.x] += u32(warp_sum(double(words[threadIdx.x ^ 1])));
}

FAULT(warp_barrier_for_the_block) {
  SHARED_MEMORY(shared);
  u32 *const words = (u32 *)shared;
  words[threadIdx.x] = 1;
  __syncwarp();
  if (words[threadIdx.x ^ 32] == 7) *(u32 *)a = 1;
}

FAULT(race_in_memory) { ((u32 *)a)[threadIdx.x / 2] = 1; }

FAULT(race_of_blocks) {
  if (threadIdx.x == 0) *(u32 *)a = blockIdx.x;
}

FAULT(reads_behind_shared) {
  SHARED_MEMORY(shared);
  *(volatile unsigned char *)a = shared[512];
}

FAULT(before_shared) {
  (void)a;
  SHARED_MEMORY(shared);
  shared[-1] = 1;
}

FAULT(reads_behind_memory) {
  if (threadIdx.x == 0) *(u64 *)a = ((u64 *)a)[32];
}

FAULT(partly_behind_memory) {
  if (threadIdx.x == 0) *(u64 *)a = *(u64 *)((unsigned char *)a + 8 * 32 - 4);
}

FAULT(misaligned_in_shared) {
  SHARED_MEMORY(shared);
  const Pack<float, 4> v = *(const Pack<float, 4> *)(shared + 8 * *(const u64 *)a + 8);
  if (v.v[0] == 1) ((float *)a)[8] = v.v[3];
}

FAULT(misaligned_in_memory) {
  if (threadIdx.x == 0) *(Pack<double, 2> *)((u64 *)a + 1) = Pack<double, 2>{{1, 2}};
}

FAULT(anothers_stack) {
  SHARED_MEMORY(shared);
  volatile u32 own = threadIdx.x;
  if (threadIdx.x == 0) *(volatile u32 **)shared = &own;
  __syncthreads();
  if (threadIdx.x == 1) *(u32 *)a = **(volatile u32 **)shared;
  __syncthreads();
}
