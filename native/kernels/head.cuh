// Log-probabilities of target tokens without the logits ever in memory.
//
// The first kernel is the matrix product of gemm.cuh over gathered rows of the hidden states and 256 rows of the head
// at a time; where a product would be stored, each row leaves (maximum, sum of exp(logit - maximum)) of those columns,
// and the logit of its target where it is among them. The second puts a row's blocks together in ascending order.
//
// Row invariance: a logit is one chain of mma; within a block of columns a lane adds its columns in order, lanes by a
// butterfly, warps in order; blocks in order. None of it depends on R.
//
// Shapes: R targets, C hidden size, V vocabulary, B = V / 256 blocks of columns, rounded up.
#pragma once

#include "gemm.cuh"

namespace retrace {

constexpr int head_warps_across = 4;
using head_shape = product_shape<head_warps_across>;
constexpr int reduce_threads = 128, softmax_threads = 256;

// [B][R] of (maximum, sum), then [R] of the targets' logits.
struct head_partial {
  float largest, sum;
};

// Puts two parts of a sum of exponentials together. A part that holds nothing has -infinity and 0.
__device__ __forceinline__ void combine(head_partial &part, float largest, float sum) {
  const float both = fmaxf(part.largest, largest);
  const float shift = both == -INFINITY ? 0.0f : both;  // -infinity - -infinity would be NaN
  part.sum = part.sum * fast_exp2((part.largest - shift) * log2_of_e) + sum * fast_exp2((largest - shift) * log2_of_e);
  part.largest = both;
}

// log softmax, at most 0: rounding alone can bring it above. A NaN stays one.
__device__ __forceinline__ float log_probability(float logit, float largest, float sum) {
  const double value = (static_cast<double>(logit) - largest) - log(static_cast<double>(sum));
  return value > 0 ? 0.0f : static_cast<float>(value);
}

template <int warps_across>
__global__ void __launch_bounds__(product_shape<warps_across>::threads, 1)
    head_kernel(const bf16 *hidden, const bf16 *head, const int32_t *slots, const int32_t *targets, int64_t r,
                int32_t c, int32_t vocabulary, head_partial *partials, float *target_logits) {
  using shape = product_shape<warps_across>;
  int64_t row_block, column_block;
  place_of_block(blockIdx.x, blocks_of(r, shape::rows), blocks_of(vocabulary, shape::columns), row_block, column_block);
  const int64_t first_row = row_block * shape::rows;
  const int first_column = static_cast<int>(column_block) * shape::columns;

  const int thread = static_cast<int>(threadIdx.x), load_row = thread / 4;
  const bf16 *rows[shape::a_loads];
  RETRACE_UNROLL
  for (int i = 0; i < shape::a_loads; i++) {
    const int64_t row = first_row + load_row + i * shape::load_rows;
    rows[i] = hidden + static_cast<int64_t>(row < r ? slots[row] : 0) * c;
  }
  const int head_row = first_column + load_row < vocabulary ? first_column + load_row : 0;
  const product_place place = place_of_thread<warps_across>(first_row, first_column);
  const int lane = thread % 32, warp = thread / 32, pair = lane % 4;
  const bool busy = place.row - lane / 4 < r && place.column - pair * 2 < vocabulary;
  float logit[4][8][4];
  multiply_tile<warps_across>(rows, r - first_row, head + static_cast<int64_t>(head_row) * c,
                              vocabulary - first_column, c, busy, logit);

  // Each warp's 64 columns of each of its rows, to shared memory: [rows][warps_across]. The product's buffers are free:
  // its last barrier comes after the last read of them.
  head_partial *const parts = reinterpret_cast<head_partial *>(shared_memory());
  RETRACE_UNROLL
  for (int i = 0; i < 8; i++) {
    const int64_t row = place.row + i * 8;
    const int target = row < r ? targets[row] : -1;
    float largest = -INFINITY, sum = 0.0f;
    RETRACE_UNROLL
    for (int j = 0; j < 8; j++)
      RETRACE_UNROLL
      for (int e = 0; e < 2; e++) {
        const int column = place.column + j * 8 + e;
        float &value = logit[i / 2][j][i % 2 * 2 + e];
        if (column >= vocabulary) value = -INFINITY;
        else if (column == target) target_logits[row] = value;
        largest = fmaxf(largest, value);
      }
    largest = fmaxf(largest, __shfl_xor_sync(whole_warp, largest, 1));
    largest = fmaxf(largest, __shfl_xor_sync(whole_warp, largest, 2));
    const float shift = largest == -INFINITY ? 0.0f : largest;
    RETRACE_UNROLL
    for (int j = 0; j < 8; j++)
      RETRACE_UNROLL
      for (int e = 0; e < 2; e++) sum += fast_exp2((logit[i / 2][j][i % 2 * 2 + e] - shift) * log2_of_e);
    sum += __shfl_xor_sync(whole_warp, sum, 1);
    sum += __shfl_xor_sync(whole_warp, sum, 2);
    if (pair == 0)
      parts[(warp / warps_across * 64 + lane / 4 + i * 8) * warps_across + warp % warps_across] =
          head_partial{largest, sum};
  }
  __syncthreads();
  if (thread >= shape::rows || first_row + thread >= r) return;
  head_partial all = parts[thread * warps_across];
  RETRACE_UNROLL
  for (int i = 1; i < warps_across; i++)
    combine(all, parts[thread * warps_across + i].largest, parts[thread * warps_across + i].sum);
  partials[column_block * r + first_row + thread] = all;
}

// log_probs[i] from the B partials of row i: a thread for each row.
template <int threads>
__global__ void __launch_bounds__(threads) reduce_head_kernel(const head_partial *partials, const float *target_logits,
                                                              const int32_t *targets, int64_t r, int32_t blocks,
                                                              int32_t vocabulary, float *log_probs) {
  const int64_t row = static_cast<int64_t>(blockIdx.x) * threads + threadIdx.x;
  if (row >= r) return;
  head_partial all{-INFINITY, 0.0f};
  for (int block = 0; block < blocks; block++) {
    const float2 part = load<float2>(partials + block * r + row);
    combine(all, part.x, part.y);
  }
  const bool known = targets[row] >= 0 && targets[row] < vocabulary;  // no block has left a logit for any other
  log_probs[row] = log_probability(known ? target_logits[row] : NAN, all.largest, all.sum);
}

// The same from a row of logits in memory; a block of threads for each row. Thread t takes the columns t, t + threads,
// ...
template <int threads>
__global__ void __launch_bounds__(threads) log_softmax_kernel(const float *logits, const int32_t *targets,
                                                              int32_t vocabulary, float *log_probs) {
  const int64_t row = blockIdx.x;
  const int thread = static_cast<int>(threadIdx.x);
  const float *const source = logits + row * vocabulary;
  head_partial *const parts = reinterpret_cast<head_partial *>(shared_memory());

  // The maximum first, and the exponentials in a second walk: one of them for each logit.
  float largest = -INFINITY, sum = 0.0f;
  for (int i = thread; i < vocabulary; i += threads) largest = fmaxf(largest, source[i]);
  const float shift = largest == -INFINITY ? 0.0f : largest;
  for (int i = thread; i < vocabulary; i += threads) sum += fast_exp2((source[i] - shift) * log2_of_e);
  head_partial all{largest, sum};
  RETRACE_UNROLL
  for (int distance = 16; distance > 0; distance /= 2) {
    const float other_largest = __shfl_xor_sync(whole_warp, all.largest, distance);
    const float other_sum = __shfl_xor_sync(whole_warp, all.sum, distance);
    combine(all, other_largest, other_sum);
  }
  if (thread % 32 == 0) parts[thread / 32] = all;
  __syncthreads();
  if (thread != 0) return;
  for (int warp = 1; warp < threads / 32; warp++) combine(all, parts[warp].largest, parts[warp].sum);
  const int target = targets[row];
  log_probs[row] = log_probability(target >= 0 && target < vocabulary ? source[target] : NAN, all.largest, all.sum);
}

}  // namespace retrace
