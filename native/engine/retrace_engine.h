// The engine's C interface: log-likelihoods of given tokens, many branches behind shared prefixes. The addon, the Python
// programs and the tests are thin shells over it. scripts/gpu/engine.py mirrors the structs, and a test compares the two
// (test/native/abi-mirrors.test.ts).
//
// Threads: an engine is used by one thread at a time; only an abort flag may be set from elsewhere. Ownership: what
// `..._open` gives is ended by `..._close`; pointers handed in are read during the call only.
// Functions return 0, or an error's number and fill `error`. Nothing here ends the process.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define RETRACE_API __attribute__((visibility("default")))
#else
#define RETRACE_API
#endif

#define RETRACE_ENGINE_ABI 1

typedef struct retrace_engine retrace_engine;

typedef struct retrace_error {
  char code[32];      // such as "CONTEXT_TOO_LONG"
  char message[600];  // one line, with the next step
  char file[96];      // source file of a device's failed call, else empty
  int32_t line;
  int32_t native_status;      // such as cudaError_t
  int64_t needed, available;  // tokens or bytes, -1 where there are none
} retrace_error;

// A tensor that is in memory already, in host or device memory of this process.
typedef struct retrace_tensor {
  const char *name;  // as in safetensors files, such as "model.embed_tokens.weight"
  int32_t dtype;     // retrace_dtype: 0 float32, 1 float16, 2 bfloat16
  int32_t rank;
  int64_t shape[4];
  const void *data;
} retrace_tensor;

// Zero, or NULL, means the default of each field.
typedef struct retrace_engine_options {
  uint32_t struct_bytes;    // sizeof(retrace_engine_options)
  const char *model_dir;    // folder with config.json and safetensors
  const char *config_json;  // text of config.json where there is no folder; weights are then `tensors`, or random
  const retrace_tensor *tensors;
  int64_t tensor_count;
  uint64_t random_seed;       // of random weights
  const char *device;         // "auto" (default), "cpu", "cuda", or "emulated"
  const char *device_folder;  // where the devices' shared libraries are; default: this library's own folder
  const char *kernels;        // choice of kernels, see the device; default "auto"
  int32_t ordinal;            // which GPU
  int32_t precision;          // 0 the device's own, 1 float32, 2 bfloat16 (on the CPU: rounds where a GPU does)
  int32_t threads;            // CPU threads, default 1
  int32_t page_tokens;        // tokens of a cache page; default the device's
  int32_t keep_all_rows;      // 1: the last layer computes every row (what other engines do; for comparisons)
  int64_t max_batch_rows;     // tokens of one forward pass, default 8192
  int64_t max_head_rows;      // targets of one pass of the head, default 8192
  int64_t cache_bytes;        // memory of the cache; default: CPU 1 GiB, GPU what is free but for a reserve
  int64_t context_length;     // at most this many tokens on a path; default the model's
} retrace_engine_options;

// Tokens behind a prefix; those in `ranges` (pairs [start, end), ascending, no overlap) are scored.
typedef struct retrace_branch {
  const uint32_t *tokens;
  int64_t token_count;
  const int64_t *ranges;  // range_count pairs
  int64_t range_count;
} retrace_branch;

// Each call adds to what is there.
typedef struct retrace_counters {
  int64_t prefix_tokens_computed;
  int64_t branch_tokens_computed;
  int64_t tokens_recomputed;     // computed before for the same position of the same path, and dropped or not kept
  int64_t prefix_tokens_reused;  // prefix tokens that a score call found ready
  int64_t forward_passes;
  int64_t pages_evicted;
} retrace_counters;

// Set to non-zero, from any thread, to end the call under way at the next layer.
typedef volatile int32_t retrace_abort;

RETRACE_API uint32_t retrace_abi(void);
// Devices that could be used, and the device that "auto" is, as JSON:
// {"cpu": {...}, "cuda": {...}, "auto": {"device", "reason"}}. Always answers.
RETRACE_API void retrace_probe(const char *device_folder, char *json, size_t capacity);

RETRACE_API int retrace_engine_open(const retrace_engine_options *options, retrace_engine **engine,
                                    retrace_error *error);
RETRACE_API void retrace_engine_close(retrace_engine *engine);
// Model, device, kernels, sizes of memory in bytes, as JSON; valid until the engine is closed.
RETRACE_API const char *retrace_engine_describe(const retrace_engine *engine);

// Computes what is missing of the tokens and pins them. `counters` may be NULL, as may `abort`.
RETRACE_API int retrace_prefix_open(retrace_engine *engine, const uint32_t *tokens, int64_t count, retrace_abort *abort,
                                    uint64_t *prefix, retrace_counters *counters, retrace_error *error);
// Log-probabilities (nats, <= 0) of all scored tokens of all branches, one after another, to `log_probs`.
RETRACE_API int retrace_score(retrace_engine *engine, uint64_t prefix, const retrace_branch *branches, int64_t count,
                              float *log_probs, retrace_abort *abort, retrace_counters *counters, retrace_error *error);
// The prefix with the tokens behind it, as a prefix of its own; the old one stays open. What was computed is kept.
RETRACE_API int retrace_commit(retrace_engine *engine, uint64_t prefix, const uint32_t *tokens, int64_t count,
                               retrace_abort *abort, uint64_t *committed, retrace_counters *counters,
                               retrace_error *error);
// Unpins; its pages go when room is needed. Closing twice is nothing.
RETRACE_API void retrace_prefix_close(retrace_engine *engine, uint64_t prefix);
// Drops everything that no open prefix holds.
RETRACE_API void retrace_drop_unpinned(retrace_engine *engine);
// Checks that every page is accounted for; 0, or an error that names the first disagreement. For tests.
RETRACE_API int retrace_audit(const retrace_engine *engine, retrace_error *error);

#ifdef __cplusplus
}
#endif
