// Causal attention of query tiles over a paged cache: out = softmax(q k / sqrt(D)) v, by one walk over the page table
// with an online softmax. There is no mask tensor: a query at position p sees the positions up to p, and branches that
// share a prefix share its pages.
//
// A block takes 64 rows of queries of one segment, and `heads_together` query heads that read the same key-value head
// (they share each tile of it that is fetched). A warp takes 16 * heads_together rows of one head. Tiles of 64 keys
// come into one of two buffers by cp.async while the other is used. Scores are in float; exponentials are of base 2;
// probabilities are rounded to bfloat16 for the second product while their sum is not.
//
// Row invariance: tiles of keys begin at multiples of 64 of the ABSOLUTE position, so a row meets the same tiles in the
// same order whatever segment, split or page it stands in. A tile that a row sees nothing of adds exact zeros to it.
// Rows of a page behind the tile's last position are never read: they are zeros, since 0 * NaN is NaN.
//
// Shapes: H query heads, G key-value heads, D head size, T tokens of a page (a multiple of 64).
#pragma once

#include "cache_layout.cuh"

namespace retrace {

constexpr int attention_threads = 128;
constexpr int key_tile = 64;

template <int head_size, int heads_together>
struct attention_shape {
  static constexpr int warps = attention_threads / 32, row_fragments = heads_together;  // of 16 rows, of each warp
  static constexpr int query_rows = attention_tile_rows * heads_together;
  static constexpr int chunks = head_size / 8;
  static constexpr int key_elements = key_tile * head_size;
  static constexpr int query_elements = query_rows * head_size;
  static constexpr int shared_bytes = (query_elements + 4 * key_elements) * 2;
};

struct attention_arguments {
  const bf16 *qkv;
  kv_cache cache;
  const retrace_segment *segments;
  const retrace_tile *tiles;
  const int32_t *page_table;
  int32_t layer, heads, tile_count;
  float scale;  // log2(e) / sqrt(D)
  bf16 *out;
};

// What one warp's rows have seen so far: sums of p * v, and of each lane's share of p; and the largest score.
template <int head_size, int row_fragments>
struct attention_state {
  float out[row_fragments][head_size / 8][4];
  float largest[row_fragments][2], sum[row_fragments][2];
};

// Starts the copies of the keys and values at positions [first, first + 64) of the path whose pages are `pages`.
template <int head_size>
__device__ __forceinline__ void fetch_keys(const attention_arguments &arguments, const int32_t *pages, int kv_head,
                                           int first, int end, bf16 *keys, bf16 *values) {
  constexpr int chunks = head_size / 8, wide = chunks_of_block(head_size);
  const kv_cache &cache = arguments.cache;
  const int page = pages[first / cache.page_tokens], page_row = first % cache.page_tokens;
  const int64_t values_after = static_cast<int64_t>(cache.page_tokens) * head_size;
  const bool swizzled = cache.layout == kv_layout::swizzled;
  // In shared memory the tile always lies swizzled: place i of it is chunk `place ^ row` of row `row`. `page_row` is a
  // multiple of 64, so a row is swizzled alike in both. The threads fetch whole rows, in steps of a multiple of 8 rows,
  // so what the swizzle does is the same in all steps of one thread.
  const int thread = thread_read_anew();
  const int place = swizzled ? thread % wide : thread % wide ^ (thread / wide & (wide - 1));
  const int row_stride = swizzled ? wide * 8 : head_size;
  const int block_stride = swizzled ? cache.page_tokens * wide * 8 : wide * 8;
  const bf16 *const source = cache.data + tile_offset(cache, arguments.layer, page, kv_head, false) + place * 8 +
                             (page_row + thread / wide) * row_stride;
  first += thread / wide;
  RETRACE_UNROLL
  for (int i = 0; i < key_tile * chunks; i += attention_threads) {
    const int row = i / wide % key_tile, from = i / wide / key_tile * block_stride + row * row_stride;
    const bool inside = first + row < end;
    copy_async(keys + (thread + i) * 8, source + from, inside);
    copy_async(values + (thread + i) * 8, source + values_after + from, inside);
  }
}

// Byte offset of the two chunks at step * 2 in the row whose chunks 0 and 1 lie at `first`: within a block two chunks
// on are one flip of bits, whatever the swizzle.
template <int head_size>
__device__ __forceinline__ int offset_of_step(int first, int tile_rows, int step) {
  constexpr int wide = chunks_of_block(head_size), steps_of_block = wide / 2;
  return (first ^ (step % steps_of_block * 32)) + step / steps_of_block * tile_rows * wide * 16;
}

// One tile of 64 keys, `keys` bytes into shared memory, for the rows of one warp, whose first stands at
// `first_row_position` and is row `first_query` of the `query_rows` at the beginning of shared memory. The values
// follow the keys.
template <int head_size, int row_fragments>
__device__ __forceinline__ void attend(int query_rows, int first_query, int keys, int first_key,
                                       int first_row_position, float scale,
                                       attention_state<head_size, row_fragments> &state) {
  constexpr int row_bytes = chunks_of_block(head_size) * 16;  // of a block
  const int lane = thread_read_anew() % 32, group = lane / 4, pair = lane % 4;
  // Where ldmatrix finds this lane's rows at step 0.
  const int query_place = swizzled_offset(head_size, query_rows, first_query + lane % 16, lane / 16) * 2;
  const int key_place = swizzled_offset(head_size, key_tile, lane % 8 + lane / 16 * 8, lane / 8 % 2) * 2;
  const int value_place = swizzled_offset(head_size, key_tile, lane % 16, lane / 16) * 2;
  const char *const query_bytes = shared_memory();
  const char *const key_bytes = shared_memory() + keys;
  const char *const value_bytes = key_bytes + key_tile * head_size * 2;

  // scores = q k
  float score[row_fragments][key_tile / 8][4];
  RETRACE_UNROLL
  for (int i = 0; i < row_fragments; i++)
    RETRACE_UNROLL
    for (int j = 0; j < key_tile / 8; j++)
      RETRACE_UNROLL
      for (int e = 0; e < 4; e++) score[i][j][e] = 0.0f;
  RETRACE_UNROLL_BY(4)  // unrolled in full it keeps more addresses than there are registers
  for (int step = 0; step < head_size / 16; step++) {
    uint32_t query[row_fragments][4];
    RETRACE_UNROLL
    for (int i = 0; i < row_fragments; i++)
      load_matrices(query[i],
                    query_bytes + offset_of_step<head_size>(query_place, query_rows, step) + i * 16 * row_bytes);
    RETRACE_UNROLL
    for (int j = 0; j < key_tile / 16; j++) {
      uint32_t key[4];
      load_matrices(key, key_bytes + offset_of_step<head_size>(key_place, key_tile, step) + j * 16 * row_bytes);
      RETRACE_UNROLL
      for (int i = 0; i < row_fragments; i++) {
        multiply_accumulate(score[i][j * 2], query[i], key[0], key[1]);
        multiply_accumulate(score[i][j * 2 + 1], query[i], key[2], key[3]);
      }
    }
  }

  // Only tiles that reach past the first row's position hold keys that some row must not see.
  if (first_key + key_tile - 1 > first_row_position) {
    RETRACE_UNROLL
    for (int i = 0; i < row_fragments; i++)
      RETRACE_UNROLL
      for (int j = 0; j < key_tile / 8; j++)
        RETRACE_UNROLL
        for (int e = 0; e < 4; e++)
          if (first_key + j * 8 + pair * 2 + e % 2 > first_row_position + i * 16 + group + e / 2 * 8)
            score[i][j][e] = -INFINITY;
  }

  // The online softmax. Every row sees position 0, which is in the first tile: from then on `largest` is finite.
  bool changed = false;
  float rescale[row_fragments][2];
  RETRACE_UNROLL
  for (int i = 0; i < row_fragments; i++)
    RETRACE_UNROLL
    for (int half = 0; half < 2; half++) {
      float largest = state.largest[i][half];
      RETRACE_UNROLL
      for (int j = 0; j < key_tile / 8; j++)
        largest = fmaxf(largest, fmaxf(score[i][j][half * 2], score[i][j][half * 2 + 1]));
      largest = fmaxf(largest, __shfl_xor_sync(whole_warp, largest, 1));
      largest = fmaxf(largest, __shfl_xor_sync(whole_warp, largest, 2));
      rescale[i][half] = fast_exp2((state.largest[i][half] - largest) * scale);
      changed = changed || rescale[i][half] != 1.0f;
      state.largest[i][half] = largest;
    }
  // Later tiles seldom hold a larger score. To leave out a product with one changes no bit.
  if (__any_sync(whole_warp, changed)) {
    RETRACE_UNROLL
    for (int i = 0; i < row_fragments; i++)
      RETRACE_UNROLL
      for (int half = 0; half < 2; half++) {
        state.sum[i][half] *= rescale[i][half];
        RETRACE_UNROLL
        for (int j = 0; j < head_size / 8; j++) {
          state.out[i][j][half * 2] *= rescale[i][half];
          state.out[i][j][half * 2 + 1] *= rescale[i][half];
        }
      }
  }
  RETRACE_UNROLL
  for (int i = 0; i < row_fragments; i++)
    RETRACE_UNROLL
    for (int half = 0; half < 2; half++) {
      const float shift = state.largest[i][half] * scale;
      RETRACE_UNROLL
      for (int j = 0; j < key_tile / 8; j++)
        RETRACE_UNROLL
        for (int e = half * 2; e < half * 2 + 2; e++) {
          score[i][j][e] = fast_exp2(score[i][j][e] * scale - shift);
          state.sum[i][half] += score[i][j][e];
        }
    }

  // out += p v: the fragments of the scores are those of the left operand of the next product
  RETRACE_UNROLL
  for (int step = 0; step < key_tile / 16; step++) {
    uint32_t probability[row_fragments][4];
    RETRACE_UNROLL
    for (int i = 0; i < row_fragments; i++)
      RETRACE_UNROLL
      for (int e = 0; e < 4; e++)
        probability[i][e] = pack_bf16(score[i][step * 2 + e / 2][e % 2 * 2], score[i][step * 2 + e / 2][e % 2 * 2 + 1]);
    RETRACE_UNROLL
    for (int j = 0; j < head_size / 16; j++) {
      uint32_t value[4];
      load_matrices_transposed(
          value, value_bytes + offset_of_step<head_size>(value_place, key_tile, j) + step * 16 * row_bytes);
      RETRACE_UNROLL
      for (int i = 0; i < row_fragments; i++) {
        multiply_accumulate(state.out[i][j * 2], probability[i], value[0], value[1]);
        multiply_accumulate(state.out[i][j * 2 + 1], probability[i], value[2], value[3]);
      }
    }
  }
}

// out = sum of p * v / sum of p, for the rows of one warp that are rows of the segment.
template <int head_size, int row_fragments>
__device__ __forceinline__ void store_rows(const attention_state<head_size, row_fragments> &state,
                                           const attention_arguments &arguments, const retrace_segment &segment,
                                           int first_row, int head) {
  const int group = static_cast<int>(threadIdx.x) % 32 / 4, pair = static_cast<int>(threadIdx.x) % 4;
  RETRACE_UNROLL
  for (int i = 0; i < row_fragments; i++)
    RETRACE_UNROLL
    for (int half = 0; half < 2; half++) {
      float sum = state.sum[i][half];
      sum += __shfl_xor_sync(whole_warp, sum, 1);
      sum += __shfl_xor_sync(whole_warp, sum, 2);
      const float inverse = 1.0f / sum;
      const int row = first_row + i * 16 + half * 8 + group;
      if (row >= segment.rows) continue;
      bf16 *const out =
          arguments.out + (static_cast<int64_t>(segment.first_row + row) * arguments.heads + head) * head_size;
      RETRACE_UNROLL
      for (int j = 0; j < head_size / 8; j++)
        store<uint32_t>(out + j * 8 + pair * 2, pack_bf16(state.out[i][j][half * 2] * inverse,
                                                          state.out[i][j][half * 2 + 1] * inverse));
    }
}

// Grid: x = tiles and groups of heads of one key-value head, y = key-value heads. Blocks in flight share a key-value
// head, whose tiles then come from the L2 cache; the tiles with the longest contexts, which are the last of a plan,
// begin first.
template <int head_size, int heads_together>
__global__ void __launch_bounds__(attention_threads, 2) attention_kernel(attention_arguments arguments) {
  using shape = attention_shape<head_size, heads_together>;
  constexpr int rows_of_warp = 16 * shape::row_fragments, warps_of_head = attention_tile_rows / rows_of_warp;
  const int thread = static_cast<int>(threadIdx.x), warp = thread / 32;
  const kv_cache &cache = arguments.cache;

  const int kv_head = static_cast<int>(blockIdx.y);
  const int heads_of_kv = arguments.heads / cache.kv_heads, head_groups = heads_of_kv / heads_together;
  const int index = arguments.tile_count - 1 - static_cast<int>(blockIdx.x) / head_groups;
  const int first_head = kv_head * heads_of_kv + static_cast<int>(blockIdx.x) % head_groups * heads_together;
  const retrace_tile tile = arguments.tiles[index];
  const retrace_segment segment = arguments.segments[tile.segment];
  const int rows = segment.rows - tile.row < attention_tile_rows ? segment.rows - tile.row : attention_tile_rows;
  const int first_position = segment.first_position + tile.row, end = first_position + rows;
  const int32_t *const pages = arguments.page_table + segment.first_page;

  bf16 *const queries = reinterpret_cast<bf16 *>(shared_memory());
  bf16 *const buffers = queries + shape::query_elements;  // keys, values; keys, values
  const int64_t row_elements = static_cast<int64_t>(arguments.heads + 2 * cache.kv_heads) * head_size;
  const bf16 *const source = arguments.qkv + (segment.first_row + tile.row) * row_elements + first_head * head_size;
  RETRACE_UNROLL
  for (int i = thread; i < shape::query_rows * shape::chunks; i += attention_threads) {
    const int row = i / shape::chunks, chunk = i % shape::chunks;
    const int head = row / attention_tile_rows, tile_row = row % attention_tile_rows;
    const bool inside = tile_row < rows;
    copy_async(queries + swizzled_offset(head_size, shape::query_rows, row, chunk),
               source + (inside ? tile_row : 0) * row_elements + head * head_size + chunk * 8, inside);
  }
  fetch_keys<head_size>(arguments, pages, kv_head, 0, end, buffers, buffers + shape::key_elements);
  commit_copies();

  attention_state<head_size, shape::row_fragments> state;
  RETRACE_UNROLL
  for (int i = 0; i < shape::row_fragments; i++) {
    RETRACE_UNROLL
    for (int half = 0; half < 2; half++) state.largest[i][half] = -INFINITY, state.sum[i][half] = 0.0f;
    RETRACE_UNROLL
    for (int j = 0; j < head_size / 8; j++)
      RETRACE_UNROLL
      for (int e = 0; e < 4; e++) state.out[i][j][e] = 0.0f;
  }

  const int first_row = warp % warps_of_head * rows_of_warp;  // of the tile
  // Of the warp's first row; far before all keys where none of its rows is one of the segment.
  const int warp_position = first_row < rows ? first_position + first_row : -attention_tile_rows;
  for (int key = 0; key < end; key += key_tile) {
    const int buffer = key / key_tile % 2;
    wait_copies<0>();
    __syncthreads();  // this tile is there, and the other buffer has been read by all
    if (key + key_tile < end) {
      bf16 *const next = buffers + (buffer ^ 1) * 2 * shape::key_elements;
      fetch_keys<head_size>(arguments, pages, kv_head, key + key_tile, end, next, next + shape::key_elements);
    }
    commit_copies();
    if (key >= warp_position + rows_of_warp) continue;  // all of the warp's rows stand before the tile
    attend<head_size, shape::row_fragments>(shape::query_rows, warp * rows_of_warp,
                                            (shape::query_elements + buffer * 2 * shape::key_elements) * 2, key,
                                            warp_position, arguments.scale, state);
  }

  // Read again rather than kept: the loop has no register to spare.
  const retrace_segment again = arguments.segments[arguments.tiles[index].segment];
  store_rows(state, arguments, again, arguments.tiles[index].row + first_row, first_head + warp / warps_of_head);
}

}  // namespace retrace
