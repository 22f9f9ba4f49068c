// The emulated device as a program. It maps the file that stands for device
// memory, says at which address, and then takes launches from standard input:
// a Launch each, then the areas of memory that are allocated, answered by one byte
// when the kernel has ended.
//
//	emulator FILE BYTES SEED
#include "emulator.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>
#include <utility>

emulation::Index threadIdx, blockIdx, blockDim, gridDim;

unsigned long long atomicAdd(unsigned long long *p, unsigned long long v) {
  const unsigned long long old = *p;
  *p = old + v;
  return old;
}

namespace emulation {
unsigned char *shared_memory;
Ground ground;

static Kernel *kernels;
Kernel::Kernel(const char *name, Function function) : name(name), function(function), next(kernels) { kernels = this; }

unsigned long long nanoseconds() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000ull + t.tv_nsec;
}

enum State { RUNNABLE, AT_BLOCK_BARRIER, AT_WARP_BARRIER, EXITED };
struct Fibre {
  jmp_buf resume;
  ucontext_t start;
  State state;
  int line;
  unsigned parity; // of the warp's exchange buffer
};
struct Warp {
  int arrived;
  uint64_t value[2][32];
};

static Fibre fibre[MOST_THREADS];
static Warp warp[MOST_THREADS / 32];
static int runnable[MOST_THREADS], runnables, threads, started, live, arrived, trues, result, current;
static jmp_buf idle;
static Function function;
static void *arguments;
static uint64_t random_state;

static uint64_t draw() {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state;
}

static void fail(const char *what) {
  fprintf(stderr, "emulated device: %s in block %u:", what, blockIdx.x);
  const char *names[] = {"running after line", "at a block barrier, line", "at a warp barrier, line", "exited after line"};
  for (int i = 0, from = 0; i < threads; i++) {
    if (i + 1 < threads && fibre[i + 1].state == fibre[i].state && fibre[i + 1].line == fibre[i].line) continue;
    fprintf(stderr, " threads %d-%d %s %d;", from, i, names[fibre[i].state], fibre[i].line);
    from = i + 1;
  }
  fprintf(stderr, "\n");
  _exit(3);
}

// leave goes on with a runnable fibre, any of them, or ends the block.
[[noreturn]] static void leave() {
  if (runnables == 0) {
    if (live == 0) _longjmp(idle, 1);
    fail("divergent barriers");
  }
  const int pick = int((uint32_t(draw()) * uint64_t(runnables)) >> 32);
  current = runnable[pick];
  runnable[pick] = runnable[--runnables];
  threadIdx.x = unsigned(current);
  _longjmp(fibre[current].resume, 1);
}

static void make_runnable(int i) {
  fibre[i].state = RUNNABLE;
  runnable[runnables++] = i;
}

static void wait(State state, int line) {
  Fibre &f = fibre[current];
  f.state = state;
  f.line = line;
}

int block_barrier(int line, bool predicate) {
  wait(AT_BLOCK_BARRIER, line);
  trues += predicate;
  if (++arrived == threads) {
    for (int i = 0; i < threads; i++)
      if (fibre[i].state != AT_BLOCK_BARRIER || fibre[i].line != line) fail("a barrier reached at different lines");
    result = trues;
    arrived = trues = 0;
    ground.met = ++ground.now;
    for (int i = 0; i < threads; i++) make_runnable(i);
  }
  if (!_setjmp(fibre[current].resume)) leave();
  return result;
}

uint64_t exchange(int line, uint64_t value, int from, bool orders) {
  wait(AT_WARP_BARRIER, line);
  const int first = current / 32 * 32;
  Warp &w = warp[current / 32];
  const unsigned parity = fibre[current].parity++ & 1;
  w.value[parity][current % 32] = value;
  if (++w.arrived == 32) {
    for (int i = first; i < first + 32; i++)
      if (fibre[i].state != AT_WARP_BARRIER || fibre[i].line != line) fail("a shuffle reached at different lines");
    w.arrived = 0;
    if (orders) ground.warp_met[current / 32] = ++ground.now;
    for (int i = first; i < first + 32; i++) make_runnable(i);
  }
  if (!_setjmp(fibre[current].resume)) leave();
  return w.value[parity][from];
}

static void body() {
  for (;;) {
    function(arguments);
    fibre[current].state = EXITED;
    live--;
    if (!_setjmp(fibre[current].resume)) leave();
  }
}

static ucontext_t main_context;
static void trampoline() {
  const int i = current;
  if (!_setjmp(fibre[i].resume)) setcontext(&main_context);
  body();
}

static void start(int count) {
  for (; started < count; started++) {
    Fibre &f = fibre[started];
    current = started;
    getcontext(&f.start);
    f.start.uc_stack.ss_sp = ground.stacks + size_t(started) * STACK;
    f.start.uc_stack.ss_size = STACK;
    f.start.uc_link = nullptr;
    makecontext(&f.start, trampoline, 0);
    swapcontext(&main_context, &f.start);
  }
}

static void run_block(size_t shared) {
  memset(shared_memory, 0xff, shared + GUARD); // no number: what a block has not written shows
  ground.shared = shared;
  ground.block++;
  ground.begun = ground.met = ++ground.now;
  runnables = arrived = trues = 0;
  live = threads;
  for (int i = 0; i < threads; i++) {
    warp[i / 32].arrived = 0;
    fibre[i].line = 0;
    fibre[i].parity = 0;
    make_runnable(i);
  }
  if (!_setjmp(idle)) leave();
  for (size_t i = 0; i < GUARD; i++)
    if (shared_memory[shared + i] != 0xff) {
      fprintf(stderr, "emulated device: shared memory written %zu bytes behind its end at %zu\n", i, shared);
      _exit(3);
    }
}

struct Launch {
  char name[64];
  uint64_t grid, block, shared, arguments, areas;
};

static bool receive(void *to, size_t bytes) {
  for (size_t at = 0; at < bytes;) {
    const ssize_t n = read(0, (char *)to + at, bytes - at);
    if (n <= 0) return false;
    at += n;
  }
  return true;
}

static int serve(const char *path, size_t bytes) {
  const int file = open(path, O_RDWR);
  void *base = file < 0 ? MAP_FAILED : mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  void *stacks = mmap(nullptr, size_t(MOST_THREADS) * STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED || stacks == MAP_FAILED) {
    perror(path);
    return 1;
  }
  ground.memory = (unsigned char *)base;
  ground.bytes = bytes;
  ground.stacks = (unsigned char *)stacks;
  void *memory;
  if (posix_memalign(&memory, 256, SHARED + GUARD)) return 1;
  shared_memory = (unsigned char *)memory;
  printf("%llu\n", (unsigned long long)base);
  for (Kernel *k = kernels; k; k = k->next) printf("%s\n", k->name);
  printf("\n");
  fflush(stdout);
  Launch l;
  while (receive(&l, sizeof l)) {
    ground.areas.resize(l.areas);
    if (!receive(ground.areas.data(), l.areas * sizeof(Area))) break;
    ground.launch = ++ground.now;
    Kernel *k = kernels;
    while (k && strncmp(k->name, l.name, sizeof l.name)) k = k->next;
    if (!k || l.block % 32 || l.block > MOST_THREADS || l.shared > SHARED) {
      fprintf(stderr, "emulated device: cannot launch %.64s with %llu threads and %llu bytes of shared memory\n", l.name,
              (unsigned long long)l.block, (unsigned long long)l.shared);
      return 3;
    }
    function = k->function;
    arguments = (void *)l.arguments;
    threads = int(l.block);
    start(threads);
    gridDim = {unsigned(l.grid), 1, 1};
    blockDim = {unsigned(l.block), 1, 1};
    std::vector<unsigned> order(l.grid);
    for (unsigned i = 0; i < l.grid; i++) order[i] = i;
    for (unsigned i = unsigned(l.grid); i > 1; i--) std::swap(order[i - 1], order[draw() % i]);
    for (unsigned b : order) {
      blockIdx = {b, 0, 0};
      run_block(l.shared);
    }
    if (write(1, "", 1) != 1) return 1;
  }
  return 0;
}
} // namespace emulation

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  emulation::random_state = strtoull(argv[3], nullptr, 10) * 2 + 1;
  return emulation::serve(argv[1], strtoull(argv[2], nullptr, 10));
}
