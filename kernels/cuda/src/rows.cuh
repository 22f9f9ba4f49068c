// The mapping of small networks: every thread has ROWS whole rows of a matrix in
// registers, and reads the vector from shared memory, where one load serves the
// warp. With one warp, row N is the readout of the logit difference; with more,
// every warp sums it for itself, so that no warp waits for another.
//
// The backward pass holds rows of W_hhᵀ in place of W_hh, and rows of the
// gradient by W_hh beside them.
#pragma once
#include "session.cuh"

template <typename F, int N, int WARPS> struct Rows {
  static constexpr int THREADS = 32 * WARPS;
  static constexpr bool SINGLE = WARPS == 1;
  static constexpr int ROWS = ceil_div(N + SINGLE, THREADS);
  static constexpr int PACK = 16 / int(sizeof(F));
  static constexpr int WIDTH = round_up(N, PACK);
  static constexpr int PARTS = SINGLE ? 0 : ceil_div(N, 32); // of the readout, in each lane
  static constexpr int SHARED = 4 * WIDTH * int(sizeof(F));

  F a[ROWS][WIDTH]; // the matrix; columns from N on are never read
  F b[ROWS], u[ROWS][3];
  F y[ROWS];
  F readout[PARTS > 0 ? PARTS : 1], readout_bias, d;

  DEVICE static int row(int k) { return int(threadIdx.x) + k * THREADS; }
  DEVICE static i64 n() { return N; }
  DEVICE static i64 width() { return WIDTH; }
  DEVICE static F *buffers(unsigned char *shared) { return (F *)shared; }
  DEVICE static void sync() {
    if (SINGLE)
      __syncwarp();
    else
      __syncthreads();
  }
  DEVICE void fill(F *buffer, const F *from) const {
    for (int i = threadIdx.x; i < WIDTH; i += THREADS) buffer[i] = i < N ? from[i] : F(0);
  }

  DEVICE void load(const F *theta, i64, F *, unsigned char *) {
    const Weights<F> w(theta, N);
    UNROLL
    for (int k = 0; k < ROWS; k++) {
      const int i = row(k);
      const bool unit = i < N, last = SINGLE && i == N;
      UNROLL
      for (int j = 0; j < N; j++) a[k][j] = unit ? w.hidden(i, j) : last ? w.readout(j) : F(0);
      b[k] = unit ? w.bias(i) : F(0);
      UNROLL
      for (int c = 0; c < 3; c++) u[k][c] = unit ? w.input(i, c) : F(0);
    }
    UNROLL
    for (int q = 0; q < PARTS; q++) {
      const int j = lane_of_warp() + 32 * q;
      readout[q] = j < N ? w.readout(j) : F(0);
    }
    readout_bias = w.readout_bias();
  }

  // product assigns this thread's rows of a·x to y: two sums a row, so that
  // additions of one row wait less for one another.
  DEVICE void product_with(const F *x) {
    F odd[ROWS];
    UNROLL
    for (int k = 0; k < ROWS; k++) y[k] = odd[k] = 0;
    UNROLL
    for (int j = 0; j < WIDTH; j += PACK) {
      const Pack<F, PACK> v = *(const Pack<F, PACK> *)(x + j);
      UNROLL
      for (int q = 0; q < PACK; q++) {
        if (j + q >= N) continue;
        UNROLL
        for (int k = 0; k < ROWS; k++) {
          if (q % 2)
            odd[k] += a[k][j + q] * v.v[q];
          else
            y[k] += a[k][j + q] * v.v[q];
        }
      }
    }
    UNROLL
    for (int k = 0; k < ROWS; k++) y[k] += odd[k];
  }

  DEVICE void multiply(const F *h) {
    product_with(h);
    if (SINGLE) {
      d = __shfl_sync(EVERY_LANE, y[N / 32 < ROWS ? N / 32 : 0], N % 32) + readout_bias;
      return;
    }
    F total = 0;
    UNROLL
    for (int q = 0; q < PARTS; q++) {
      const int j = lane_of_warp() + 32 * q;
      if (j < N) total += readout[q] * h[j];
    }
    d = warp_sum(total) + readout_bias;
  }
  DEVICE F difference() const { return d; }

  DEVICE void advance(const F *x, F *next, F *history) const {
    UNROLL
    for (int k = 0; k < ROWS; k++) {
      const F v = tanh_of(y[k] + b[k] + (u[k][0] * x[0] + u[k][1] * x[1] + u[k][2] * x[2]));
      if (row(k) < N) history[row(k)] = next[row(k)] = v;
    }
  }

  DEVICE void backward(const F *theta, const Tape<F> &p, const F *input, i64 T, Gradient<F> grad, unsigned char *shared) {
    const Weights<F> w(theta, N);
    F r[ROWS], h[ROWS], before[ROWS]; // of this thread's rows: readout, h_t, h_{t−1}
    F g[ROWS][WIDTH], bias[ROWS], du[ROWS][3], dreadout[ROWS], dreadout_bias = 0;
    UNROLL
    for (int k = 0; k < ROWS; k++) {
      const int i = row(k);
      const bool unit = i < N;
      UNROLL
      for (int j = 0; j < N; j++) {
        a[k][j] = unit ? w.hidden(j, i) : F(0);
        g[k][j] = 0;
      }
      r[k] = unit ? w.readout(i) : F(0);
      h[k] = unit ? p.hidden[T * N + i] : F(0);
      before[k] = unit ? p.hidden[(T - 1) * N + i] : F(0);
      bias[k] = du[k][0] = du[k][1] = du[k][2] = dreadout[k] = 0;
    }
    // Two buffers of dz and of h_{t−1}.
    F *const dz = (F *)shared, *const last = dz + 2 * WIDTH;
    for (int i = threadIdx.x; i < WIDTH; i += THREADS) dz[i] = 0;
    sync();
    int buffer = 0;
    const F *slopes = p.slope + T, *x = input + 3 * T, *older = p.hidden + T * N;
    for (int t = int(T) - 1; t >= 0; t--) {
      slopes--;
      x -= 3;
      older -= N; // h_{t−1}
      F next[ROWS], v[ROWS]; // h_{t−2}, which the next iteration needs, and dz
      UNROLL
      for (int k = 0; k < ROWS; k++) next[k] = t > 0 && row(k) < N ? older[row(k) - N] : F(0);
      const F slope = *slopes, x0 = x[0], x1 = x[1], x2 = x[2];
      product_with(dz + buffer * WIDTH);
      buffer ^= 1;
      UNROLL
      for (int k = 0; k < ROWS; k++) {
        v[k] = (y[k] + slope * r[k]) * (1 - h[k] * h[k]);
        if (row(k) < N) {
          dz[buffer * WIDTH + row(k)] = v[k];
          last[buffer * WIDTH + row(k)] = before[k];
        }
        bias[k] += v[k];
        du[k][0] += v[k] * x0;
        du[k][1] += v[k] * x1;
        du[k][2] += v[k] * x2;
        dreadout[k] += slope * h[k];
        h[k] = before[k];
        before[k] = next[k];
      }
      dreadout_bias += slope;
      sync();
      UNROLL
      for (int j = 0; j < WIDTH; j += PACK) {
        const Pack<F, PACK> s = *(const Pack<F, PACK> *)(last + buffer * WIDTH + j);
        UNROLL
        for (int q = 0; q < PACK; q++) {
          if (j + q >= N) continue;
          UNROLL
          for (int k = 0; k < ROWS; k++) g[k][j + q] += v[k] * s.v[q];
        }
      }
    }
    UNROLL
    for (int k = 0; k < ROWS; k++) {
      if (row(k) >= N) continue;
      UNROLL
      for (int j = 0; j < N; j++) grad.hidden(row(k), j, g[k][j]);
      grad.row(row(k), bias[k], du[k][0], du[k][1], du[k][2], dreadout[k]);
    }
    if (threadIdx.x == 0) grad.readout_bias(dreadout_bias);
  }
};
