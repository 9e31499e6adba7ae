// The library's binary interface as far as it is used here, written down from its documentation. Where its header is
// there at build time, the numbers and sizes are held against it.
#include "cublaslt.h"

#include <dlfcn.h>
#include <link.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#if !defined(RETRACE_EMULATOR) && __has_include(<cublasLt.h>)
#include <cublasLt.h>
#define RETRACE_HAS_CUBLASLT_HEADER
#endif

namespace retrace::cuda {
namespace {

constexpr int major_version = 13;

// cublasComputeType_t, cudaDataType_t, cublasOperation_t
constexpr int compute_32f = 68, type_32f = 0, type_16bf = 14, operation_transposed = 1;
// cublasLtMatmulDescAttributes_t, cublasLtMatmulPreferenceAttributes_t, cublasLtMatmulAlgoConfigAttributes_t
constexpr int description_transa = 3, preference_workspace = 1, preference_reductions = 3, config_split_k = 2,
              config_reduction = 3;

struct heuristic_result {  // cublasLtMatmulHeuristicResult_t
  uint64_t algorithm[8];
  size_t workspace_bytes;
  int state;
  float waves;
  int reserved[4];
};

#ifdef RETRACE_HAS_CUBLASLT_HEADER
static_assert(CUBLAS_COMPUTE_32F == compute_32f && CUDA_R_32F == type_32f && CUDA_R_16BF == type_16bf);
static_assert(CUBLAS_OP_T == operation_transposed && CUBLASLT_MATMUL_DESC_TRANSA == description_transa);
static_assert(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES == preference_workspace);
static_assert(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK == preference_reductions);
static_assert(CUBLASLT_ALGO_CONFIG_SPLITK_NUM == config_split_k);
static_assert(CUBLASLT_ALGO_CONFIG_REDUCTION_SCHEME == config_reduction && CUBLASLT_REDUCTION_SCHEME_NONE == 0);
static_assert(sizeof(cublasLtMatmulAlgo_t) == sizeof(cublaslt_product));
static_assert(sizeof(cublasLtMatmulHeuristicResult_t) == sizeof(heuristic_result));
static_assert(offsetof(cublasLtMatmulHeuristicResult_t, workspaceSize) == offsetof(heuristic_result, workspace_bytes));
static_assert(offsetof(cublasLtMatmulHeuristicResult_t, state) == offsetof(heuristic_result, state));
static_assert(sizeof(cublasStatus_t) == sizeof(int) && sizeof(cudaDataType) == sizeof(int));
#endif

}  // namespace

// Handles, descriptions and layouts are pointers; statuses, types and attributes are ints.
struct cublaslt_functions {
  size_t (*cublasLtGetVersion)();
  int (*cublasLtCreate)(void **handle);
  int (*cublasLtDestroy)(void *handle);
  int (*cublasLtMatmulDescCreate)(void **description, int compute_type, int scale_type);
  int (*cublasLtMatmulDescDestroy)(void *description);
  int (*cublasLtMatmulDescSetAttribute)(void *description, int attribute, const void *value, size_t bytes);
  int (*cublasLtMatrixLayoutCreate)(void **layout, int type, uint64_t rows, uint64_t columns, int64_t stride);
  int (*cublasLtMatrixLayoutDestroy)(void *layout);
  int (*cublasLtMatmulPreferenceCreate)(void **preference);
  int (*cublasLtMatmulPreferenceDestroy)(void *preference);
  int (*cublasLtMatmulPreferenceSetAttribute)(void *preference, int attribute, const void *value, size_t bytes);
  int (*cublasLtMatmulAlgoGetHeuristic)(void *handle, void *description, void *a, void *b, void *c, void *d,
                                        void *preference, int wanted, heuristic_result *results, int *found);
  int (*cublasLtMatmulAlgoConfigGetAttribute)(const uint64_t *algorithm, int attribute, void *value, size_t bytes,
                                              size_t *written);
  int (*cublasLtMatmulAlgoCheck)(void *handle, void *description, void *a, void *b, void *c, void *d,
                                 const uint64_t *algorithm, heuristic_result *result);
  int (*cublasLtMatmul)(void *handle, void *description, const void *alpha, const void *a, void *a_layout,
                        const void *b, void *b_layout, const void *beta, const void *c, void *c_layout, void *d,
                        void *d_layout, const uint64_t *algorithm, void *workspace, size_t workspace_bytes,
                        cudaStream_t stream);
};

namespace {

// The first function that the library lacks, or null.
const char *load(void *library, cublaslt_functions *f) {
#define RETRACE_LOAD(name)                                              \
  f->name = reinterpret_cast<decltype(f->name)>(dlsym(library, #name)); \
  if (f->name == nullptr) return #name
  RETRACE_LOAD(cublasLtGetVersion);
  RETRACE_LOAD(cublasLtCreate);
  RETRACE_LOAD(cublasLtDestroy);
  RETRACE_LOAD(cublasLtMatmulDescCreate);
  RETRACE_LOAD(cublasLtMatmulDescDestroy);
  RETRACE_LOAD(cublasLtMatmulDescSetAttribute);
  RETRACE_LOAD(cublasLtMatrixLayoutCreate);
  RETRACE_LOAD(cublasLtMatrixLayoutDestroy);
  RETRACE_LOAD(cublasLtMatmulPreferenceCreate);
  RETRACE_LOAD(cublasLtMatmulPreferenceDestroy);
  RETRACE_LOAD(cublasLtMatmulPreferenceSetAttribute);
  RETRACE_LOAD(cublasLtMatmulAlgoGetHeuristic);
  RETRACE_LOAD(cublasLtMatmulAlgoConfigGetAttribute);
  RETRACE_LOAD(cublasLtMatmulAlgoCheck);
  RETRACE_LOAD(cublasLtMatmul);
#undef RETRACE_LOAD
  return nullptr;
}

#ifndef RETRACE_EMULATOR
// Folders of CUDA libraries that this process has loaded, PyTorch's for one.
int add_loaded_folder(dl_phdr_info *info, size_t, void *folders) {
  const std::string path = info->dlpi_name == nullptr ? "" : info->dlpi_name;
  const size_t slash = path.rfind('/');
  if (slash != std::string::npos && path.compare(slash + 1, 6, "libcud") == 0) {
    static_cast<std::vector<std::string> *>(folders)->push_back(path.substr(0, slash));
  }
  return 0;
}
#endif

std::vector<std::string> places() {
  std::vector<std::string> out;
  const char *chosen = std::getenv("RETRACE_CUDA_LIBS");
  for (std::string rest = chosen == nullptr ? "" : chosen; !rest.empty();) {
    const size_t colon = rest.find(':');
    if (colon != 0) out.push_back(rest.substr(0, colon) + "/");
    rest = colon == std::string::npos ? "" : rest.substr(colon + 1);
  }
#ifndef RETRACE_EMULATOR  // which has no use for one that computes on a GPU
  out.push_back("");
  std::vector<std::string> loaded;
  dl_iterate_phdr(add_loaded_folder, &loaded);
  for (const std::string &folder : loaded) out.push_back(folder + "/");
  out.push_back("/usr/local/cuda/lib64/");
#endif
  return out;
}

}  // namespace

const char *cublas_status_name(int status) {
  switch (status) {
    case 0: return "CUBLAS_STATUS_SUCCESS";
    case 1: return "CUBLAS_STATUS_NOT_INITIALIZED";
    case 3: return "CUBLAS_STATUS_ALLOC_FAILED";
    case 7: return "CUBLAS_STATUS_INVALID_VALUE";
    case 8: return "CUBLAS_STATUS_ARCH_MISMATCH";
    case 11: return "CUBLAS_STATUS_MAPPING_ERROR";
    case 13: return "CUBLAS_STATUS_EXECUTION_FAILED";
    case 14: return "CUBLAS_STATUS_INTERNAL_ERROR";
    case 15: return "CUBLAS_STATUS_NOT_SUPPORTED";
    default: return "an unknown cuBLAS status";
  }
}

std::unique_ptr<cublaslt> cublaslt::open(std::string *why) {
  const std::string name = "libcublasLt.so." + std::to_string(major_version);
  void *library = nullptr;
  for (const std::string &place : places()) {
    library = dlopen((place + name).c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library != nullptr) break;
  }
  if (library == nullptr) {
    *why = name + " was not found; RETRACE_CUDA_LIBS can name its folder";
    return nullptr;
  }
  // The library stays loaded: it has threads and state of its own that do not like to be unloaded.
  std::unique_ptr<cublaslt> out(new cublaslt);
  out->f_ = std::make_unique<cublaslt_functions>();
  cublaslt_functions &f = *out->f_;
  if (const char *missing = load(library, &f); missing != nullptr) {
    *why = name + " lacks " + missing;
    return nullptr;
  }
  const size_t version = f.cublasLtGetVersion();
  std::snprintf(out->version_, sizeof out->version_, "%zu.%zu", version / 10000, version / 100 % 100);
  if (version / 10000 != major_version) {
    *why = name + " is of version " + out->version_ + ", expected " + std::to_string(major_version);
    return nullptr;
  }
  const int transposed = operation_transposed;
  int status = f.cublasLtCreate(&out->handle_);
  if (status == 0) status = f.cublasLtMatmulDescCreate(&out->transposed_, compute_32f, type_32f);
  if (status == 0) {
    status = f.cublasLtMatmulDescSetAttribute(out->transposed_, description_transa, &transposed, sizeof transposed);
  }
  if (status == 0) return out;
  *why = name + " cannot be used: " + cublas_status_name(status);
  return nullptr;
}

cublaslt::~cublaslt() {
  if (f_ == nullptr) return;
  if (transposed_ != nullptr) f_->cublasLtMatmulDescDestroy(transposed_);
  if (handle_ != nullptr) f_->cublasLtDestroy(handle_);
}

// The three matrices of one product. They are small structs on the host; making them takes less than a launch.
struct cublaslt::layouts {
  const cublaslt_functions &f;
  void *weight = nullptr, *a = nullptr, *out = nullptr;
  int status = 0;

  layouts(const cublaslt_functions &functions, int64_t m, int64_t n, int64_t k, bool adds) : f(functions) {
    status = f.cublasLtMatrixLayoutCreate(&weight, type_16bf, k, n, k);
    if (status == 0) status = f.cublasLtMatrixLayoutCreate(&a, type_16bf, k, m, k);
    if (status == 0) status = f.cublasLtMatrixLayoutCreate(&out, adds ? type_32f : type_16bf, n, m, n);
  }
  ~layouts() {
    for (void *layout : {weight, a, out}) {
      if (layout != nullptr) f.cublasLtMatrixLayoutDestroy(layout);
    }
  }
};

std::vector<cublaslt_product> cublaslt::algorithms(int64_t m, int64_t largest_m, int64_t step, int64_t n, int64_t k,
                                                   bool adds, const char **why_none) const {
  constexpr int most = 16;
  heuristic_result results[most] = {};
  int found = 0;
  const layouts asked(*f_, m, n, k, adds);
  void *preference = nullptr;
  const size_t bytes = workspace_bytes;
  const uint32_t no_reductions = 0;
  int status = asked.status;
  if (status == 0) status = f_->cublasLtMatmulPreferenceCreate(&preference);
  if (status == 0) {
    f_->cublasLtMatmulPreferenceSetAttribute(preference, preference_workspace, &bytes, sizeof bytes);
    f_->cublasLtMatmulPreferenceSetAttribute(preference, preference_reductions, &no_reductions, sizeof no_reductions);
    status = f_->cublasLtMatmulAlgoGetHeuristic(handle_, transposed_, asked.weight, asked.a, asked.out, asked.out,
                                                preference, most, results, &found);
  }
  if (preference != nullptr) f_->cublasLtMatmulPreferenceDestroy(preference);
  *why_none = "the library knows no algorithm";
  if (status != 0 || found == 0) return {};

  *why_none = "no algorithm without split-K";
  std::vector<cublaslt_product> out;
  for (int i = 0; i < found; i++) {
    const heuristic_result &r = results[i];
    int32_t split_k = 0;
    uint32_t reduction = 1;
    size_t written = 0;
    f_->cublasLtMatmulAlgoConfigGetAttribute(r.algorithm, config_split_k, &split_k, sizeof split_k, &written);
    f_->cublasLtMatmulAlgoConfigGetAttribute(r.algorithm, config_reduction, &reduction, sizeof reduction, &written);
    // 0 and 1 both mean that K is not split.
    bool usable = r.state == 0 && split_k <= 1 && reduction == 0;
    if (usable) *why_none = "no algorithm for every number of rows";
    for (int64_t rows = step; usable && rows <= largest_m; rows += step) {
      const layouts fewer(*f_, rows, n, k, adds);
      heuristic_result check = {};
      usable = fewer.status == 0 &&
               f_->cublasLtMatmulAlgoCheck(handle_, transposed_, fewer.weight, fewer.a, fewer.out, fewer.out,
                                           r.algorithm, &check) == 0 &&
               check.workspace_bytes <= workspace_bytes;
    }
    if (!usable) continue;
    cublaslt_product product;
    std::memcpy(product.algorithm, r.algorithm, sizeof product.algorithm);
    out.push_back(product);
  }
  return out;
}

int cublaslt::multiply(const cublaslt_product &product, const void *weight, const void *a, int64_t m, int64_t n,
                       int64_t k, bool adds, void *out, void *workspace, cudaStream_t stream) const {
  const layouts shape(*f_, m, n, k, adds);
  if (shape.status != 0) return shape.status;
  const float alpha = 1, beta = adds ? 1 : 0;
  return f_->cublasLtMatmul(handle_, transposed_, &alpha, weight, shape.weight, a, shape.a, &beta, out, shape.out, out,
                            shape.out, product.algorithm, workspace, workspace_bytes, stream);
}

}  // namespace retrace::cuda
