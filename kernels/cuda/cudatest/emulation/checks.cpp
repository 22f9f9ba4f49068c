// Checks of every access to memory, for programs whose kernels are compiled with
// -fsanitize=thread,alignment: the compiler has each access call a function first,
// and those are here, in place of the sanitizers' own.
//
// An access must lie in the thread's stack, in the block's shared memory or in one
// allocation, at a multiple of what its type is aligned to. Between two accesses to
// a word by different threads, one of which writes, there must be a barrier: the
// block's, or __syncwarp if both are of one warp. Shuffles order no memory, and
// nothing orders the blocks of a launch. Atomic operations are not looked at.
#include "emulator.h"

#include <cstdio>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>
#include <utility>

extern "C" char __executable_start, end; // of the program's code and variables

namespace emulation {
// Threads are numbered through all blocks, and so are warps. Places are addresses
// of code, which lies below 4 GiB.
struct Write {
  uint32_t time, thread, place;
};
struct Reads {
  uint32_t time, warp, place;
  uint32_t lanes; // that read since the warp last met
};

// Word is what was done to 4 bytes: the last write, and the last reads of the two
// warps that read last. One of those is of another warp than a thread that writes
// next, so no race is missed.
struct Word {
  Write write;
  Reads reads[2];
};

static Word *words_for(size_t bytes) {
  void *p = mmap(nullptr, bytes / 4 * sizeof(Word), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) {
    perror("emulated device: memory for the checks");
    _exit(3);
  }
  return (Word *)p;
}

// at prints the line of a place, behind it those that its function was inlined at.
static void at(uint32_t place) {
  char line[256];
  snprintf(line, sizeof line, "addr2line -s -i -e /proc/%d/exe %#x", int(getpid()), place - 1);
  FILE *lines = popen(line, "r");
  for (const char *by = " at "; lines && fgets(line, sizeof line, lines); by = " < ") {
    line[strcspn(line, " \n")] = 0;
    fprintf(stderr, "%s%s", by, line);
  }
  if (lines) pclose(lines);
}

static void begin(const char *does) { fprintf(stderr, "emulated device: thread %u of block %u %s", threadIdx.x, blockIdx.x, does); }

[[noreturn]] static void stop() {
  fprintf(stderr, "\n");
  _exit(3);
}

[[noreturn]] static void race(bool writes, uint32_t place, bool wrote, uint32_t thread, uint32_t there) {
  begin(writes ? "writes" : "reads");
  at(place);
  fprintf(stderr, " what thread %u", thread % MOST_THREADS);
  if (thread / MOST_THREADS != ground.block) fprintf(stderr, " of another block");
  fprintf(stderr, wrote ? " wrote" : " read");
  at(there);
  fprintf(stderr, ", with no barrier between them");
  stop();
}

static uint32_t this_thread() { return ground.block * MOST_THREADS + threadIdx.x; }

// settled reports whether what a warp did at a time is done for this thread; since
// is when others last left the memory to this block or this launch.
static bool settled(uint32_t time, uint32_t warp, uint32_t since) {
  if (time < since) return true;
  if (warp / 32 != ground.block) return false;
  return time < ground.met || (warp == this_thread() / 32 && time < ground.warp_met[warp % 32]);
}

static void touch(Word &w, bool writes, uint32_t place, uint32_t since) {
  const uint32_t thread = this_thread(), warp = thread / 32, lane = 1u << thread % 32;
  if (w.write.thread != thread && !settled(w.write.time, w.write.thread / 32, since)) race(writes, place, true, w.write.thread, w.write.place);
  if (writes) {
    for (const Reads &r : w.reads) {
      const uint32_t lanes = r.warp == warp ? r.lanes & ~lane : r.lanes;
      if (lanes && !settled(r.time, r.warp, since)) race(true, place, false, r.warp * 32 + __builtin_ctz(lanes), r.place);
    }
    w.write = {ground.now, thread, place};
    return;
  }
  Reads &r = w.reads[0];
  if (r.warp != warp) std::swap(r, w.reads[1]);
  const bool joins = r.warp == warp && !settled(r.time, warp, since);
  r = {ground.now, warp, place, joins ? r.lanes | lane : lane};
}

static void access(void *p, size_t size, bool writes, void *caller) {
  const uintptr_t address = (uintptr_t)p;
  const size_t in_stack = address - (uintptr_t)(ground.stacks + size_t(threadIdx.x) * STACK);
  if (in_stack < STACK) return;
  if (address >= (uintptr_t)&__executable_start && address < (uintptr_t)&end) return;
  static Word *const shared_words = words_for(SHARED + GUARD), *const words = words_for(ground.bytes);
  const uint32_t place = uint32_t((uintptr_t)caller);
  Word *word = nullptr;
  uint32_t since = ground.launch;
  const size_t in_shared = address - (uintptr_t)shared_memory, in_memory = address - (uintptr_t)ground.memory;
  if (in_shared < SHARED + GUARD) {
    if (in_shared + size > ground.shared) {
      begin(writes ? "writes" : "reads");
      at(place);
      fprintf(stderr, " %zu bytes of shared memory from %zu on, of %zu", size, in_shared, ground.shared);
      stop();
    }
    word = shared_words + in_shared / 4;
    since = ground.begun;
  } else {
    for (const Area &a : ground.areas)
      if (in_memory >= a.start && in_memory + size <= a.end) word = words + in_memory / 4;
  }
  if (!word) {
    begin(writes ? "writes" : "reads");
    at(place);
    fprintf(stderr, " %zu bytes at %p, which are not allocated", size, p);
    stop();
  }
  for (Word *const last = word + (address % 4 + size - 1) / 4; word <= last; word++) touch(*word, writes, place, since);
}
} // namespace emulation

#define ACCESS(name, ...)                                                                                                     \
  extern "C" void __tsan_read##name { emulation::access(p, __VA_ARGS__, false, __builtin_return_address(0)); } \
  extern "C" void __tsan_write##name { emulation::access(p, __VA_ARGS__, true, __builtin_return_address(0)); }
ACCESS(1(void *p), 1)
ACCESS(2(void *p), 2)
ACCESS(4(void *p), 4)
ACCESS(8(void *p), 8)
ACCESS(16(void *p), 16)
ACCESS(_range(void *p, size_t size), size)
extern "C" void __tsan_init() {}
extern "C" void __tsan_func_entry(void *) {}
extern "C" void __tsan_func_exit() {}

// What -fsanitize=alignment tells of a misaligned access, as libubsan has it.
struct Type {
  uint16_t kind, info;
  char name[1];
};
struct Misaligned {
  const char *file;
  uint32_t line, column;
  const Type *type;
  unsigned char log_alignment, check;
};

extern "C" void __ubsan_handle_type_mismatch_v1(const Misaligned *m, uintptr_t p) {
  const char *base = strrchr(m->file, '/');
  emulation::begin("accesses");
  fprintf(stderr, " at %s:%u %s at %#zx, which is no multiple of %d", base ? base + 1 : m->file, m->line, m->type->name, size_t(p),
          1 << m->log_alignment);
  emulation::stop();
}
