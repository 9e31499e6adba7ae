// What is done to each row or element alone: embedding, RMSNorm, rotary embedding with the write to the cache, SwiGLU,
// copies and conversions. All of it is bound by memory, so what counts is that every access is of 16 bytes.
//
// Row invariance: a row is one block's work and its sum of squares a tree of one shape; nothing else adds at all.
//
// Shapes: M rows, C hidden size, F intermediate size, H heads, G key-value heads, D head size, T tokens of a page.
#pragma once

#include "../counter_random.h"
#include "cache_layout.cuh"

namespace retrace {

constexpr int elementwise_threads = 256;

// Eight values of one chunk as floats, and back.
__device__ __forceinline__ void unpack_chunk(const uint4 &chunk, float (&values)[8]) {
  const uint32_t pairs[4] = {chunk.x, chunk.y, chunk.z, chunk.w};
  RETRACE_UNROLL
  for (int i = 0; i < 4; i++) {
    values[i * 2] = low_float(pairs[i]);
    values[i * 2 + 1] = high_float(pairs[i]);
  }
}
__device__ __forceinline__ uint4 pack_chunk(const float (&values)[8]) {
  return uint4{pack_bf16(values[0], values[1]), pack_bf16(values[2], values[3]), pack_bf16(values[4], values[5]),
               pack_bf16(values[6], values[7])};
}
__device__ __forceinline__ void load_floats(const float *source, float (&values)[8]) {
  const float4 low = load<float4>(source), high = load<float4>(source + 4);
  values[0] = low.x, values[1] = low.y, values[2] = low.z, values[3] = low.w;
  values[4] = high.x, values[5] = high.y, values[6] = high.z, values[7] = high.w;
}

// x[m] = table[ids[m]]; a block for each row
template <int threads>
__global__ void __launch_bounds__(threads) embed_kernel(const bf16 *table, const int32_t *ids, int32_t c, float *x) {
  const int64_t row = blockIdx.x;
  const bf16 *const source = table + static_cast<int64_t>(ids[row]) * c;
  for (int i = static_cast<int>(threadIdx.x) * 8; i < c; i += threads * 8) {
    float values[8];
    unpack_chunk(load<uint4>(source + i), values);
    store<float4>(x + row * c + i, float4{values[0], values[1], values[2], values[3]});
    store<float4>(x + row * c + i + 4, float4{values[4], values[5], values[6], values[7]});
  }
}

// The sum over all threads of a block, the same in each: lanes by a butterfly, then the warps in order. Once a kernel:
// a second use would write `sums` while others still read.
template <int threads>
__device__ __forceinline__ float sum_of_block(float value) {
  RETRACE_UNROLL
  for (int distance = 16; distance > 0; distance /= 2) value += __shfl_xor_sync(whole_warp, value, distance);
  float *const sums = reinterpret_cast<float *>(shared_memory());
  const int thread = static_cast<int>(threadIdx.x);
  if (thread % 32 == 0) sums[thread / 32] = value;
  __syncthreads();
  float sum = 0.0f;
  RETRACE_UNROLL
  for (int warp = 0; warp < threads / 32; warp++) sum += sums[warp];
  return sum;
}

// out[slots ? slots[m] : m] = x[m] / rms(x[m]) * gain; a block for each row
template <int threads>
__global__ void __launch_bounds__(threads) rms_norm_kernel(const float *x, const float *gain, const int32_t *slots,
                                                           int32_t c, float epsilon, bf16 *out) {
  const int64_t row = blockIdx.x;
  const float *const source = x + row * c;
  const int first = static_cast<int>(threadIdx.x) * 8;
  float squares = 0.0f, values[8], gains[8];
  for (int i = first; i < c; i += threads * 8) {
    load_floats(source + i, values);
    RETRACE_UNROLL
    for (int e = 0; e < 8; e++) squares += values[e] * values[e];
  }
  const float scale = 1.0f / sqrtf(sum_of_block<threads>(squares) / static_cast<float>(c) + epsilon);

  bf16 *const target = out + (slots ? slots[row] : row) * static_cast<int64_t>(c);
  for (int i = first; i < c; i += threads * 8) {  // read again, from the L1 cache
    load_floats(source + i, values);
    load_floats(gain + i, gains);
    RETRACE_UNROLL
    for (int e = 0; e < 8; e++) values[e] = values[e] * scale * gains[e];
    store<uint4>(target + i, pack_chunk(values));
  }
}

// A block for each row. A thread's item is 8 pairs (i, i + D/2) of one head of the queries or keys, or as much of a
// value.
template <int threads>
__global__ void __launch_bounds__(threads) rope_and_store_kernel(bf16 *qkv, const float *cosines, const float *sines,
                                                                 const int32_t *positions, const int32_t *slots,
                                                                 int32_t heads, kv_cache cache, int32_t layer) {
  const int64_t row = blockIdx.x;
  const int head_size = cache.head_size, half_chunks = head_size / 16, all_heads = heads + 2 * cache.kv_heads;
  const int64_t angle = static_cast<int64_t>(positions[row]) * (head_size / 2);
  const int slot = slots[row], page = slot / cache.page_tokens, page_row = slot % cache.page_tokens;
  for (int item = static_cast<int>(threadIdx.x); item < all_heads * half_chunks; item += threads) {
    const int head = item / half_chunks, chunk = item % half_chunks;
    bf16 *const source = qkv + (row * all_heads + head) * head_size + chunk * 8;
    uint4 low = load<uint4>(source), high = load<uint4>(source + head_size / 2);
    if (head < heads + cache.kv_heads) {
      float first[8], second[8], cosine[8], sine[8], turned[8];
      unpack_chunk(low, first);
      unpack_chunk(high, second);
      load_floats(cosines + angle + chunk * 8, cosine);
      load_floats(sines + angle + chunk * 8, sine);
      RETRACE_UNROLL
      for (int e = 0; e < 8; e++) turned[e] = first[e] * cosine[e] - second[e] * sine[e];
      low = pack_chunk(turned);
      RETRACE_UNROLL
      for (int e = 0; e < 8; e++) turned[e] = second[e] * cosine[e] + first[e] * sine[e];
      high = pack_chunk(turned);
    }
    if (head < heads) {
      store<uint4>(source, low);
      store<uint4>(source + head_size / 2, high);
    } else {
      const bool values = head >= heads + cache.kv_heads;
      const int kv_head = head - heads - (values ? cache.kv_heads : 0);
      store<uint4>(cache_chunk(cache, layer, page, kv_head, values, page_row, chunk), low);
      store<uint4>(cache_chunk(cache, layer, page, kv_head, values, page_row, chunk + half_chunks), high);
    }
  }
}

// Chunk i of out from the chunks 2i (gate) and 2i + 1 (up)
template <int threads>
__global__ void __launch_bounds__(threads) swiglu_kernel(const bf16 *gate_up, int64_t chunks, bf16 *out) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * threads + threadIdx.x;
  if (i >= chunks) return;
  float gate[8], up[8];
  unpack_chunk(load<uint4>(gate_up + i * 16), gate);
  unpack_chunk(load<uint4>(gate_up + i * 16 + 8), up);
  RETRACE_UNROLL
  for (int e = 0; e < 8; e++) gate[e] = swiglu(gate[e], up[e]);
  store<uint4>(out + i * 8, pack_chunk(gate));
}

// target[i] = source[rows[i]], in chunks of 16 bytes; a block for each row
template <int threads>
__global__ void __launch_bounds__(threads) gather_rows_kernel(const char *source, const int32_t *rows,
                                                              int64_t row_bytes, char *target) {
  const int64_t row = blockIdx.x, from = rows[row];
  for (int64_t i = threadIdx.x * 16; i < row_bytes; i += threads * 16)
    store<uint4>(target + row * row_bytes + i, load<uint4>(source + from * row_bytes + i));
}

// Rows [0, rows) of a page are runs of consecutive elements: one in each block of each tile of each layer, and one in
// the hidden states. A block copies one run.
template <int threads>
__global__ void __launch_bounds__(threads) copy_page_rows_kernel(kv_cache cache, int32_t layers, bf16 *hidden,
                                                                 int32_t c, const retrace_page_copy *copies) {
  const int wide = cache.layout == kv_layout::swizzled ? chunks_of_block(cache.head_size) * 8 : cache.head_size;
  const int tile_runs = cache.head_size / wide;
  const int64_t page_runs = static_cast<int64_t>(cache.kv_heads) * 2 * tile_runs, runs = layers * page_runs + 1;
  const retrace_page_copy copy = copies[blockIdx.x / runs];
  const int64_t run = blockIdx.x % runs;

  const bf16 *source = hidden + static_cast<int64_t>(copy.source_page) * cache.page_tokens * c;
  bf16 *target = hidden + static_cast<int64_t>(copy.target_page) * cache.page_tokens * c;
  int64_t count = static_cast<int64_t>(copy.rows) * c;
  if (run < runs - 1) {
    const int64_t run_elements = static_cast<int64_t>(cache.page_tokens) * wide;
    bf16 *const first = cache.data + run / page_runs * cache.layer_elements + run % page_runs * run_elements;
    source = first + copy.source_page * page_runs * run_elements;
    target = first + copy.target_page * page_runs * run_elements;
    count = static_cast<int64_t>(copy.rows) * wide;
  }
  for (int64_t i = threadIdx.x * 8; i < count; i += threads * 8) store<uint4>(target + i, load<uint4>(source + i));
}

__device__ __forceinline__ float float_of_half(uint16_t half) {
  const uint32_t sign = (half & 0x8000u) << 16, rest = half & 0x7FFFu;
  if (rest >= 0x7C00u) return float_of_bits(sign | 0x7F800000u | (rest & 0x3FFu) << 13);  // infinity, NaN
  // The exponents differ by 112. As a product this is right for subnormal numbers too.
  return float_of_bits(sign | bits_of_float(float_of_bits(rest << 13) * 5.192296858534828e33f));
}

template <retrace_dtype dtype>
__device__ __forceinline__ bf16 element_as_bf16(const void *source, int64_t index) {
  if constexpr (dtype == RETRACE_F32) return to_bf16(static_cast<const float *>(source)[index]);
  if constexpr (dtype == RETRACE_F16) return to_bf16(float_of_half(static_cast<const uint16_t *>(source)[index]));
  return static_cast<const bf16 *>(source)[index];
}

// Row r of the source to row first_row + (r / block) * stride + r % block of the weight; a block of threads for each
// row. Element by element: a row may have any length and begin anywhere, and this runs at load alone.
template <int threads, retrace_dtype dtype>
__global__ void __launch_bounds__(threads) convert_rows_kernel(const void *source, int64_t columns, int64_t first_row,
                                                               int64_t block, int64_t stride, bf16 *weight) {
  const int64_t row = blockIdx.x, from = row * columns;
  bf16 *const target = weight + (first_row + row / block * stride + row % block) * columns;
  for (int64_t i = threadIdx.x; i < columns; i += threads) target[i] = element_as_bf16<dtype>(source, from + i);
}

template <int threads>
__global__ void __launch_bounds__(threads) randomize_kernel(bf16 *weight, int64_t elements, uint64_t seed,
                                                            float scale) {
  const int64_t first = (static_cast<int64_t>(blockIdx.x) * threads + threadIdx.x) * 8;
  for (int64_t i = first; i < first + 8 && i < elements; i++)
    weight[i] = to_bf16(retrace_counter_random(seed, static_cast<uint64_t>(i), scale));
}

}  // namespace retrace
