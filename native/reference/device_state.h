// What an open CPU reference holds, and how its functions fail.
//
// `retrace_device` stays an empty name here: another device in the same program has a struct of that name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>
#include <utility>

#include "../device.h"
#include "kernels.h"
#include "layout.h"
#include "worker_pool.h"

namespace retrace::reference {

// Thrown inside, turned into a status where a function of the device returns.
struct failure : std::exception {
  failure(retrace_device_status status, std::string message, const char *file, int line)
      : status(status), message(std::move(message)), file(file), line(line) {}
  const char *what() const noexcept override { return message.c_str(); }
  retrace_device_status status;
  std::string message;
  const char *file;
  int line;
};
#define RETRACE_FAIL(status, message) throw ::retrace::reference::failure(status, message, __FILE__, __LINE__)

// 256-byte aligned memory that costs nothing until it is touched; at least one byte. Throws `failure` with the bytes.
void *allocate_aligned(size_t bytes, const char *what);
void release_aligned(void *memory);

class buffer {
 public:
  buffer() = default;
  buffer(size_t bytes, const char *what) : memory_(allocate_aligned(bytes, what)) {}
  buffer(buffer &&other) noexcept : memory_(std::exchange(other.memory_, nullptr)) {}
  buffer &operator=(buffer &&other) noexcept {
    std::swap(memory_, other.memory_);
    return *this;
  }
  ~buffer() { release_aligned(memory_); }
  float *floats() const { return static_cast<float *>(memory_); }
  explicit operator bool() const { return memory_ != nullptr; }

 private:
  void *memory_ = nullptr;
};

// Scratch of one thread, made when the device is opened.
struct thread_scratch {
  float *operand;        // [task_rows, operand_stride], or the attention's queries, blocks side by side
  float *product;        // [task_rows, chunk_stride], or the attention's scores [block rows, operand_stride]
  float *outputs;        // the attention's sums [query rows, D']
  float *maxima, *sums;  // [query rows]
};

struct device {
  explicit device(const retrace_device_options &options);

  retrace_device_error error{};
  retrace_shape shape;
  const kernels *compute;
  bool round;                      // to bfloat16
  int64_t page_tokens;             // T
  int64_t group;                   // query heads of a key-value head
  int64_t value_stride;            // D'
  int64_t keys_size, values_size;  // floats of one (page, head)
  int64_t query_blocks;            // row blocks of one attention task, at most
  worker_pool pool;
  buffer scratch;
  buffer rotary;  // cosines, then sines
  buffer cache;
  int64_t pages = 0;
  buffer workspace;  // of the head: see head.cc
  int64_t workspace_rows = 0, workspace_targets = 0;

  int64_t scratch_floats() const;  // of one thread
  thread_scratch scratch_of(int32_t thread) const;
  // Bytes of the cache and workspace; SIZE_MAX where that is no size_t.
  size_t cache_bytes(int64_t pages) const;
  size_t workspace_bytes(int64_t rows, int64_t targets) const;
  int64_t head_chunks(int64_t vocabulary) const { return ceil_div(vocabulary, chunk_columns); }

  float *keys(int64_t layer, int64_t page, int64_t kv_head) const {
    const int64_t index = (layer * pages + page) * shape.kv_heads + kv_head;
    return cache.floats() + index * (keys_size + values_size);
  }
  float *values(int64_t layer, int64_t page, int64_t kv_head) const { return keys(layer, page, kv_head) + keys_size; }
  float *hidden(int64_t slot) const { return keys(shape.layers, 0, 0) + slot * shape.hidden_size; }
  // Where element d of row `row` lies within the keys of a page, at d * 32 behind it.
  int64_t key_offset(int64_t row) const { return weight_offset(row, shape.head_size); }
};

inline device &state_of(retrace_device *handle) { return *reinterpret_cast<device *>(handle); }

// Throws where an index of `what` is not in [0, end). Checked on the CPU, as this device is the planner's oracle.
void check_indices(const int32_t *indices, int64_t count, int64_t end, const char *what);
void check_layer(const device &d, int32_t layer);
void check_cache(const device &d);

// Rows [0, m) of elementwise work in tasks of some rows.
template <class Body>
void for_rows(device &d, int64_t m, const Body &body) {
  constexpr int64_t rows = 32;
  d.pool.run(ceil_div(m, rows), [&](int64_t task, int32_t) {
    const int64_t end = task * rows + rows < m ? task * rows + rows : m;
    for (int64_t row = task * rows; row < end; row++) body(row);
  });
}

// product.cc: scratch.product[rows, chunk_stride] = rows of a times columns [32 * panel, 32 * (panel + panels)) of a
// weight; at most `task_rows` rows and `chunk_columns` columns.
void multiply_rows(const device &d, const thread_scratch &scratch, const float *const *rows, int64_t count,
                   const retrace_weight &weight, int64_t panel, int64_t panels);

// The functions of the device, each in the file of its name; they throw.
size_t weight_bytes(int64_t rows, int64_t columns);  // weights.cc
void write_weight(device &d, retrace_weight &weight, const void *source, retrace_dtype dtype, int64_t count,
                  int64_t first_row, int64_t block, int64_t stride);
void randomize_weight(device &d, retrace_weight &weight, uint64_t seed, float scale);
void embed(device &d, const retrace_weight &table, const int32_t *ids, int64_t m, float *x);
void rms_norm(device &d, const float *x, const float *gain, int64_t m, float *out);  // rows.cc
void rope_and_store(device &d, float *qkv, const int32_t *positions, const int32_t *slots, int64_t m, int32_t layer);
void gather_rows(device &d, const void *source, const int32_t *rows, int64_t count, int64_t row_bytes, void *target);
void store_hidden(device &d, const float *x, const float *gain, const int32_t *slots, int64_t m);
void copy_page_rows(device &d, const retrace_page_copy *copies, int64_t count);
void gemm(device &d, const retrace_weight &weight, const float *a, int64_t m, retrace_epilogue epilogue, float *out);
void attention(device &d, const float *qkv, const retrace_attention_plan &plan, int32_t layer, float *out);
void head(device &d, const retrace_weight &weight, const int32_t *slots, const int32_t *targets, int64_t r,
          float *log_probs);

}  // namespace retrace::reference
