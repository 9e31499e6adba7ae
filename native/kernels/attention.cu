// Launcher of the portable attention; see attention.cuh and launchers.h.
#include "attention.cuh"

#include <cmath>

namespace retrace {
namespace {

template <int head_size, int heads_together>
cudaError_t launch_shape(cudaStream_t stream, const attention_arguments &arguments) {
  const int kv_heads = arguments.cache.kv_heads;
  const int64_t groups = arguments.heads / kv_heads / heads_together;
  const dim3 grid(grid_size(arguments.tile_count * groups), static_cast<unsigned>(kv_heads));
  return RETRACE_LAUNCH((attention_kernel<head_size, heads_together>), grid, attention_threads,
                        (attention_shape<head_size, heads_together>::shared_bytes), stream, arguments);
}

// Two heads to a block where two read the same keys: the bits are the same.
template <int head_size>
cudaError_t launch_head_size(cudaStream_t stream, const attention_arguments &arguments) {
  if (arguments.heads / arguments.cache.kv_heads % 2 == 0) return launch_shape<head_size, 2>(stream, arguments);
  return launch_shape<head_size, 1>(stream, arguments);
}

}  // namespace

cudaError_t launch_attention(cudaStream_t stream, const bf16 *qkv, const kv_cache &cache, int32_t layer, int32_t heads,
                             const retrace_attention_plan &plan, bf16 *out) {
  if (cache.kv_heads <= 0 || heads % cache.kv_heads != 0 || cache.page_tokens % key_tile != 0)
    return cudaErrorInvalidValue;
  if (plan.tile_count == 0) return cudaSuccess;
  const float scale = log2_of_e / std::sqrt(static_cast<float>(cache.head_size));
  const attention_arguments arguments{qkv,   cache, plan.segments,   plan.tiles, plan.page_table,
                                      layer, heads, plan.tile_count, scale,      out};
  switch (cache.head_size) {
    case 16: return launch_head_size<16>(stream, arguments);
    case 32: return launch_head_size<32>(stream, arguments);
    case 64: return launch_head_size<64>(stream, arguments);
    case 128: return launch_head_size<128>(stream, arguments);
  }
  return cudaErrorNotSupported;
}

}  // namespace retrace
