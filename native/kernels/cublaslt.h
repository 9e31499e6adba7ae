// Products by NVIDIA's cuBLASLt, opened at run time where it is found: nothing is linked, and its header is not needed.
//
// out [M, N] = a [M, K] times weight [N, K] transposed, all row-major. Read as column-major that is
// out' [N, M] = (weight' [K, N]) transposed times a' [K, M]. One algorithm for each product, chosen once for the largest
// M and used for every other, without split-K: whether its rows then depend on M is not documented, so it has to be tried
// (`product_trial.cc`).
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace retrace::cuda {

// One algorithm, as the library wrote it.
struct cublaslt_product {
  uint64_t algorithm[8] = {};
};

struct cublaslt_functions;

class cublaslt {
 public:
  static constexpr size_t workspace_bytes = size_t(64) << 20;

  // Null where there is no library of the version these functions belong to; `why` has a line on it then.
  // Looked for in the folders of RETRACE_CUDA_LIBS (separated by colons), where the loader looks, beside CUDA libraries
  // that are loaded already, and in the toolkit's usual folder.
  static std::unique_ptr<cublaslt> open(std::string *why);
  ~cublaslt();
  cublaslt(const cublaslt &) = delete;
  cublaslt &operator=(const cublaslt &) = delete;

  const char *version() const { return version_; }  // such as "13.1"

  // Algorithms for [m, n, k], the best first, that split nothing and can do every M that is a multiple of `step` up to
  // `largest_m`.
  // `adds`: out is float and what is there is added; else bfloat16. `*why_none` says what there is none of, where the answer
  // is empty.
  std::vector<cublaslt_product> algorithms(int64_t m, int64_t largest_m, int64_t step, int64_t n, int64_t k, bool adds,
                                           const char **why_none) const;

  // 0, or the library's status.
  int multiply(const cublaslt_product &product, const void *weight, const void *a, int64_t m, int64_t n, int64_t k,
               bool adds, void *out, void *workspace, cudaStream_t stream) const;

 private:
  cublaslt() = default;
  struct layouts;

  std::unique_ptr<cublaslt_functions> f_;
  void *handle_ = nullptr, *transposed_ = nullptr;  // the library, and the description of a product
  char version_[24] = "";
};

const char *cublas_status_name(int status);

}  // namespace retrace::cuda
