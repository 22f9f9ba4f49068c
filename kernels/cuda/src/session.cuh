// One session as the network meets it: task.Session and task.Rule on the
// device. Every warp of a block plays the whole session, in registers and with
// the same bits, so that no warp waits for another's decisions. Its lanes draw
// ahead, each another trial and another pair of observations.
#pragma once
#include "layout.cuh"
#include "philox.cuh"

// pick returns the number of cumulative thresholds at or below the word. The
// last of them is 2³², which no word reaches.
DEVICE int pick(const u64 *threshold, i64 count, u32 word) {
  int low = 0, high = int(count) - 1;
  while (low < high) {
    const int middle = (low + high) / 2;
    if (word >= threshold[middle])
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

template <typename F> struct Session {
  const Task *task;
  u64 seed;
  u32 stream, step, session; // counters of the generator
  const i8 *given_side;
  const F *given_strength, *observation;
  int blank_steps, max_steps; // of the rule, with what follows
  F threshold, waiting, noise_sd;

  u32 trial;
  int side; // stimulus side of the trial, −1 or +1
  F strength;
  int block, block_side, left; // trials left in the block

  // What the warp's lanes have drawn ahead. Of 32 trials from drawn_trial, a lane
  // holds one: whether it is on its block's side, and its strength.
  u32 drawn_trial;
  bool drawn_side;
  F drawn_strength;
  // Of 32 pairs of observations, trial after trial from pair noise_pair of trial
  // noise_trial, a lane holds one.
  u32 noise_trial, noise_pair, pairs; // pairs of a trial
  F noise[4];

  DEVICE void rule_of(const Task *constants) {
    task = constants;
    blank_steps = int(task->blank_steps);
    max_steps = int(task->max_steps);
    threshold = F(task->threshold);
    waiting = F(task->waiting);
    noise_sd = F(task->noise_sd);
    pairs = u32(max_steps - blank_steps + 1) / 2;
  }

  DEVICE Words draw(u32 offset, u32 index, u32 trial) const {
    return philox(seed, index, trial, step, (stream + offset) << 24 | session);
  }

  // begin goes to the given trial; without given sides, to trial 0.
  DEVICE void begin(u32 first) {
    block = -1;
    left = 0;
    block_side = draw(0, 0, 0).v[0] < 0x80000000u ? -1 : +1; // before block 0: the other side
    noise_trial = first;
    noise_pair = 0;
    draw_noise();
    if (!given_side) draw_trials(first);
    enter(first);
  }

  DEVICE void draw_trials(u32 first) {
    drawn_trial = first;
    const Words w = draw(1, 0, first + lane_of_warp());
    drawn_side = w.v[0] < task->bias;
    drawn_strength = F(task->strength[pick(task->strength_threshold, task->strengths, w.v[1])]);
  }

  DEVICE void draw_noise() {
    const u32 at = noise_pair + lane_of_warp();
    const Words w = draw(2, at % pairs, noise_trial + at / pairs);
    normal2(w.v[0], w.v[1], &noise[0], &noise[1]);
    normal2(w.v[2], w.v[3], &noise[2], &noise[3]);
  }

  DEVICE void enter(u32 n) {
    trial = n;
    if (given_side) {
      side = given_side[n];
      strength = given_strength[n];
      return;
    }
    if (left == 0) {
      block++;
      block_side = -block_side;
      const Words w = draw(0, 1 + u32(block) / 4, 0);
      u32 word = w.v[0];
      if (block % 4 == 1) word = w.v[1];
      if (block % 4 == 2) word = w.v[2];
      if (block % 4 == 3) word = w.v[3];
      left = int(task->block_min) + pick(task->block_threshold, task->lengths, word);
    }
    left--;
    if (n - drawn_trial >= 32) draw_trials(n);
    const int from = int(n - drawn_trial);
    side = __shfl_sync(EVERY_LANE, int(drawn_side), from) ? block_side : -block_side;
    strength = __shfl_sync(EVERY_LANE, drawn_strength, from);
  }

  // more reports whether the drawn session goes on after this trial.
  DEVICE bool more() const { return left > 0 || block + 1 < task->blocks; }

  DEVICE void observe(int at, F &left, F &right) {
    if (observation) {
      const F *o = observation + (i64(trial) * max_steps + at) * 2;
      left = o[0];
      right = o[1];
      return;
    }
    left = right = 0;
    if (at < blank_steps) return;
    const u32 k = u32(at - blank_steps);
    u32 from = (trial - noise_trial) * pairs + k / 2 - noise_pair;
    if (from >= 32) {
      noise_trial = trial;
      noise_pair = k / 2;
      draw_noise();
      from = 0;
    }
    const bool odd = k % 2;
    const F x = __shfl_sync(EVERY_LANE, odd ? noise[2] : noise[0], int(from));
    const F y = __shfl_sync(EVERY_LANE, odd ? noise[3] : noise[1], int(from));
    left = sum(product(x, noise_sd), side > 0 ? F(0) : strength);
    right = sum(product(y, noise_sd), side > 0 ? strength : F(0));
  }

  // rule is task.Rule.Step: it assigns the feedback and the action (−1 left, +1
  // right, 0 none) and reports whether the trial is over.
  DEVICE bool rule(int at, F difference, F &feedback, int &action) const {
    const bool open = at >= blank_steps, last = at == max_steps - 1;
    action = open ? int(difference > threshold) - int(difference < -threshold) : 0;
    const bool ended = open && (action != 0 || last);
    feedback = open ? waiting : F(0);
    if (ended) feedback = F(action == 0 ? task->timeout : action == side ? task->correct : task->error); // rare: no registers held for it
    return ended;
  }
};

// Counts is kernels.Behaviour and T, and the feedback after the last step.
struct Counts {
  i64 T;
  int trials, actions, correct;
  double last;
  DEVICE void end(int side, int action) {
    trials++;
    actions += action != 0;
    correct += action == side;
  }
};

// play takes the network of the mapping through the trials [from, to) of a given
// session, or through all of a drawn one, in closed loop or as the forced
// decisions say. A step is
//
//	z = W_hh h + b,  d = (W_out[right] − W_out[left])·h + b_out   one product
//	decide by d, observe
//	h = tanh(z + W_ih x)                                         one barrier
//
// so the difference of a state comes with the product of the next step. The
// network's weights are loaded; h has two buffers of the mapping's width.
template <class M, typename F>
DEVICE Counts play(M &map, Session<F> &s, const Tape<F> &p, const F *forced_feedback, const i64 *forced_end, i64 from,
                   i64 to, F feedback, F *h) {
  Counts c = {0, 0, 0, 0, 0};
  map.fill(h, p.hidden);
  map.sync();
  s.begin(u32(from));
  int at = 0, buffer = 0;
  const int n = int(map.n());
  F *row = p.hidden, *input = p.input, *difference = p.difference;
  i64 *code = p.code;
  map.multiply(h);
  for (bool going = true; going; c.T++) {
    F x[3];
    s.observe(at, x[0], x[1]);
    x[2] = feedback;
    if (threadIdx.x == 0) {
      UNROLL
      for (int k = 0; k < 3; k++) input[k] = x[k];
      *code = 2 * at + (s.side > 0);
    }
    input += 3;
    code++;
    row += n;
    buffer ^= 1;
    F *next = h + buffer * map.width();
    map.advance(x, next, row);
    map.sync();
    map.multiply(next);
    const F d = map.difference();
    if (threadIdx.x == 0) *difference = d;
    difference++;
    int action;
    bool ended = s.rule(at, d, feedback, action);
    if (forced_feedback) {
      feedback = forced_feedback[c.T];
      ended = forced_end[c.T] != 0;
    }
    at++;
    if (ended) {
      c.end(s.side, action);
      at = 0;
      going = s.given_side ? i64(s.trial) + 1 < to : s.more();
      if (going) s.enter(s.trial + 1);
    }
  }
  c.last = double(feedback);
  return c;
}

// follow takes the network along T recorded steps: their inputs and codes. Its
// own output is counted where a trial ends.
template <class M, typename F>
DEVICE Counts follow(M &map, Session<F> &s, const Tape<F> &p, const F *input, const i64 *code, i64 T, F *h) {
  Counts c = {T, 0, 0, 0, 0};
  map.fill(h, p.hidden);
  map.sync();
  int buffer = 0;
  const int n = int(map.n());
  F *row = p.hidden;
  map.multiply(h);
  for (i64 t = 0; t < T; t++) {
    F x[3];
    UNROLL
    for (int k = 0; k < 3; k++) x[k] = input[t * 3 + k];
    row += n;
    buffer ^= 1;
    F *next = h + buffer * map.width();
    map.advance(x, next, row);
    map.sync();
    map.multiply(next);
    const F d = map.difference();
    if (threadIdx.x == 0) p.difference[t] = d;
    if (t + 1 == T || code[t + 1] < 2) {
      F feedback;
      int action;
      const i64 at = code[t];
      s.side = at % 2 ? +1 : -1;
      s.rule(int(at / 2), d, feedback, action);
      c.end(s.side, action);
    }
  }
  return c;
}

template <typename F> DEVICE F sigmoid(F d) { return F(1) / (F(1) + exp_of(-d)); }

template <typename F> DEVICE F log_sigmoid(F d) {
  return (d < 0 ? d : d > 0 ? F(0) : d) - log1p_of(exp_of(-abs_of(d)));
}

// scale_of is the factor of a sum over T steps.
DEVICE double scale_of(const Objective &objective, i64 T) { return objective.sum ? 1.0 : 1.0 / double(T); }

// loss returns the sum over the passage of what its steps add to the loss, in
// every lane of every warp. teacher (T) are the teacher's differences.
template <typename F>
DEVICE double loss(const Task *task, const Objective &objective, const Tape<F> &p, const i64 *code, const F *teacher, i64 T) {
  double total = 0;
  for (i64 t = lane_of_warp(); t < T; t += 32) {
    const F d = p.difference[t];
    if (objective.kind == SOFT_CROSS_ENTROPY) {
      total = sum(total, double(-sigmoid(teacher[t]) * log_sigmoid(d) - sigmoid(-teacher[t]) * log_sigmoid(-d)));
    } else if (code[t] / 2 >= task->blank_steps) {
      const F right = code[t] % 2 ? d : -d;
      F step = objective.kind == PROBABILITY ? -sigmoid(right) : -log_sigmoid(right);
      if (objective.kind == Q_LOG && objective.q > 0) step = -expm1_of(F(-objective.q) * step) / F(objective.q);
      total = sum(total, double(step));
    }
  }
  return warp_sum(total);
}

// slopes assigns the loss's derivatives by the logit differences, times scale.
// Lanes go over steps, so that the backward pass needs no exponential.
template <typename F>
DEVICE void slopes(const Task *task, const Objective &objective, const Tape<F> &p, const i64 *code, const F *teacher, i64 T, double scale) {
  for (i64 t = threadIdx.x; t < T; t += blockDim.x) {
    const F d = p.difference[t];
    F slope = 0;
    if (objective.kind == SOFT_CROSS_ENTROPY) {
      slope = sigmoid(d) - sigmoid(teacher[t]);
    } else if (code[t] / 2 >= task->blank_steps) {
      const F side = code[t] % 2 ? F(1) : F(-1);
      slope = objective.kind == PROBABILITY ? -side * sigmoid(d) * sigmoid(-d) : -side * sigmoid(-side * d);
      if (objective.kind == Q_LOG && objective.q > 0) slope *= exp_of(F(objective.q) * log_sigmoid(side * d));
    }
    p.slope[t] = F(scale) * slope;
  }
}
