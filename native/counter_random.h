// Random weights from a counter: element i of a matrix is a function of (seed, i) alone, in integer arithmetic and one
// exact float product, so a CPU and a GPU that never met make the same model, without a file.
#pragma once

#include <stdint.h>

#ifdef __CUDACC__
#define RETRACE_HOST_DEVICE __host__ __device__
#else
#define RETRACE_HOST_DEVICE
#endif

// Uniform in [-scale, scale): 16 random bits, so the integer part is exact in float and the product is one rounding.
// The mixing is splitmix64's (Steele, Lea, Flood 2014).
RETRACE_HOST_DEVICE inline float retrace_counter_random(uint64_t seed, uint64_t index, float scale) {
  uint64_t z = seed + (index + 1) * 0x9E3779B97F4A7C15ull;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  z ^= z >> 31;
  return (float)((int32_t)(z >> 48) - 32768) * (scale / 32768.0f);
}
