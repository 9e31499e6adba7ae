// What the engine asks of a device: about twenty plain functions over memory that the device owns.
//
// Three devices implement it: the CPU reference, CUDA (a shared library that is opened at run time), and CUDA's own
// sources compiled for the CPU by the emulator. Everything above this line is the same code for all three, so what holds
// on the CPU bit for bit (any batching, order, split, warm or cold) rests on one promise of the device:
//
//   ROW INVARIANCE: each output row of each function depends on that row's inputs alone, never on how many rows there
//   are, where the row stands, or what the others hold. No split-K, no atomics, one order of additions per output.
//
// Shapes: M rows of a batch, C hidden size, F intermediate size, H heads, G key-value heads, D head size, V vocabulary,
// P pages, T tokens of a page. "Activations" are float on a float32 device and bfloat16 on a bfloat16 device;
// `activation_bytes` says which (a CPU device that only rounds to bfloat16 keeps them in floats: 4).
//
// Threads: one thread at a time for each device. Work may be asynchronous until `synchronize` or `download`.
// Errors: every function returns a `retrace_device_status`; `last_error` then has the message.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RETRACE_DEVICE_ABI 1

typedef enum retrace_dtype { RETRACE_F32 = 0, RETRACE_F16 = 1, RETRACE_BF16 = 2 } retrace_dtype;

typedef enum retrace_device_status {
  RETRACE_DEVICE_OK = 0,
  RETRACE_DEVICE_NONE = 1,  // no driver, a driver that is too old, or no GPU
  RETRACE_DEVICE_OUT_OF_MEMORY = 2,
  RETRACE_DEVICE_CALL_FAILED = 3,  // this call failed; the device can be used again
  RETRACE_DEVICE_IS_LOST = 4,      // a sticky error: nothing on this device works until the process is a new one
  RETRACE_DEVICE_UNSUPPORTED = 5   // a shape or an option that the kernels do not know
} retrace_device_status;

typedef struct retrace_device_error {
  int32_t status;         // retrace_device_status
  int32_t native_status;  // the library's own status, such as cudaError_t; 0 where there is none
  int32_t line;
  char file[96];      // source file of the failed call, without folders
  char message[400];  // one line, with the next step
} retrace_device_error;

typedef struct retrace_shape {
  int32_t hidden_size, intermediate_size, layers, heads, kv_heads, head_size, vocabulary_size;
  int32_t context_length;  // tokens
  float norm_epsilon;
} retrace_shape;

typedef struct retrace_device_options {
  int32_t ordinal;        // which GPU
  int32_t threads;        // CPU only
  int32_t round_to_bf16;  // CPU only: round where a bfloat16 device does
  int32_t page_tokens;    // 0: the device's own choice
  const char *kernels;    // NULL or "auto"; else a comma-separated choice that the device documents
  retrace_shape shape;
} retrace_device_options;

// Facts about an open device.
typedef struct retrace_device_facts {
  char name[128];            // such as "NVIDIA H200" or "CPU reference (AVX-512)"
  char kernels[192];         // what computes, such as "cublasLt 13.1 + attention mma.sync"; part of what decides bits
  int32_t activation_bytes;  // 4 or 2
  int32_t computes_bf16;     // 1 where activations are rounded to bfloat16
  int32_t page_tokens;       // T
  int32_t attention_tile_rows;      // rows of queries in one tile of the attention
  int64_t row_multiple;             // activation buffers must have rows up to this multiple
  int64_t total_bytes, free_bytes;  // device memory, bytes; free at this moment
} retrace_device_facts;

typedef struct retrace_device retrace_device;  // the device's own

// A matrix [rows, columns] in the device's own layout; `data` has `weight_bytes` bytes of `allocate`.
typedef struct retrace_weight {
  void *data;
  int64_t rows, columns;
} retrace_weight;

typedef enum retrace_epilogue {
  RETRACE_STORE = 0,  // out: activations [M, N]
  RETRACE_ADD = 1,    // out: float [M, N], added to what is there (the residual stream)
  RETRACE_SWIGLU = 2  // rows of the weight alternate in blocks of 8: gate, up, gate, ...; out: activations [M, N/2],
                      // silu(gate) * up computed in float
} retrace_epilogue;

// A run of consecutive positions of one path: rows [first_row, first_row + rows) of the queries are the positions
// [first_position, ...). Key and value of position p lie in page `page_table[first_page + p / T]`, row p % T. A query
// sees all positions up to its own.
typedef struct retrace_segment {
  int32_t first_row, rows, first_position, first_page;
} retrace_segment;

// One tile of the attention: up to `attention_tile_rows` rows of a segment from `row` (counted in the segment) on.
typedef struct retrace_tile {
  int32_t segment, row;
} retrace_tile;

typedef struct retrace_attention_plan {
  const retrace_segment *segments;  // device memory, as are the next two
  const retrace_tile *tiles;
  const int32_t *page_table;
  const retrace_segment *host_segments;  // the same in host memory
  const int32_t *host_page_table;
  int32_t segment_count, tile_count, page_table_length;
  int32_t longest_position;  // the largest position of any query
} retrace_attention_plan;

typedef struct retrace_page_copy {
  int32_t source_page, target_page, rows;  // rows [0, rows) of all layers and of the hidden states
} retrace_page_copy;

typedef struct retrace_device_api {
  uint32_t abi;      // RETRACE_DEVICE_ABI
  const char *name;  // "cpu", "cuda", "emulated"

  // Devices found, as one JSON object {"count", "devices": [...], "error"?, "driverVersion"?, ...}. Never fails.
  void (*probe)(char *json, size_t capacity);
  // Opens a device for models of one shape. On failure *device is NULL and *error says why.
  int (*open)(const retrace_device_options *options, retrace_device **device, retrace_device_error *error);
  void (*close)(retrace_device *device);
  const retrace_device_error *(*last_error)(const retrace_device *device);
  int (*facts)(retrace_device *device, retrace_device_facts *facts);

  // ---- memory; nothing is allocated after load -------------------------------------------------
  int (*allocate)(retrace_device *device, size_t bytes, void **memory);  // 256-byte aligned
  void (*release)(retrace_device *device, void *memory);
  // Source and target may each be host or device memory. A source in host memory may be written over at once.
  int (*upload)(retrace_device *device, void *target, const void *source, size_t bytes);
  int (*download)(retrace_device *device, void *target, const void *source, size_t bytes);  // waits
  int (*synchronize)(retrace_device *device);

  // The cache: for every layer `[page][kv head][key | value][T][D]`, and for every token the final hidden state after the
  // last norm, `[page][T][C]`, both as activations. A slot is page * T + row. Its contents are undefined until written.
  size_t (*cache_bytes)(retrace_device *device, int64_t pages);
  int (*make_cache)(retrace_device *device, int64_t pages);
  // Scratch of the device's own for batches of up to `rows` rows and heads of up to `targets` targets. Comes after the
  // weights and in front of the cache: it gives back what writing weights took, and a device may try its kernels here,
  // with memory that it gives back too. Which kernels compute is settled after it, see `facts`.
  size_t (*workspace_bytes)(retrace_device *device, int64_t rows, int64_t targets);
  int (*make_workspace)(retrace_device *device, int64_t rows, int64_t targets);
  // Cosines and sines, host float [context_length, D/2] each.
  int (*set_rotary)(retrace_device *device, const float *cosines, const float *sines);

  // ---- weights ---------------------------------------------------------------------------------
  size_t (*weight_bytes)(retrace_device *device, int64_t rows, int64_t columns);
  // Writes `count` rows of `source` (row-major [count, columns], host or device memory). Row r of the source becomes row
  // first_row + (r / block) * stride + r % block; block is 1 at least. The source may be freed when this returns.
  int (*write_weight)(retrace_device *device, retrace_weight *weight, const void *source, retrace_dtype dtype,
                      int64_t count, int64_t first_row, int64_t block, int64_t stride);
  // Fills with numbers that are the same on every device: see `counter_random.h`.
  int (*randomize_weight)(retrace_device *device, retrace_weight *weight, uint64_t seed, float scale);

  // ---- the forward pass: ids, rows, positions, slots and targets are device memory ---------------
  // x[m] = table[ids[m]], float [M, C]
  int (*embed)(retrace_device *device, const retrace_weight *table, const int32_t *ids, int64_t m, float *x);
  // out[m] = x[m] / rms(x[m]) * gain, x float [M, C], gain float [C], out activations [M, C]
  int (*rms_norm)(retrace_device *device, const float *x, const float *gain, int64_t m, void *out);
  // a activations [M, K] times weight [N, K] transposed
  int (*gemm)(retrace_device *device, const retrace_weight *weight, const void *a, int64_t m, retrace_epilogue epilogue,
              void *out);
  // qkv activations [M, (H + 2G) * D]: rotates queries (in place) and keys by `positions`, writes keys and values to `slots`
  int (*rope_and_store)(retrace_device *device, void *qkv, const int32_t *positions, const int32_t *slots, int64_t m,
                        int32_t layer);
  // The queries are the first H * D elements of each row of `qkv`; out activations [M, H * D]. Scale 1 / sqrt(D).
  int (*attention)(retrace_device *device, const void *qkv, const retrace_attention_plan *plan, int32_t layer,
                   void *out);
  // target[i] = source[rows[i]]; row_bytes is a multiple of 16; the two do not overlap
  int (*gather_rows)(retrace_device *device, const void *source, const int32_t *rows, int64_t count, int64_t row_bytes,
                     void *target);
  // hidden[slots[m]] = rms_norm(x[m], gain)
  int (*store_hidden)(retrace_device *device, const float *x, const float *gain, const int32_t *slots, int64_t m);
  // `copies` is host memory, in any number; no copy's target is another's source
  int (*copy_page_rows)(retrace_device *device, const retrace_page_copy *copies, int64_t count);
  // log_probs[r] = log softmax(hidden[slots[r]] times head transposed)[targets[r]], float, natural logarithm
  int (*head)(retrace_device *device, const retrace_weight *head, const int32_t *slots, const int32_t *targets,
              int64_t r, float *log_probs);
} retrace_device_api;

// What a device's shared library exports. NULL where it was built for another ABI.
typedef const retrace_device_api *(*retrace_device_entry)(uint32_t abi);
#define RETRACE_DEVICE_ENTRY "retrace_device_entry_point"

#ifdef __cplusplus
}
#endif
