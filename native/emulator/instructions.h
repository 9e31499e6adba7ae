// The warp instructions of sm_80 as the emulator carries them out: fragments as the PTX manual lays them out, sums in
// one fixed order, copies that arrive as late (or as early) as the hardware allows. `vocabulary.cuh` gives them their
// names.
//
// The sums of a real tensor core are taken in another order (and with other rounding inside one instruction), so values
// agree with a GPU's up to rounding alone.
#pragma once

#include <cmath>

#include "emulator.h"

namespace retrace::emulator {

inline float widen(uint16_t bits) {
  const uint32_t wide = static_cast<uint32_t>(bits) << 16;
  float value;
  memcpy(&value, &wide, 4);
  return value;
}

// Round to nearest, ties to even; every NaN becomes the one that the hardware writes.
inline uint16_t narrow(float value) {
  uint32_t wide;
  memcpy(&wide, &value, 4);
  if ((wide & 0x7FFFFFFFu) > 0x7F800000u) return 0x7FFF;
  return static_cast<uint16_t>((wide + 0x7FFFu + ((wide >> 16) & 1u)) >> 16);
}

inline void check_mask(unsigned mask) {
  if (mask != 0xFFFFFFFFu) fail("a warp instruction with mask %08x: expected all 32 lanes", mask);
}

// `from(lane)` is the lane whose value this lane takes.
template <class T, class From>
T shuffle(const char *what, unsigned mask, T value, From from) {
  check_mask(mask);
  struct exchange {
    T value, result;
    int lane;
  } mine{value, value, from(grid.current % 32) & 31};
  collective(32, what, &mine, [](void **slots) {
    for (int lane = 0; lane < 32; lane++) {
      exchange *one = static_cast<exchange *>(slots[lane]);
      one->result = static_cast<exchange *>(slots[one->lane])->value;
    }
  });
  return mine.result;
}

// c[16, 8] += a[16, 16] * b[16, 8], bf16 in, float out. Lane = 4 * group + pair: `a` holds rows group and group + 8,
// columns 2 * pair (+ 8); `b` column group, rows 2 * pair (+ 8); `c` rows group (+ 8), columns 2 * pair.
inline void multiply_accumulate(float *c, const uint32_t *a, const uint32_t *b) {
  struct operands {
    float *c;
    const uint32_t *a, *b;
  } mine{c, a, b};
  collective(32, "mma.m16n8k16", &mine, [](void **slots) {
    typedef float row8 __attribute__((vector_size(32)));
    float left[16][16];
    row8 right[16], sum[16];
    const auto low = [](uint32_t pair) { return widen(static_cast<uint16_t>(pair)); };
    const auto high = [](uint32_t pair) { return widen(static_cast<uint16_t>(pair >> 16)); };
    for (int lane = 0; lane < 32; lane++) {
      const operands &one = *static_cast<operands *>(slots[lane]);
      const int group = lane / 4, pair = lane % 4;
      for (int i = 0; i < 4; i++) {
        const int row = group + i % 2 * 8, column = pair * 2 + i / 2 * 8;
        left[row][column] = low(one.a[i]);
        left[row][column + 1] = high(one.a[i]);
        sum[group + i / 2 * 8][pair * 2 + i % 2] = one.c[i];
      }
      for (int i = 0; i < 2; i++) {
        right[pair * 2 + i * 8][group] = low(one.b[i]);
        right[pair * 2 + i * 8 + 1][group] = high(one.b[i]);
      }
    }
    for (int row = 0; row < 16; row++)
      for (int k = 0; k < 16; k++) sum[row] += right[k] * left[row][k];
    for (int lane = 0; lane < 32; lane++) {
      const operands &one = *static_cast<operands *>(slots[lane]);
      for (int i = 0; i < 4; i++) one.c[i] = sum[lane / 4 + i / 2 * 8][lane % 4 * 2 + i % 2];
    }
  });
}

// Four matrices of 8 x 8 16-bit elements from shared memory: lane l gives the address of row l % 8 of matrix l / 8.
template <bool transposed>
void load_matrix_rows(uint32_t *registers, const void *row) {
  check_shared(row, 16, 16, "ldmatrix");
  struct operands {
    uint32_t *registers;
    const uint16_t *row;
  } mine{registers, static_cast<const uint16_t *>(row)};
  collective(32, transposed ? "ldmatrix.trans" : "ldmatrix", &mine, [](void **slots) {
    const auto row_of = [&](int lane) { return static_cast<operands *>(slots[lane])->row; };
    for (int lane = 0; lane < 32; lane++)
      for (int matrix = 0; matrix < 4; matrix++) {
        const int major = lane / 4, minor = lane % 4 * 2, first = matrix * 8;
        const uint16_t low = transposed ? row_of(first + minor)[major] : row_of(first + major)[minor];
        const uint16_t high = transposed ? row_of(first + minor + 1)[major] : row_of(first + major)[minor + 1];
        static_cast<operands *>(slots[lane])->registers[matrix] = low | static_cast<uint32_t>(high) << 16;
      }
  });
}

// ---- cp.async: 16 bytes; `bytes` of them from `source`, the rest zeros --------------------------------

inline void carry_out(const pending_copy &copy) {
  memset(copy.target, 0, 16);
  if (copy.bytes > 0) memcpy(copy.target, copy.source, static_cast<size_t>(copy.bytes));
}

inline void start_copy(void *target, const void *source, int bytes) {
  check_shared(target, 16, 16, "cp.async");
  if (bytes < 0 || bytes > 16) fail("cp.async of %d bytes: expected 0 to 16", bytes);
  if (reinterpret_cast<uintptr_t>(source) % 16 != 0) fail("cp.async from an address that is no multiple of 16 bytes");
  const pending_copy copy{target, source, bytes};
  const uint32_t manner = grid.seed % 3;
  // At once where the seed says so: that overwrites what another warp still reads if a barrier is missing.
  if (manner == 1 || (manner == 2 && random_below(2))) carry_out(copy);
  else grid.fibres[grid.current].open_group.push_back(copy);
}

inline void commit_copy_group() {
  fibre &self = grid.fibres[grid.current];
  self.copy_groups.push_back(std::move(self.open_group));
  self.open_group.clear();
}

// Until at most `newest` groups of this thread are under way.
inline void wait_for_copy_groups(int newest) {
  fibre &self = grid.fibres[grid.current];
  const size_t keep = static_cast<size_t>(newest);
  if (self.copy_groups.size() <= keep) return;
  const size_t finished = self.copy_groups.size() - keep;
  for (size_t i = 0; i < finished; i++)
    for (const pending_copy &copy : self.copy_groups[i]) carry_out(copy);
  self.copy_groups.erase(self.copy_groups.begin(), self.copy_groups.begin() + static_cast<long>(finished));
}

// A vector access to global memory needs an address that is a multiple of its size.
template <class T>
void check_aligned(const T *address) {
  if (reinterpret_cast<uintptr_t>(address) % sizeof(T) != 0)
    fail("an access of %zu bytes that is not aligned", sizeof(T));
}

}  // namespace retrace::emulator

inline float __shfl_xor_sync(unsigned mask, float value, int distance) {
  return retrace::emulator::shuffle("shfl.xor", mask, value, [=](int lane) { return lane ^ distance; });
}
inline float __shfl_sync(unsigned mask, float value, int source) {
  return retrace::emulator::shuffle("shfl.idx", mask, value, [=](int) { return source; });
}
inline int __any_sync(unsigned mask, int condition) {
  retrace::emulator::check_mask(mask);
  retrace::emulator::collective(32, "vote.any", &condition, [](void **slots) {
    int any = 0;
    for (int lane = 0; lane < 32; lane++) any |= *static_cast<int *>(slots[lane]) != 0;
    for (int lane = 0; lane < 32; lane++) *static_cast<int *>(slots[lane]) = any;
  });
  return condition;
}
inline void __syncwarp(unsigned mask = 0xFFFFFFFFu) {
  retrace::emulator::check_mask(mask);
  retrace::emulator::collective(32, "bar.warp", nullptr, [](void **) {});
}
