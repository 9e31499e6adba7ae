#include "kernel_choice.h"

#include "launchers.h"

namespace retrace::cuda {
namespace {

// Empty, or what keeps the kernels of sm_90a from being used here.
std::string why_not_hopper(const gpu_abilities &gpu) {
#ifdef RETRACE_WITH_HOPPER
  const bool is_built = hopper_is_built();
#else
  const bool is_built = false;
#endif
  if (!is_built) return "this build has no kernels for sm_90a: build with 90a-real in CUDA_ARCHS";
  if (gpu.major != 9 || gpu.minor != 0) {
    return "they need compute capability 9.0, and this GPU has " + std::to_string(gpu.major) + "." +
           std::to_string(gpu.minor);
  }
  return "";
}

// Which word chose what, to tell of a contradiction.
struct chosen_by {
  std::string gemm, attention;
};

std::string contradiction(const std::string &first, const std::string &second) {
  return "The kernels \"" + first + "\" and \"" + second + "\" exclude each other; name one of them.";
}

}  // namespace

std::string choose_kernels(const char *words, const gpu_abilities &gpu, const retrace_shape &shape,
                           kernel_choice *choice) {
  *choice = {};
  chosen_by by;
  bool only_portable = false;
  std::string problem;
  const auto take_gemm = [&](const std::string &word, gemm_kind kind) {
    if (!by.gemm.empty() && kind != choice->gemm) problem = contradiction(by.gemm, word);
    by.gemm = word;
    choice->gemm = kind;
    choice->gemm_is_named = true;
  };
  const auto take_attention = [&](const std::string &word, attention_kind kind) {
    if (!by.attention.empty() && kind != choice->attention) problem = contradiction(by.attention, word);
    by.attention = word;
    choice->attention = kind;
  };

  std::string rest = words == nullptr ? "" : words;
  while (!rest.empty() && problem.empty()) {
    const size_t comma = rest.find(',');
    std::string word = rest.substr(0, comma);
    rest = comma == std::string::npos ? "" : rest.substr(comma + 1);
    while (!word.empty() && word.front() == ' ') word.erase(0, 1);
    while (!word.empty() && word.back() == ' ') word.pop_back();
    const bool gemm_of_hopper = word == "hopper" || word == "hopper-gemm";
    const bool attention_of_hopper = word == "hopper" || word == "hopper-attention";
    if (gemm_of_hopper || attention_of_hopper) {
      if (const std::string why = why_not_hopper(gpu); !why.empty()) {
        return "The kernels \"" + word + "\" cannot be used: " + why + ".";
      }
    }
    if (gemm_of_hopper) take_gemm(word, gemm_kind::hopper);
    if (attention_of_hopper) {
      if (shape.head_size != 128) {
        return "The kernels \"" + word + "\" need a head size of 128, got " + std::to_string(shape.head_size) +
               "; \"hopper-gemm\" does not.";
      }
      take_attention(word, attention_kind::hopper);
    }
    if (word == "cublaslt") take_gemm(word, gemm_kind::cublaslt);
    if (word == "cudnn") take_attention(word, attention_kind::plugin);
    if (word == "portable") only_portable = true;
    const bool is_known = gemm_of_hopper || attention_of_hopper || word == "cublaslt" || word == "cudnn" ||
                          word == "portable" || word == "auto" || word.empty();
    if (!is_known) {
      return "Unknown kernels \"" + word +
             "\". Known: auto, portable, cublaslt, hopper, hopper-gemm, hopper-attention, cudnn.";
    }
  }
  if (by.gemm.empty() && !only_portable) choice->gemm = gemm_kind::cublaslt;
  return problem;
}

}  // namespace retrace::cuda
