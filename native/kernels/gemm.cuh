// out[m, n] = sum over k of a[m, k] * weight[n, k], bfloat16 in, float sums, on tensor cores by mma.sync.
//
// A block makes a tile of 128 rows by 64 * `warps_across` columns; each warp 64 x 64 of it, so that eight ldmatrix feed
// 32 mma. Slices of 32 in k flow through four buffers of shared memory by cp.async, and the fragments of the next half
// slice are read while this one is multiplied. A row of a buffer is 64 bytes, four chunks of 16; chunk c of row r lies
// at c ^ (r / 2 % 4), so eight rows of one ldmatrix meet all 32 banks.
//
// Row invariance: every output is one chain of mma over ascending k in steps of 16, whatever the tile or its place in
// it, so both widths of tile give the same bits.
//
// Shapes: M rows, N rows of the weight, K common; N and K multiples of 8. What is outside is read as zeros.
#pragma once

#include "../device.h"
#include "vocabulary.cuh"

namespace retrace {

template <int warps_across>
struct product_shape {
  static constexpr int rows = 128, columns = 64 * warps_across, depth = 32, stages = 4;
  static constexpr int threads = 2 * warps_across * 32;
  static constexpr int row_bytes = depth * 2;
  static constexpr int stage_bytes = (rows + columns) * row_bytes;
  static constexpr int shared_bytes = stages * stage_bytes;
  static constexpr int load_rows = threads / 4;  // rows that the threads of a block fetch at once, a chunk each
  static constexpr int a_loads = rows / load_rows, weight_loads = columns / load_rows;
};

// Where a thread's 64 x 64 sums belong: row of sum[i][j][e] = row + 16 * i + 8 * (e / 2), column + 8 * j + e % 2.
struct product_place {
  int64_t row;
  int column;
};

// The four row fragments and eight column fragments of one step of 16 in k.
struct product_fragments {
  uint32_t a[4][4], weight[4][4];
};

// The tile's product. Of its `tile_rows` rows of a and `tile_columns` rows of the weight, this thread fetches those at
// threadIdx.x / 4 + i * load_rows: `a_rows` point to the former, `weight_row` to the first of the latter (to any row
// where the tile has no such row). A warp for which `busy` is false fetches, but does not multiply.
template <int warps_across>
__device__ __forceinline__ void multiply_tile(const bf16 *const (&a_rows)[product_shape<warps_across>::a_loads],
                                              int64_t tile_rows, const bf16 *weight_row, int tile_columns, int k,
                                              bool busy, float (&sum)[4][8][4]) {
  using shape = product_shape<warps_across>;
  const int thread = static_cast<int>(threadIdx.x), lane = thread % 32, warp = thread / 32;
  char *const buffers = shared_memory();

  // What this thread fetches: one chunk of 8 elements in each of its rows.
  const int chunk = thread % 4, first_row = thread / 4;
  const int target = first_row * shape::row_bytes + (chunk ^ (first_row / 2 % 4)) * 16;
  const auto fetch = [&](int slice, int stage) {
    const int offset = slice * shape::depth + chunk * 8;
    const bool inside = offset < k;
    char *const a_target = buffers + stage * shape::stage_bytes + target;
  RETRACE_UNROLL
    for (int i = 0; i < shape::a_loads; i++) {
      const bool there = inside && first_row + i * shape::load_rows < tile_rows;
      copy_async(a_target + i * shape::load_rows * shape::row_bytes, a_rows[i] + (there ? offset : 0), there);
    }
    char *const weight_target = a_target + shape::rows * shape::row_bytes;
    RETRACE_UNROLL
    for (int i = 0; i < shape::weight_loads; i++) {
      const bool there = inside && first_row + i * shape::load_rows < tile_columns;
      const int64_t source = there ? static_cast<int64_t>(i) * shape::load_rows * k + offset : 0;
      copy_async(weight_target + i * shape::load_rows * shape::row_bytes, weight_row + source, there);
    }
  };

  // Where ldmatrix finds this lane's rows: of a, 16 rows by two chunks; of the weight, 8 rows by two chunks twice.
  const int a_row = warp / warps_across * 64 + lane % 16;
  const int a_place = a_row * shape::row_bytes + (lane / 16 ^ (a_row / 2 % 4)) * 16;
  const int weight_tile_row = warp % warps_across * 64 + lane % 8 + lane / 16 * 8;
  const int weight_place = (shape::rows + weight_tile_row) * shape::row_bytes +
                           ((lane / 8 % 2) ^ (weight_tile_row / 2 % 4)) * 16;
  const auto read = [&](product_fragments &fragments, int stage, int step) {
    const char *const buffer = buffers + stage * shape::stage_bytes;
    RETRACE_UNROLL
    for (int i = 0; i < 4; i++)  // step 1 is two chunks on: one bit of the swizzled place
      load_matrices(fragments.a[i], buffer + ((a_place + i * 16 * shape::row_bytes) ^ (step * 32)));
    RETRACE_UNROLL
    for (int j = 0; j < 4; j++)
      load_matrices(fragments.weight[j], buffer + ((weight_place + j * 16 * shape::row_bytes) ^ (step * 32)));
  };
  const auto multiply = [&](const product_fragments &fragments) {
    RETRACE_UNROLL
    for (int i = 0; i < 4; i++)
      RETRACE_UNROLL
      for (int j = 0; j < 8; j++)
        multiply_accumulate(sum[i][j], fragments.a[i], fragments.weight[j / 2][j % 2 * 2],
                            fragments.weight[j / 2][j % 2 * 2 + 1]);
  };

  RETRACE_UNROLL
  for (int i = 0; i < 4; i++)
    RETRACE_UNROLL
    for (int j = 0; j < 8; j++)
      RETRACE_UNROLL
      for (int e = 0; e < 4; e++) sum[i][j][e] = 0.0f;

  // A group is committed for every slice, empty or not, so that "all but the newest two" always means the same slice.
  const int slices = (k + shape::depth - 1) / shape::depth;
  for (int slice = 0; slice < shape::stages - 1; slice++) {
    if (slice < slices) fetch(slice, slice);
    commit_copies();
  }
  wait_copies<shape::stages - 2>();
  __syncthreads();

  product_fragments even, odd;
  if (busy) read(even, 0, 0);
  for (int slice = 0; slice < slices; slice++) {
    const int stage = slice % shape::stages;
    if (busy) read(odd, stage, 1);
    // Into the buffer of the slice before, which every warp had read when it passed the barrier below.
    const int ahead = slice + shape::stages - 1;
    if (ahead < slices) fetch(ahead, ahead % shape::stages);
    commit_copies();
    if (busy) multiply(even);
    wait_copies<shape::stages - 2>();
    __syncthreads();
    if (busy && slice + 1 < slices) read(even, (slice + 1) % shape::stages, 0);
    if (busy) multiply(odd);
  }
}

// Blocks of 16 rows of tiles go column by column: those in flight share both their rows and their columns in the L2
// cache.
__device__ __forceinline__ void place_of_block(int64_t block, int64_t row_blocks, int64_t column_blocks, int64_t &row,
                                               int64_t &column) {
  constexpr int64_t group_rows = 16;
  const int64_t group = block / (group_rows * column_blocks), first = group * group_rows;
  const int64_t rows = row_blocks - first < group_rows ? row_blocks - first : group_rows;
  const int64_t rest = block - first * column_blocks;
  row = first + rest % rows;
  column = rest / rows;
}

// The place of this thread's sums in a tile that begins at (first_row, first_column).
template <int warps_across>
__device__ __forceinline__ product_place place_of_thread(int64_t first_row, int first_column) {
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  return {first_row + warp / warps_across * 64 + lane / 4,
          first_column + warp % warps_across * 64 + lane % 4 * 2};
}

// Writes what one thread has of the tile. Two blocks of 8 columns at a time: for SWIGLU the one is gate, the other up.
template <retrace_epilogue epilogue>
__device__ __forceinline__ void store_sums(const float (&sum)[4][8][4], product_place place, int64_t m, int n,
                                           void *out) {
  const int pair = static_cast<int>(threadIdx.x) % 4;
  RETRACE_UNROLL
  for (int i = 0; i < 8; i++) {
    const int64_t row = place.row + i * 8;
    if (row >= m) return;
    RETRACE_UNROLL
    for (int j = 0; j < 8; j++) {
      const int column = place.column + j * 8;
      if (column >= n) break;
      const float left = sum[i / 2][j][i % 2 * 2], right = sum[i / 2][j][i % 2 * 2 + 1];
      if constexpr (epilogue == RETRACE_STORE) {
        store<uint32_t>(static_cast<bf16 *>(out) + row * n + column, pack_bf16(left, right));
      } else if constexpr (epilogue == RETRACE_ADD) {
        float *const target = static_cast<float *>(out) + row * n + column;
        const float2 before = load<float2>(target);
        store<float2>(target, float2{before.x + left, before.y + right});
      } else if (j % 2 == 0) {
        const uint32_t value = pack_bf16(swiglu(left, sum[i / 2][j + 1][i % 2 * 2]),
                                         swiglu(right, sum[i / 2][j + 1][i % 2 * 2 + 1]));
        store<uint32_t>(static_cast<bf16 *>(out) + row * (n / 2) + place.column / 2 + pair + j * 4, value);
      }
    }
  }
}

template <int warps_across, retrace_epilogue epilogue>
__global__ void __launch_bounds__(product_shape<warps_across>::threads, warps_across == 4 ? 1 : 2)
gemm_kernel(const bf16 *a, const bf16 *weight, int64_t m, int32_t n, int32_t k, void *out) {
  using shape = product_shape<warps_across>;
  int64_t row_block, column_block;
  place_of_block(blockIdx.x, blocks_of(m, shape::rows), blocks_of(n, shape::columns), row_block, column_block);
  const int64_t first_row = row_block * shape::rows;
  const int first_column = static_cast<int>(column_block) * shape::columns;

  const int load_row = static_cast<int>(threadIdx.x) / 4;
  const bf16 *a_rows[shape::a_loads];
  RETRACE_UNROLL
  for (int i = 0; i < shape::a_loads; i++) {
    const int64_t row = first_row + load_row + i * shape::load_rows;
    a_rows[i] = a + (row < m ? row : 0) * k;
  }
  const int weight_row = first_column + load_row < n ? first_column + load_row : 0;
  const product_place place = place_of_thread<warps_across>(first_row, first_column);
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const bool busy = place.row - lane / 4 < m && place.column - lane % 4 * 2 < n;
  float sum[4][8][4];
  multiply_tile<warps_across>(a_rows, m - first_row, weight + static_cast<int64_t>(weight_row) * k, n - first_column, k,
                              busy, sum);
  store_sums<epilogue>(sum, place, m, n, out);
}

}  // namespace retrace
