// Host side of the kernels for Hopper: tensor maps, shapes that are taken, launches. RETRACE_HOPPER says that this
// library was built with code for sm_90a.
#include <atomic>
#include <cmath>
#include <cstring>

#include "hopper_attention.cuh"
#include "hopper_gemm.cuh"

#ifndef RETRACE_EMULATOR
#include <cuda.h>
#endif

namespace retrace {

namespace {

// Columns of a tile of the product. By N alone: else a row's bits might depend on M.
bool takes_wide_tiles(int32_t n) { return n >= 2048; }

#ifdef RETRACE_EMULATOR

int make_tensor_map(unsigned char *map, const bf16 *matrix, int64_t rows, int32_t columns, int32_t box_rows) {
  return emulator::hopper::make_map(map, matrix, rows, columns, box_rows);
}
int multiprocessors() { return 3; }  // few, so that blocks have several tiles

#else

// The driver's encoder, found at run time: the library does not link to the driver.
using encode_tiled = CUresult (*)(CUtensorMap *, CUtensorMapDataType, cuuint32_t, void *, const cuuint64_t *,
                                  const cuuint64_t *, const cuuint32_t *, const cuuint32_t *, CUtensorMapInterleave,
                                  CUtensorMapSwizzle, CUtensorMapL2promotion, CUtensorMapFloatOOBfill);

encode_tiled find_encoder() {
  void *entry = nullptr;
  cudaDriverEntryPointQueryResult result{};
#if CUDART_VERSION >= 12050
  const cudaError_t status =
      cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &entry, 12000, cudaEnableDefault, &result);
#else
  const cudaError_t status = cudaGetDriverEntryPoint("cuTensorMapEncodeTiled", &entry, cudaEnableDefault, &result);
#endif
  if (status != cudaSuccess) cudaGetLastError();  // the null below reports it, and the next launch must not
  return status == cudaSuccess && result == cudaDriverEntryPointSuccess ? reinterpret_cast<encode_tiled>(entry)
                                                                        : nullptr;
}

// Row-major [rows, columns], read in boxes of [box_rows, 64], swizzled, zeros outside.
int make_tensor_map(unsigned char *map, const bf16 *matrix, int64_t rows, int32_t columns, int32_t box_rows) {
  static const encode_tiled encode = find_encoder();
  if (!encode) return CUDA_ERROR_NOT_FOUND;
  static_assert(sizeof(CUtensorMap) == sizeof hopper_gemm_operands::a, "a tensor map has 128 bytes");
  static_assert(alignof(hopper_gemm_operands) >= alignof(CUtensorMap), "a tensor map lies where CUDA asks for it");
  const cuuint64_t sizes[2] = {static_cast<cuuint64_t>(columns), static_cast<cuuint64_t>(rows)};
  const cuuint64_t row_bytes[1] = {static_cast<cuuint64_t>(columns) * sizeof(bf16)};
  const cuuint32_t box[2] = {64, static_cast<cuuint32_t>(box_rows)};
  const cuuint32_t steps[2] = {1, 1};
  return encode(reinterpret_cast<CUtensorMap *>(map), CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 2, const_cast<bf16 *>(matrix),
                sizes, row_bytes, box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
                CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
}

int device_attribute(cudaDeviceAttr attribute) {
  int device = 0, value = 0;
  if (cudaGetDevice(&device) != cudaSuccess) return 0;
  return cudaDeviceGetAttribute(&value, attribute, device) == cudaSuccess ? value : 0;
}
int multiprocessors() {
  const int count = device_attribute(cudaDevAttrMultiProcessorCount);
  return count > 0 ? count : 1;
}

#endif

template <int columns, retrace_epilogue epilogue>
cudaError_t launch_gemm_of_width(cudaStream_t stream, const hopper_gemm_operands &maps, int64_t m, int32_t n, int32_t k,
                                 void *out) {
  using shape = hopper_gemm_shape<columns>;
  const int64_t tiles = blocks_of(m, shape::rows) * blocks_of(n, columns);
  if (tiles > INT32_MAX) return cudaErrorInvalidValue;
  const int64_t blocks = multiprocessors() < tiles ? multiprocessors() : tiles;
  return RETRACE_LAUNCH((hopper_gemm_kernel<columns, epilogue>), dim3(static_cast<unsigned>(blocks)), shape::threads,
                        shape::shared_bytes, stream, maps, m, n, k, out);
}

template <retrace_epilogue epilogue>
cudaError_t launch_gemm_of_epilogue(cudaStream_t stream, const hopper_gemm_operands &maps, int64_t m, int32_t n,
                                    int32_t k, void *out) {
  return takes_wide_tiles(n) ? launch_gemm_of_width<256, epilogue>(stream, maps, m, n, k, out)
                             : launch_gemm_of_width<128, epilogue>(stream, maps, m, n, k, out);
}

}  // namespace

bool hopper_is_built() {
#if defined(RETRACE_EMULATOR)
  return true;
#elif defined(RETRACE_HOPPER)
  return device_attribute(cudaDevAttrComputeCapabilityMajor) == 9 &&
         device_attribute(cudaDevAttrComputeCapabilityMinor) == 0;
#else
  return false;
#endif
}

int hopper_gemm_maps(const bf16 *a, int64_t rows, const bf16 *weight, int32_t n, int32_t k,
                     hopper_gemm_operands *maps) {
  if (rows < 1 || n < 8 || n % 8 != 0 || k < 8 || k % 8 != 0) return cudaErrorInvalidValue;
  if (const int failed = make_tensor_map(maps->a, a, rows, k, 128)) return failed;
  return make_tensor_map(maps->weight, weight, n, k, takes_wide_tiles(n) ? 256 : 128);
}

cudaError_t launch_hopper_gemm(cudaStream_t stream, const hopper_gemm_operands &maps, int64_t m, int32_t n, int32_t k,
                               retrace_epilogue epilogue, void *out) {
  if (m == 0) return cudaSuccess;
  if (m < 0 || n < 8 || n % 8 != 0 || k < 8 || k % 8 != 0) return cudaErrorInvalidValue;
  switch (epilogue) {
    case RETRACE_STORE: return launch_gemm_of_epilogue<RETRACE_STORE>(stream, maps, m, n, k, out);
    case RETRACE_ADD: return launch_gemm_of_epilogue<RETRACE_ADD>(stream, maps, m, n, k, out);
    case RETRACE_SWIGLU:
      if (n % 16 != 0) return cudaErrorInvalidValue;  // blocks of 8 of the gate and of 8 of the other half
      return launch_gemm_of_epilogue<RETRACE_SWIGLU>(stream, maps, m, n, k, out);
  }
  return cudaErrorInvalidValue;
}

cudaError_t launch_hopper_attention(cudaStream_t stream, const bf16 *qkv, const kv_cache &cache, int32_t layer,
                                    int32_t heads, const retrace_attention_plan &plan, bf16 *out) {
  namespace shape = hopper_attention_shape;
  if (plan.tile_count == 0) return cudaSuccess;
  if (cache.head_size != shape::head_size || cache.page_tokens != shape::tokens ||
      cache.layout != kv_layout::swizzled || cache.kv_heads < 1 || heads % cache.kv_heads != 0)
    return cudaErrorInvalidValue;
  const int64_t blocks = static_cast<int64_t>(plan.tile_count) * heads;
  if (blocks > INT32_MAX) return cudaErrorInvalidValue;
  const hopper_attention_arguments arguments = {
      qkv,
      cache.data + layer * cache.layer_elements,
      plan.segments,
      plan.tiles,
      plan.page_table,
      out,
      plan.tile_count,
      heads,
      cache.kv_heads,
      static_cast<float>(1.4426950408889634 / std::sqrt(static_cast<double>(shape::head_size)))};
  return RETRACE_LAUNCH((hopper_attention_kernel<>), dim3(static_cast<unsigned>(blocks)), shape::threads,
                        shape::shared_bytes, stream, arguments);
}

}  // namespace retrace
