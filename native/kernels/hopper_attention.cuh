// Causal attention over pages of a cache on Hopper's tensor cores: D = 128, pages of 128 tokens, swizzled layout.
//
// The trick: keys and values lie in the cache as shared memory wants them, so a page's tile is two plain bulk copies.
// One warp brings tiles into rings of three stages; two warpgroups hold 64 rows of queries each. A warpgroup starts the
// scores of the next page before the values of this one are waited for, and the two take turns, so that one's softmax
// runs under the other's products.
//
// Pages lie on the grid of absolute positions and are walked upwards from position 0. A row's pages, and the order of
// its additions, depend on its position alone: pages past it add nothing (a factor of 1 and products of 0), so its
// bits do not depend on where in a tile it stands.
//
// Shapes: T tokens of a page (128), D head size (128), H heads, G key-value heads; a tile is 128 rows of one segment.
#pragma once

#include <math.h>

#include "hopper_vocabulary.cuh"
#include "launchers.h"

namespace retrace {

namespace hopper_attention_shape {
constexpr int rows = hopper_attention_tile_rows, tokens = 128, head_size = 128;
constexpr int rows_of_a_group = 64;  // of queries, in a warpgroup
constexpr int stages = 3;            // of keys, and of values: all that fits
constexpr int threads = 384;
constexpr uint32_t query_block_bytes = rows_of_a_group * 128;  // 64 columns
constexpr uint32_t query_bytes = 2 * query_block_bytes;        // of a warpgroup
constexpr uint32_t page_block_bytes = tokens * 128;
constexpr uint32_t tile_bytes = 2 * page_block_bytes;  // keys or values of a page and head
constexpr int64_t tile_elements = tokens * head_size;
constexpr uint32_t keys_at = 2 * query_bytes, values_at = keys_at + stages * tile_bytes;
constexpr uint32_t barriers_at = values_at + stages * tile_bytes;
constexpr uint32_t shared_bytes = barriers_at + 4 * stages * sizeof(uint64_t);
// Barriers of the block: 1 and 2, a warpgroup's queries are there; 3 and 4, its turn to start products.
constexpr int queries_barrier = 1, turn_barrier = 3;
}  // namespace hopper_attention_shape

struct hopper_attention_arguments {
  const bf16 *qkv;
  const bf16 *cache;  // of the layer: [page][G][key | value] tiles
  const retrace_segment *segments;
  const retrace_tile *tiles;
  const int32_t *page_table;
  bf16 *out;
  int32_t tile_count, heads, kv_heads;
  float scale;  // log2(e) / sqrt(D): the softmax works with powers of two
};

// What a block works on.
struct attention_work {
  const bf16 *queries;  // of the tile's first row and the head
  bf16 *out;
  const bf16 *keys_of_page_0;  // values follow
  const int32_t *pages;
  int64_t query_stride, out_stride, page_stride;  // elements
  int32_t rows, first_position, page_count;
};

__device__ __forceinline__ attention_work work_of_block(const hopper_attention_arguments &arguments) {
  namespace shape = hopper_attention_shape;
  // The tiles of one head first: blocks that run together share keys and values in the L2 cache.
  const retrace_tile tile = arguments.tiles[blockIdx.x % arguments.tile_count];
  const int32_t head = static_cast<int32_t>(blockIdx.x) / arguments.tile_count;
  const retrace_segment segment = arguments.segments[tile.segment];
  const int64_t first_row = segment.first_row + static_cast<int64_t>(tile.row);
  attention_work work;
  work.query_stride = static_cast<int64_t>(arguments.heads + 2 * arguments.kv_heads) * shape::head_size;
  work.out_stride = static_cast<int64_t>(arguments.heads) * shape::head_size;
  work.page_stride = 2 * shape::tile_elements * arguments.kv_heads;
  work.queries = arguments.qkv + first_row * work.query_stride + head * shape::head_size;
  work.out = arguments.out + first_row * work.out_stride + head * shape::head_size;
  work.keys_of_page_0 = arguments.cache + head / (arguments.heads / arguments.kv_heads) * 2 * shape::tile_elements;
  work.pages = arguments.page_table + segment.first_page;
  work.rows = segment.rows - tile.row < shape::rows ? segment.rows - tile.row : shape::rows;
  work.first_position = segment.first_position + tile.row;
  work.page_count = (work.first_position + work.rows - 1) / shape::tokens + 1;
  return work;
}

struct attention_barriers {
  uint64_t *keys_full, *keys_empty, *values_full, *values_empty;  // [stages] each
};

// The first `rows` rows of a tile, by one thread.
__device__ __forceinline__ void bring_page_tile(char *target, const bf16 *source, int32_t rows, uint64_t *full) {
  namespace shape = hopper_attention_shape;
  mbarrier_arrive_and_expect(full, 2 * 128 * static_cast<uint32_t>(rows));
  for (int block = 0; block < 2; block++)
    copy_bulk(target + block * shape::page_block_bytes,
              reinterpret_cast<const char *>(source) + block * shape::page_block_bytes,
              128 * static_cast<uint32_t>(rows), full);
}

// Values of positions that nobody has written may be NaN, and 0 times NaN is NaN: those rows become zeros.
__device__ __forceinline__ void clear_page_rows(char *tile, int32_t first_row, int lane) {
  namespace shape = hopper_attention_shape;
  const uint4 zeros = {0, 0, 0, 0};
  for (int block = 0; block < 2; block++)
    for (int chunk = first_row * 8 + lane; chunk < shape::tokens * 8; chunk += 32)
      store_shared(tile + block * shape::page_block_bytes + chunk * 16, zeros);
  fence_async_proxy();
}

// Brings keys and values of all pages; the last page only as far as it is written. One warp.
__device__ __forceinline__ void bring_pages(const attention_work &work, char *memory, const attention_barriers &at,
                                            int lane) {
  namespace shape = hopper_attention_shape;
  ring_place<shape::stages> place;
  int32_t next_page = work.pages[0];
  for (int32_t page = 0; page < work.page_count; page++) {
    const bf16 *keys = work.keys_of_page_0 + next_page * work.page_stride;
    if (page + 1 < work.page_count) next_page = work.pages[page + 1];  // comes while this page is waited for
    const int32_t left = work.first_position + work.rows - page * shape::tokens;
    const int32_t rows = left < shape::tokens ? left : shape::tokens;
    char *keys_stage = memory + shape::keys_at + place.stage * shape::tile_bytes;
    char *values_stage = memory + shape::values_at + place.stage * shape::tile_bytes;
    if (lane == 0) {
      mbarrier_wait(&at.keys_empty[place.stage], place.parity ^ 1);
      bring_page_tile(keys_stage, keys, rows, &at.keys_full[place.stage]);
    }
    if (rows < shape::tokens) {
      mbarrier_wait(&at.values_empty[place.stage], place.parity ^ 1);
      clear_page_rows(values_stage, rows, lane);
      __syncwarp();
    }
    if (lane == 0) {
      mbarrier_wait(&at.values_empty[place.stage], place.parity ^ 1);
      bring_page_tile(values_stage, keys + shape::tile_elements, rows, &at.values_full[place.stage]);
    }
    __syncwarp();
    place.advance();
  }
}

// 64 rows of queries into a warpgroup's part of shared memory; rows past the segment as zeros.
__device__ __forceinline__ void load_queries(const attention_work &work, int32_t first_row, char *target, int thread) {
  namespace shape = hopper_attention_shape;
  RETRACE_UNROLL
  for (int i = 0; i < shape::rows_of_a_group * 16 / 128; i++) {
    const int row = (i * 128 + thread) / 16, chunk = thread % 16;
    uint4 value = {0, 0, 0, 0};
    if (first_row + row < work.rows)
      value = load<uint4>(work.queries + (first_row + row) * work.query_stride + chunk * 8);
    store_shared(target + chunk / 8 * shape::query_block_bytes + swizzled_chunk(row, chunk % 8), value);
  }
  fence_async_proxy();
}

// scores[64, 128] = queries times keys transposed; started, not awaited.
__device__ __forceinline__ void start_scores(float (&scores)[64], uint32_t queries, uint32_t keys) {
  namespace shape = hopper_attention_shape;
  keep_registers(scores);
  wgmma_fence();
  RETRACE_UNROLL
  for (int step = 0; step < shape::head_size / 16; step++)  // four steps of 16 in each block of 64 columns
    wgmma_n128(scores, k_major_descriptor(queries + step / 4 * shape::query_block_bytes + step % 4 * 32),
               k_major_descriptor(keys + step / 4 * shape::page_block_bytes + step % 4 * 32), step > 0);
  wgmma_commit();
}

// sums[64, 128] (+)= weights times values; started, not awaited.
__device__ __forceinline__ void start_values(float (&sums)[64], const uint32_t (&weights)[8][4], uint32_t values,
                                             int accumulate) {
  namespace shape = hopper_attention_shape;
  keep_registers(sums);
  wgmma_fence();
  RETRACE_UNROLL
  for (int step = 0; step < shape::tokens / 16; step++)
    wgmma_n128_transposed(sums, weights[step],
                          n_major_descriptor(values + step * 16 * 128, shape::page_block_bytes),
                          step > 0 || accumulate);
  wgmma_commit();
}

// Scores of positions that a row does not see become -infinity, whatever they are (keys there may be NaN).
// A thread has columns 8 j + 2 (lane % 4) and the next, of row lane / 4 in elements 0 and 1, and of row + 8 in 2 and 3.
__device__ __forceinline__ void hide_later_positions(float (&scores)[64], int32_t first_column, int32_t position) {
  RETRACE_UNROLL
  for (int i = 0; i < 64; i++) {
    const int32_t column = first_column + i / 4 * 8 + i % 2;
    if (column > position + i % 4 / 2 * 8) scores[i] = -INFINITY;
  }
}

// Running maximum and sum of the powers for the two rows of a thread. The sum is of this thread's columns until the
// end.
struct softmax_state {
  float largest[2], sum[2];
};

// scores -> 2^(scale * (score - maximum)). `correction`: by what earlier sums are to be multiplied.
__device__ __forceinline__ void take_powers(float (&scores)[64], softmax_state &state, float (&correction)[2],
                                            float scale) {
  RETRACE_UNROLL
  for (int half = 0; half < 2; half++) {
    // Even and odd columns apart, here and in the sums: with so few warps, one chain would wait for each of its steps.
    float even_largest = state.largest[half], odd_largest = even_largest;
    RETRACE_UNROLL
    for (int i = half * 2; i < 64; i += 4) {
      even_largest = fmaxf(even_largest, scores[i]);
      odd_largest = fmaxf(odd_largest, scores[i + 1]);
    }
    float largest = fmaxf(even_largest, odd_largest);
    largest = fmaxf(largest, __shfl_xor_sync(whole_warp, largest, 1));
    largest = fmaxf(largest, __shfl_xor_sync(whole_warp, largest, 2));
    // Position 0 is seen by every row and comes first: the maximum is finite from the first page on.
    correction[half] = fast_exp2((state.largest[half] - largest) * scale);
    const float offset = -largest * scale;
    float even_sum = 0.f, odd_sum = 0.f;
    RETRACE_UNROLL
    for (int i = half * 2; i < 64; i += 4) {
      scores[i] = fast_exp2(fmaf(scores[i], scale, offset));
      scores[i + 1] = fast_exp2(fmaf(scores[i + 1], scale, offset));
      even_sum += scores[i];
      odd_sum += scores[i + 1];
    }
    state.largest[half] = largest;
    state.sum[half] = fmaf(state.sum[half], correction[half], even_sum + odd_sum);
  }
}

// The accumulator's registers for 16 columns are those of a 16-column operand, two values in each.
__device__ __forceinline__ void round_weights(const float (&powers)[64], uint32_t (&weights)[8][4]) {
  RETRACE_UNROLL
  for (int i = 0; i < 32; i++) weights[i / 4][i % 4] = pack_bf16(powers[2 * i], powers[2 * i + 1]);
}

__device__ __forceinline__ void write_attention(const float (&sums)[64], softmax_state &state,
                                                const attention_work &work, int32_t row, int lane) {
  RETRACE_UNROLL
  for (int half = 0; half < 2; half++) {
    float sum = state.sum[half];
    sum += __shfl_xor_sync(whole_warp, sum, 1);
    sum += __shfl_xor_sync(whole_warp, sum, 2);
    const float factor = 1.f / sum;
    if (row + half * 8 >= work.rows) continue;
    bf16 *target = work.out + (row + half * 8) * work.out_stride + lane % 4 * 2;
    RETRACE_UNROLL
    for (int block = 0; block < 16; block++)  // + 0: a page of zeros turns -0 into 0, so no row keeps -0
      store(target + block * 8, pack_bf16(sums[block * 4 + half * 2] * factor + 0.f,
                                          sums[block * 4 + half * 2 + 1] * factor + 0.f));
  }
}

// 64 rows of the tile, from `group` * 64 on. One warpgroup.
__device__ __forceinline__ void attend(const attention_work &work, char *memory, const attention_barriers &at,
                                       int group, float scale) {
  namespace shape = hopper_attention_shape;
  const int thread = threadIdx.x % 128, lane = threadIdx.x % 32, warp = thread / 32;
  const int32_t group_row = group * shape::rows_of_a_group;
  const int32_t row = group_row + warp * 16 + lane / 4;
  const int32_t position = work.first_position + row;
  const uint32_t keys = shared_address(memory + shape::keys_at), values = shared_address(memory + shape::values_at);

  char *queries = memory + group * shape::query_bytes;
  load_queries(work, group_row, queries, thread);
  named_barrier_sync(shape::queries_barrier + group, 128);

  float scores[64], sums[64], correction[2];
  uint32_t weights[8][4];
  softmax_state state = {{-INFINITY, -INFINITY}, {0.f, 0.f}};
  ring_place<shape::stages> key_place, value_place;
  const bool is_second = group == 1;

  // The second group lets the first go ahead.
  if (is_second && work.page_count > 1) named_barrier_arrive(shape::turn_barrier, 256);

  // Page 0
  mbarrier_wait(&at.keys_full[0], 0);
  start_scores(scores, shared_address(queries), keys);
  wgmma_wait<0>();
  keep_registers(scores);
  if (lane == 0) mbarrier_arrive(&at.keys_empty[0]);
  key_place.advance();
  if (work.first_position + group_row < shape::tokens - 1) hide_later_positions(scores, lane % 4 * 2, position);
  take_powers(scores, state, correction, scale);
  round_weights(scores, weights);
  if (work.page_count > 1) mbarrier_wait(&at.keys_full[key_place.stage], key_place.parity);

  for (int32_t page = 1; page < work.page_count; page++) {
    // Scores of this page, and values of the page before, when the other group has started its own.
    named_barrier_sync(shape::turn_barrier + group, 256);
    start_scores(scores, shared_address(queries), keys + key_place.stage * shape::tile_bytes);
    mbarrier_wait(&at.values_full[value_place.stage], value_place.parity);
    start_values(sums, weights, values + value_place.stage * shape::tile_bytes, page > 1);
    if (!is_second || page + 1 < work.page_count) named_barrier_arrive(shape::turn_barrier + (group ^ 1), 256);

    wgmma_wait<1>();
    keep_registers(scores);
    if (lane == 0) mbarrier_arrive(&at.keys_empty[key_place.stage]);
    key_place.advance();
    const int32_t first_column = page * shape::tokens;
    if (first_column + shape::tokens - 1 > work.first_position + group_row)
      hide_later_positions(scores, first_column + lane % 4 * 2, position);
    take_powers(scores, state, correction, scale);
    keep_registers(scores);

    // The next keys are waited for here, and not where they are used: the assembler moves no work over this branch.
    // Else it takes the powers below the wait that follows, where no product runs beside them.
    if (page + 1 < work.page_count) mbarrier_wait(&at.keys_full[key_place.stage], key_place.parity);
    wgmma_wait<0>();
    keep_registers(sums);
    if (lane == 0) mbarrier_arrive(&at.values_empty[value_place.stage]);
    value_place.advance();
    RETRACE_UNROLL
    for (int i = 0; i < 64; i++) sums[i] *= correction[i % 4 / 2];
    round_weights(scores, weights);
  }

  mbarrier_wait(&at.values_full[value_place.stage], value_place.parity);
  start_values(sums, weights, values + value_place.stage * shape::tile_bytes, work.page_count > 1);
  wgmma_wait<0>();
  keep_registers(sums);
  write_attention(sums, state, work, row, lane);
}

template <int unused = 0>
__global__ void __launch_bounds__(384, 1)
    hopper_attention_kernel(const __grid_constant__ hopper_attention_arguments arguments) {
#ifdef RETRACE_HOPPER_CODE
  namespace shape = hopper_attention_shape;
  char *memory = shared_memory();
  uint64_t *barriers = reinterpret_cast<uint64_t *>(memory + shape::barriers_at);
  const attention_barriers at = {barriers, barriers + shape::stages, barriers + 2 * shape::stages,
                                 barriers + 3 * shape::stages};
  if (threadIdx.x == 0) {
    for (int stage = 0; stage < shape::stages; stage++) {
      mbarrier_init(&at.keys_full[stage], 1);    // the bringing thread
      mbarrier_init(&at.values_full[stage], 1);
      mbarrier_init(&at.keys_empty[stage], 8);   // the consuming warps
      mbarrier_init(&at.values_empty[stage], 8);
    }
    mbarrier_init_fence();
  }
  __syncthreads();

  const attention_work work = work_of_block(arguments);
  const int warpgroup = threadIdx.x / 128;
  if (warpgroup == 0) {
    release_registers<24>();
    if (threadIdx.x < 32) bring_pages(work, memory, at, threadIdx.x);
  } else {
    claim_registers<240>();
    attend(work, memory, at, warpgroup - 1, arguments.scale);
  }
#endif
}

}  // namespace retrace
