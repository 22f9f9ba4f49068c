// Sessions alone, as every kernel draws them: what a device is held to the
// specification by.
#include "run.cuh"

// Drawing asks for the trials of one session after another. Every field has 8
// bytes.
struct Drawing {
  const Task *task;
  u64 seed;
  i64 stream, step, session;
  i64 most;             // trials that there is room for
  i64 trials;           // assigned
  i8 *block_side, *side; // (most) assigned
  double *strength;     // (most) assigned
  double *observation;  // (most, max_steps, 2) assigned
};

template <typename F> struct Drawn {
  static DEVICE void draw(Drawing *a) {
    Job<F> job = {};
    job.task = a->task;
    job.seed = a->seed;
    job.stream = a->stream;
    Session<F> s = session_of(job, a->step, a->session);
    s.begin(0);
    for (i64 n = 0;; n++) {
      for (int at = 0; at < a->task->max_steps && n < a->most; at++) {
        F x[2];
        s.observe(at, x[0], x[1]);
        if (threadIdx.x == 0) {
          a->observation[(n * a->task->max_steps + at) * 2] = double(x[0]);
          a->observation[(n * a->task->max_steps + at) * 2 + 1] = double(x[1]);
        }
      }
      if (threadIdx.x == 0 && n < a->most) {
        a->block_side[n] = i8(s.block_side);
        a->side[n] = i8(s.side);
        a->strength[n] = double(s.strength);
      }
      if (!s.more()) {
        if (threadIdx.x == 0) a->trials = n + 1;
        return;
      }
      s.enter(u32(n + 1));
    }
  }
};

#ifdef EMULATION
#define DRAW(name, F)                                           \
  static void name(void *a) { Drawn<F>::draw((Drawing *)a); } \
  static emulation::Kernel register_##name(#name, name);
#else
#define DRAW(name, F) \
  extern "C" __global__ void __launch_bounds__(32, 1) name(Drawing *a) { Drawn<F>::draw(a); }
#endif

DRAW(draw_f32, float)
DRAW(draw_f64, double)
