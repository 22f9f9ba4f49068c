// What the kernels need of the language: types, mathematics in both
// precisions, and collectives of a warp.
//
// The sources are compiled twice: by nvcc for a device, and by the host's
// compiler with the emulation's header before them (EMULATION).
#pragma once

typedef signed char i8;
typedef int i32;
typedef long long i64;
typedef unsigned int u32;
typedef unsigned long long u64;

#ifdef EMULATION
#define SHARED_MEMORY(name) unsigned char *const name = emulation::shared_memory
#define UNROLL
#else
#define SHARED_MEMORY(name) extern __shared__ __align__(16) unsigned char name[]
#define UNROLL _Pragma("unroll")
#endif

#define DEVICE __device__ __forceinline__

// Pack is what one load from shared memory returns.
template <typename F, int WIDTH> struct alignas(sizeof(F) * WIDTH) Pack {
  F v[WIDTH];
};

constexpr int ceil_div(int a, int b) { return (a + b - 1) / b; }
constexpr int round_up(int a, int b) { return ceil_div(a, b) * b; }

DEVICE float log_of(float x) { return logf(x); }
DEVICE double log_of(double x) { return log(x); }
DEVICE float log1p_of(float x) { return log1pf(x); }
DEVICE double log1p_of(double x) { return log1p(x); }
DEVICE float expm1_of(float x) { return expm1f(x); }
DEVICE double expm1_of(double x) { return expm1(x); }
DEVICE float exp_of(float x) { return expf(x); }
DEVICE double exp_of(double x) { return exp(x); }
DEVICE float sqrt_of(float x) { return sqrtf(x); }
DEVICE double sqrt_of(double x) { return sqrt(x); }
#ifdef EMULATION
DEVICE float exp2_fast(float x) { return exp2f(x); }
DEVICE float reciprocal_fast(float x) { return 1 / x; }
#else
DEVICE float exp2_fast(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
DEVICE float reciprocal_fast(float x) {
  float y;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
#endif

// tanh_of has no branch in float32: near 0 the polynomial of CUDA's tanhf, beyond
// it 1 − 2/(e^2|x| + 1), both within two units in the last place.
DEVICE float tanh_of(float x) {
  const float a = fabsf(x), s = x * x;
  float p = fmaf(s, 1.57396831e-2f, -5.23039624e-2f);
  p = fmaf(s, p, 1.33152977e-1f);
  p = fmaf(s, p, -3.33327681e-1f);
  const float near = fmaf(x, s * p, x);
  const float far = fmaf(reciprocal_fast(exp2_fast(a * 2.88539004f) + 1), -2, 1);
  return a < 0.6f ? near : copysignf(far, x);
}
DEVICE double tanh_of(double x) { return tanh(x); }

DEVICE float abs_of(float x) { return fabsf(x); }
DEVICE double abs_of(double x) { return fabs(x); }
DEVICE void sincospi_of(float x, float *s, float *c) { sincospif(x, s, c); }
DEVICE void sincospi_of(double x, double *s, double *c) { sincospi(x, s, c); }

// Sums and products that no compiler fuses: where the specification's bytes
// matter.
DEVICE float product(float a, float b) { return __fmul_rn(a, b); }
DEVICE double product(double a, double b) { return __dmul_rn(a, b); }
DEVICE float sum(float a, float b) { return __fadd_rn(a, b); }
DEVICE double sum(double a, double b) { return __dadd_rn(a, b); }

template <typename F> DEVICE bool is_finite(F x) { return x - x == 0; }

const u32 EVERY_LANE = 0xffffffffu;

DEVICE int lane_of_warp() { return int(threadIdx.x & 31); }

// warp_sum returns the sum over the warp's lanes, the same bits in every lane
// and in every warp that is given the same numbers.
template <typename F> DEVICE F warp_sum(F x) {
  UNROLL
  for (int bit = 16; bit > 0; bit /= 2) x = sum(x, __shfl_xor_sync(EVERY_LANE, x, bit));
  return x;
}

// nanoseconds returns a clock that runs at the same rate in all blocks.
DEVICE u64 nanoseconds() {
#ifdef EMULATION
  return emulation::nanoseconds();
#else
  u64 t;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(t));
  return t;
#endif
}

// cycles returns the clock of the multiprocessor.
DEVICE u64 cycles() {
#ifdef EMULATION
  return emulation::nanoseconds();
#else
  return u64(clock64());
#endif
}
