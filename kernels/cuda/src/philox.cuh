// Philox4x32-10, as internal/philox has it.
//
// Source: Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as
// 1, 2, 3", SC 2011 (Random123).
#pragma once
#include "device.cuh"

struct Words {
  u32 v[4];
};

DEVICE Words philox(u64 key, u32 c0, u32 c1, u32 c2, u32 c3) {
  u32 k0 = u32(key), k1 = u32(key >> 32);
  UNROLL
  for (int round = 0; round < 10; round++) {
    const u64 a = u64(0xD2511F53u) * c0, b = u64(0xCD9E8D57u) * c2;
    const u32 high0 = u32(a >> 32), high1 = u32(b >> 32);
    c0 = high1 ^ c1 ^ k0;
    c2 = high0 ^ c3 ^ k1;
    c1 = u32(b);
    c3 = u32(a);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return Words{{c0, c1, c2, c3}};
}

// normal2 maps two words to two independent standard normal deviates.
template <typename F> DEVICE void normal2(u32 a, u32 b, F *x, F *y) {
  const F unit = F(1) / F(1 << 23);
  const F radius = sqrt_of(F(-2) * log_of((F(a >> 9) + F(0.5)) * unit));
  F s, c;
  sincospi_of(F(2) * ((F(b >> 9) + F(0.5)) * unit), &s, &c);
  *x = radius * c;
  *y = radius * s;
}
