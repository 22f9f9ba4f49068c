// The mapping of larger networks: a block's threads cover the matrix with tiles
// of TALL rows and WIDE columns each, LANES tiles side by side. A product is
//
//	partial sums of TALL rows over the thread's own columns   registers
//	reduce-scatter over the LANES threads of the same rows    shuffles
//
// after which every row has one owner. The backward pass holds tiles of W_hhᵀ in
// place of W_hh and keeps dz; the gradient by W_hh is DZᵀH, at the session's end,
// with the tiles' registers for its sums.
//
// Where a tile does not fit into a thread's registers, its last STORED packs of
// columns lie in shared memory, in an order that every load is free of conflicts.
#pragma once
#include "session.cuh"

template <typename F, int N, int THREADS, int LANES, int TALL, int WIDE, int STORED> struct Tiles {
  static constexpr int PACK = WIDE % 4 == 0 && sizeof(F) == 4 ? 4 : 2;
  static constexpr int PACKS = WIDE / PACK, HELD = PACKS - STORED; // packs of columns, those in registers
  static constexpr int COLUMNS = LANES * WIDE, GROUPS = THREADS / LANES;
  static constexpr int SPREAD = TALL < LANES ? TALL : LANES; // threads that share the rows out
  static constexpr int OWNED = TALL / SPREAD;                // rows of an owner
  static constexpr int WIDTH = COLUMNS > GROUPS * TALL ? COLUMNS : GROUPS * TALL;
  static constexpr int PARTS = ceil_div(N, 32); // of the readout, in each lane
  // Steps whose dz and h are staged for the gradient by W_hh, and the packs of
  // columns that are summed in one go.
  static constexpr int STAGED = 4;
  static constexpr int SUMS = 160; // that a thread's registers hold
  static constexpr int AT_ONCE = HELD > SUMS / TALL / PACK ? SUMS / TALL / PACK : HELD;

  // Shared memory: two vectors, the readout, the tiles' stored columns; then, in
  // place of all that, staged steps.
  static constexpr int VECTORS = 2 * WIDTH + 32 * PARTS;
  static constexpr int STAGE = 2 * STAGED * WIDTH;
  static constexpr int PLAYING = VECTORS + STORED * PACK * TALL * THREADS;
  static constexpr int SHARED = (PLAYING > STAGE ? PLAYING : STAGE) * int(sizeof(F));

  static_assert(N <= COLUMNS && N <= GROUPS * TALL, "the tiles cover the matrix");
  static_assert((TALL & (TALL - 1)) == 0 && (LANES & (LANES - 1)) == 0 && LANES <= 32, "powers of two");

  typedef Pack<F, PACK> Columns;
  F a[TALL][HELD * PACK];
  F b[OWNED], u[OWNED][3];
  F y[TALL];
  F readout_bias, d;
  F *readout;      // (32 PARTS) in shared memory
  Columns *stored; // (STORED, TALL, THREADS) likewise

  DEVICE static int lane() { return int(threadIdx.x) % LANES; }
  DEVICE static int group() { return int(threadIdx.x) / LANES; }
  // column returns the first column of the thread's pack q: the threads' packs
  // take turns, so that neighbours load neighbours.
  DEVICE static int column(int q) { return (q * LANES + lane()) * PACK; }
  // row returns the k-th row that this thread owns, or, for threads that own
  // none, one beyond all.
  DEVICE static int row(int k) {
    if (lane() >= SPREAD) return WIDTH;
    int at = k;
    UNROLL
    for (int bit = 1, half = TALL / 2; bit < SPREAD; bit *= 2, half /= 2)
      if (lane() & bit) at += half;
    return group() * TALL + at;
  }

  DEVICE static i64 n() { return N; }
  DEVICE static i64 width() { return WIDTH; }
  DEVICE static F *buffers(unsigned char *shared) { return (F *)shared; }
  DEVICE static void sync() { __syncthreads(); }
  DEVICE void fill(F *buffer, const F *from) const {
    for (int i = threadIdx.x; i < 2 * WIDTH; i += THREADS) buffer[i] = i < N ? from[i] : F(0);
  }

  // load_tile takes the thread's tile of W_hh or of its transpose.
  template <bool TRANSPOSED> DEVICE void load_tile(const Weights<F> &w, unsigned char *shared) {
    readout = (F *)shared + 2 * WIDTH;
    stored = (Columns *)(readout + 32 * PARTS) + threadIdx.x;
    UNROLL
    for (int r = 0; r < TALL; r++) {
      const int i = group() * TALL + r;
      UNROLL
      for (int q = 0; q < PACKS; q++) {
        UNROLL
        for (int e = 0; e < PACK; e++) {
          const int j = column(q) + e;
          F v = 0;
          if (i < N && j < N) v = TRANSPOSED ? w.hidden(j, i) : w.hidden(i, j);
          if (q < HELD)
            a[r][q * PACK + e] = v;
          else
            stored[((q - HELD) * TALL + r) * THREADS].v[e] = v;
        }
      }
    }
  }

  DEVICE void load(const F *theta, i64, F *, unsigned char *shared) {
    const Weights<F> w(theta, N);
    load_tile<false>(w, shared);
    for (int j = threadIdx.x; j < 32 * PARTS; j += THREADS) readout[j] = j < N ? w.readout(j) : F(0);
    UNROLL
    for (int k = 0; k < OWNED; k++) {
      const int i = row(k);
      b[k] = i < N ? w.bias(i) : F(0);
      UNROLL
      for (int c = 0; c < 3; c++) u[k][c] = i < N ? w.input(i, c) : F(0);
    }
    readout_bias = w.readout_bias();
  }

  // product_with assigns the rows that this thread owns of the matrix times x to
  // y[0 … OWNED).
  DEVICE void product_with(const F *x) {
    UNROLL
    for (int r = 0; r < TALL; r++) y[r] = 0;
    UNROLL
    for (int q = 0; q < PACKS; q++) {
      const Columns v = *(const Columns *)(x + column(q));
      UNROLL
      for (int r = 0; r < TALL; r++) {
        if (q < HELD) {
          UNROLL
          for (int e = 0; e < PACK; e++) y[r] += a[r][q * PACK + e] * v.v[e];
        } else {
          const Columns s = stored[((q - HELD) * TALL + r) * THREADS];
          UNROLL
          for (int e = 0; e < PACK; e++) y[r] += s.v[e] * v.v[e];
        }
      }
    }
    UNROLL
    for (int bit = 1, half = TALL / 2; bit < SPREAD; bit *= 2, half /= 2) {
      const bool upper = lane() & bit;
      UNROLL
      for (int r = 0; r < TALL / 2; r++) {
        if (r >= half) continue;
        const F give = upper ? y[r] : y[r + half], keep = upper ? y[r + half] : y[r];
        y[r] = keep + __shfl_xor_sync(EVERY_LANE, give, bit);
      }
    }
    UNROLL
    for (int bit = SPREAD; bit < LANES; bit *= 2) {
      UNROLL
      for (int k = 0; k < OWNED; k++) y[k] += __shfl_xor_sync(EVERY_LANE, y[k], bit);
    }
  }

  DEVICE void multiply(const F *h) {
    product_with(h);
    F total = 0;
    UNROLL
    for (int q = 0; q < PARTS; q++) {
      const int j = lane_of_warp() + 32 * q;
      total += readout[j] * h[j];
    }
    d = warp_sum(total) + readout_bias;
  }
  DEVICE F difference() const { return d; }

  DEVICE void advance(const F *x, F *next, F *history) const {
    UNROLL
    for (int k = 0; k < OWNED; k++) {
      const F v = tanh_of(y[k] + b[k] + (u[k][0] * x[0] + u[k][1] * x[1] + u[k][2] * x[2]));
      if (row(k) < N) history[row(k)] = next[row(k)] = v;
    }
  }

  DEVICE void backward(const F *theta, const Tape<F> &p, const F *input, i64 T, Gradient<F> grad, unsigned char *shared) {
    const Weights<F> w(theta, N);
    load_tile<true>(w, shared);
    F *const dz = buffers(shared);
    for (int i = threadIdx.x; i < 2 * WIDTH; i += THREADS) dz[i] = 0;
    F r[OWNED], h[OWNED], bias[OWNED], du[OWNED][3], dreadout[OWNED], dreadout_bias = 0;
    UNROLL
    for (int k = 0; k < OWNED; k++) {
      const int i = row(k);
      r[k] = i < N ? w.readout(i) : F(0);
      h[k] = i < N ? p.hidden[T * N + i] : F(0);
      bias[k] = du[k][0] = du[k][1] = du[k][2] = dreadout[k] = 0;
    }
    __syncthreads();
    int buffer = 0;
    const F *slopes = p.slope + T, *x = input + 3 * T, *older = p.hidden + T * N;
    F *kept = p.dz + T * N;
    for (int t = int(T) - 1; t >= 0; t--) {
      slopes--;
      x -= 3;
      older -= N;
      kept -= N;
      F before[OWNED]; // h_{t−1}, which the next iteration needs
      UNROLL
      for (int k = 0; k < OWNED; k++) before[k] = row(k) < N ? older[row(k)] : F(0);
      const F slope = *slopes, x0 = x[0], x1 = x[1], x2 = x[2];
      product_with(dz + buffer * WIDTH);
      buffer ^= 1;
      UNROLL
      for (int k = 0; k < OWNED; k++) {
        const F v = (y[k] + slope * r[k]) * (1 - h[k] * h[k]);
        if (row(k) < N) kept[row(k)] = dz[buffer * WIDTH + row(k)] = v;
        bias[k] += v;
        du[k][0] += v * x0;
        du[k][1] += v * x1;
        du[k][2] += v * x2;
        dreadout[k] += slope * h[k];
        h[k] = before[k];
      }
      dreadout_bias += slope;
      __syncthreads();
    }
    UNROLL
    for (int k = 0; k < OWNED; k++)
      if (row(k) < N) grad.row(row(k), bias[k], du[k][0], du[k][1], du[k][2], dreadout[k]);
    if (threadIdx.x == 0) grad.readout_bias(dreadout_bias);
    for (int first = 0; first < PACKS; first += AT_ONCE) outer(p, T, grad, first, (F *)shared);
  }

  // outer assigns the columns of AT_ONCE packs of dW_hh = Σ dz_t h_{t−1}ᵀ.
  DEVICE static void outer(const Tape<F> &p, i64 T, Gradient<F> grad, int first, F *stage) {
    F g[TALL][AT_ONCE * PACK];
    UNROLL
    for (int r = 0; r < TALL; r++) {
      UNROLL
      for (int c = 0; c < AT_ONCE * PACK; c++) g[r][c] = 0;
    }
    F *const dz = stage, *const h = stage + STAGED * WIDTH;
    for (i64 start = 0; start < T; start += STAGED) {
      for (int e = threadIdx.x; e < STAGED * WIDTH; e += THREADS) {
        const int i = e % WIDTH;
        const i64 t = start + e / WIDTH;
        const bool there = t < T && i < N;
        dz[e] = there ? p.dz[t * N + i] : F(0);
        h[e] = there ? p.hidden[t * N + i] : F(0);
      }
      __syncthreads();
      UNROLL
      for (int s = 0; s < STAGED; s++) {
        F v[TALL];
        UNROLL
        for (int r = 0; r < TALL; r++) v[r] = dz[s * WIDTH + group() * TALL + r];
        UNROLL
        for (int q = 0; q < AT_ONCE; q++) {
          if (first + q >= PACKS) continue;
          const Columns c = *(const Columns *)(h + s * WIDTH + column(first + q));
          UNROLL
          for (int r = 0; r < TALL; r++) {
            UNROLL
            for (int e = 0; e < PACK; e++) g[r][q * PACK + e] += v[r] * c.v[e];
          }
        }
      }
      __syncthreads();
    }
    UNROLL
    for (int r = 0; r < TALL; r++) {
      const int i = group() * TALL + r;
      UNROLL
      for (int q = 0; q < AT_ONCE; q++) {
        UNROLL
        for (int e = 0; e < PACK; e++) {
          const int j = column(first + q) + e;
          if (first + q < PACKS && i < N && j < N) grad.hidden(i, j, g[r][q * PACK + e]);
        }
      }
    }
  }
};
