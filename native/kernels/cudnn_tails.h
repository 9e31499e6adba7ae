// What cuDNN reads behind the last key of a sequence has to be finite: it reads whole pages and multiplies the values
// there by probabilities of zero, and zero times NaN is NaN. Keys are done too, as nothing says that its mask replaces
// scores rather than adds to them.
//
// Shapes: P pages, G key-value heads, T tokens of a page, D head size.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "cudnn_sequences.h"

namespace retrace::cudnn {

// Sets what is infinite or NaN in rows [row, T) of `count` pages to zero; what is finite may be another path's, and
// stays. cache: bfloat16 [P][G][key | value][T][D], D a multiple of 8. tails is device memory.
cudaError_t launch_clear_tails(cudaStream_t stream, void *cache, const page_tail *tails, int32_t count,
                               int32_t kv_heads, int32_t page_tokens, int32_t head_size);

}  // namespace retrace::cudnn
