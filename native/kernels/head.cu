// Launchers of the head; see head.cuh and launchers.h.
#include "head.cuh"

#include "launchers.h"

namespace retrace {

int64_t head_partial_bytes(int64_t r, int32_t vocabulary) {
  return blocks_of(vocabulary, head_shape::columns) * r * static_cast<int64_t>(sizeof(head_partial)) +
         r * static_cast<int64_t>(sizeof(float));
}

cudaError_t launch_head(cudaStream_t stream, const bf16 *hidden, const bf16 *head, const int32_t *slots,
                        const int32_t *targets, int64_t r, int32_t c, int32_t vocabulary, void *partials,
                        float *log_probs) {
  if (r < 0 || c <= 0 || c % 8 != 0 || vocabulary <= 0) return cudaErrorInvalidValue;
  if (r == 0) return cudaSuccess;
  const int64_t column_blocks = blocks_of(vocabulary, head_shape::columns);
  head_partial *const parts = static_cast<head_partial *>(partials);
  float *const target_logits = reinterpret_cast<float *>(parts + column_blocks * r);
  const cudaError_t status = RETRACE_LAUNCH(
      head_kernel<head_warps_across>, grid_size(blocks_of(r, head_shape::rows) * column_blocks), head_shape::threads,
      head_shape::shared_bytes, stream, hidden, head, slots, targets, r, c, vocabulary, parts, target_logits);
  if (status != cudaSuccess) return status;
  return RETRACE_LAUNCH(reduce_head_kernel<reduce_threads>, grid_size(blocks_of(r, reduce_threads)), reduce_threads, 0,
                        stream, parts, target_logits, targets, r, static_cast<int32_t>(column_blocks), vocabulary,
                        log_probs);
}

cudaError_t launch_log_softmax_of_targets(cudaStream_t stream, const float *logits, const int32_t *targets, int64_t r,
                                          int32_t vocabulary, float *log_probs) {
  if (r < 0 || vocabulary <= 0) return cudaErrorInvalidValue;
  if (r == 0) return cudaSuccess;
  return RETRACE_LAUNCH(log_softmax_kernel<softmax_threads>, grid_size(r), softmax_threads,
                        softmax_threads / 32 * sizeof(head_partial), stream, logits, targets, vocabulary, log_probs);
}

}  // namespace retrace
