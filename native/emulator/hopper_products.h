// wgmma in the model of Hopper: products that are started, keep their sums to themselves, and are waited for in groups.
#pragma once

#include "hopper_block.h"

namespace retrace::emulator::hopper {

inline void check_operand(const operand &of, const char *what) {
  if (of.mode != 1) fail("operand %s: swizzle mode %u, expected 1 (128 bytes)", what, of.mode);
  if (of.base_offset != 0 || (of.start & 0x380) != 0)
    fail("operand %s at address %u: its swizzle pattern does not start on a multiple of 1024 bytes", what, of.start);
}

// Row 16 w + r of the product's A, w the warp's number in its warpgroup. In registers: r = g or g + 8 of lane 4 g + t,
// k = 2 t, 2 t + 1 (registers 0, 1) and 8 more (2, 3).
inline float a_element(const product &one, int warp, int r, int k) {
  const product_call &call = one.lanes[0];
  if (!call.a_registers)
    return widen(element_at(
        element_address(decode(call.a), false, static_cast<uint32_t>(warp % 4 * 16 + r), static_cast<uint32_t>(k))));
  const uint32_t pair = one.a_at_start[r % 8 * 4 + k % 8 / 2][r / 8 + k / 8 * 2];
  return widen(static_cast<uint16_t>(k % 2 ? pair >> 16 : pair));
}
// Sum of row r and column c: lane 4 (r % 8) + c % 8 / 2, register 4 (c / 8) + 2 (r / 8) + c % 2.
inline float &sum_element(sums_in_flight &sums, int r, int c) {
  return sums.values[static_cast<size_t>((r % 8 * 4 + c % 8 / 2) * sums.count + c / 8 * 4 + r / 8 * 2 + c % 2)];
}

inline void carry_out(product &one, int warp) {
  if (one.is_done) return;
  one.is_done = true;
  const product_call &call = one.lanes[0];
  const operand b = decode(call.b);
  static float a_values[16][16], b_values[16][256], sums[256];
  for (int r = 0; r < 16; r++)
    for (int k = 0; k < 16; k++) a_values[r][k] = a_element(one, warp, r, k);
  for (int k = 0; k < 16; k++)
    for (int c = 0; c < call.n; c++)
      b_values[k][c] = widen(
          element_at(element_address(b, call.b_is_transposed, static_cast<uint32_t>(c), static_cast<uint32_t>(k))));
  for (int r = 0; r < 16; r++) {
    for (int c = 0; c < call.n; c++) sums[c] = call.accumulate ? sum_element(*one.sums, r, c) : 0.f;
    for (int k = 0; k < 16; k++)
      for (int c = 0; c < call.n; c++) sums[c] += a_values[r][k] * b_values[k][c];
    for (int c = 0; c < call.n; c++) sum_element(*one.sums, r, c) = sums[c];
  }
}

// The chunks that a product reads of one operand.
inline void add_chunks(chunk_set &chunks, uint64_t descriptor, bool mn_major, uint32_t first, uint32_t count) {
  const operand of = decode(descriptor);
  for (uint32_t mn = first; mn < first + count; mn += mn_major ? 8 : 1)
    for (uint32_t k = 0; k < 16; k += mn_major ? 1 : 8)
      chunks.set(chunk_of(element_address(of, mn_major, mn, k), "an operand of a product"));
}

inline void check_operands_are_there(const product &one) {
  check_not_written(one.reads, "a product");
  for (const auto &entry : block().unfenced)
    if (one.reads[entry.first])
      fail("a product reads byte %zu of shared memory, which thread %d stored without fence.proxy.async",
           entry.first * 16, entry.second);
}

// The four warps of a warpgroup carry out one instruction: each names the same operands, in the same order.
inline void check_warpgroup_agrees(warp_state &self, int warp, const product_call &call) {
  std::vector<uint64_t> &all = block().products_of_warpgroup[warp / 4];
  const uint64_t facts[3] = {call.a_registers ? 0 : call.a, call.b,
                             static_cast<uint64_t>(call.n * 4 + call.b_is_transposed * 2 + call.accumulate)};
  for (uint64_t fact : facts) {
    if (self.started == all.size()) all.push_back(fact);
    else if (all[self.started] != fact)
      fail("warp %d does not start the product of the other warps of its group", warp);
    self.started++;
  }
}

// Takes the sums out of the warp's registers, unless an earlier product under way has them.
inline sums_in_flight *take_sums(warp_state &self, void **calls) {
  auto at = [&](int lane) { return static_cast<product_call *>(calls[lane])->sums; };
  for (sums_in_flight &flight : self.flights)
    if (flight.registers[0] == at(0)) return &flight;
  self.flights.emplace_back();
  sums_in_flight &fresh = self.flights.back();
  fresh.count = static_cast<product_call *>(calls[0])->n / 2;
  fresh.products = 0;
  for (int lane = 0; lane < 32; lane++) {
    fresh.registers[lane] = at(lane);
    fresh.values.insert(fresh.values.end(), at(lane), at(lane) + fresh.count);
    for (int i = 0; i < fresh.count; i++) memcpy(at(lane) + i, &accumulator_poison, 4);
  }
  return &fresh;
}
inline void give_sums_back(warp_state &self, sums_in_flight *sums) {
  for (int lane = 0; lane < 32; lane++)
    for (int i = 0; i < sums->count; i++) {
      if (memcmp(sums->registers[lane] + i, &accumulator_poison, 4) != 0)
        fail("register %d of a product under way was written", i);
      sums->registers[lane][i] = sums->values[static_cast<size_t>(lane * sums->count + i)];
    }
  self.flights.remove_if([sums](const sums_in_flight &one) { return &one == sums; });
}

inline void fence_products() {
  collective(32, "wgmma.fence", nullptr, [](void **) { block().warps[grid.current / 32].is_fenced = true; });
}

inline void multiply(float *sums, int n, const uint32_t *a_registers, uint64_t a, uint64_t b, bool b_is_transposed,
                     int accumulate) {
  product_call call = {sums, a_registers, a, b, n, b_is_transposed, accumulate != 0};
  collective(32, "wgmma", &call, [](void **calls) {
    const int warp = grid.current / 32;
    warp_state &self = block().warps[warp];
    auto one = std::make_unique<product>();
    one->is_done = false;
    for (int lane = 0; lane < 32; lane++) {
      one->lanes[lane] = *static_cast<product_call *>(calls[lane]);
      if (one->lanes[lane].a_registers) memcpy(one->a_at_start[lane], one->lanes[lane].a_registers, 16);
      if (one->lanes[lane].a != one->lanes[0].a || one->lanes[lane].b != one->lanes[0].b ||
          one->lanes[lane].accumulate != one->lanes[0].accumulate)
        fail("the lanes of a warp name different operands for one product");
    }
    const product_call &first = one->lanes[0];
    if (!self.is_fenced) fail("a product without wgmma.fence at the start of its group");
    check_warpgroup_agrees(self, warp, first);
    if (!first.a_registers) {
      check_operand(decode(first.a), "A");
      add_chunks(one->reads, first.a, false, static_cast<uint32_t>(warp % 4 * 16), 16);
    }
    check_operand(decode(first.b), "B");
    add_chunks(one->reads, first.b, first.b_is_transposed, 0, static_cast<uint32_t>(first.n));
    check_operands_are_there(*one);
    one->sums = take_sums(self, calls);
    one->sums->products++;
    self.products.push_back(std::move(one));
    self.open++;
    if (grid.seed % 2 == 1 && random_below(2))  // as early as it may; else at the wait
      for (auto &earlier : self.products) carry_out(*earlier, warp);
  });
}

inline void commit_products() {
  collective(32, "wgmma.commit_group", nullptr, [](void **) {
    warp_state &self = block().warps[grid.current / 32];
    self.groups.push_back(self.open);
    self.open = 0;
    self.is_fenced = false;
  });
}

inline void wait_for_products(int newest) {
  collective(32, "wgmma.wait_group", &newest, [](void **counts) {
    const int warp = grid.current / 32;
    warp_state &self = block().warps[warp];
    while (static_cast<int>(self.groups.size()) > *static_cast<int *>(counts[0])) {
      for (int left = self.groups.front(); left > 0; left--) {
        product &one = *self.products.front();
        carry_out(one, warp);
        for (int lane = 0; lane < 32; lane++)
          if (one.lanes[lane].a_registers && memcmp(one.lanes[lane].a_registers, one.a_at_start[lane], 16) != 0)
            fail("registers of A changed while their product was under way");
        if (--one.sums->products == 0) give_sums_back(self, one.sums);
        self.products.pop_front();
      }
      self.groups.pop_front();
    }
  });
}

}  // namespace retrace::emulator::hopper
