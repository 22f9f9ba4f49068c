// A CUDA device of one multiprocessor, emulated: every thread of a block is a
// fibre of one host thread. Fibres change at barriers and shuffles only, in
// random order, and a barrier that not all threads reach at the same line ends
// the program with a message that says where each is.
#pragma once
#include <csetjmp>
#include <cmath>
#include <cstddef>
#include <cstdint>

#define EMULATION 1
#define __device__
#define __host__
#define __global__
#define __forceinline__ inline
#define __noinline__ __attribute__((noinline))

namespace emulation {
struct Index {
  unsigned x, y, z;
};
extern unsigned char *shared_memory;

// block_barrier waits for all threads of the block and returns how many of them
// gave a true predicate.
int block_barrier(int line, bool predicate);
// exchange waits for the 32 lanes of the warp and returns the value that the
// lane `from` gave. It orders the lanes' memory or, as a shuffle, does not.
uint64_t exchange(int line, uint64_t value, int from, bool orders);
unsigned long long nanoseconds();

typedef void (*Function)(void *arguments);
struct Kernel {
  const char *name;
  Function function;
  Kernel *next;
  Kernel(const char *name, Function function);
};

template <typename T> inline T shuffle(int line, T value, int from) {
  static_assert(sizeof(T) <= 8, "a shuffle moves up to 8 bytes");
  uint64_t word = 0;
  __builtin_memcpy(&word, &value, sizeof(T));
  word = exchange(line, word, from, false);
  __builtin_memcpy(&value, &word, sizeof(T));
  return value;
}
} // namespace emulation

extern emulation::Index threadIdx, blockIdx, blockDim, gridDim;

#define __syncthreads() ((void)emulation::block_barrier(__LINE__, false))
#define __syncthreads_or(p) (emulation::block_barrier(__LINE__, (p)) != 0)
#define __syncwarp() ((void)emulation::exchange(__LINE__, 0, 0, true))
#define __shfl_sync(mask, value, from) emulation::shuffle(__LINE__, (value), (from))
#define __shfl_xor_sync(mask, value, bit) emulation::shuffle(__LINE__, (value), int(threadIdx.x % 32) ^ (bit))

unsigned long long atomicAdd(unsigned long long *p, unsigned long long v);
inline float __fmul_rn(float a, float b) { return a * b; }
inline double __dmul_rn(double a, double b) { return a * b; }
inline float __fadd_rn(float a, float b) { return a + b; }
inline double __dadd_rn(double a, double b) { return a + b; }
inline void sincospi(double x, double *s, double *c) { *s = std::sin(M_PI * x), *c = std::cos(M_PI * x); }
inline void sincospif(float x, float *s, float *c) {
  *s = float(std::sin(M_PI * x));
  *c = float(std::cos(M_PI * x));
}
