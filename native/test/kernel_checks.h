// How the tests of kernels judge: tolerances, bits, and every schedule that the emulator has.
//
// Tolerances. A float sum of k products of bfloat16 numbers is off by about sqrt(k) * 2^-24 of its terms' length: 1e-5
// holds up to k of some thousands. Rounding the result to bfloat16 adds up to 2^-9 = 1.95e-3 a value, 1.1e-3 on the
// mean square: 3e-3. Attention rounds its probabilities (2^-9) and its output: 4e-3.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "../emulator/emulator.h"
#include "../kernels/launchers.h"
#include "check.h"
#include "kernel_oracles.h"

namespace oracle {

namespace emulator = retrace::emulator;

constexpr double float_tolerance = 1e-5, bf16_tolerance = 3e-3, attention_tolerance = 4e-3;
constexpr cudaStream_t stream = nullptr;

// Schedules: step by step; and warps running ahead with copies at once (1, 4), at any time (2, 5) and late (3).
constexpr uint32_t schedules[] = {0, 1, 2, 3, 4, 5};

inline void expect_ran(cudaError_t status) {
  if (status != cudaSuccess) throw check::failure("status " + std::to_string(status) + ": " + emulator::last_failure());
}

template <class T>
void expect_same_bits(const T *found, const T *expected, size_t count, const std::string &what) {
  if (std::memcmp(found, expected, count * sizeof(T)) == 0) return;
  size_t different = 0;
  for (size_t i = 0; i < count; i++) different += std::memcmp(found + i, expected + i, sizeof(T)) != 0;
  throw check::failure(what + ": " + std::to_string(different) + " of " + std::to_string(count) + " values differ");
}

// NaN is no close value.
inline void expect_within(double error, double tolerance, const std::string &what) {
  if (error <= tolerance) return;
  throw check::failure(what + ": error " + std::to_string(error) + ", expected at most " + std::to_string(tolerance));
}

// `compute` under every schedule gives the same bits.
template <class T>
void expect_same_under_all_schedules(const std::string &what, const std::function<std::vector<T>()> &compute) {
  emulator::set_schedule(0);
  const std::vector<T> expected = compute();
  for (uint32_t schedule : schedules) {
    emulator::set_schedule(schedule);
    const std::vector<T> found = compute();
    emulator::set_schedule(0);
    expect_same_bits(found.data(), expected.data(), expected.size(), what + ", schedule " + std::to_string(schedule));
  }
}

}  // namespace oracle
