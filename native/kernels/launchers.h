// The kernels' host side: raw pointers, sizes and a stream. Nothing here allocates, waits or knows the engine.
//
// Every launcher returns the status of its launch. bfloat16 values are carried as their 16 bits. Each matrix kernel gives
// each output row the same bits whatever the other rows are (see `device.h`): one order of additions, no split-K, no
// atomics.
//
// Shapes: M rows, C hidden size, F intermediate size, H heads, G key-value heads, D head size, V vocabulary, T tokens of a
// cache page (128).
#pragma once

#include <cuda_runtime_api.h>  // nvcc's, or the emulator's

#include <cstdint>

#include "../device.h"

namespace retrace {

using bf16 = uint16_t;

// How a key or value tile [T, D] of one page and head lies in memory.
enum class kv_layout : int32_t {
  rows = 0,  // row-major [T][D]: what cuDNN reads
  // D/64 blocks of [T][64] elements (128 bytes a row; for D < 64 one block of width D), and in each row of a block the
  // 16-byte chunk c lies at chunk c ^ (row & (chunks - 1)), chunks = min(8, D / 8): what one bulk copy brings to where
  // wgmma's 128-byte swizzle expects it.
  swizzled = 1
};

struct kv_cache {
  bf16 *data;              // [layer][page][G][key | value][T][D]
  int64_t layer_elements;  // from layer to layer
  int32_t page_tokens;     // T
  int32_t kv_heads, head_size;
  kv_layout layout;
};

// ---- elementwise.cuh ---------------------------------------------------------------------------
// x[m] = table[ids[m]]; table [V, C], x float [M, C]
cudaError_t launch_embed(cudaStream_t stream, const bf16 *table, const int32_t *ids, int64_t m, int32_t c, float *x);
// out[m] = bf16(x[m] / rms(x[m]) * gain); a row's sum of squares is a tree of one shape
cudaError_t launch_rms_norm(cudaStream_t stream, const float *x, const float *gain, int64_t m, int32_t c, float epsilon,
                            bf16 *out);
// The same, to hidden[slots[m]]
cudaError_t launch_store_hidden(cudaStream_t stream, const float *x, const float *gain, const int32_t *slots, int64_t m,
                                int32_t c, float epsilon, bf16 *hidden);
// Rotates queries in place (pairs i and i + D/2) and keys; writes keys and values to the cache. qkv [M, (H + 2G) * D],
// cosines and sines float [positions, D/2]
cudaError_t launch_rope_and_store(cudaStream_t stream, bf16 *qkv, const float *cosines, const float *sines,
                                  const int32_t *positions, const int32_t *slots, int64_t m, int32_t heads,
                                  const kv_cache &cache, int32_t layer);
// out[m] = silu(gate) * up, from gate_up [M, 2F] whose columns alternate in blocks of 8
cudaError_t launch_swiglu(cudaStream_t stream, const bf16 *gate_up, int64_t m, int32_t f, bf16 *out);
cudaError_t launch_gather_rows(cudaStream_t stream, const void *source, const int32_t *rows, int64_t count,
                               int64_t row_bytes, void *target);
// Rows of all layers of the cache, and of hidden [page][T][C]
cudaError_t launch_copy_page_rows(cudaStream_t stream, const kv_cache &cache, int32_t layers, bf16 *hidden, int32_t c,
                                  const retrace_page_copy *copies, int64_t count);
// weight row first_row + (r / block) * stride + r % block = bf16(source row r)
cudaError_t launch_convert_rows(cudaStream_t stream, const void *source, retrace_dtype dtype, int64_t count,
                                int64_t columns, int64_t first_row, int64_t block, int64_t stride, bf16 *weight);
cudaError_t launch_randomize(cudaStream_t stream, bf16 *weight, int64_t elements, uint64_t seed, float scale);

// ---- gemm.cuh (mma.sync, sm_80 and later) --------------------------------------------------------
// out = a [M, K] times weight [N, K] transposed; K and N multiples of 8
cudaError_t launch_gemm(cudaStream_t stream, const bf16 *a, const bf16 *weight, int64_t m, int32_t n, int32_t k,
                        retrace_epilogue epilogue, void *out);

// ---- attention.cuh (mma.sync, sm_80 and later) ----------------------------------------------------
// Rows of queries in one tile of the attention, for plans.
constexpr int32_t attention_tile_rows = 64;
// D in {16, 32, 64, 128}. Queries: the first H * D of each row of qkv, whose rows are (H + 2G) * D apart. out [M, H * D]
cudaError_t launch_attention(cudaStream_t stream, const bf16 *qkv, const kv_cache &cache, int32_t layer, int32_t heads,
                             const retrace_attention_plan &plan, bf16 *out);

// ---- head.cuh --------------------------------------------------------------------------------------
// Bytes of `partials` for R targets.
int64_t head_partial_bytes(int64_t r, int32_t vocabulary);
// log_probs[i] = log softmax(hidden[slots[i]] times head transposed)[targets[i]], the logits in float, never in memory:
// each block of columns leaves (maximum, sum) and the block with the target its logit; they are put together in order.
cudaError_t launch_head(cudaStream_t stream, const bf16 *hidden, const bf16 *head, const int32_t *slots,
                        const int32_t *targets, int64_t r, int32_t c, int32_t vocabulary, void *partials,
                        float *log_probs);
// From logits float [R, V] in memory (of a library's product) to log_probs.
cudaError_t launch_log_softmax_of_targets(cudaStream_t stream, const float *logits, const int32_t *targets, int64_t r,
                                          int32_t vocabulary, float *log_probs);

// ---- hopper.cuh (wgmma and bulk copies, sm_90a) -----------------------------------------------------
// False where this build or this device has no sm_90a kernels.
bool hopper_is_built();
// As launch_gemm. `maps` is device-visible memory that `hopper_gemm_maps` filled for these operands.
struct hopper_gemm_operands {
  alignas(128) unsigned char a[128];       // CUtensorMap of a [rows, K]
  alignas(128) unsigned char weight[128];  // CUtensorMap of the weight [N, K]
};
// 0, or why the maps could not be made. `rows`: rows that may be read behind `a`.
int hopper_gemm_maps(const bf16 *a, int64_t rows, const bf16 *weight, int32_t n, int32_t k, hopper_gemm_operands *maps);
cudaError_t launch_hopper_gemm(cudaStream_t stream, const hopper_gemm_operands &maps, int64_t m, int32_t n, int32_t k,
                               retrace_epilogue epilogue, void *out);
// D = 128 and the swizzled layout alone; tiles of 128 rows.
constexpr int32_t hopper_attention_tile_rows = 128;
cudaError_t launch_hopper_attention(cudaStream_t stream, const bf16 *qkv, const kv_cache &cache, int32_t layer,
                                    int32_t heads, const retrace_attention_plan &plan, bf16 *out);

}  // namespace retrace
