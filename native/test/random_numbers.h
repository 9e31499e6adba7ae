// A small generator (xorshift64) for tests that fuzz, so that a failure can be had again.
#pragma once

#include <cstdint>

struct random_numbers {
  uint64_t state;
  uint64_t below(uint64_t bound) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return (state >> 11) % bound;
  }
};
