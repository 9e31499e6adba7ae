// The forward pass: each function of `device.h` finds its buffers and launches its kernel.
#include <algorithm>

#include "cuda_device.h"

namespace retrace::cuda {
namespace {

int check_cache(cuda_device &d) {
  if (d.hidden != nullptr && d.cache.data != nullptr) return RETRACE_DEVICE_OK;
  return RETRACE_CUDA_FAIL(d.errors, RETRACE_DEVICE_CALL_FAILED, "There is no cache yet: call make_cache first.");
}
int check_workspace(cuda_device &d) {
  if (d.scratch.copies != nullptr) return RETRACE_DEVICE_OK;
  return RETRACE_CUDA_FAIL(d.errors, RETRACE_DEVICE_CALL_FAILED,
                           "There is no workspace yet: call make_workspace first.");
}
int check_layer(cuda_device &d, int32_t layer) {
  if (layer >= 0 && layer < d.shape.layers) return check_cache(d);
  return RETRACE_CUDA_FAIL(d.errors, RETRACE_DEVICE_UNSUPPORTED, "There is no layer %d: the model has %d.", layer,
                           d.shape.layers);
}

// A failure of cuBLASLt. A sticky CUDA error may be what is behind it; as the library has a CUDA runtime of its own, this
// one learns of it by a wait alone. "Unsupported" is where it computed nothing, as the algorithm does not suit the
// operands.
int library_failure(cuda_device &d, int status, int64_t m, int64_t n, int64_t k) {
  const cudaError_t behind = cudaStreamSynchronize(d.stream);
  if (class_of(behind) == RETRACE_DEVICE_IS_LOST) return d.errors.check(behind, "cublasLtMatmul", __FILE__, __LINE__);
  const bool unsuited = status == 7 || status == 8 || status == 15;  // invalid value, architecture, not supported
  return d.errors.fail(unsuited ? RETRACE_DEVICE_UNSUPPORTED : RETRACE_DEVICE_CALL_FAILED, status, __FILE__, __LINE__,
                       "cublasLtMatmul of M = %lld, N = %lld, K = %lld: %s. Choose the kernels \"portable\".",
                       static_cast<long long>(m), static_cast<long long>(n), static_cast<long long>(k),
                       cublas_status_name(status));
}

// Whole tiles of rows are computed; those behind m hold whatever is in the buffer.
int library_product(cuda_device &d, const product_choice &how, const bf16 *weight, int64_t n, int64_t k, const bf16 *a,
                    int64_t m, bool adds, void *out) {
  const int64_t rows = round_up(m, row_multiple);
  const int status = d.library->multiply(how.library, weight, a, rows, n, k, adds, out, d.scratch.library, d.stream);
  return status == 0 ? RETRACE_DEVICE_OK : library_failure(d, status, rows, n, k);
}

// The library has no such epilogue: the product goes through scratch, some rows at a time.
int library_swiglu(cuda_device &d, const product_choice &how, const bf16 *weight, int64_t n, int64_t k, const bf16 *a,
                   int64_t m, bf16 *out) {
  const int64_t at_once = std::min(swiglu_rows, round_up(d.scratch.rows, row_multiple));
  for (int64_t row = 0; row < m; row += at_once) {
    const int64_t rows = std::min(at_once, m - row);
    RETRACE_PASS_ON(library_product(d, how, weight, n, k, a + row * k, rows, false, d.scratch.gate_up));
    RETRACE_CUDA_CHECK(
        d.errors, launch_swiglu(d.stream, d.scratch.gate_up, rows, static_cast<int32_t>(n / 2), out + row * (n / 2)));
  }
  return RETRACE_DEVICE_OK;
}

#ifdef RETRACE_WITH_HOPPER
int hopper_product(cuda_device &d, const bf16 *weight, int64_t n, int64_t k, const bf16 *a, int64_t m,
                   retrace_epilogue epilogue, void *out) {
  hopper_gemm_operands maps;
  const int status =
      hopper_gemm_maps(a, round_up(m, row_multiple), weight, static_cast<int32_t>(n), static_cast<int32_t>(k), &maps);
  if (status != 0) {
    return d.errors.fail(RETRACE_DEVICE_CALL_FAILED, status, __FILE__, __LINE__,
                         "The driver could not describe operands of M = %lld, N = %lld, K = %lld for bulk copies "
                         "(status %d). Choose the kernels \"portable\".",
                         static_cast<long long>(m), static_cast<long long>(n), static_cast<long long>(k), status);
  }
  RETRACE_CUDA_CHECK(
      d.errors, launch_hopper_gemm(d.stream, maps, m, static_cast<int32_t>(n), static_cast<int32_t>(k), epilogue, out));
  return RETRACE_DEVICE_OK;
}
#endif

// The trial's answer for one of the model's products; the portable kernel for any other.
const product_choice &choice_for(const cuda_device &d, int64_t n, int64_t k, retrace_epilogue epilogue) {
  static const product_choice portable;
  for (const product_choice &p : d.products) {
    if (p.n == n && p.k == k && p.epilogue == epilogue) return p;
  }
  return portable;
}

}  // namespace

int compute_product(cuda_device &d, const product_choice &how, const bf16 *weight, int64_t n, int64_t k, const bf16 *a,
                    int64_t m, retrace_epilogue epilogue, void *out) {
  if (how.kind == gemm_kind::cublaslt && epilogue == RETRACE_SWIGLU) {
    return library_swiglu(d, how, weight, n, k, a, m, static_cast<bf16 *>(out));
  }
  if (how.kind == gemm_kind::cublaslt) {
    return library_product(d, how, weight, n, k, a, m, epilogue == RETRACE_ADD, out);
  }
#ifdef RETRACE_WITH_HOPPER
  if (how.kind == gemm_kind::hopper) return hopper_product(d, weight, n, k, a, m, epilogue, out);
#endif
  RETRACE_CUDA_CHECK(
      d.errors, launch_gemm(d.stream, a, weight, m, static_cast<int32_t>(n), static_cast<int32_t>(k), epilogue, out));
  return RETRACE_DEVICE_OK;
}

int embed(cuda_device &d, const retrace_weight *table, const int32_t *ids, int64_t m, float *x) {
  if (m == 0) return RETRACE_DEVICE_OK;
  RETRACE_CUDA_CHECK(d.errors, launch_embed(d.stream, static_cast<const bf16 *>(table->data), ids, m,
                                            static_cast<int32_t>(table->columns), x));
  return RETRACE_DEVICE_OK;
}

int rms_norm(cuda_device &d, const float *x, const float *gain, int64_t m, void *out) {
  if (m == 0) return RETRACE_DEVICE_OK;
  RETRACE_CUDA_CHECK(d.errors, launch_rms_norm(d.stream, x, gain, m, d.shape.hidden_size, d.shape.norm_epsilon,
                                               static_cast<bf16 *>(out)));
  return RETRACE_DEVICE_OK;
}

int gemm(cuda_device &d, const retrace_weight *weight, const void *a, int64_t m, retrace_epilogue epilogue, void *out) {
  if (m == 0) return RETRACE_DEVICE_OK;
  if (weight->rows % 8 != 0 || weight->columns % 8 != 0) {
    return RETRACE_CUDA_FAIL(d.errors, RETRACE_DEVICE_UNSUPPORTED,
                             "The product with a weight of %lld x %lld: both must be multiples of 8.",
                             static_cast<long long>(weight->rows), static_cast<long long>(weight->columns));
  }
  return compute_product(d, choice_for(d, weight->rows, weight->columns, epilogue),
                         static_cast<const bf16 *>(weight->data), weight->rows, weight->columns,
                         static_cast<const bf16 *>(a), m, epilogue, out);
}

int rope_and_store(cuda_device &d, void *qkv, const int32_t *positions, const int32_t *slots, int64_t m,
                   int32_t layer) {
  if (m == 0) return RETRACE_DEVICE_OK;
  RETRACE_PASS_ON(check_layer(d, layer));
  if (d.cosines == nullptr || d.sines == nullptr) {
    return RETRACE_CUDA_FAIL(d.errors, RETRACE_DEVICE_CALL_FAILED,
                             "There are no rotary tables: call set_rotary first.");
  }
  RETRACE_CUDA_CHECK(d.errors, launch_rope_and_store(d.stream, static_cast<bf16 *>(qkv), d.cosines, d.sines, positions,
                                                     slots, m, d.shape.heads, d.cache, layer));
  return RETRACE_DEVICE_OK;
}

int attention(cuda_device &d, const void *qkv, const retrace_attention_plan *plan, int32_t layer, void *out) {
  if (plan->tile_count == 0) return RETRACE_DEVICE_OK;
  RETRACE_PASS_ON(check_layer(d, layer));
  const bf16 *queries = static_cast<const bf16 *>(qkv);
  bf16 *target = static_cast<bf16 *>(out);
  if (d.choice.attention == attention_kind::plugin) {
    RETRACE_PASS_ON(check_workspace(d));
    const retrace_attention_call call{qkv, d.cache.data + layer * d.cache.layer_elements, d.pages, plan, out};
    const int status = d.plugin.api()->attend(d.plugin.plugin(), &call);
    return status == RETRACE_DEVICE_OK ? status : plugin_failure(d, status, __LINE__);
  }
#ifdef RETRACE_WITH_HOPPER
  if (d.choice.attention == attention_kind::hopper) {
    RETRACE_CUDA_CHECK(d.errors,
                       launch_hopper_attention(d.stream, queries, d.cache, layer, d.shape.heads, *plan, target));
    return RETRACE_DEVICE_OK;
  }
#endif
  RETRACE_CUDA_CHECK(d.errors, launch_attention(d.stream, queries, d.cache, layer, d.shape.heads, *plan, target));
  return RETRACE_DEVICE_OK;
}

int gather_rows(cuda_device &d, const void *source, const int32_t *rows, int64_t count, int64_t row_bytes,
                void *target) {
  if (count == 0) return RETRACE_DEVICE_OK;
  RETRACE_CUDA_CHECK(d.errors, launch_gather_rows(d.stream, source, rows, count, row_bytes, target));
  return RETRACE_DEVICE_OK;
}

int store_hidden(cuda_device &d, const float *x, const float *gain, const int32_t *slots, int64_t m) {
  if (m == 0) return RETRACE_DEVICE_OK;
  RETRACE_PASS_ON(check_cache(d));
  RETRACE_CUDA_CHECK(
      d.errors, launch_store_hidden(d.stream, x, gain, slots, m, d.shape.hidden_size, d.shape.norm_epsilon, d.hidden));
  return RETRACE_DEVICE_OK;
}

int copy_page_rows(cuda_device &d, const retrace_page_copy *copies, int64_t count) {
  if (count == 0) return RETRACE_DEVICE_OK;
  RETRACE_PASS_ON(check_cache(d));
  RETRACE_PASS_ON(check_workspace(d));
  for (int64_t first = 0; first < count; first += copies_at_once) {
    const int64_t some = std::min(copies_at_once, count - first);
    RETRACE_PASS_ON(upload(d, d.scratch.copies, copies + first, static_cast<size_t>(some) * sizeof *copies));
    RETRACE_CUDA_CHECK(d.errors, launch_copy_page_rows(d.stream, d.cache, d.shape.layers, d.hidden, d.shape.hidden_size,
                                                       d.scratch.copies, some));
  }
  return RETRACE_DEVICE_OK;
}

int head(cuda_device &d, const retrace_weight *head, const int32_t *slots, const int32_t *targets, int64_t r,
         float *log_probs) {
  if (r == 0) return RETRACE_DEVICE_OK;
  RETRACE_PASS_ON(check_cache(d));
  RETRACE_PASS_ON(check_workspace(d));
  if (r > d.scratch.targets) {
    return RETRACE_CUDA_FAIL(d.errors, RETRACE_DEVICE_UNSUPPORTED,
                             "The head was asked for %lld targets at once; the workspace was made for %lld.",
                             static_cast<long long>(r), static_cast<long long>(d.scratch.targets));
  }
  RETRACE_CUDA_CHECK(d.errors, launch_head(d.stream, d.hidden, static_cast<const bf16 *>(head->data), slots, targets, r,
                                           static_cast<int32_t>(head->columns), static_cast<int32_t>(head->rows),
                                           d.scratch.head_partials, log_probs));
  return RETRACE_DEVICE_OK;
}

}  // namespace retrace::cuda
