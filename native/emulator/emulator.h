// Runs a grid of CUDA threads on one CPU thread: one fibre (a stack of its own) for each thread of a block, so the very
// sources that nvcc compiles meet at barriers and in warp instructions as they do on a GPU.
//
// The trick: a fibre runs until it waits for something, and says for what by a condition that the scheduler can ask.
// When nothing can go on, that is a deadlock, reported with what each thread waits for, instead of a hang. What a GPU
// leaves open is chosen by a seed, as badly as it may be: the order of blocks, which warp runs ahead up to its next
// barrier (that is what shows a missing write-after-read barrier), and when asynchronous work happens between its start
// and the wait for it. Shared memory starts each block as NaN, between guards.
//
// What it does not model: fences and the weak order of memory, bank conflicts, registers, clocks.
// One grid runs at a time in the process; a launch has come to its end when it returns.
#pragma once

#include <cuda_runtime_api.h>

#include <sys/mman.h>

#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <mutex>
#include <numeric>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "fibres.h"

#define __global__ inline
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __grid_constant__

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};
struct uint3 {
  unsigned x, y, z;
};
struct alignas(8) uint2 {
  unsigned x, y;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};

// Of the thread that runs now; the scheduler sets them.
inline uint3 threadIdx, blockIdx;
inline dim3 blockDim, gridDim;

namespace retrace::emulator {

constexpr int most_threads = 1024;
constexpr size_t most_shared_bytes = 227 * 1024;
constexpr size_t guard_bytes = 1024;
constexpr int named_barriers = 16;

// ---- state ----------------------------------------------------------------------------------------

// A copy into shared memory between its start and its wait (cp.async).
struct pending_copy {
  void *target;
  const void *source;
  int bytes;  // 0: zero fill of 16 bytes
};

struct fibre {
  context machine;
  bool done = true;
  bool (*is_ready)(void *) = nullptr;  // null: ready
  void *ready_argument = nullptr;
  const char *waits_for = nullptr;
  std::vector<std::vector<pending_copy>> copy_groups;  // committed, oldest first
  std::vector<pending_copy> open_group;
};

// Threads of a warp (or of a group of four) in one instruction that they carry out together.
struct meeting {
  int arrived = 0;
  uint32_t generation = 0;
  const char *what = nullptr;
  void *slots[128];
};

struct barrier {
  int arrived = 0, expected = 0;
  uint32_t generation = 0;
};

struct grid_state {
  fibre fibres[most_threads];
  meeting warps[most_threads / 32], warpgroups[most_threads / 128];
  barrier barriers[named_barriers];
  context scheduler;
  std::function<void()> body;
  std::vector<std::function<void()>> deferred;
  std::vector<char> shared_storage;
  char *shared = nullptr;
  size_t shared_bytes = 0;
  char *stacks = nullptr;
  const char *kernel = "";
  std::string failure;  // of the last grid; empty where it ran to its end
  int threads = 0;
  int current = -1;           // the fibre that runs; -1: the scheduler
  uint64_t block_serial = 0;  // another number for every block that ran: what belongs to a block starts anew with it
  uint32_t seed = 0, random = 1;
  std::mutex one_at_a_time;
};
inline grid_state grid;

// Seed 0 lets all warps go on step by step and brings asynchronous work as late as it may; other seeds run warps ahead.
inline void set_schedule(uint32_t seed) { grid.seed = seed; }
// Why the last grid failed; empty where it did not.
inline const std::string &last_failure() { return grid.failure; }

inline uint32_t random_below(uint32_t bound) {
  grid.random = grid.random * 1664525u + 1013904223u;
  return static_cast<uint32_t>((static_cast<uint64_t>(grid.random >> 8) * bound) >> 24);
}

struct grid_failed {};

// Ends the grid. From a fibre it never comes back: the stacks are used anew by the next block.
[[noreturn]] __attribute__((format(printf, 1, 2))) inline void fail(const char *format, ...) {
  char text[400];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  char line[640];
  snprintf(line, sizeof line, "%s: block (%u, %u, %u), thread %d: %s", grid.kernel, blockIdx.x, blockIdx.y, blockIdx.z,
           grid.current, text);
  if (grid.failure.empty()) grid.failure = line;
  if (grid.current < 0) throw grid_failed();
  fibre &self = grid.fibres[grid.current];
  self.done = true;
  switch_context(self.machine, grid.scheduler);
  __builtin_unreachable();
}

// Lets other threads run until `condition()` holds. The condition is asked from the scheduler: it must not wait itself.
template <class Condition>
void wait_until(const char *what, Condition condition) {
  if (condition()) return;
  fibre &self = grid.fibres[grid.current];
  self.is_ready = [](void *argument) { return static_cast<bool>((*static_cast<Condition *>(argument))()); };
  self.ready_argument = &condition;
  self.waits_for = what;
  switch_context(self.machine, grid.scheduler);
}

// Work that a thread starts and that happens at some time later (a bulk copy): `work` runs outside of any fibre, at the
// latest when nothing else can go on.
inline void defer(std::function<void()> work) {
  const uint32_t manner = grid.seed % 3;
  const bool now = manner == 1 || (manner == 2 && random_below(2));
  if (now) work();
  else grid.deferred.push_back(std::move(work));
}

// ---- meetings and barriers ------------------------------------------------------------------------

// Every one of `size` threads (32: a warp, 128: a warpgroup) hands in a pointer; the last to come runs
// `whole(void **slots)`, and all go on after it.
template <class Whole>
void collective(int size, const char *what, void *mine, Whole whole) {
  meeting &place = size == 32 ? grid.warps[grid.current / 32] : grid.warpgroups[grid.current / 128];
  if (place.arrived == 0) place.what = what;
  else if (strcmp(place.what, what) != 0)
    fail("threads of one warp meet in two instructions: %s and %s", place.what, what);
  place.slots[grid.current % size] = mine;
  if (++place.arrived == size) {
    place.arrived = 0;
    whole(place.slots);
    place.generation++;
    return;
  }
  const uint32_t generation = place.generation;
  wait_until(what, [&place, generation] { return place.generation != generation; });
}

inline void arrive_at_barrier(int id, int threads) {
  if (id < 0 || id >= named_barriers) fail("barrier %d: expected 0 to %d", id, named_barriers - 1);
  if (threads % 32 != 0) fail("barrier %d for %d threads: expected a multiple of 32", id, threads);
  barrier &place = grid.barriers[id];
  if (place.arrived == 0) place.expected = threads;
  else if (place.expected != threads) fail("barrier %d is for %d threads and for %d", id, place.expected, threads);
  if (++place.arrived < threads) return;
  place.arrived = 0;
  place.generation++;
}

inline void wait_at_barrier(int id, int threads) {
  if (id < 0 || id >= named_barriers) fail("barrier %d: expected 0 to %d", id, named_barriers - 1);
  barrier &place = grid.barriers[id];
  const uint32_t generation = place.generation;
  arrive_at_barrier(id, threads);
  wait_until(id == 0 ? "a barrier of the block" : "a named barrier",
             [&place, generation] { return place.generation != generation; });
}

// Fails unless [address, address + bytes) is shared memory of this block.
inline void check_shared(const void *address, size_t bytes, size_t alignment, const char *what) {
  const char *begin = static_cast<const char *>(address);
  if (begin < grid.shared || begin + bytes > grid.shared + grid.shared_bytes)
    fail("%s at byte %lld of shared memory, which has %zu", what, static_cast<long long>(begin - grid.shared),
         grid.shared_bytes);
  if (reinterpret_cast<uintptr_t>(address) % alignment != 0)
    fail("%s at byte %lld of shared memory: expected a multiple of %zu", what,
         static_cast<long long>(begin - grid.shared), alignment);
}

// ---- one block, and the grid ----------------------------------------------------------------------

inline void fibre_main() {
  grid.body();
  fibre &self = grid.fibres[grid.current];
  self.done = true;
  switch_context(self.machine, grid.scheduler);
  __builtin_unreachable();
}

// Lets each thread of a warp that can go on do so once. True where one did.
inline bool sweep_warp(int warp) {
  bool moved = false;
  const int first = warp * 32, turn = grid.seed % 2 ? 31 : 0;  // odd seeds: the last lane first
  for (int i = 0; i < 32; i++) {
    const int thread = first + (i ^ turn);
    fibre &next = grid.fibres[thread];
    if (next.done) continue;
    if (next.is_ready && !next.is_ready(next.ready_argument)) continue;
    next.is_ready = nullptr;
    grid.current = thread;
    threadIdx = {static_cast<unsigned>(thread), 0, 0};
    switch_context(grid.scheduler, next.machine);
    grid.current = -1;
    if (!grid.failure.empty()) throw grid_failed();
    moved = true;
  }
  return moved;
}

// One deferred piece of work, which one the seed says.
inline bool run_deferred() {
  if (grid.deferred.empty()) return false;
  const size_t index = grid.seed == 0 ? 0 : random_below(static_cast<uint32_t>(grid.deferred.size()));
  std::function<void()> work = std::move(grid.deferred[index]);
  grid.deferred.erase(grid.deferred.begin() + static_cast<long>(index));
  work();
  return true;
}

inline void tell_deadlock() {
  std::string waiting;
  for (int thread = 0; thread < grid.threads; thread++) {
    const fibre &one = grid.fibres[thread];
    const std::string what = one.done ? "its end (reached)" : one.waits_for;
    int count = 1;
    while (thread + 1 < grid.threads && grid.fibres[thread + 1].done == one.done &&
           (one.done || grid.fibres[thread + 1].waits_for == one.waits_for))
      thread++, count++;
    waiting += (waiting.empty() ? "" : "; ") + std::to_string(count) + " threads up to " + std::to_string(thread) +
               " at " + what;
  }
  fail("deadlock: %s", waiting.c_str());
}

inline void start_block() {
  for (meeting &place : grid.warps) place.arrived = 0;
  for (meeting &place : grid.warpgroups) place.arrived = 0;
  for (barrier &place : grid.barriers) place.arrived = 0;
  grid.deferred.clear();
  grid.block_serial++;
  memset(grid.shared - guard_bytes, 0xFF, grid.shared_bytes + 2 * guard_bytes);
  for (int thread = 0; thread < grid.threads; thread++) {
    fibre &one = grid.fibres[thread];
    one.done = false;
    one.is_ready = nullptr;
    one.copy_groups.clear();
    one.open_group.clear();
    make_context(one.machine, grid.stacks + static_cast<size_t>(thread) * stack_bytes, fibre_main);
  }
}

inline void check_guards() {
  for (size_t i = 0; i < guard_bytes; i++) {
    if (grid.shared[-1 - static_cast<long>(i)] != '\xFF') fail("wrote %zu bytes before shared memory", i + 1);
    if (grid.shared[grid.shared_bytes + i] != '\xFF')
      fail("wrote at byte %zu of shared memory, which has %zu", grid.shared_bytes + i, grid.shared_bytes);
  }
}

inline void run_block() {
  start_block();
  const int warps = grid.threads / 32;
  int order[most_threads / 32];
  for (int i = 0; i < warps; i++) order[i] = i;
  for (bool moved = true; moved;) {
    moved = false;
    if (grid.seed)
      for (int i = warps; i-- > 1;) std::swap(order[i], order[random_below(static_cast<uint32_t>(i) + 1)]);
    for (int i = 0; i < warps; i++) {
      // Seed 0: one step. Others: mostly up to where the warp cannot go on alone, at times a few steps.
      int steps = grid.seed == 0 ? 1 : grid.seed % 4 == 3 && random_below(3) == 0 ? 7 : 1 << 30;
      while (steps-- > 0 && sweep_warp(order[i])) moved = true;
    }
    if (grid.seed % 3 == 2 && random_below(2)) moved |= run_deferred();
    if (!moved) moved = run_deferred();
  }
  for (int thread = 0; thread < grid.threads; thread++)
    if (!grid.fibres[thread].done) tell_deadlock();
  check_guards();
}

inline void prepare_memory(size_t shared_bytes) {
  if (!grid.stacks) {
    void *stacks = mmap(nullptr, stack_bytes * most_threads, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (stacks == MAP_FAILED) fail("no memory for the stacks of %d threads", most_threads);
    grid.stacks = static_cast<char *>(stacks);
  }
  grid.shared_storage.resize(most_shared_bytes + 3 * guard_bytes);
  const uintptr_t first = reinterpret_cast<uintptr_t>(grid.shared_storage.data()) + guard_bytes;
  grid.shared = reinterpret_cast<char *>((first + 1023) / 1024 * 1024);
  grid.shared_bytes = shared_bytes;
}

inline bool launch_is_valid(dim3 blocks, int threads, size_t shared_bytes) {
  return blocks.x >= 1 && blocks.x < (1u << 31) && blocks.y >= 1 && blocks.y < 65536 && blocks.z >= 1 &&
         blocks.z < 65536 && threads >= 32 && threads <= most_threads && threads % 32 == 0 &&
         shared_bytes <= most_shared_bytes;
}

// Runs `body` as every thread of every block. Returns cudaErrorInvalidValue for a grid that no GPU would take and
// cudaErrorLaunchFailure where a block failed; `last_failure` says why.
inline cudaError_t run_grid(const char *kernel, dim3 blocks, int threads, size_t shared_bytes,
                            std::function<void()> body) {
  std::lock_guard<std::mutex> lock(grid.one_at_a_time);
  grid.failure.clear();
  grid.kernel = kernel;
  if (!launch_is_valid(blocks, threads, shared_bytes)) {
    grid.failure = std::string(kernel) + ": no GPU takes a grid of (" + std::to_string(blocks.x) + ", " +
                   std::to_string(blocks.y) + ", " + std::to_string(blocks.z) + ") blocks of " +
                   std::to_string(threads) + " threads with " + std::to_string(shared_bytes) +
                   " bytes of shared memory each";
    fprintf(stderr, "emulator: %s\n", grid.failure.c_str());
    return cudaErrorInvalidValue;
  }
  grid.threads = threads;
  grid.body = std::move(body);
  grid.current = -1;
  grid.random = grid.seed * 2654435761u + 12345u;
  blockDim = dim3(static_cast<unsigned>(threads));
  gridDim = blocks;
  try {
    prepare_memory(shared_bytes);
    const uint64_t count = static_cast<uint64_t>(blocks.x) * blocks.y * blocks.z;
    // A walk over all blocks that begins anywhere and goes by a step that has no divisor in common with their count.
    uint64_t step = 1, start = 0;
    if (grid.seed && count > 1) {
      start = random_below(1u << 24) % count;
      step = 1 + random_below(1u << 24) % (count - 1);
      while (std::gcd(step, count) != 1) step++;
    }
    for (uint64_t i = 0; i < count; i++) {
      const uint64_t block = (start + i * step) % count;
      blockIdx = {static_cast<unsigned>(block % blocks.x), static_cast<unsigned>(block / blocks.x % blocks.y),
                  static_cast<unsigned>(block / blocks.x / blocks.y)};
      run_block();
    }
  } catch (const grid_failed &) {
    fprintf(stderr, "emulator: %s\n", grid.failure.c_str());
  }
  grid.body = nullptr;
  return grid.failure.empty() ? cudaSuccess : cudaErrorLaunchFailure;
}

template <class... Parameters, class... Arguments>
cudaError_t launch(const char *name, void (*kernel)(Parameters...), dim3 blocks, int threads, size_t shared_bytes,
                   Arguments... arguments) {
  std::tuple<Parameters...> call(arguments...);
  return run_grid(name, blocks, threads, shared_bytes, [kernel, &call] { std::apply(kernel, call); });
}

}  // namespace retrace::emulator

inline void __syncthreads() { retrace::emulator::wait_at_barrier(0, retrace::emulator::grid.threads); }
