// cuDNN's attention as one graph for each batch size: bfloat16, keys and values in pages, rows of many sequences packed
// (ragged), a mask that is aligned at the bottom right of each sequence, and lengths for each sequence.
//
// cuDNN promises nothing about a row's bits in another batch. What can be done is done: the largest graph asks cuDNN's
// heuristics, and the others are built with the same engine and the same settings of it, so that only the grid differs.
//
// Shapes: B sequences, H heads, G key-value heads, D head size, P pages, T tokens of a page, W pages of a page table.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cudnn_sequences.h"

namespace retrace::cudnn {

// The oldest cuDNN whose attention takes pages and packed rows together, as its frontend has it.
constexpr int32_t oldest_version = 90800;
// The first with sequences that have no rows.
constexpr int32_t version_with_empty_sequences = 92500;

struct attention_shape {
  int32_t heads, kv_heads, head_size, page_tokens, table_width;
  int64_t pages;       // P at most; the cache may have fewer
  int32_t sm_version;  // such as 90
};

// Device memory for one call.
struct attention_operands {
  const void *queries;   // rows (H + 2G) * D apart
  const void *cache;     // [P][G][key | value][T][D]
  void *out;             // [M, H * D]
  const int32_t *index;  // a call's index tensors, see index_layout
  void *workspace;
};

// The graphs and the handle that they run on. Functions return "" or what went wrong, and throw nothing.
class attention_graphs {
 public:
  attention_graphs();
  ~attention_graphs();

  // For open cuDNN: a handle on the current GPU, whose work goes to `stream`.
  std::string make_handle(void *stream);
  // Plans all batch sizes, which takes about half a second each: kernels are compiled. Shapes that cuDNN refuses come
  // back with its own words.
  std::string build(const attention_shape &shape);
  // Most device memory that a call needs, bytes.
  int64_t workspace_bytes() const;
  // Enqueues one call for a batch of that size.
  std::string run(int32_t batch, const attention_operands &operands);

  // Engine and settings of all plans, as cuDNN names them.
  const std::string &engine() const;
  // The cudnnStatus_t of a failed `make_handle`; 0 where the frontend does not tell.
  int32_t native_status() const;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace retrace::cudnn
