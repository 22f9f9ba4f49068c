// The tape: a graph compiled to instructions (package graph), interpreted by one
// block in one launch. Barriers between instructions that depend on each other
// stand in the place of launches. A block plays or differentiates one session, or
// runs the instructions once.
//
// Every result is computed in an order that does not depend on the number of
// threads.
#include "session.cuh"

enum Opcode {
  CHAIN,                // count links from first on, for every element
  PRODUCT,              // a (first, count) b
  TRANSPOSED_PRODUCT,   // aᵀ b, a (first, count)
  INNER_PRODUCT,        // a·b
  OUTER_PRODUCT,        // a bᵀ
  ADDED_OUTER_PRODUCT,  // c + a bᵀ
  SOFTMAX,              // of a
  LOG_SOFTMAX,          // of a
  SOFTMAX_GRADIENT,     // (c − c·b) b
  LOG_SOFTMAX_GRADIENT, // c − e^b Σ c
  SCATTER,              // zeros, but for b from element first on
  SUM,                  // of a's elements
};
enum Function {
  ADD, SUBTRACT, MULTIPLY, DIVIDE, // of a and b
  ABS, SIGN, EXP, LOG, NEGATE, SQUARE, SQUARE_ROOT, INVERSE, CUBE, TANH, SIGMOID, // of a
};

// Place is a run of elements in a space. The Go types of the same names in tape.go
// have the same fields in the same order.
struct Place {
  i32 space, at, size;
};

// Link is an elementwise op. Operands are registers, or places where the register
// is negative; a place of one element stands for all.
struct Link {
  i32 function, to, from[2]; // registers
  Place result, operand[2];
};

struct alignas(16) Instruction {
  i32 opcode;
  i32 barrier; // it depends on instructions since the last barrier
  i32 first, count;
  Place out, a, b, c;
};

enum Space { COMMON, SCRATCH, OWN }; // as graph has them: shared, scratch, own
enum TapeMode { RUN_ONCE, PLAY_TAPE, FOLLOW_TAPE, DIFFERENTIATE_TAPE };

// Every field has 8 bytes from here on.

// Way is what one block goes through.
template <typename F> struct Way {
  const Task *task;
  i64 mode;
  F *memory[3];  // spaces; of its own space one for every segment of the launch
  F *hidden;     // (steps + 1, N) row 0 is the state before the launch's first step
  F *difference; // (steps) assigned
  F *feedback;   // (steps) assigned by PLAY_TAPE
  i64 *step;     // (steps) likewise: step within the trial
  const F *input;  // FOLLOW_TAPE: (steps, width); PLAY_TAPE: (trials, max_steps, width − 1), without the feedback
  const F *weight; // FOLLOW_TAPE: (steps, 2)
  const i8 *side;  // PLAY_TAPE: (trials) −1, +1
  F *rest;         // DIFFERENTIATE_TAPE: (N) gradient by the state after and, assigned, before the segments
  F *grad;         // DIFFERENTIATE_TAPE: by θ, added to
  i64 trials;
  i64 from, until; // steps of the passage; PLAY_TAPE assigns until. RUN_ONCE: instructions
  i64 ends;        // the passage ends with the launch
  i64 segments;    // DIFFERENTIATE_TAPE
  double first;    // feedback before the launch's first step
  double loss;     // assigned: the sum over segments that are complete
};

template <typename F> struct Program {
  const Instruction *tape;
  const Link *link;
  const i64 *end; // (steps + 3) after the last instruction of what θ alone determines, of each step, of the loss and of the gradient
  i64 steps;      // K of a segment
  i64 width;      // of an input
  i64 vectors;    // of a state
  i64 parameters; // leaves of θ
  const Place *input, *weight, *logits;     // (steps)
  const Place *state;                       // (steps, vectors)
  const Place *first, *incoming, *outgoing; // (vectors)
  const Place *gradient;                    // (parameters)
  const Place *loss;                        // (1)
  i64 size[3];                              // of the spaces
  const F *image; // of the common space: θ and constants
  Way<F> *way;
};

template <typename F> struct Memory {
  F *common, *scratch, *own;
  DEVICE F *at(const Place &p) const { return (p.space == COMMON ? common : p.space == SCRATCH ? scratch : own) + p.at; }
};

// apply has the formulas of graph's VM, where sigmoids are cut off.
DEVICE float sigmoid_of(float x) { return x < -88 ? 0 : x > 15 ? 1 : float(1 / (1 + exp(-double(x)))); }
DEVICE double sigmoid_of(double x) { return x < -709 ? 0 : x > 19 ? 1 : 1 / (1 + exp(-x)); }

template <typename F> DEVICE F apply(int function, F x, F y) {
  switch (function) {
  case ADD: return sum(x, y);
  case SUBTRACT: return sum(x, -y);
  case MULTIPLY: return product(x, y);
  case DIVIDE: return x / y;
  case ABS: return abs_of(x);
  case SIGN: return x < 0 ? F(-1) : x > 0 ? F(1) : x;
  case EXP: return exp_of(x);
  case LOG: return log_of(x);
  case NEGATE: return -x;
  case SQUARE: return product(x, x);
  case SQUARE_ROOT: return sqrt_of(x);
  case INVERSE: return F(1) / x;
  case CUBE: return product(product(x, x), x);
  case TANH: return tanh_of(x);
  default: return sigmoid_of(x);
  }
}

template <typename F> DEVICE void run_chain(const Memory<F> &m, const Instruction &i, const Link *link) {
  for (int e = threadIdx.x; e < i.out.size; e += blockDim.x) {
    F r0 = 0, r1 = 0, r2 = 0, r3 = 0;
    for (int l = i.first; l < i.first + i.count; l++) {
      const Link k = link[l];
      F x[2] = {0, 0};
      UNROLL
      for (int o = 0; o < 2; o++) {
        const int r = k.from[o];
        if (r >= 0)
          x[o] = r == 0 ? r0 : r == 1 ? r1 : r == 2 ? r2 : r3;
        else if (k.operand[o].size > 0)
          x[o] = m.at(k.operand[o])[k.operand[o].size == 1 ? 0 : e];
      }
      const F y = apply(k.function, x[0], x[1]);
      if (k.to < 0) m.at(k.result)[e] = y;
      if (k.to == 0) r0 = y;
      if (k.to == 1) r1 = y;
      if (k.to == 2) r2 = y;
      if (k.to == 3) r3 = y;
    }
  }
}

// A row of fewer elements than a warp has lanes is summed by one thread, a longer
// one by a warp.
template <typename F> DEVICE F dot(const F *x, const F *y, int n) {
  F total = 0;
  for (int j = 0; j < n; j++) total += x[j] * y[j];
  return total;
}
template <typename F> DEVICE F warp_dot(const F *x, const F *y, int n) {
  F total = 0;
  for (int j = lane_of_warp(); j < n; j += 32) total += x[j] * y[j];
  return warp_sum(total);
}

template <typename F> DEVICE void run_product(F *y, const F *a, const F *x, int rows, int columns) {
  if (columns < 32) {
    for (int i = threadIdx.x; i < rows; i += blockDim.x) y[i] = dot(a + i64(i) * columns, x, columns);
    return;
  }
  for (int i = threadIdx.x / 32; i < rows; i += blockDim.x / 32) {
    const F total = warp_dot(a + i64(i) * columns, x, columns);
    if (lane_of_warp() == 0) y[i] = total;
  }
}

template <typename F> DEVICE void run_transposed_product(F *y, const F *a, const F *x, int rows, int columns) {
  for (int j = threadIdx.x; j < columns; j += blockDim.x) {
    F total = 0;
    for (int i = 0; i < rows; i++) total += a[i64(i) * columns + j] * x[i];
    y[j] = total;
  }
}

template <typename F> DEVICE void run_outer_product(F *y, const F *a, int rows, const F *b, int columns, const F *c) {
  for (u32 e = threadIdx.x; e < u32(rows) * u32(columns); e += blockDim.x) {
    const F xy = product(a[e / columns], b[e % columns]);
    y[e] = c ? sum(c[e], xy) : xy;
  }
}

// Vectors of probabilities have few elements: one thread goes over them.
template <typename F> DEVICE void run_softmax(F *y, const F *x, int n, bool logarithm) {
  F top = x[0], total = 0;
  for (int j = 1; j < n; j++)
    if (x[j] > top) top = x[j];
  for (int j = 0; j < n; j++) {
    y[j] = exp_of(x[j] - top);
    total += y[j];
  }
  const F factor = 1 / total, log_total = log_of(total);
  for (int j = 0; j < n; j++) y[j] = logarithm ? x[j] - top - log_total : product(y[j], factor);
}

template <typename F> DEVICE void run_softmax_gradient(F *dx, const F *y, const F *g, int n, bool logarithm) {
  F total = 0;
  for (int j = 0; j < n; j++) total = sum(total, logarithm ? g[j] : product(y[j], g[j]));
  for (int j = 0; j < n; j++)
    dx[j] = logarithm ? sum(g[j], -product(exp_of(y[j]), total)) : product(sum(g[j], -total), y[j]);
}

// interpret runs the instructions from … to. All of the block's threads stand at a
// barrier before it and after it.
template <typename F>
__device__ __noinline__ void interpret(const Instruction *tape, const Link *link, Memory<F> m, i64 from, i64 to) {
  for (i64 at = from; at < to; at++) {
    const Instruction i = tape[at];
    if (i.barrier) __syncthreads();
    F *const out = m.at(i.out);
    const F *const a = m.at(i.a), *const b = m.at(i.b), *const c = m.at(i.c);
    switch (i.opcode) {
    case CHAIN: run_chain(m, i, link); break;
    case PRODUCT: run_product(out, a, b, i.first, i.count); break;
    case TRANSPOSED_PRODUCT: run_transposed_product(out, a, b, i.first, i.count); break;
    case INNER_PRODUCT: run_product(out, a, b, 1, i.a.size); break;
    case OUTER_PRODUCT: run_outer_product(out, a, i.a.size, b, i.b.size, (const F *)nullptr); break;
    case ADDED_OUTER_PRODUCT: run_outer_product(out, a, i.a.size, b, i.b.size, c); break;
    case SOFTMAX:
    case LOG_SOFTMAX:
      if (threadIdx.x == 0) run_softmax(out, a, i.out.size, i.opcode == LOG_SOFTMAX);
      break;
    case SOFTMAX_GRADIENT:
    case LOG_SOFTMAX_GRADIENT:
      if (threadIdx.x == 0) run_softmax_gradient(out, b, c, i.out.size, i.opcode == LOG_SOFTMAX_GRADIENT);
      break;
    case SCATTER:
      for (int e = threadIdx.x; e < i.out.size; e += blockDim.x)
        out[e] = e >= i.first && e < i.first + i.b.size ? sum(b[e - i.first], F(0)) : F(0);
      break;
    case SUM:
      if (threadIdx.x < 32) {
        F total = 0;
        for (int e = threadIdx.x; e < i.a.size; e += 32) total = sum(total, a[e]);
        total = warp_sum(total);
        if (threadIdx.x == 0) *out = total;
      }
      break;
    }
  }
  __syncthreads();
}

// gather copies places, one behind the other, to a vector, and scatter back.
template <typename F> DEVICE void gather(const Memory<F> &m, const Place *p, i64 count, F *to) {
  for (; count > 0; count--, p++) {
    for (int e = threadIdx.x; e < p->size; e += blockDim.x) to[e] = m.at(*p)[e];
    to += p->size;
  }
}
template <typename F> DEVICE void scatter(const Memory<F> &m, const Place *p, i64 count, const F *from) {
  for (; count > 0; count--, p++) {
    for (int e = threadIdx.x; e < p->size; e += blockDim.x) m.at(*p)[e] = from[e];
    from += p->size;
  }
}

DEVICE i64 elements(const Place *p, i64 count) {
  i64 total = 0;
  for (i64 k = 0; k < count; k++) total += p[k].size;
  return total;
}

// advance goes through the steps of a launch: in closed loop, or along given inputs.
// A passage that ends is followed by masked steps to its last segment's end.
template <typename F> DEVICE void advance(const Program<F> &p, Way<F> &w, Memory<F> m) {
  const i64 n = elements(p.first, p.vectors), K = p.steps;
  Session<F> s;
  s.rule_of(w.task);
  s.side = 0;
  F feedback = F(w.first);
  i64 trial = 0, t = w.from;
  int at = 0;
  bool going = true;
  double loss = 0;
  for (; going || (w.ends && t % K != 0); t++) {
    const i64 k = t % K, row = t - w.from;
    if (k == 0) {
      if (row > 0) m.own += p.size[OWN];
      scatter(m, p.first, p.vectors, (const F *)(w.hidden + row * n));
    }
    if (going && w.mode == PLAY_TAPE) s.side = w.side[trial];
    F *const x = m.at(p.input[k]), *const weight = m.at(p.weight[k]);
    for (i64 e = threadIdx.x; e < p.width; e += blockDim.x) {
      F value = 0;
      if (going && w.mode == FOLLOW_TAPE)
        value = w.input[row * p.width + e];
      else if (going)
        value = e == 2 ? feedback : w.input[(trial * s.max_steps + at) * (p.width - 1) + (e < 2 ? e : e - 1)];
      x[e] = value;
    }
    if (threadIdx.x < 2) {
      F value = 0;
      if (going && w.mode == FOLLOW_TAPE)
        value = w.weight[row * 2 + threadIdx.x];
      else if (going && at >= s.blank_steps && int(threadIdx.x) == int(s.side > 0))
        value = -1;
      weight[threadIdx.x] = value;
    }
    __syncthreads();
    interpret(p.tape, p.link, m, p.end[k], p.end[k + 1]);
    if (going) {
      gather(m, p.state + k * p.vectors, p.vectors, w.hidden + (row + 1) * n);
      const F *const logits = m.at(p.logits[k]);
      const F d = logits[1] - logits[0];
      if (threadIdx.x == 0) w.difference[row] = d;
      if (w.mode == FOLLOW_TAPE) {
        going = t + 1 < w.until;
      } else {
        int action;
        const bool ended = s.rule(at, d, feedback, action);
        if (threadIdx.x == 0) {
          w.step[row] = at;
          w.feedback[row] = feedback;
        }
        at = ended ? 0 : at + 1;
        trial += ended;
        going = trial < w.trials;
        if (!going && threadIdx.x == 0) w.until = t + 1;
      }
      __syncthreads();
    }
    if (k == K - 1) {
      interpret(p.tape, p.link, m, p.end[K], p.end[K + 1]);
      loss = sum(loss, double(*m.at(*p.loss)));
    }
  }
  if (threadIdx.x == 0) w.loss = loss;
}

// go_back goes back through the segments of a launch.
template <typename F> DEVICE void go_back(const Program<F> &p, const Way<F> &w, Memory<F> m) {
  F *const own = m.own;
  for (i64 segment = w.segments - 1; segment >= 0; segment--) {
    m.own = own + segment * p.size[OWN];
    scatter(m, p.incoming, p.vectors, (const F *)w.rest);
    __syncthreads();
    interpret(p.tape, p.link, m, p.end[p.steps + 1], p.end[p.steps + 2]);
    F *grad = w.grad;
    for (i64 k = 0; k < p.parameters; k++) {
      const Place g = p.gradient[k];
      for (int e = threadIdx.x; e < g.size; e += blockDim.x) grad[e] = sum(grad[e], m.at(g)[e]);
      grad += g.size;
    }
    gather(m, p.outgoing, p.vectors, w.rest);
    __syncthreads();
  }
}

template <typename F> DEVICE void go(const Program<F> *program) {
  const Program<F> p = *program;
  Way<F> &w = p.way[blockIdx.x];
  const Memory<F> m = {w.memory[COMMON], w.memory[SCRATCH], w.memory[OWN]};
  for (i64 e = threadIdx.x; e < p.size[COMMON]; e += blockDim.x) m.common[e] = p.image[e];
  __syncthreads();
  if (w.mode == RUN_ONCE) {
    interpret(p.tape, p.link, m, w.from, w.until);
    return;
  }
  interpret(p.tape, p.link, m, 0, p.end[0]);
  if (w.mode == DIFFERENTIATE_TAPE)
    go_back(p, w, m);
  else
    advance(p, w, m);
}

#ifdef EMULATION
#define TAPE(name, F)                                      \
  static void name(void *a) { go<F>((Program<F> *)a); } \
  static emulation::Kernel register_##name(#name, name);
#else
#define TAPE(name, F) \
  extern "C" __global__ void __launch_bounds__(512, 1) name(const Program<F> *a) { go<F>(a); }
#endif

TAPE(tape_f32, float)
TAPE(tape_f64, double)
