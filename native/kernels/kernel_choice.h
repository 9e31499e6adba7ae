// Which kernels compute: read from the option's words, and from what this build and this GPU have.
//
// Words, separated by commas: "auto", "portable" (mma.sync alone), "cublaslt", "hopper" (both of the next two),
// "hopper-gemm", "hopper-attention", "cudnn" (the attention of libretrace_cudnn.so). What no word names is chosen as by
// "auto": products by cuBLASLt where it is found, attention by mma.sync.
#pragma once

#include <cstdint>
#include <string>

#include "../device.h"
#include "cublaslt.h"

namespace retrace::cuda {

enum class gemm_kind { portable, cublaslt, hopper };
enum class attention_kind { portable, hopper, plugin };

struct kernel_choice {
  gemm_kind gemm = gemm_kind::portable;
  attention_kind attention = attention_kind::portable;
  bool gemm_is_named = false;  // by a word: then a library that is missing is an error
};

// The kernel of one product of the model, and the results of trying the others.
struct product_choice {
  int64_t n = 0, k = 0;
  retrace_epilogue epilogue = RETRACE_STORE;
  gemm_kind kind = gemm_kind::portable;
  cublaslt_product library;       // where the kind is cublaslt
  const char *refused = nullptr;  // why the kernel that was wanted is not used
};

struct gpu_abilities {
  int major = 0, minor = 0;
};

// Empty, or one line on why these words cannot be served.
std::string choose_kernels(const char *words, const gpu_abilities &gpu, const retrace_shape &shape,
                           kernel_choice *choice);

}  // namespace retrace::cuda
