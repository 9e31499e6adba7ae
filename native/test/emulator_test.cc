// The emulator of CUDA threads: what it must tell of, so that the tests of kernels can believe it. Each case is a tiny
// kernel with one fault.
#include "../emulator/emulator.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "../kernels/vocabulary.cuh"
#include "kernel_checks.h"

using namespace retrace;
using oracle::expect_ran;
using oracle::schedules;

namespace {

__global__ void half_of_the_threads_wait() {
  if (threadIdx.x < 32) __syncthreads();
}
__global__ void lanes_part_ways(float *out) {
  float c[4] = {0, 0, 0, 0};
  const uint32_t a[4] = {0, 0, 0, 0};
  if (threadIdx.x % 2) multiply_accumulate(c, a, 0, 0);
  else out[threadIdx.x] = __shfl_xor_sync(whole_warp, 1.0f, 1);
}
__global__ void copy_without_wait(const float *source, float *out) {
  float *const target = reinterpret_cast<float *>(shared_memory());
  copy_async(target + threadIdx.x * 4, source + threadIdx.x * 4, true);
  commit_copies();
  out[threadIdx.x] = target[threadIdx.x * 4];
}
__global__ void copy_outside(const float *source) { copy_async(shared_memory() + 512, source, true); }
__global__ void read_crooked() {
  uint32_t registers[4];
  load_matrices(registers, shared_memory() + threadIdx.x * 16 + 8);
}
__global__ void write_behind() { shared_memory()[64] = 0; }
// Each warp reads what the other wrote, and writes anew without waiting for the reader.
__global__ void no_barrier_before_writing(float *out) {
  float *const shared = reinterpret_cast<float *>(shared_memory());
  const int thread = static_cast<int>(threadIdx.x);
  for (int i = 0; i < 2; i++) {
    shared[thread] = static_cast<float>(i);
    __syncthreads();
    out[i * 64 + thread] = shared[thread ^ 32];
  }
}
__global__ void number_of_block(uint32_t *out) {
  const uint32_t block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  if (threadIdx.x == 0) out[block] = blockIdx.x + 100 * blockIdx.y;
}

bool failure_tells(const char *text) { return emulator::last_failure().find(text) != std::string::npos; }

}  // namespace

TEST_CASE("a barrier that some threads never reach is reported, not waited for") {
  EXPECT_EQUAL(emulator::launch("half", half_of_the_threads_wait, 1, 64, 0), cudaErrorLaunchFailure);
  EXPECT(failure_tells("deadlock: 32 threads up to 31 at a barrier of the block; 32 threads up to 63 at its end"));
}

TEST_CASE("lanes of a warp in two instructions, a copy or a write outside and a misaligned address are reported") {
  float values[64] = {};
  EXPECT_EQUAL(emulator::launch("lanes", lanes_part_ways, 1, 32, 0, values), cudaErrorLaunchFailure);
  EXPECT(failure_tells("meet in two instructions"));
  EXPECT_EQUAL(emulator::launch("outside", copy_outside, 1, 32, 512, values), cudaErrorLaunchFailure);
  EXPECT(failure_tells("cp.async at byte 512 of shared memory, which has 512"));
  EXPECT_EQUAL(emulator::launch("crooked", read_crooked, 1, 32, 1024), cudaErrorLaunchFailure);
  EXPECT(failure_tells("expected a multiple of 16"));
  EXPECT_EQUAL(emulator::launch("behind", write_behind, 1, 32, 64), cudaErrorLaunchFailure);
  EXPECT(failure_tells("wrote at byte 64 of shared memory, which has 64"));
}

TEST_CASE("a copy that nothing waited for has not arrived") {
  alignas(16) float source[128] = {};
  float out[32];
  EXPECT_EQUAL(emulator::launch("no wait", copy_without_wait, 1, 32, 512, source, out), cudaSuccess);
  EXPECT(std::isnan(out[0]));
}

TEST_CASE("a missing write-after-read barrier shows under some schedule") {
  const auto wrong = [](uint32_t schedule) {
    float out[128];
    emulator::set_schedule(schedule);
    EXPECT_EQUAL(emulator::launch("race", no_barrier_before_writing, 1, 64, 256, out), cudaSuccess);
    emulator::set_schedule(0);
    return std::count_if(out, out + 64, [](float value) { return value != 0; }) > 0;
  };
  EXPECT(std::any_of(std::begin(schedules), std::end(schedules), wrong));
}

TEST_CASE("every block runs once, in any order, and grids that no GPU takes are refused") {
  for (uint32_t schedule : schedules) {
    emulator::set_schedule(schedule);
    std::vector<uint32_t> seen(7 * 3 * 2, 999);
    expect_ran(emulator::launch("blocks", number_of_block, dim3(7, 3, 2), 32, 0, seen.data()));
    for (size_t i = 0; i < seen.size(); i++) EXPECT_EQUAL(seen[i], i % 7 + 100 * (i / 7 % 3));
  }
  emulator::set_schedule(0);
  uint32_t *const none = nullptr;
  EXPECT_EQUAL(emulator::launch("y", number_of_block, dim3(1, 65536), 32, 0, none), cudaErrorInvalidValue);
  EXPECT_EQUAL(emulator::launch("x", number_of_block, dim3(0), 32, 0, none), cudaErrorInvalidValue);
  EXPECT_EQUAL(emulator::launch("threads", number_of_block, dim3(1), 48, 0, none), cudaErrorInvalidValue);
  EXPECT_EQUAL(emulator::launch("shared", number_of_block, dim3(1), 32, 227 * 1024 + 1, none), cudaErrorInvalidValue);
}

TEST_MAIN
