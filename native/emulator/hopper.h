// A model of what Hopper adds: barriers in shared memory that count bytes, bulk copies, and asynchronous products
// (wgmma) whose operands are named by descriptors. On top of the fibres of `emulator.h`; the kernels reach it through
// `kernels/hopper_vocabulary.cuh`.
//
// The trick: what is asynchronous leaves traces while it is under way, so that touching it is an error and not luck.
// - A bulk copy fills its target with NaN at once and brings the bytes later, in an order that the seed says.
// - A product takes its sums out of the registers, leaves NaN there, and gives them back when its group was waited for.
//   When it reads shared memory in between (at once or at the last moment) is the seed's choice.
// - Which 16-byte chunks of shared memory are being read by products, written by copies, or were stored by threads that
//   have not fenced them for the asynchronous units since, is known at any time; a clash ends the grid with a message.
//
// Each warp has its own queue of products and waits for its own 16 rows, as on the GPU.
//
// Not modelled: clusters and multicast, priorities, what the tensor cores' sums look like inside a step of 16 (here:
// one chain in the order of k), `wgmma` shapes and swizzles that the kernels do not use.
#pragma once

#include "hopper_block.h"
#include "hopper_products.h"

namespace retrace::emulator::hopper {

// ---- barriers -------------------------------------------------------------------------------------------

inline long long offset_of(const void *memory) { return static_cast<const char *>(memory) - grid.shared; }

inline void init_barrier(const void *where, uint32_t arrivals) {
  check_shared(where, 8, 8, "an mbarrier");
  if (arrivals == 0) fail("an mbarrier for no arrivals");
  block().barriers[where] = {arrivals, arrivals, 0, 0, false, grid.current, grid.barriers[0].generation};
}
inline void fence_barriers() {
  for (auto &entry : block().barriers) entry.second.is_fenced = true;
}
inline mbarrier &barrier_at(const void *where) {
  const auto found = block().barriers.find(where);
  if (found == block().barriers.end()) fail("no mbarrier at byte %lld of shared memory", offset_of(where));
  if (grid.current >= 0 && grid.current != found->second.thread &&
      grid.barriers[0].generation == found->second.generation)
    fail("the mbarrier at byte %lld is used by a thread that has met no barrier of the block since it was initialised",
         offset_of(where));
  return found->second;
}
inline void end_phase_if_complete(mbarrier &barrier) {
  if (barrier.missing > 0 || barrier.bytes > 0) return;
  barrier.phase++;
  barrier.missing = barrier.arrivals;
}
// Who is signalled may run before who signals goes on: without this, a signal that is given a moment too early would
// never show, since a warp runs on until it waits.
inline void let_others_run() {
  for (uint32_t steps = 1 + (grid.seed ? random_below(8) : 0); steps > 0; steps--) {
    bool was_asked = false;
    wait_until("its next step", [&was_asked] { return std::exchange(was_asked, true); });
  }
}
inline void arrive(const void *where, uint32_t expected_bytes) {
  mbarrier &barrier = barrier_at(where);
  if (barrier.missing == 0)
    fail("more than %u arrivals at the mbarrier at byte %lld in phase %u", barrier.arrivals, offset_of(where),
         barrier.phase);
  barrier.bytes += expected_bytes;
  if (barrier.bytes >= 1 << 20) fail("an mbarrier expects %lld bytes: at most 2^20 - 1", (long long)barrier.bytes);
  barrier.missing--;
  end_phase_if_complete(barrier);
  let_others_run();
}
inline void complete_bytes(const void *where, int64_t bytes) {
  mbarrier &barrier = barrier_at(where);
  if (bytes > barrier.bytes)
    fail("%lld bytes came to the mbarrier at byte %lld, which expects %lld", (long long)bytes, offset_of(where),
         (long long)barrier.bytes);
  barrier.bytes -= bytes;
  end_phase_if_complete(barrier);
}
inline void wait_for_phase(const void *where, uint32_t parity) {
  const mbarrier &barrier = barrier_at(where);
  wait_until(name(parity ? "the odd phase of the mbarrier at byte %lld" : "the even phase of the mbarrier at byte %lld",
                  offset_of(where)),
             [&barrier, parity] { return (barrier.phase & 1) != parity; });
}

// ---- stores for the asynchronous units, and their fence ---------------------------------------------------

inline void store_shared(void *target, const uint4 &value) {
  check_shared(target, 16, 16, "a store");
  chunk_set chunk;
  chunk.set(chunk_of(address_of(target), "a store"));
  check_not_read(chunk, "a store");
  check_not_written(chunk, "a store");
  block().unfenced[chunk._Find_first()] = grid.current;
  *static_cast<uint4 *>(target) = value;
}
inline void fence_async_proxy() {
  auto &unfenced = block().unfenced;
  for (auto at = unfenced.begin(); at != unfenced.end();)
    at = at->second == grid.current ? unfenced.erase(at) : std::next(at);
}

// ---- bulk copies --------------------------------------------------------------------------------------------

// A copy of 16-byte pieces: `bring(target, i)` writes piece i, whose place is `targets[i]`.
template <class Bring>
void start_bulk_copy(std::vector<uint32_t> targets, const void *barrier, Bring bring) {
  if (!barrier_at(barrier).is_fenced) fail("a bulk copy to an mbarrier whose initialisation was not fenced");
  copy_under_way copy;
  for (uint32_t target : targets) {
    const size_t chunk = chunk_of(target, "a bulk copy");
    if (copy.writes[chunk]) fail("a bulk copy writes byte %zu of shared memory twice", chunk * 16);
    copy.writes.set(chunk);
    block().unfenced.erase(chunk);
  }
  check_not_read(copy.writes, "a bulk copy");
  check_not_written(copy.writes, "a bulk copy");
  for (uint32_t target : targets) memset(grid.shared + (target - first_address), 0xFF, 16);
  block().copies.push_back(copy);
  const auto self = std::prev(block().copies.end());
  defer([targets, barrier, bring, self] {
    bool someone_is_left = false;
    for (int thread = 0; thread < grid.threads; thread++) someone_is_left |= !grid.fibres[thread].done;
    if (!someone_is_left) fail("a bulk copy was still under way when its block ended");
    for (size_t i = 0; i < targets.size(); i++) bring(grid.shared + (targets[i] - first_address), i);
    block().copies.erase(self);
    complete_bytes(barrier, static_cast<int64_t>(targets.size()) * 16);
  });
}

inline void copy_bulk(void *target, const void *source, uint32_t bytes, const void *barrier) {
  check_shared(target, bytes, 16, "a bulk copy");
  if (reinterpret_cast<uintptr_t>(source) % 16 != 0 || bytes % 16 != 0 || bytes == 0)
    fail("a bulk copy of %u bytes from %p: expected multiples of 16", bytes, source);
  std::vector<uint32_t> targets(bytes / 16);
  for (uint32_t i = 0; i < bytes / 16; i++) targets[i] = address_of(target) + i * 16;
  start_bulk_copy(std::move(targets), barrier,
                  [source](char *to, size_t i) { memcpy(to, static_cast<const char *>(source) + i * 16, 16); });
}

// What stands in for the driver's opaque tensor map: boxes of [box_rows][64] bfloat16, 128-byte swizzle.
struct tensor_map {
  uint64_t mark;
  const uint16_t *matrix;
  int64_t rows;
  int32_t columns, box_rows;
};
constexpr uint64_t tensor_map_mark = 0x70616D726F736E74;

// 1 where the driver's encoder would refuse.
inline int make_map(unsigned char *bytes, const uint16_t *matrix, int64_t rows, int32_t columns, int32_t box_rows) {
  if (reinterpret_cast<uintptr_t>(matrix) % 16 != 0 || columns % 8 != 0 || columns < 1 || rows < 1 || box_rows < 1 ||
      box_rows > 256 || reinterpret_cast<uintptr_t>(bytes) % 64 != 0)
    return 1;
  const tensor_map map = {tensor_map_mark, matrix, rows, columns, box_rows};
  memset(bytes, 0, 128);
  memcpy(bytes, &map, sizeof map);
  return 0;
}

inline void copy_tile(void *target, const void *map_bytes, int32_t column, int32_t row, const void *barrier) {
  tensor_map map;
  memcpy(&map, map_bytes, sizeof map);
  if (map.mark != tensor_map_mark || reinterpret_cast<uintptr_t>(map_bytes) % 64 != 0)
    fail("a bulk tensor copy by something that is no tensor map on a multiple of 64 bytes");
  check_shared(target, static_cast<size_t>(map.box_rows) * 128, 128, "a bulk tensor copy");
  std::vector<uint32_t> targets(static_cast<size_t>(map.box_rows) * 8);
  for (uint32_t i = 0; i < targets.size(); i++) targets[i] = swizzle(address_of(target) + i * 16);
  start_bulk_copy(std::move(targets), barrier, [map, column, row](char *to, size_t i) {
    for (size_t j = 0; j < 8; j++) {
      const int64_t r = row + static_cast<int64_t>(i / 8), c = column + static_cast<int64_t>(i % 8 * 8 + j);
      const bool is_inside = r >= 0 && r < map.rows && c >= 0 && c < map.columns;
      const uint16_t value = is_inside ? map.matrix[r * map.columns + c] : uint16_t{0};
      memcpy(to + j * 2, &value, 2);
    }
  });
}

// ---- registers of a warpgroup ---------------------------------------------------------------------------------

inline void change_registers(int registers, bool is_claim) {
  if (registers % 8 != 0 || registers < 24 || registers > 256) fail("setmaxnreg to %d registers", registers);
  const int group = grid.current / 128;
  collective(128, "setmaxnreg", nullptr, [](void **) {});
  if (grid.current % 128 == 0) {
    const int more = registers - block().registers[group];
    if (is_claim ? more < 0 : more > 0)
      fail("setmaxnreg.%s to %d registers from %d", is_claim ? "inc" : "dec", registers, block().registers[group]);
    wait_until("registers of another warpgroup", [more] { return block().free_registers >= more; });
    block().free_registers -= more;
    block().registers[group] = registers;
  }
  collective(128, "setmaxnreg", nullptr, [](void **) {});
}

}  // namespace retrace::emulator::hopper
