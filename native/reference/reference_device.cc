// The CPU reference as a table of C functions: no exception leaves them.
#include "reference_device.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <new>
#include <system_error>
#include <thread>

#if defined(__unix__) || defined(__APPLE__)
#include <unistd.h>
#endif

#include "device_state.h"
#include "testing.h"

namespace retrace::reference {
namespace {

void fill(retrace_device_error &error, int status, const char *message, const char *file, int line) {
  error = {};
  error.status = status;
  error.line = line;
  const char *const slash = std::strrchr(file, '/');
  std::snprintf(error.file, sizeof error.file, "%s", slash == nullptr ? file : slash + 1);
  std::snprintf(error.message, sizeof error.message, "%s", message);
}

template <class Body>
int guarded(retrace_device_error &error, const Body &body) {
  try {
    body();
    return RETRACE_DEVICE_OK;
  } catch (const failure &f) {
    fill(error, f.status, f.message.c_str(), f.file, f.line);
  } catch (const std::bad_alloc &) {
    fill(error, RETRACE_DEVICE_OUT_OF_MEMORY, "no memory for the device's own books; end other programs", __FILE__,
         __LINE__);
  } catch (const std::system_error &e) {
    fill(error, RETRACE_DEVICE_CALL_FAILED,
         (std::string("the system gives no thread (") + e.what() + "); choose fewer threads").c_str(), __FILE__,
         __LINE__);
  } catch (const std::exception &e) {
    fill(error, RETRACE_DEVICE_CALL_FAILED, e.what(), __FILE__, __LINE__);
  }
  return error.status;
}

// One function of the table from one that throws.
template <class Body>
int call(retrace_device *handle, const Body &body) {
  device &d = state_of(handle);
  return guarded(d.error, [&] { body(d); });
}

int64_t memory_bytes(bool free) {
#if defined(_SC_PHYS_PAGES) && defined(_SC_AVPHYS_PAGES)
  return static_cast<int64_t>(sysconf(free ? _SC_AVPHYS_PAGES : _SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
#else
  (void)free;
  return 0;  // unknown
#endif
}

void probe(char *json, size_t capacity) {
  std::snprintf(json, capacity, "{\"count\":1,\"devices\":[{\"name\":\"CPU reference (%s)\",\"threads\":%u}]}",
                choose_kernels(nullptr)->name, std::max(1u, std::thread::hardware_concurrency()));
}

int open(const retrace_device_options *options, retrace_device **handle, retrace_device_error *error) {
  *handle = nullptr;
  retrace_device_error failed{};
  const int status = guarded(failed, [&] { *handle = reinterpret_cast<retrace_device *>(new device(*options)); });
  if (error != nullptr) *error = failed;
  return status;
}

void close(retrace_device *handle) {
  if (handle != nullptr) delete &state_of(handle);
}

const retrace_device_error *last_error(const retrace_device *handle) {
  return &reinterpret_cast<const device *>(handle)->error;
}

int facts(retrace_device *handle, retrace_device_facts *facts) {
  const device &d = state_of(handle);
  *facts = {};
  std::snprintf(facts->name, sizeof facts->name, "CPU reference (%s)", d.compute->name);
  std::snprintf(facts->kernels, sizeof facts->kernels, "reference %s", d.compute->option);
  facts->activation_bytes = sizeof(float);
  facts->computes_bf16 = d.round;
  facts->page_tokens = static_cast<int32_t>(d.page_tokens);
  facts->attention_tile_rows = task_rows;
  facts->row_multiple = 1;
  facts->total_bytes = memory_bytes(false);
  facts->free_bytes = memory_bytes(true);
  return RETRACE_DEVICE_OK;
}

int allocate(retrace_device *handle, size_t bytes, void **memory) {
  *memory = nullptr;
  return call(handle, [&](device &) { *memory = allocate_aligned(bytes, "buffer"); });
}

void release(retrace_device *, void *memory) { release_aligned(memory); }

int copy(retrace_device *, void *target, const void *source, size_t bytes) {
  if (bytes > 0) std::memmove(target, source, bytes);
  return RETRACE_DEVICE_OK;
}

int synchronize(retrace_device *) { return RETRACE_DEVICE_OK; }

size_t cache_bytes(retrace_device *handle, int64_t pages) { return state_of(handle).cache_bytes(pages); }

int make_cache(retrace_device *handle, int64_t pages) {
  return call(handle, [&](device &d) {
    if (pages <= 0 || pages > INT32_MAX / d.page_tokens)
      RETRACE_FAIL(RETRACE_DEVICE_OUT_OF_MEMORY, "a cache of " + std::to_string(pages) + " pages (" +
                                                     std::to_string(d.cache_bytes(pages)) + " bytes), expected 1 to " +
                                                     std::to_string(INT32_MAX / d.page_tokens) + " pages");
    d.cache = buffer();
    d.pages = 0;
    d.cache = buffer(d.cache_bytes(pages), "cache");
    d.pages = pages;
  });
}

size_t workspace_bytes(retrace_device *handle, int64_t rows, int64_t targets) {
  return state_of(handle).workspace_bytes(rows, targets);
}

int make_workspace(retrace_device *handle, int64_t rows, int64_t targets) {
  return call(handle, [&](device &d) {
    if (rows < 0 || targets < 0)
      RETRACE_FAIL(RETRACE_DEVICE_CALL_FAILED, "a workspace for " + std::to_string(rows) + " rows and " +
                                                   std::to_string(targets) + " targets, expected at least 0 of each");
    d.workspace = buffer();
    d.workspace_rows = d.workspace_targets = 0;
    d.workspace = buffer(d.workspace_bytes(rows, targets), "workspace");
    d.workspace_rows = rows;
    d.workspace_targets = targets;
  });
}

int set_rotary(retrace_device *handle, const float *cosines, const float *sines) {
  return call(handle, [&](device &d) {
    const size_t count = static_cast<size_t>(d.shape.context_length) * static_cast<size_t>(d.shape.head_size / 2);
    buffer tables(2 * count * sizeof(float), "rotary tables");
    std::memcpy(tables.floats(), cosines, count * sizeof(float));
    std::memcpy(tables.floats() + count, sines, count * sizeof(float));
    d.rotary = std::move(tables);
  });
}

const float *activations(const void *memory) { return static_cast<const float *>(memory); }
float *activations(void *memory) { return static_cast<float *>(memory); }

// Each entry forwards to the function of its name.
const retrace_device_api api = {
    RETRACE_DEVICE_ABI,
    "cpu",
    probe,
    open,
    close,
    last_error,
    facts,
    allocate,
    release,
    copy,
    copy,
    synchronize,
    cache_bytes,
    make_cache,
    workspace_bytes,
    make_workspace,
    set_rotary,
    [](retrace_device *, int64_t rows, int64_t columns) { return reference::weight_bytes(rows, columns); },
    [](retrace_device *h, retrace_weight *weight, const void *source, retrace_dtype dtype, int64_t count,
       int64_t first_row, int64_t block, int64_t stride) {
      return call(h, [&](device &d) { write_weight(d, *weight, source, dtype, count, first_row, block, stride); });
    },
    [](retrace_device *h, retrace_weight *weight, uint64_t seed, float scale) {
      return call(h, [&](device &d) { randomize_weight(d, *weight, seed, scale); });
    },
    [](retrace_device *h, const retrace_weight *table, const int32_t *ids, int64_t m, float *x) {
      return call(h, [&](device &d) { embed(d, *table, ids, m, x); });
    },
    [](retrace_device *h, const float *x, const float *gain, int64_t m, void *out) {
      return call(h, [&](device &d) { rms_norm(d, x, gain, m, activations(out)); });
    },
    [](retrace_device *h, const retrace_weight *weight, const void *a, int64_t m, retrace_epilogue epilogue,
       void *out) {
      return call(h, [&](device &d) { gemm(d, *weight, activations(a), m, epilogue, activations(out)); });
    },
    [](retrace_device *h, void *qkv, const int32_t *positions, const int32_t *slots, int64_t m, int32_t layer) {
      return call(h, [&](device &d) { rope_and_store(d, activations(qkv), positions, slots, m, layer); });
    },
    [](retrace_device *h, const void *qkv, const retrace_attention_plan *plan, int32_t layer, void *out) {
      return call(h, [&](device &d) { attention(d, activations(qkv), *plan, layer, activations(out)); });
    },
    [](retrace_device *h, const void *source, const int32_t *rows, int64_t count, int64_t row_bytes, void *target) {
      return call(h, [&](device &d) { gather_rows(d, source, rows, count, row_bytes, target); });
    },
    [](retrace_device *h, const float *x, const float *gain, const int32_t *slots, int64_t m) {
      return call(h, [&](device &d) { store_hidden(d, x, gain, slots, m); });
    },
    [](retrace_device *h, const retrace_page_copy *copies, int64_t count) {
      return call(h, [&](device &d) { copy_page_rows(d, copies, count); });
    },
    [](retrace_device *h, const retrace_weight *weight, const int32_t *slots, const int32_t *targets, int64_t r,
       float *log_probs) { return call(h, [&](device &d) { head(d, *weight, slots, targets, r, log_probs); }); },
};

}  // namespace
}  // namespace retrace::reference

const retrace_device_api *retrace_reference_device(void) { return &retrace::reference::api; }

void retrace_reference_poison_cache(retrace_device *handle) {
  retrace::reference::device &d = retrace::reference::state_of(handle);
  std::fill_n(d.cache.floats(), d.cache_bytes(d.pages) / sizeof(float), std::nanf(""));
}

void retrace_reference_read_cache(retrace_device *handle, int32_t layer, int32_t slot, int32_t kv_head, float *key,
                                  float *value) {
  const retrace::reference::device &d = retrace::reference::state_of(handle);
  const int64_t page = slot / d.page_tokens, row = slot % d.page_tokens, size = d.shape.head_size;
  const float *const keys = d.keys(layer, page, kv_head) + d.key_offset(row);
  for (int64_t i = 0; i < size; i++) key[i] = keys[i * retrace::reference::panel_columns];
  std::copy_n(d.values(layer, page, kv_head) + row * d.value_stride, size, value);
}

void retrace_reference_read_hidden(retrace_device *handle, int32_t slot, float *hidden) {
  const retrace::reference::device &d = retrace::reference::state_of(handle);
  std::copy_n(d.hidden(slot), d.shape.hidden_size, hidden);
}
