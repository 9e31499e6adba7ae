// The device's memory: all of it is taken at load, by closed formulas of the shape and the limits of a batch.
#include <algorithm>
#include <vector>

#include "cuda_device.h"

namespace retrace::cuda {
namespace {

int64_t pages_elements(const cuda_device &d, int64_t pages) {
  return pages * d.shape.kv_heads * 2 * page_tokens * d.shape.head_size;
}
size_t kv_bytes(const cuda_device &d, int64_t pages) {
  return static_cast<size_t>(round_up(pages_elements(d, pages) * d.shape.layers * int64_t(sizeof(bf16)), 256));
}
size_t hidden_bytes(const cuda_device &d, int64_t pages) {
  return static_cast<size_t>(round_up(pages * page_tokens * d.shape.hidden_size * int64_t(sizeof(bf16)), 256));
}
size_t rotary_bytes(const cuda_device &d) { return sizeof(float) * d.shape.context_length * (d.shape.head_size / 2); }

// Bytes of each part of the workspace.
struct workspace_parts {
  size_t copies, head_partials, library, gate_up, plugin;

  workspace_parts(const cuda_device &d, int64_t rows, int64_t targets) {
    copies = copies_at_once * sizeof(retrace_page_copy);
    head_partials = static_cast<size_t>(head_partial_bytes(std::max<int64_t>(1, targets), d.shape.vocabulary_size));
    library = d.library == nullptr ? 0 : cublaslt::workspace_bytes;
    const int64_t at_once = std::min(round_up(std::max<int64_t>(1, rows), row_multiple), swiglu_rows);
    gate_up = d.library == nullptr ? 0 : static_cast<size_t>(at_once * 2 * d.shape.intermediate_size) * sizeof(bf16);
    plugin = d.plugin.is_open() ? d.plugin.api()->workspace_bytes(d.plugin.plugin(), rows) : 0;
  }
  size_t sum() const { return copies + head_partials + library + gate_up + plugin; }
};

void release_workspace(cuda_device &d) {
  give_back(d, d.scratch.copies);
  give_back(d, d.scratch.head_partials);
  give_back(d, d.scratch.library);
  give_back(d, d.scratch.gate_up);
  give_back(d, d.scratch.plugin);
  d.scratch = {};
}

int take_workspace(cuda_device &d, int64_t rows, int64_t targets) {
  const workspace_parts parts(d, rows, targets);
  const auto take_part = [&d](const char *what, size_t bytes, auto **memory) {
    void *plain = nullptr;
    const int status = bytes == 0 ? RETRACE_DEVICE_OK : take(d, what, bytes, &plain);
    *memory = static_cast<std::remove_reference_t<decltype(*memory)>>(plain);
    return status;
  };
  RETRACE_PASS_ON(take_part("list of page copies", parts.copies, &d.scratch.copies));
  RETRACE_PASS_ON(take_part("scratch of the head", parts.head_partials, &d.scratch.head_partials));
  RETRACE_PASS_ON(take_part("scratch of cuBLASLt", parts.library, &d.scratch.library));
  RETRACE_PASS_ON(take_part("scratch of SwiGLU", parts.gate_up, &d.scratch.gate_up));
  RETRACE_PASS_ON(take_part("scratch of the attention", parts.plugin, &d.scratch.plugin));
  d.scratch.rows = std::max<int64_t>(1, rows);
  d.scratch.targets = targets;
  if (!d.plugin.is_open()) return RETRACE_DEVICE_OK;
  const int status = d.plugin.api()->use_workspace(d.plugin.plugin(), rows, d.scratch.plugin, parts.plugin);
  return status == RETRACE_DEVICE_OK ? status : plugin_failure(d, status, __LINE__);
}

}  // namespace

int plugin_failure(cuda_device &d, int status, int line) {
  const retrace_attention_plugin_api &api = *d.plugin.api();
  const int32_t native_status = api.last_native_status(d.plugin.plugin());
  return d.errors.fail(static_cast<retrace_device_status>(status), native_status, __FILE__, line, "%s: %s", api.name,
                       api.last_error(d.plugin.plugin()));
}

int take(cuda_device &d, const char *what, size_t bytes, void **memory) {
  *memory = nullptr;
  // cudaMalloc(0) gives null, which would look like a buffer that was never made.
  return d.errors.check_allocation(cudaMalloc(memory, std::max<size_t>(bytes, 1)), what, bytes, __FILE__, __LINE__);
}

void give_back(cuda_device &d, void *&memory) {
  // A failure here belongs to work in front of it, which the next wait reports.
  if (memory != nullptr && !d.errors.is_lost() && cudaFree(memory) != cudaSuccess) (void)cudaGetLastError();
  memory = nullptr;
}

int allocate(cuda_device &d, size_t bytes, void **memory) {
  RETRACE_PASS_ON(take(d, "allocate", bytes, memory));
  d.owned[*memory] = bytes;
  return RETRACE_DEVICE_OK;
}

void release(cuda_device &d, void *memory) {
  if (d.owned.erase(memory) > 0) give_back(d, memory);
}

// Waits, as the caller may write over the source at once: from pageable memory the runtime "might" return only when it
// was read, says its documentation, and from pinned memory it returns before.
int upload(cuda_device &d, void *target, const void *source, size_t bytes) {
  if (bytes == 0) return RETRACE_DEVICE_OK;
  RETRACE_CUDA_CHECK(d.errors, cudaMemcpyAsync(target, source, bytes, cudaMemcpyDefault, d.stream));
  return synchronize(d);
}

int download(cuda_device &d, void *target, const void *source, size_t bytes) {
  if (bytes > 0) RETRACE_CUDA_CHECK(d.errors, cudaMemcpyAsync(target, source, bytes, cudaMemcpyDefault, d.stream));
  return synchronize(d);
}

int synchronize(cuda_device &d) {
  RETRACE_CUDA_CHECK(d.errors, cudaStreamSynchronize(d.stream));
  return RETRACE_DEVICE_OK;
}

size_t cache_bytes(const cuda_device &d, int64_t pages) { return kv_bytes(d, pages) + hidden_bytes(d, pages); }

int make_cache(cuda_device &d, int64_t pages) {
  give_back(d, d.cache.data);
  give_back(d, d.hidden);
  d.pages = 0;
  if (pages < 1 || pages > INT32_MAX / page_tokens) {
    return RETRACE_CUDA_FAIL(d.errors, RETRACE_DEVICE_UNSUPPORTED,
                             "A cache of %lld pages cannot be made: expected 1 to %d, as slots are 32-bit numbers.",
                             static_cast<long long>(pages), INT32_MAX / page_tokens);
  }
  void *kv = nullptr, *hidden = nullptr;
  RETRACE_PASS_ON(take(d, "cache of keys and values", kv_bytes(d, pages), &kv));
  d.cache.data = static_cast<bf16 *>(kv);
  RETRACE_PASS_ON(take(d, "cache of hidden states", hidden_bytes(d, pages), &hidden));
  d.hidden = static_cast<bf16 *>(hidden);
  d.cache.layer_elements = pages_elements(d, pages);
  d.cache.page_tokens = page_tokens;
  d.cache.kv_heads = d.shape.kv_heads;
  d.cache.head_size = d.shape.head_size;
  d.cache.layout = d.choice.attention == attention_kind::plugin ? kv_layout::rows : kv_layout::swizzled;
  d.pages = pages;
  return RETRACE_DEVICE_OK;
}

size_t workspace_bytes(const cuda_device &d, int64_t rows, int64_t targets) {
  return workspace_parts(d, rows, targets).sum();
}

int make_workspace(cuda_device &d, int64_t rows, int64_t targets) {
  release_ring(d);
  release_workspace(d);
  RETRACE_PASS_ON(take_workspace(d, rows, targets));
  return choose_products(d);
}

int set_rotary(cuda_device &d, const float *cosines, const float *sines) {
  const size_t bytes = rotary_bytes(d);
  void *memory = nullptr;
  if (d.cosines == nullptr) RETRACE_PASS_ON(take(d, "rotary tables", bytes, &memory));
  if (d.cosines == nullptr) d.cosines = static_cast<float *>(memory);
  if (d.sines == nullptr) RETRACE_PASS_ON(take(d, "rotary tables", bytes, &memory));
  if (d.sines == nullptr) d.sines = static_cast<float *>(memory);
  RETRACE_PASS_ON(upload(d, d.cosines, cosines, bytes));
  return upload(d, d.sines, sines, bytes);
}

void release_everything(cuda_device &d) {
  release_ring(d);
  release_workspace(d);
  give_back(d, d.cache.data);
  give_back(d, d.hidden);
  give_back(d, d.cosines);
  give_back(d, d.sines);
  for (auto &[memory, bytes] : d.owned) {
    void *left = memory;
    give_back(d, left);
  }
  d.owned.clear();
}

}  // namespace retrace::cuda
