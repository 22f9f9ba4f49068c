// The mapping for any N: a thread has every blockDim-th row, weights stay in
// global memory. It also plays teachers, in kernels of any other mapping.
#pragma once
#include "session.cuh"

template <typename F> struct Generic {
  const F *theta, *transposed; // W_hhᵀ (N, N): neighbouring threads read neighbours
  i64 size;
  const F *h;
  F d;

  DEVICE void set(const F *weights, const F *w_transposed, i64 n) {
    theta = weights;
    transposed = w_transposed;
    size = n;
  }
  DEVICE void load(const F *weights, i64 n, F *scratch, unsigned char *) {
    set(weights, scratch, n);
    const Weights<F> w(theta, n);
    for (i64 e = threadIdx.x; e < n * n; e += blockDim.x) scratch[e] = w.hidden(e % n, e / n);
  }
  DEVICE i64 n() const { return size; }
  DEVICE i64 width() const { return size; }
  DEVICE F *buffers(unsigned char *shared) const { return (F *)shared; }
  DEVICE void sync() const { __syncthreads(); }
  DEVICE void fill(F *buffer, const F *row) const {
    for (i64 i = threadIdx.x; i < size; i += blockDim.x) buffer[i] = row[i];
  }

  DEVICE void multiply(const F *state) {
    h = state;
    const Weights<F> w(theta, size);
    F total = 0;
    for (i64 j = lane_of_warp(); j < size; j += 32) total += w.readout(j) * h[j];
    d = warp_sum(total) + w.readout_bias();
  }
  DEVICE F difference() const { return d; }

  DEVICE void advance(const F *x, F *next, F *history) const {
    const Weights<F> w(theta, size);
    for (i64 i = threadIdx.x; i < size; i += blockDim.x) {
      F z = w.bias(i) + (w.input(i, 0) * x[0] + w.input(i, 1) * x[1] + w.input(i, 2) * x[2]);
      for (i64 j = 0; j < size; j++) z += transposed[j * size + i] * h[j];
      history[i] = next[i] = tanh_of(z);
    }
  }

  DEVICE void backward(const F *weights, const Tape<F> &p, const F *input, i64 T, Gradient<F> grad, unsigned char *shared) {
    const i64 n = grad.at.n;
    const Weights<F> w(weights, n);
    F *dz = (F *)shared;
    int buffer = 0;
    for (i64 i = threadIdx.x; i < n; i += blockDim.x) dz[i] = 0;
    __syncthreads();
    for (i64 t = T - 1; t >= 0; t--) {
      const F *last = dz + buffer * n;
      F *next = dz + (1 - buffer) * n;
      const F slope = p.slope[t];
      for (i64 i = threadIdx.x; i < n; i += blockDim.x) {
        F dh = slope * w.readout(i);
        for (i64 j = 0; j < n; j++) dh += w.hidden(j, i) * last[j];
        const F h = p.hidden[(t + 1) * n + i];
        p.dz[t * n + i] = next[i] = dh * (1 - h * h);
      }
      __syncthreads();
      buffer ^= 1;
    }
    for (i64 i = threadIdx.x; i < n; i += blockDim.x) {
      F bias = 0, u0 = 0, u1 = 0, u2 = 0, readout = 0;
      for (i64 t = 0; t < T; t++) {
        const F v = p.dz[t * n + i];
        bias += v;
        u0 += v * input[t * 3];
        u1 += v * input[t * 3 + 1];
        u2 += v * input[t * 3 + 2];
        readout += p.slope[t] * p.hidden[(t + 1) * n + i];
      }
      grad.row(i, bias, u0, u1, u2, readout);
    }
    readout_bias(p, T, grad);
    outer(p, T, grad);
  }

  // outer assigns dW_hh = Σ dz_t h_{t−1}ᵀ: four rows and one column at a time.
  DEVICE static void outer(const Tape<F> &p, i64 T, Gradient<F> grad) {
    const i64 n = grad.at.n;
    for (i64 i = 0; i < n; i += 4) {
      for (i64 j = threadIdx.x; j < n; j += blockDim.x) {
        F a[4] = {0, 0, 0, 0};
        for (i64 t = 0; t < T; t++) {
          const F h = p.hidden[t * n + j];
          UNROLL
          for (int k = 0; k < 4; k++)
            if (i + k < n) a[k] += p.dz[t * n + i + k] * h;
        }
        UNROLL
        for (int k = 0; k < 4; k++)
          if (i + k < n) grad.hidden(i + k, j, a[k]);
      }
    }
  }

  DEVICE static void readout_bias(const Tape<F> &p, i64 T, Gradient<F> grad) {
    if (threadIdx.x == 0) {
      F total = 0;
      for (i64 t = 0; t < T; t++) total += p.slope[t];
      grad.readout_bias(total);
    }
  }
};
