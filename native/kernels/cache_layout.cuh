// Where a chunk of 8 elements (16 bytes) of a key or value lies in the cache and in a tile of shared memory.
//
// Chunk c of a row belongs to block c / 8 of the tile; a block has `block_chunks` = min(8, D / 8) chunks a row. The
// swizzle puts it at c ^ (row & (block_chunks - 1)), so that eight rows of one column of chunks meet all banks.
//
// Shapes: [layer][page][G][key | value][T][D]; G key-value heads, T tokens of a page, D head size.
#pragma once

#include "launchers.h"
#include "vocabulary.cuh"

namespace retrace {

__host__ __device__ constexpr int chunks_of_block(int head_size) { return head_size < 64 ? head_size / 8 : 8; }

// Elements from the beginning of a tile of `rows` rows (a page's, or one in shared memory) in blocks, swizzled.
__host__ __device__ constexpr int swizzled_offset(int head_size, int rows, int row, int chunk) {
  const int wide = chunks_of_block(head_size);
  return ((chunk / wide * rows + row) * wide + (chunk % wide ^ (row & (wide - 1)))) * 8;
}

// Elements from the beginning of the cache to the tile [T][D] of one page and head: its keys, or its values.
__host__ __device__ inline int64_t tile_offset(const kv_cache &cache, int64_t layer, int64_t page, int kv_head,
                                               bool values) {
  const int64_t tile = (page * cache.kv_heads + kv_head) * 2 + (values ? 1 : 0);
  return layer * cache.layer_elements + tile * cache.page_tokens * cache.head_size;
}

__device__ inline bf16 *cache_chunk(const kv_cache &cache, int64_t layer, int64_t page, int kv_head, bool values,
                                    int row, int chunk) {
  bf16 *const tile = cache.data + tile_offset(cache, layer, page, kv_head, values);
  if (cache.layout == kv_layout::swizzled)
    return tile + swizzled_offset(cache.head_size, cache.page_tokens, row, chunk);
  return tile + row * cache.head_size + chunk * 8;
}

}  // namespace retrace
