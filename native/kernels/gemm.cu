// Launcher of the portable matrix product; see gemm.cuh and launchers.h.
#include "gemm.cuh"

#include "launchers.h"

namespace retrace {
namespace {

template <int warps_across, retrace_epilogue epilogue>
cudaError_t launch_width(cudaStream_t stream, const bf16 *a, const bf16 *weight, int64_t m, int32_t n, int32_t k,
                         void *out) {
  using shape = product_shape<warps_across>;
  const int64_t blocks = blocks_of(m, shape::rows) * blocks_of(n, shape::columns);
  return RETRACE_LAUNCH((gemm_kernel<warps_across, epilogue>), grid_size(blocks), shape::threads, shape::shared_bytes,
                        stream, a, weight, m, n, k, out);
}

// Wide tiles where there are enough of them to fill a large GPU: the bits are the same.
template <retrace_epilogue epilogue>
cudaError_t launch_epilogue(cudaStream_t stream, const bf16 *a, const bf16 *weight, int64_t m, int32_t n, int32_t k,
                            void *out) {
  constexpr int64_t enough_blocks = 120;
  if (blocks_of(m, product_shape<4>::rows) * blocks_of(n, product_shape<4>::columns) >= enough_blocks)
    return launch_width<4, epilogue>(stream, a, weight, m, n, k, out);
  return launch_width<2, epilogue>(stream, a, weight, m, n, k, out);
}

}  // namespace

cudaError_t launch_gemm(cudaStream_t stream, const bf16 *a, const bf16 *weight, int64_t m, int32_t n, int32_t k,
                        retrace_epilogue epilogue, void *out) {
  if (m < 0 || n <= 0 || k <= 0 || k % 8 != 0 || n % (epilogue == RETRACE_SWIGLU ? 16 : 8) != 0)
    return cudaErrorInvalidValue;
  if (m == 0) return cudaSuccess;
  switch (epilogue) {
    case RETRACE_STORE: return launch_epilogue<RETRACE_STORE>(stream, a, weight, m, n, k, out);
    case RETRACE_ADD: return launch_epilogue<RETRACE_ADD>(stream, a, weight, m, n, k, out);
    case RETRACE_SWIGLU: return launch_epilogue<RETRACE_SWIGLU>(stream, a, weight, m, n, k, out);
  }
  return cudaErrorInvalidValue;
}

}  // namespace retrace
