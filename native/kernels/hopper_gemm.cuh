// out = a [M, K] times weight [N, K] transposed on Hopper's tensor cores: bfloat16 in, float sums.
//
// The trick: one thread does nothing but bring tiles by bulk tensor copies into a ring of stages in shared memory;
// two warpgroups multiply 64 rows each by the same columns, straight out of shared memory. Two barriers a stage:
// `full` (the bytes are there) and `empty` (all eight consuming warps are done with them). Blocks are persistent:
// while the sums of a tile are written, the copies for the next are under way.
//
// Each output is one chain of products in the order of k, in every tile: no split-K, so a row's bits do not depend on M
// or on where it stands. The width of a tile is chosen by N alone, for the same reason.
//
// Shapes: M rows, N columns (rows of the weight), K products; a tile is 128 rows by 256 or 128 columns, a stage 64 of
// K.
#pragma once

#include "hopper_vocabulary.cuh"
#include "launchers.h"

namespace retrace {

template <int columns_>
struct hopper_gemm_shape {
  static constexpr int rows = 128, columns = columns_, depth = 64;
  static constexpr int stages = columns == 256 ? 4 : 6;
  static constexpr int threads = 384;
  static constexpr uint32_t a_bytes = rows * depth * 2, weight_bytes = columns * depth * 2;
  static constexpr uint32_t stage_bytes = a_bytes + weight_bytes;
  static constexpr uint32_t shared_bytes = stages * stage_bytes + 2 * stages * sizeof(uint64_t);
  static constexpr int row_tiles_of_a_group = 16;
};

struct tile_place {
  int32_t row, column;  // counted in tiles
};
// Tiles that run at one time should share rows of `a` and of the weight in the L2 cache: they go down a group of row
// tiles, then to the next column tile of the group.
template <class shape>
__device__ __forceinline__ tile_place place_of_tile(int32_t index, int32_t row_tiles, int32_t column_tiles) {
  const int32_t group_tiles = shape::row_tiles_of_a_group * column_tiles;
  const int32_t first_row = index / group_tiles * shape::row_tiles_of_a_group;
  const int32_t left = row_tiles - first_row;
  const int32_t group_rows = left < shape::row_tiles_of_a_group ? left : shape::row_tiles_of_a_group;
  const int32_t within = index % group_tiles;
  return {first_row + within % group_rows, within / group_rows};
}

__device__ __forceinline__ void multiply_tile(float (&sums)[128], uint64_t a, uint64_t b, int accumulate) {
  wgmma_n256(sums, a, b, accumulate);
}
__device__ __forceinline__ void multiply_tile(float (&sums)[64], uint64_t a, uint64_t b, int accumulate) {
  wgmma_n128(sums, a, b, accumulate);
}

__device__ __forceinline__ uint32_t word_of_neighbour(uint32_t word, int distance) {
  return bits_of_float(__shfl_xor_sync(whole_warp, float_of_bits(word), distance));
}
// Four neighbouring lanes hold a word each of four blocks, [block][lane]; then lane t holds the four words of block
// t, so that it can store 16 bytes at once.
__device__ __forceinline__ uint4 gather_block(const uint32_t (&words)[4], int t) {
  const bool is_odd = t & 1, is_upper = t & 2;
  const uint32_t low = word_of_neighbour(is_odd ? words[0] : words[1], 1);
  const uint32_t high = word_of_neighbour(is_odd ? words[2] : words[3], 1);
  // Two words each of blocks t % 2 and 2 + t % 2
  const uint32_t low_pair[2] = {is_odd ? low : words[0], is_odd ? words[1] : low};
  const uint32_t high_pair[2] = {is_odd ? high : words[2], is_odd ? words[3] : high};
  const uint32_t first = word_of_neighbour(is_upper ? low_pair[0] : high_pair[0], 2);
  const uint32_t second = word_of_neighbour(is_upper ? low_pair[1] : high_pair[1], 2);
  return is_upper ? uint4{first, second, high_pair[0], high_pair[1]} : uint4{low_pair[0], low_pair[1], first, second};
}

// A thread holds, of each block of 8 columns, two neighbours in row `row` and the same two in row + 8: elements 0 and
// 1, 2 and 3 of the block's four. Writes bfloat16: the sums, or of two blocks (gate, up) one.
template <retrace_epilogue epilogue, int count>
__device__ __forceinline__ void write_rounded(const float (&sums)[count], int64_t row, int32_t column, int64_t m,
                                              int32_t n, bf16 *out) {
  constexpr int width = epilogue == RETRACE_SWIGLU ? 2 : 1;  // blocks of sums for a block that is written
  const int t = threadIdx.x % 4;
  RETRACE_UNROLL
  for (int half = 0; half < 2; half++)
    RETRACE_UNROLL
    for (int group = 0; group < count / (16 * width); group++) {
      uint32_t words[4];
      RETRACE_UNROLL
      for (int block = 0; block < 4; block++) {
        const float *pair = &sums[(group * 4 + block) * 4 * width + half * 2];
        if constexpr (width == 2) words[block] = pack_bf16(swiglu(pair[0], pair[4]), swiglu(pair[1], pair[5]));
        else words[block] = pack_bf16(pair[0], pair[1]);
      }
      const uint4 value = gather_block(words, t);  // by all lanes, also those of rows that are not written
      const int64_t r = row + half * 8;
      const int32_t c = column + (group * 4 + t) * 8 * width;
      if (r < m && c < n) store(out + r * (n / width) + c / width, value);
    }
}

// Adds to floats in memory. Sixteen loads are under way at a time: one after the other, each with its wait, they
// would take as long as the products.
template <int count>
__device__ __forceinline__ void add_sums(const float (&sums)[count], int64_t row, int32_t column, int64_t m, int32_t n,
                                         float *out) {
  constexpr int batch = 8;  // blocks, of both rows
  float *target = out + row * n + column + threadIdx.x % 4 * 2;
  RETRACE_UNROLL
  for (int first = 0; first < count / 4; first += batch) {
    float2 values[2 * batch];
    RETRACE_UNROLL
    for (int i = 0; i < 2 * batch; i++)
      if (row + i % 2 * 8 < m && column + (first + i / 2) * 8 < n)
        values[i] = load<float2>(target + i % 2 * 8 * static_cast<int64_t>(n) + (first + i / 2) * 8);
    RETRACE_UNROLL
    for (int i = 0; i < 2 * batch; i++)
      if (row + i % 2 * 8 < m && column + (first + i / 2) * 8 < n) {
        const float *pair = &sums[(first + i / 2) * 4 + i % 2 * 2];
        store(target + i % 2 * 8 * static_cast<int64_t>(n) + (first + i / 2) * 8,
              float2{values[i].x + pair[0], values[i].y + pair[1]});
      }
  }
}

// Brings all stages of all tiles of this block, in the order in which they are used. One thread.
template <class shape>
__device__ __forceinline__ void bring_gemm_stages(const hopper_gemm_operands &maps, char *ring, uint64_t *full,
                                                  uint64_t *empty, int32_t row_tiles, int32_t column_tiles,
                                                  int32_t depth_blocks) {
  prefetch_map(maps.a);
  prefetch_map(maps.weight);
  ring_place<shape::stages> place;
  for (int32_t index = blockIdx.x; index < row_tiles * column_tiles; index += gridDim.x) {
    const tile_place tile = place_of_tile<shape>(index, row_tiles, column_tiles);
    for (int32_t block = 0; block < depth_blocks; block++) {
      mbarrier_wait(&empty[place.stage], place.parity ^ 1);  // the first round goes through: nothing was there yet
      char *stage = ring + place.stage * shape::stage_bytes;
      mbarrier_arrive_and_expect(&full[place.stage], shape::stage_bytes);
      copy_tile(stage, maps.a, block * shape::depth, tile.row * shape::rows, &full[place.stage]);
      copy_tile(stage + shape::a_bytes, maps.weight, block * shape::depth, tile.column * shape::columns,
                &full[place.stage]);
      place.advance();
    }
  }
}

// The products of 64 rows of all tiles of this block. `half`: which 64 rows. One warpgroup.
template <class shape, retrace_epilogue epilogue>
__device__ __forceinline__ void multiply_gemm_stages(char *ring, uint64_t *full, uint64_t *empty, int half, int64_t m,
                                                     int32_t n, int32_t row_tiles, int32_t column_tiles,
                                                     int32_t depth_blocks, void *out) {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32 % 4;
  float sums[shape::columns / 2];
  ring_place<shape::stages> place;
  for (int32_t index = blockIdx.x; index < row_tiles * column_tiles; index += gridDim.x) {
    const tile_place tile = place_of_tile<shape>(index, row_tiles, column_tiles);
    int previous = 0;
    for (int32_t block = 0; block < depth_blocks; block++) {
      mbarrier_wait(&full[place.stage], place.parity);
      const uint32_t stage = shared_address(ring + place.stage * shape::stage_bytes);
      const uint64_t a = k_major_descriptor(stage + half * 64 * 128);
      const uint64_t weight = k_major_descriptor(stage + shape::a_bytes);
      keep_registers(sums);
      wgmma_fence();
      RETRACE_UNROLL
      for (int step = 0; step < shape::depth / 16; step++)  // 32 bytes further along k: 2 in the address field
        multiply_tile(sums, a + step * 2, weight + step * 2, block > 0 || step > 0);
      wgmma_commit();
      keep_registers(sums);
      // These products may run on; those of the block before are over, and their stage can be filled anew. Each warp
      // says so for itself: its wait says nothing of the other warps' products.
      wgmma_wait<1>();
      if (block > 0 && lane == 0) mbarrier_arrive(&empty[previous]);
      previous = place.stage;
      place.advance();
    }
    wgmma_wait<0>();
    keep_registers(sums);
    if (lane == 0) mbarrier_arrive(&empty[previous]);
    const int64_t row = static_cast<int64_t>(tile.row) * shape::rows + half * 64 + warp * 16 + lane / 4;
    const int32_t column = tile.column * shape::columns;
    if constexpr (epilogue == RETRACE_ADD) add_sums(sums, row, column, m, n, static_cast<float *>(out));
    else write_rounded<epilogue>(sums, row, column, m, n, static_cast<bf16 *>(out));
  }
}

template <int columns, retrace_epilogue epilogue>
__global__ void __launch_bounds__(384, 1)
    hopper_gemm_kernel(const __grid_constant__ hopper_gemm_operands maps, int64_t m, int32_t n, int32_t k, void *out) {
#ifdef RETRACE_HOPPER_CODE
  using shape = hopper_gemm_shape<columns>;
  char *ring = shared_memory();
  uint64_t *full = reinterpret_cast<uint64_t *>(ring + shape::stages * shape::stage_bytes);
  uint64_t *empty = full + shape::stages;
  const int32_t row_tiles = static_cast<int32_t>(blocks_of(m, shape::rows));
  const int32_t column_tiles = static_cast<int32_t>(blocks_of(n, columns));
  const int32_t depth_blocks = static_cast<int32_t>(blocks_of(k, shape::depth));

  if (threadIdx.x == 0) {
    for (int stage = 0; stage < shape::stages; stage++) {
      mbarrier_init(&full[stage], 1);   // the bringing thread
      mbarrier_init(&empty[stage], 8);  // the consuming warps
    }
    mbarrier_init_fence();
  }
  __syncthreads();

  const int warpgroup = threadIdx.x / 128;
  if (warpgroup == 0) {
    release_registers<40>();
    if (threadIdx.x == 0)
      bring_gemm_stages<shape>(maps, ring, full, empty, row_tiles, column_tiles, depth_blocks);
  } else {
    claim_registers<232>();
    multiply_gemm_stages<shape, epilogue>(ring, full, empty, warpgroup - 1, m, n, row_tiles, column_tiles, depth_blocks,
                                          out);
  }
#endif
}

}  // namespace retrace
