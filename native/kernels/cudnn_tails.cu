// One block for a page's tail of one head's keys or values, eight numbers a thread at a time. Memory is written only
// where a number is not finite, which is rare: pages that were used before hold finite numbers.
#include "cudnn_tails.h"

#include "vocabulary.cuh"

namespace retrace::cudnn {
namespace {

constexpr int tail_threads = 128;

// Two bfloat16 numbers; one is infinite or NaN where all bits of its exponent are set.
__device__ inline uint32_t finite_or_zero(uint32_t pair) {
  constexpr uint32_t low = 0x7f80u, high = low << 16;
  if ((pair & low) == low) pair &= 0xffff0000u;
  if ((pair & high) == high) pair &= 0x0000ffffu;
  return pair;
}

template <int threads>
__global__ void __launch_bounds__(threads)
    clear_tails_kernel(bf16 *cache, const page_tail *tails, int64_t tile_elements, int32_t head_size) {
  const page_tail tail = tails[blockIdx.x];
  bf16 *tile = cache + (static_cast<int64_t>(tail.page) * gridDim.y + blockIdx.y) * tile_elements;
  for (int64_t i = static_cast<int64_t>(tail.row) * head_size + threadIdx.x * 8; i < tile_elements; i += threads * 8) {
    uint4 *place = reinterpret_cast<uint4 *>(tile + i);
    const uint4 old = *place;
    const uint4 now = {finite_or_zero(old.x), finite_or_zero(old.y), finite_or_zero(old.z), finite_or_zero(old.w)};
    if (now.x != old.x || now.y != old.y || now.z != old.z || now.w != old.w) *place = now;
  }
}

}  // namespace

cudaError_t launch_clear_tails(cudaStream_t stream, void *cache, const page_tail *tails, int32_t count,
                               int32_t kv_heads, int32_t page_tokens, int32_t head_size) {
  if (count == 0) return cudaSuccess;
  const dim3 grid(static_cast<unsigned>(count), static_cast<unsigned>(kv_heads) * 2);
  return RETRACE_LAUNCH(clear_tails_kernel<tail_threads>, grid, tail_threads, 0, stream, static_cast<bf16 *>(cache),
                        tails, static_cast<int64_t>(page_tokens) * head_size, head_size);
}

}  // namespace retrace::cudnn
