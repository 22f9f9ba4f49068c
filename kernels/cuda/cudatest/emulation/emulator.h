// What the emulator knows of a launch, for checks.cpp to hold accesses against.
#pragma once
#include "emulation.h"
#include <vector>

namespace emulation {
const int MOST_THREADS = 1024, STACK = 256 << 10, SHARED = 227 << 10, GUARD = 4096;

struct Area {
  uint64_t start, end; // bytes of the device's memory
};

// Ground is where memory lies and which barriers have been passed. Time counts
// those; blocks run one after another.
struct Ground {
  unsigned char *stacks; // of the threads, STACK bytes each
  unsigned char *memory; // the device's
  size_t bytes;
  std::vector<Area> areas; // of it, that are allocated
  size_t shared;           // bytes of a block
  uint32_t block;          // number, through all launches
  uint32_t now, launch, begun, met; // the launch's and the block's beginning; its last barrier, or beginning
  uint32_t warp_met[MOST_THREADS / 32]; // last barrier of a warp alone
};
extern Ground ground;
} // namespace emulation
