// What the model of Hopper knows of a block: addresses of operands as descriptors name them, and all that is under way.
#pragma once

#include "emulator.h"
#include "instructions.h"

#include <bitset>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <set>

namespace retrace::emulator::hopper {

constexpr uint32_t first_address = 1024;  // of dynamic shared memory, as on the GPU
constexpr uint32_t accumulator_poison = 0x7FBA5EED;
using chunk_set = std::bitset<most_shared_bytes / 16>;

// ---- addresses and descriptors ----------------------------------------------------------------------

inline uint32_t address_of(const void *memory) {
  return first_address + static_cast<uint32_t>(static_cast<const char *>(memory) - grid.shared);
}

// The 128-byte swizzle is a rule for addresses, not for tiles: bits 4-6 are xor-ed with bits 7-9.
constexpr uint32_t swizzle(uint32_t address) { return address ^ (address >> 3 & 0x70); }

struct operand {
  uint32_t start, leading_bytes, stride_bytes, base_offset, mode;
};
constexpr operand decode(uint64_t descriptor) {
  return {static_cast<uint32_t>(descriptor & 0x3FFF) << 4, static_cast<uint32_t>(descriptor >> 16 & 0x3FFF) << 4,
          static_cast<uint32_t>(descriptor >> 32 & 0x3FFF) << 4, static_cast<uint32_t>(descriptor >> 49 & 7),
          static_cast<uint32_t>(descriptor >> 62)};
}
// Address of an operand's bfloat16 at (mn, k), mn a row of A or a column of B, k below 16. Canonical layouts for the
// 128-byte swizzle, in elements: K-major ((8, m), 16) : ((64, stride), 1); MN-major ((64, m), (8, 2)) : ((1, leading),
// (64, stride)).
constexpr uint32_t element_address(const operand &of, bool mn_major, uint32_t mn, uint32_t k) {
  const uint32_t offset = mn_major ? mn / 64 * of.leading_bytes + mn % 64 * 2 + k / 8 * of.stride_bytes + k % 8 * 128
                                   : mn / 8 * of.stride_bytes + mn % 8 * 128 + k * 2;
  return swizzle(of.start + offset);
}

inline size_t chunk_of(uint32_t address, const char *what) {
  if (address < first_address || address + 16 > first_address + grid.shared_bytes)
    fail("%s at byte %lld of shared memory, which has %zu", what,
         static_cast<long long>(address) - static_cast<long long>(first_address), grid.shared_bytes);
  return (address - first_address) / 16;
}
inline uint16_t element_at(uint32_t address) {
  uint16_t bits;
  memcpy(&bits, grid.shared + (address - first_address), 2);
  return bits;
}

// ---- what is under way in a block ---------------------------------------------------------------------

struct mbarrier {
  uint32_t arrivals, missing, phase;
  int64_t bytes;
  bool is_fenced;
  int thread;           // that initialised it
  uint32_t generation;  // of the block's barrier then
};

struct product_call {
  float *sums;
  const uint32_t *a_registers;
  uint64_t a, b;
  int n;
  bool b_is_transposed, accumulate;
};
// Sums that are in the tensor cores' hands, of one warp.
struct sums_in_flight {
  float *registers[32];
  std::vector<float> values;  // [lane][count]
  int count, products;
};
struct product {
  product_call lanes[32];
  uint32_t a_at_start[32][4];
  sums_in_flight *sums;
  chunk_set reads;
  bool is_done;
};
struct warp_state {
  std::deque<std::unique_ptr<product>> products;  // oldest first
  std::deque<int> groups;                         // products in each committed group
  std::list<sums_in_flight> flights;
  int open = 0;
  bool is_fenced = false;
  size_t started = 0;
};
struct copy_under_way {
  chunk_set writes;
};

struct block_state {
  uint64_t serial = 0;
  std::map<const void *, mbarrier> barriers;
  warp_state warps[most_threads / 32];
  std::vector<uint64_t> products_of_warpgroup[most_threads / 128];  // what all four warps must say alike
  std::list<copy_under_way> copies;
  std::map<size_t, int> unfenced;  // chunk -> thread that stored it
  int registers[most_threads / 128];
  int free_registers;
};
inline block_state state;
inline std::set<std::string> names;  // texts that outlive their block: what fibres wait for

inline block_state &block() {
  if (state.serial == grid.block_serial) return state;
  state = block_state();
  state.serial = grid.block_serial;
  for (int &registers : state.registers) registers = 65536 / grid.threads / 8 * 8;
  state.free_registers = 0;
  return state;
}

inline const char *name(const char *text, long long number) {
  char line[96];
  snprintf(line, sizeof line, text, number);
  return names.insert(line).first->c_str();
}

inline void check_not_read(const chunk_set &written, const char *what) {
  for (int warp = 0; warp < grid.threads / 32; warp++)
    for (const auto &one : block().warps[warp].products)
      if ((one->reads & written).any())
        fail("%s overwrites byte %zu of shared memory, which a product of warp %d still reads", what,
             (one->reads & written)._Find_first() * 16, warp);
}
inline void check_not_written(const chunk_set &touched, const char *what) {
  for (const copy_under_way &copy : block().copies)
    if ((copy.writes & touched).any())
      fail("%s touches byte %zu of shared memory, where a bulk copy is still under way", what,
           (copy.writes & touched)._Find_first() * 16);
}

}  // namespace retrace::emulator::hopper
