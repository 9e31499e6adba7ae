// The attention of another library, such as cuDNN's, as a shared library of its own beside this one: it is large to
// build and to load, and the device works without it.
//
// Shapes: H heads, G key-value heads, D head size, T tokens of a page, P pages, M rows of a batch.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "../device.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RETRACE_ATTENTION_PLUGIN_ABI 1
#define RETRACE_ATTENTION_PLUGIN_ENTRY "retrace_attention_plugin_entry_point"

typedef struct retrace_attention_plugin retrace_attention_plugin;  // the plug-in's own

typedef struct retrace_attention_setup {
  retrace_shape shape;
  int32_t page_tokens;  // T
  int32_t ordinal;      // the GPU, which is the current one in every call
  void *stream;         // cudaStream_t; everything is to be enqueued there
} retrace_attention_setup;

typedef struct retrace_attention_call {
  const void *qkv;  // bfloat16 [M, (H + 2G) * D]; the queries are the first H * D of each row, already rotated
  // bfloat16, the layer's pages [P][G][key | value][T][D], T and D row-major. Rows that were not written may hold NaN.
  const void *cache;
  int64_t pages;                       // P
  const retrace_attention_plan *plan;  // with `host_segments` and `host_page_table`
  void *out;                           // bfloat16 [M, H * D]
} retrace_attention_call;

typedef struct retrace_attention_plugin_api {
  uint32_t abi;      // RETRACE_ATTENTION_PLUGIN_ABI
  const char *name;  // such as "cuDNN 9.19"; part of the device's facts
  // 0, or a retrace_device_status; then `error` has one line with the next step. `*plugin` is NULL on failure.
  int (*open)(const retrace_attention_setup *setup, retrace_attention_plugin **plugin, char *error, size_t capacity);
  void (*close)(retrace_attention_plugin *plugin);
  // Bytes of device memory for batches of up to `rows` rows; the device hands them over with `use_workspace` before the
  // first call of `attend`, and nothing is allocated later.
  size_t (*workspace_bytes)(retrace_attention_plugin *plugin, int64_t rows);
  int (*use_workspace)(retrace_attention_plugin *plugin, int64_t rows, void *memory, size_t bytes);
  // 0, or a retrace_device_status; `last_error` and `last_native_status` then say more. A row's bits depend on that
  // row's queries, keys and values alone.
  int (*attend)(retrace_attention_plugin *plugin, const retrace_attention_call *call);
  const char *(*last_error)(const retrace_attention_plugin *plugin);
  int32_t (*last_native_status)(const retrace_attention_plugin *plugin);
} retrace_attention_plugin_api;

// What the plug-in exports. NULL where it was built for another ABI.
typedef const retrace_attention_plugin_api *(*retrace_attention_plugin_entry)(uint32_t abi);

#ifdef __cplusplus
}  // extern "C"

#include <string>

namespace retrace::cuda {

// A plug-in that is opened beside the library this code is in.
class attention_plugin {
 public:
  // 0, or a retrace_device_status with one line in `error`.
  int open(const char *library_name, const retrace_attention_setup &setup, std::string *error);
  void close();
  bool is_open() const { return plugin_ != nullptr; }
  const retrace_attention_plugin_api *api() const { return api_; }
  retrace_attention_plugin *plugin() const { return plugin_; }

 private:
  const retrace_attention_plugin_api *api_ = nullptr;
  retrace_attention_plugin *plugin_ = nullptr;
};

// The folder of the library that this code is in, "." where it is not known.
std::string own_folder();

}  // namespace retrace::cuda
#endif
