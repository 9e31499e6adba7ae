// The CUDA device's parts. Its functions are those of `device.h` under the same names, here with the device itself in
// place of the opaque pointer; `cuda_device.cc` is the table of them.
//
// Everything is compiled for the host alone: kernels are reached through `launchers.h`. With RETRACE_EMULATOR the same
// sources make the "emulated" device over the emulator's CUDA runtime.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "../device.h"
#include "attention_plugin.h"
#include "cublaslt.h"
#include "cuda_error.h"
#include "kernel_choice.h"
#include "launchers.h"

namespace retrace::cuda {

constexpr int32_t page_tokens = 128;
// Products are computed for whole tiles of rows, so activation buffers have rows up to this multiple.
constexpr int64_t row_multiple = 128;
constexpr int64_t round_up(int64_t value, int64_t multiple) { return (value + multiple - 1) / multiple * multiple; }

// Pinned buffers that weights in host memory pass through, and where they land. Made at the first write from host memory
// and given back by `make_workspace`: after load there is neither.
struct weight_ring {
  static constexpr int buffers = 4;
  // Of one buffer, and of the staging memory.
#ifdef RETRACE_EMULATOR
  static constexpr size_t bytes = size_t(64) << 10;  // so that small tests go round the ring
#else
  static constexpr size_t bytes = size_t(64) << 20;
#endif
  void *pinned[buffers] = {};
  cudaEvent_t copied[buffers] = {};
  bool in_use[buffers] = {};
  void *staging = nullptr;
  int next = 0;
};

// Scratch for batches of up to `rows` rows and heads of up to `targets` targets.
struct workspace {
  int64_t rows = 0, targets = 0;
  retrace_page_copy *copies = nullptr;  // [copies_at_once]
  void *head_partials = nullptr;
  void *library = nullptr;  // cuBLASLt's own
  bf16 *gate_up = nullptr;  // [swiglu_rows, 2F] where cuBLASLt computes the product in front of SwiGLU
  void *plugin = nullptr;   // the attention plug-in's own
};
constexpr int64_t copies_at_once = 4096;
constexpr int64_t swiglu_rows = 2048;

struct cuda_device {
  retrace_shape shape{};
  int32_t ordinal = 0;
  std::string name;
  int64_t total_bytes = 0;
  failures errors;
  cudaStream_t stream = nullptr;

  kernel_choice choice;
  std::unique_ptr<cublaslt> library;        // null where it was not found or is not wanted
  std::string library_note;                 // why it was not found
  attention_plugin plugin;                  // open where it is the choice
  const char *attention_refused = nullptr;  // why the attention that was asked for is not used
  product_choice products[4];               // qkv, output, gate and up, down; n is 0 until they are chosen

  std::unordered_map<void *, size_t> owned;  // what `allocate` gave
  kv_cache cache{};
  bf16 *hidden = nullptr;  // [page][T][C]
  int64_t pages = 0;
  float *cosines = nullptr, *sines = nullptr;  // [context_length, D/2]
  weight_ring ring;
  workspace scratch;
};

// ---- cuda_probe.cc ------------------------------------------------------------------------------
void probe(char *json, size_t capacity);
// 0 where device `ordinal` is there and can be used; else why not, in `errors`.
int check_gpu(failures &errors, int32_t ordinal, cudaDeviceProp *properties);

// ---- cuda_memory.cc -----------------------------------------------------------------------------
int allocate(cuda_device &d, size_t bytes, void **memory);
void release(cuda_device &d, void *memory);
int upload(cuda_device &d, void *target, const void *source, size_t bytes);
int download(cuda_device &d, void *target, const void *source, size_t bytes);
int synchronize(cuda_device &d);
size_t cache_bytes(const cuda_device &d, int64_t pages);
int make_cache(cuda_device &d, int64_t pages);
size_t workspace_bytes(const cuda_device &d, int64_t rows, int64_t targets);
int make_workspace(cuda_device &d, int64_t rows, int64_t targets);
int set_rotary(cuda_device &d, const float *cosines, const float *sines);
// Memory for the device itself, not of `allocate`. `what` names it in the message of a failure.
int take(cuda_device &d, const char *what, size_t bytes, void **memory);
// Frees and sets to null. Nothing where the device is lost: its memory goes with the process.
void give_back(cuda_device &d, void *&memory);
template <class T>
void give_back(cuda_device &d, T *&memory) {
  void *plain = memory;
  give_back(d, plain);
  memory = nullptr;
}
void release_everything(cuda_device &d);
// Fills the device's last error from the plug-in's and hands on its status.
int plugin_failure(cuda_device &d, int status, int line);

// ---- cuda_weights.cc ----------------------------------------------------------------------------
int write_weight(cuda_device &d, retrace_weight *weight, const void *source, retrace_dtype dtype, int64_t count,
                 int64_t first_row, int64_t block, int64_t stride);
int randomize_weight(cuda_device &d, retrace_weight *weight, uint64_t seed, float scale);
void release_ring(cuda_device &d);

// ---- product_trial.cc ---------------------------------------------------------------------------
// Chooses the kernel of each of the model's four products by trial; see there. Needs the workspace.
int choose_products(cuda_device &d);

// ---- attention_trial.cc -------------------------------------------------------------------------
// Takes the attention of sm_90a back from the choice where its trial fails.
int choose_attention(cuda_device &d);

// ---- cuda_forward.cc ----------------------------------------------------------------------------
// A product by the kernel that `how` says.
int compute_product(cuda_device &d, const product_choice &how, const bf16 *weight, int64_t n, int64_t k, const bf16 *a,
                    int64_t m, retrace_epilogue epilogue, void *out);
int embed(cuda_device &d, const retrace_weight *table, const int32_t *ids, int64_t m, float *x);
int rms_norm(cuda_device &d, const float *x, const float *gain, int64_t m, void *out);
int gemm(cuda_device &d, const retrace_weight *weight, const void *a, int64_t m, retrace_epilogue epilogue, void *out);
int rope_and_store(cuda_device &d, void *qkv, const int32_t *positions, const int32_t *slots, int64_t m, int32_t layer);
int attention(cuda_device &d, const void *qkv, const retrace_attention_plan *plan, int32_t layer, void *out);
int gather_rows(cuda_device &d, const void *source, const int32_t *rows, int64_t count, int64_t row_bytes,
                void *target);
int store_hidden(cuda_device &d, const float *x, const float *gain, const int32_t *slots, int64_t m);
int copy_page_rows(cuda_device &d, const retrace_page_copy *copies, int64_t count);
int head(cuda_device &d, const retrace_weight *head, const int32_t *slots, const int32_t *targets, int64_t r,
         float *log_probs);

}  // namespace retrace::cuda
