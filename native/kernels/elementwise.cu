// Launchers of what is done to each row or element alone; see elementwise.cuh and launchers.h.
#include "elementwise.cuh"

namespace retrace {

constexpr int threads = elementwise_threads;
constexpr size_t sum_bytes = threads / 32 * sizeof(float);

cudaError_t launch_embed(cudaStream_t stream, const bf16 *table, const int32_t *ids, int64_t m, int32_t c, float *x) {
  if (m < 0 || c <= 0 || c % 8 != 0) return cudaErrorInvalidValue;
  if (m == 0) return cudaSuccess;
  return RETRACE_LAUNCH(embed_kernel<threads>, grid_size(m), threads, 0, stream, table, ids, c, x);
}

cudaError_t launch_rms_norm(cudaStream_t stream, const float *x, const float *gain, int64_t m, int32_t c, float epsilon,
                            bf16 *out) {
  return launch_store_hidden(stream, x, gain, nullptr, m, c, epsilon, out);
}

cudaError_t launch_store_hidden(cudaStream_t stream, const float *x, const float *gain, const int32_t *slots, int64_t m,
                                int32_t c, float epsilon, bf16 *hidden) {
  if (m < 0 || c <= 0 || c % 8 != 0) return cudaErrorInvalidValue;
  if (m == 0) return cudaSuccess;
  return RETRACE_LAUNCH(rms_norm_kernel<threads>, grid_size(m), threads, sum_bytes, stream, x, gain, slots, c, epsilon,
                        hidden);
}

cudaError_t launch_rope_and_store(cudaStream_t stream, bf16 *qkv, const float *cosines, const float *sines,
                                  const int32_t *positions, const int32_t *slots, int64_t m, int32_t heads,
                                  const kv_cache &cache, int32_t layer) {
  if (m < 0 || cache.head_size <= 0 || cache.head_size % 16 != 0) return cudaErrorInvalidValue;
  if (m == 0) return cudaSuccess;
  return RETRACE_LAUNCH(rope_and_store_kernel<threads>, grid_size(m), threads, 0, stream, qkv, cosines, sines,
                        positions, slots, heads, cache, layer);
}

cudaError_t launch_swiglu(cudaStream_t stream, const bf16 *gate_up, int64_t m, int32_t f, bf16 *out) {
  if (m < 0 || f <= 0 || f % 8 != 0) return cudaErrorInvalidValue;
  if (m == 0) return cudaSuccess;
  const int64_t chunks = m * (f / 8);
  return RETRACE_LAUNCH(swiglu_kernel<threads>, grid_size(blocks_of(chunks, threads)), threads, 0, stream, gate_up,
                        chunks, out);
}

cudaError_t launch_gather_rows(cudaStream_t stream, const void *source, const int32_t *rows, int64_t count,
                               int64_t row_bytes, void *target) {
  if (count < 0 || row_bytes <= 0 || row_bytes % 16 != 0) return cudaErrorInvalidValue;
  if (count == 0) return cudaSuccess;
  return RETRACE_LAUNCH(gather_rows_kernel<threads>, grid_size(count), threads, 0, stream,
                        static_cast<const char *>(source), rows, row_bytes, static_cast<char *>(target));
}

cudaError_t launch_copy_page_rows(cudaStream_t stream, const kv_cache &cache, int32_t layers, bf16 *hidden, int32_t c,
                                  const retrace_page_copy *copies, int64_t count) {
  if (count < 0 || c % 8 != 0 || cache.head_size % 8 != 0) return cudaErrorInvalidValue;
  if (count == 0) return cudaSuccess;
  const int64_t tile_runs =
      cache.layout == kv_layout::swizzled ? cache.head_size / (chunks_of_block(cache.head_size) * 8) : 1;
  const int64_t runs = static_cast<int64_t>(layers) * cache.kv_heads * 2 * tile_runs + 1;
  return RETRACE_LAUNCH(copy_page_rows_kernel<threads>, grid_size(count * runs), threads, 0, stream, cache, layers,
                        hidden, c, copies);
}

cudaError_t launch_convert_rows(cudaStream_t stream, const void *source, retrace_dtype dtype, int64_t count,
                                int64_t columns, int64_t first_row, int64_t block, int64_t stride, bf16 *weight) {
  if (count < 0 || columns <= 0 || block <= 0) return cudaErrorInvalidValue;
  if (count == 0) return cudaSuccess;
  const auto convert = [&](auto kernel) {
    return RETRACE_LAUNCH(kernel, grid_size(count), threads, 0, stream, source, columns, first_row, block, stride,
                          weight);
  };
  switch (dtype) {
    case RETRACE_F32: return convert(convert_rows_kernel<threads, RETRACE_F32>);
    case RETRACE_F16: return convert(convert_rows_kernel<threads, RETRACE_F16>);
    case RETRACE_BF16: return convert(convert_rows_kernel<threads, RETRACE_BF16>);
  }
  return cudaErrorInvalidValue;
}

cudaError_t launch_randomize(cudaStream_t stream, bf16 *weight, int64_t elements, uint64_t seed, float scale) {
  if (elements < 0) return cudaErrorInvalidValue;
  if (elements == 0) return cudaSuccess;
  return RETRACE_LAUNCH(randomize_kernel<threads>, grid_size(blocks_of(elements, threads * 8)), threads, 0, stream,
                        weight, elements, seed, scale);
}

}  // namespace retrace
