// What every kernel does with a mapping: train networks from a queue, or play
// and differentiate passages. A mapping says how a block's threads share a
// network's weights:
//
//	load(θ, shared)           before play and follow
//	n(), width()              hidden units; elements between the two buffers of h
//	fill(h, row)              puts a state into the first buffer, zeros behind it
//	sync()                    barrier of all that compute the network
//	multiply(h)               W_hh h, for advance, and the difference
//	advance(x, next, row)     the state after it, given the input, to both
//	difference()              the logit difference, the same bits in every thread
//	backward(θ, tape, T, gradient, shared)
#pragma once
#include "generic.cuh"

// sgd goes from one state to the other, as kernels.Backend.Update does, and
// reports whether all weights are finite.
template <typename F> DEVICE bool sgd(const F *from, F *to, const F *grad, i64 size, F lr, F momentum) {
  bool bad = false;
  for (i64 e = threadIdx.x; e < size; e += blockDim.x) {
    const F v = sum(product(momentum, from[size + e]), grad[e]);
    const F w = sum(from[e], -product(lr, v));
    to[size + e] = v;
    to[e] = w;
    bad |= !is_finite(w);
  }
  return !__syncthreads_or(bad);
}

// norm is kernels.Norm, in every lane: parts of 256 elements with four sums side
// by side, eight parts to a warp at a time.
template <typename F> DEVICE double norm(const F *v, i64 size) {
  const int lane = lane_of_warp();
  double total = 0;
  for (i64 first = 0; first < size; first += 8 * 256) {
    const i64 start = first + lane / 4 * 256, end = start + 256 < size ? start + 256 : size;
    double part = 0;
    for (i64 e = start + lane % 4; e < end; e += 4) part = sum(part, product(double(v[e]), double(v[e])));
    part = sum(part, __shfl_xor_sync(EVERY_LANE, part, 1));
    part = sum(part, __shfl_xor_sync(EVERY_LANE, part, 2));
    UNROLL
    for (int k = 0; k < 8; k++) total = sum(total, __shfl_sync(EVERY_LANE, part, 4 * k));
  }
  return sqrt(total);
}

template <typename F> DEVICE Session<F> session_of(const Job<F> &job, i64 step, i64 session) {
  Session<F> s;
  s.rule_of(job.task);
  s.seed = job.seed;
  s.stream = u32(job.stream);
  s.step = u32(step);
  s.session = u32(session);
  s.given_side = job.side;
  s.given_strength = job.strength;
  s.observation = job.observation;
  return s;
}

// forward plays a session from the tape's row 0, or follows T recorded steps
// where T is not 0. Training's sessions are drawn, and its loop does not ask at
// every step whether something is GIVEN. A call of its own gives its registers to
// its loop alone; backward likewise.
template <class M, typename F, bool GIVEN>
__device__ __noinline__ Counts forward(const Job<F> *job, const Tape<F> *tape, const F *theta, i64 n,
                                       F *transposed, i64 step, i64 session, const Tape<F> *along, i64 T,
                                       unsigned char *shared) {
  M map;
  map.load(theta, n, transposed, shared);
  __syncthreads();
  Session<F> s = session_of(*job, step, session);
  Counts c;
  if (T)
    c = follow(map, s, *tape, along->input, along->code, T, map.buffers(shared));
  else if (GIVEN)
    c = play(map, s, *tape, job->forced_feedback, job->forced_end, job->from, job->to, F(job->first),
             map.buffers(shared));
  else {
    s.given_side = nullptr;
    s.observation = nullptr;
    c = play(map, s, *tape, (const F *)nullptr, (const i64 *)nullptr, 0, 0, F(0), map.buffers(shared));
  }
  __syncthreads();
  return c;
}

template <class M, typename F>
__device__ __noinline__ void backward(const F *theta, const Tape<F> *tape, const F *input, i64 T, F *grad, i64 n, bool first,
                                      unsigned char *shared) {
  M map;
  map.backward(theta, *tape, input, T, Gradient<F>{grad, {n}, first}, shared);
  __syncthreads();
}

template <typename F> DEVICE void rest(F *state, i64 n) {
  for (i64 i = threadIdx.x; i < n; i += blockDim.x) state[i] = 0;
  __syncthreads();
}

// train advances one network until its gradient steps are done, it fails, or
// the quantum is over.
template <class M, typename F> DEVICE void train(Job<F> &job, const Slot<F> &slot, u64 quantum, unsigned char *shared) {
  const u64 began = nanoseconds();
  const i64 size = Layout{job.n}.size();
  i64 current = job.current, done = 0, status = GOING;
  for (bool late = false; done < job.steps && status == GOING && !late;) {
    const F *theta = job.state[current];
    const i64 step = job.step + done;
    Record r = {0, 0, 0, 0, 0, 0};
    for (i64 b = 0; b < job.sessions; b++) {
      const Tape<F> *along = &slot.tape;
      i64 T = 0;
      if (job.teacher_n) {
        rest(slot.lead.hidden, job.teacher_n);
        along = &slot.lead;
        T = forward<Generic<F>, F, false>(&job, along, job.teacher, job.teacher_n, slot.lead.dz, step, b, along, 0, shared).T;
      }
      rest(slot.tape.hidden, job.n);
      const Counts c = forward<M, F, false>(&job, &slot.tape, theta, job.n, slot.transposed, step, b, along, T, shared);
      const double scale = scale_of(job.objective, c.T);
      r.loss = sum(r.loss, product(loss(job.task, job.objective, slot.tape, along->code, slot.lead.difference, c.T), scale));
      slopes(job.task, job.objective, slot.tape, along->code, slot.lead.difference, c.T, product(job.scale, scale));
      __syncthreads();
      backward<M, F>(theta, &slot.tape, along->input, c.T, slot.grad, job.n, b == 0, shared);
      r.rnn_steps += c.T;
      r.trials += c.trials;
      r.actions += c.actions;
      r.correct += c.correct;
    }
    r.loss /= double(job.sessions);
    r.gradient_norm = norm(slot.grad, size);
    if (threadIdx.x == 0) job.records[done] = r;
    if (!is_finite(r.loss) || !is_finite(r.gradient_norm))
      status = NOT_FINITE;
    else if (!sgd(theta, job.state[1 - current], slot.grad, size, F(job.lr), F(job.momentum)))
      status = WEIGHT_NOT_FINITE;
    else {
      current = 1 - current;
      done++;
    }
    late = __syncthreads_or(threadIdx.x == 0 && nanoseconds() - began > quantum);
  }
  if (threadIdx.x == 0) {
    job.current = current;
    job.step += done;
    job.done = done;
    job.status = status;
  }
}

// passage plays (or follows, where its steps are given) or differentiates one tape.
template <class M, typename F> DEVICE void passage(i64 mode, Job<F> &job, const Slot<F> &slot, unsigned char *shared) {
  const Tape<F> &p = slot.tape;
  if (mode == DIFFERENTIATE) {
    slopes(job.task, job.objective, p, p.code, slot.lead.difference, job.T, product(job.scale, scale_of(job.objective, job.T)));
    __syncthreads();
    backward<M, F>(job.state[0], &p, p.input, job.T, slot.grad, job.n, true, shared);
    return;
  }
  if (!job.T && job.from >= job.to) return; // over already
  const Counts c =
      forward<M, F, true>(&job, &p, job.state[0], job.n, slot.transposed, job.step, job.session, &p, job.T, shared);
  const double total = loss(job.task, job.objective, p, p.code, slot.lead.difference, c.T);
  if (threadIdx.x == 0) {
    job.T = c.T;
    job.last = c.last;
    job.record = Record{total, 0, c.T, c.trials, c.actions, c.correct};
  }
}

// run takes jobs from the queue until none is left.
template <class M, typename F> DEVICE void run(Arguments<F> *a) {
  SHARED_MEMORY(shared);
  for (;;) {
    u64 *const taken = (u64 *)shared;
    if (threadIdx.x == 0) *taken = atomicAdd(&a->next, u64(1));
    __syncthreads();
    const i64 i = i64(*taken);
    __syncthreads();
    if (i >= a->jobs) return;
    if (a->mode == TRAIN)
      train<M, F>(a->job[i], a->slot[blockIdx.x], a->quantum, shared);
    else
      passage<M, F>(a->mode, a->job[i], a->slot[i], shared);
    __syncthreads();
  }
}

// KERNEL defines the kernel of a mapping (the last arguments): name, threads of
// a block, and the blocks that a multiprocessor shall hold at least.
#ifdef EMULATION
#define KERNEL(name, threads, blocks, F, ...)                           \
  static void name(void *a) { run<__VA_ARGS__, F>((Arguments<F> *)a); } \
  static emulation::Kernel register_##name(#name, name);
#else
#define KERNEL(name, threads, blocks, F, ...)                                                  \
  extern "C" __global__ void __launch_bounds__(threads, blocks) name(Arguments<F> *a) { \
    run<__VA_ARGS__, F>(a);                                                                    \
  }
#endif
