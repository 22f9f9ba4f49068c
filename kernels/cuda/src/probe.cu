// Microbenchmarks: what a multiprocessor does at most of what the other kernels
// are made of. Each computes something that can be checked.
#include "device.cuh"

// Probing asks every warp for rounds of PROBE_OPERATIONS operations. Every field
// has 8 bytes.
struct Probing {
  i64 rounds;
  i64 quads;           // of 16 bytes, to copy
  const void *from;    // (quads) the bytes to copy; what shared memory holds, where loads are timed
  void *to;            // (quads) assigned
  u64 *cycles;         // (blocks) assigned: between a block's first operation and its last
  u64 *start, *end;    // (blocks) assigned: nanoseconds of a clock that all blocks have
  double *result;      // (blocks, threads) assigned
  double factor, term; // of multiply–adds
};

constexpr int PROBE_OPERATIONS = 16;
constexpr int PROBE_CHAINS = 8; // of multiply–adds in a thread, each PROBE_OPERATIONS / PROBE_CHAINS a round
constexpr int PROBE_TABLE = 2048; // bytes of shared memory that loads go over

typedef Pack<u32, 4> Quad;

// Stretch times what a block does between its making and end.
struct Stretch {
  u64 start, first;
  DEVICE Stretch() {
    __syncthreads();
    start = nanoseconds();
    first = cycles();
  }
  DEVICE void end(Probing *a, double result) const {
    __syncthreads();
    const u64 last = cycles();
    if (threadIdx.x == 0) {
      a->cycles[blockIdx.x] = last - first;
      a->start[blockIdx.x] = start;
      a->end[blockIdx.x] = nanoseconds();
    }
    a->result[i64(blockIdx.x) * blockDim.x + threadIdx.x] = result;
  }
};

// Chains of multiply–adds: x becomes x factor + term.
template <typename F> struct MultiplyAdds {
  static DEVICE void probe(Probing *a) {
    const F factor = F(a->factor), term = F(a->term);
    F x[PROBE_CHAINS];
    UNROLL
    for (int i = 0; i < PROBE_CHAINS; i++) x[i] = F(i + int(threadIdx.x));
    const i64 rounds = a->rounds;
    const Stretch stretch;
    for (i64 r = 0; r < rounds; r++) {
      UNROLL
      for (int k = 0; k < PROBE_OPERATIONS; k++) x[k % PROBE_CHAINS] = fma(x[k % PROBE_CHAINS], factor, term);
    }
    F total = 0;
    UNROLL
    for (int i = 0; i < PROBE_CHAINS; i++) total += x[i];
    stretch.end(a, double(total));
  }
};

// Loads of 16 bytes from shared memory, each of which says where the next one
// goes: by all lanes of a warp from one place (uniform) or from 32 that lie side by
// side. The result is the sum of what was read.
template <bool UNIFORM> struct Loads {
  static DEVICE void probe(Probing *a) {
    SHARED_MEMORY(shared);
    Quad *table = (Quad *)shared;
    const int size = PROBE_TABLE / int(sizeof(Quad));
    for (int i = int(threadIdx.x); i < size; i += int(blockDim.x)) table[i] = ((const Quad *)a->from)[i];
    u32 at = UNIFORM ? 0 : u32(lane_of_warp()) * u32(sizeof(Quad)), total = 0;
    const i64 rounds = a->rounds;
    const Stretch stretch;
    for (i64 r = 0; r < rounds; r++) {
      UNROLL
      for (int k = 0; k < PROBE_OPERATIONS; k++) {
        const Quad q = *(const Quad *)(shared + at);
        at = q.v[0];
        total += q.v[1] + q.v[2] + q.v[3];
      }
    }
    stretch.end(a, double(total));
  }
};

// Shuffles, each of what the one before gave: the result is the number that one
// lane after another had.
struct Shuffles {
  static DEVICE void probe(Probing *a) {
    u32 x = u32(threadIdx.x);
    const int from = (lane_of_warp() + 1) & 31;
    const i64 rounds = a->rounds;
    const Stretch stretch;
    for (i64 r = 0; r < rounds; r++) {
      UNROLL
      for (int k = 0; k < PROBE_OPERATIONS; k++) x = __shfl_sync(EVERY_LANE, x, from);
    }
    stretch.end(a, double(x));
  }
};

// Barriers of the block; the result is how many.
struct Barriers {
  static DEVICE void probe(Probing *a) {
    u32 count = 0;
    const i64 rounds = a->rounds;
    const Stretch stretch;
    for (i64 r = 0; r < rounds; r++) {
      UNROLL
      for (int k = 0; k < PROBE_OPERATIONS; k++) {
        __syncthreads();
        count++;
      }
    }
    stretch.end(a, double(count));
  }
};

// Copies from one place of the device's memory to another, as often as there are
// rounds; the result is how many quads the thread moved.
struct Copies {
  static DEVICE void probe(Probing *a) {
    const i64 stride = i64(gridDim.x) * blockDim.x, rounds = a->rounds, quads = a->quads;
    const Quad *from = (const Quad *)a->from;
    Quad *to = (Quad *)a->to;
    i64 count = 0;
    const Stretch stretch;
    for (i64 r = 0; r < rounds; r++) {
      for (i64 i = i64(blockIdx.x) * blockDim.x + threadIdx.x; i < quads; i += stride) {
        to[i] = from[i];
        count++;
      }
    }
    stretch.end(a, double(count));
  }
};

#ifdef EMULATION
#define PROBE(name, ...)                                              \
  static void name(void *a) { __VA_ARGS__::probe((Probing *)a); } \
  static emulation::Kernel register_##name(#name, name);
#else
#define PROBE(name, ...) \
  extern "C" __global__ void __launch_bounds__(256) name(Probing *a) { __VA_ARGS__::probe(a); }
#endif

PROBE(probe_multiply_add_f32, MultiplyAdds<float>)
PROBE(probe_multiply_add_f64, MultiplyAdds<double>)
PROBE(probe_load_uniform, Loads<true>)
PROBE(probe_load_spread, Loads<false>)
PROBE(probe_shuffle, Shuffles)
PROBE(probe_barrier, Barriers)
PROBE(probe_copy, Copies)
