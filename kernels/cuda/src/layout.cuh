// What the host hands to a kernel and reads back. The Go types of the same
// names in layout.go have the same fields in the same order; every field has 8
// bytes.
#pragma once
#include "device.cuh"

// Task holds the constants of a closed loop and the thresholds by which
// sessions are drawn (task.Sampler).
struct Task {
  i64 blank_steps, max_steps;
  double threshold; // in the kernel's type: a logit difference acts above it
  double waiting, correct, error, timeout; // feedback
  double noise_sd;
  i64 blocks, block_min;
  u64 bias;
  i64 strengths, lengths; // sizes of the tables
  const u64 *strength_threshold; // (strengths) cumulative
  const double *strength;        // (strengths)
  const u64 *block_threshold;    // (lengths) cumulative
};

// Record is what a gradient step showed.
struct Record {
  double loss, gradient_norm;
  i64 rnn_steps, trials, actions, correct;
};

// Tape is the record of one passage.
template <typename F> struct Tape {
  F *hidden;     // (T+1, N) row 0 is the state before the passage
  F *input;      // (T, 3)
  F *difference; // (T)
  F *slope;      // (T) scale·dL/dd_t
  F *dz;         // (T, N) scratch; mappings that keep the gradient in registers do without
  i64 *code;     // (T) 2·step within the trial + target
};

// Slot is the scratch of one resident block. In passages it belongs to one tape.
template <typename F> struct Slot {
  Tape<F> tape;
  Tape<F> lead;  // the teacher's
  F *grad;       // (size)
  F *transposed; // (N, N) scratch of the generic mapping; the teacher's is at lead.dz
};

enum LossKind { CROSS_ENTROPY, PROBABILITY, Q_LOG, SOFT_CROSS_ENTROPY };
enum Mode { TRAIN, PLAY, DIFFERENTIATE };
enum Status { GOING, NOT_FINITE, WEIGHT_NOT_FINITE };

// Objective is kernels.Objective.
struct Objective {
  i64 kind, sum;
  double q;
};

// Job is one network in training, or one passage.
template <typename F> struct Job {
  const Task *task;
  i64 n;         // hidden units
  Objective objective;
  u64 seed;
  i64 stream;    // of the session's blocks; its trials and its noise follow
  i64 session;   // within the batch, in a passage
  i64 step;      // gradient step, from 0; advanced by training
  F *state[2];   // θ then, in training, velocity; training goes from one to the other
  i64 current;   // which of them
  double scale;  // of the gradient, in the kernel's type

  // Training.
  i64 sessions, steps; // of a gradient step; gradient steps to do
  double lr, momentum; // in the kernel's type
  i64 teacher_n;       // 0: none
  const F *teacher;
  Record *records; // (steps), assigned
  i64 done;        // gradient steps done in this launch, assigned
  i64 status;      // assigned

  // Passages.
  const i8 *side;          // (trials) from trial 0 of the session
  const F *strength;       // (trials)
  const F *observation;    // (trials, max_steps, 2), or null: drawn
  const F *forced_feedback; // (T), or null: closed loop
  const i64 *forced_end;   // (T)
  i64 from, to;            // trials
  double first;            // feedback before the passage
  i64 T;                   // steps; 0 for PLAY means closed loop, which assigns it
  double last;             // feedback after the passage, assigned by PLAY
  Record record;           // assigned: loss before the objective's scale, counts
};

template <typename F> struct Arguments {
  i64 mode;
  i64 jobs;
  u64 next;    // job to be taken next; 0 at the start
  u64 quantum; // nanoseconds after which a block leaves a network for the next launch
  Job<F> *job;
  Slot<F> *slot; // of each block in training, of each job in passages
};

// Where the parameters lie in θ: kernels.Shape.
struct Layout {
  i64 n;
  DEVICE i64 input_hidden() const { return 0; }
  DEVICE i64 hidden_hidden() const { return 3 * n; }
  DEVICE i64 input_bias() const { return hidden_hidden() + n * n; }
  DEVICE i64 hidden_bias() const { return input_bias() + n; }
  DEVICE i64 readout() const { return hidden_bias() + n; }
  DEVICE i64 readout_bias() const { return readout() + 2 * n; }
  DEVICE i64 size() const { return readout_bias() + 2; }
};

// Weights reads the parameters within θ.
template <typename F> struct Weights {
  const F *theta;
  Layout at;
  DEVICE Weights(const F *theta, i64 n) : theta(theta), at{n} {}
  DEVICE F hidden(i64 i, i64 j) const { return theta[at.hidden_hidden() + i * at.n + j]; }
  DEVICE F input(i64 i, int c) const { return theta[at.input_hidden() + i * 3 + c]; }
  DEVICE F bias(i64 i) const { return theta[at.input_bias() + i] + theta[at.hidden_bias() + i]; }
  // The readout of the logit difference, and its bias.
  DEVICE F readout(i64 j) const { return theta[at.readout() + at.n + j] - theta[at.readout() + j]; }
  DEVICE F readout_bias() const { return theta[at.readout_bias() + 1] - theta[at.readout_bias()]; }
};

// Gradient assigns a session's gradient by θ, or adds it to those of the
// gradient step's earlier sessions.
template <typename F> struct Gradient {
  F *grad;
  Layout at;
  bool first;
  DEVICE void put(i64 e, F value) const { grad[e] = (first ? F(0) : grad[e]) + value; }
  DEVICE void hidden(i64 i, i64 j, F v) const { put(at.hidden_hidden() + i * at.n + j, v); }
  // row assigns everything else of hidden unit i.
  DEVICE void row(i64 i, F bias, F u0, F u1, F u2, F readout) const {
    put(at.input_hidden() + i * 3, u0);
    put(at.input_hidden() + i * 3 + 1, u1);
    put(at.input_hidden() + i * 3 + 2, u2);
    put(at.input_bias() + i, bias);
    put(at.hidden_bias() + i, bias);
    put(at.readout() + i, -readout);
    put(at.readout() + at.n + i, readout);
  }
  DEVICE void readout_bias(F v) const {
    put(at.readout_bias(), -v);
    put(at.readout_bias() + 1, v);
  }
};
