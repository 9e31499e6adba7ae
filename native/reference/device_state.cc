#include "device_state.h"

#include <cstdlib>
#include <cstring>

namespace retrace::reference {
namespace {

std::string text(int64_t number) { return std::to_string(number); }

const retrace_shape &checked(const retrace_shape &s) {
  const std::pair<const char *, int32_t> sizes[] = {{"hidden_size", s.hidden_size},
                                                    {"intermediate_size", s.intermediate_size},
                                                    {"layers", s.layers},
                                                    {"heads", s.heads},
                                                    {"kv_heads", s.kv_heads},
                                                    {"head_size", s.head_size},
                                                    {"vocabulary_size", s.vocabulary_size},
                                                    {"context_length", s.context_length}};
  for (const auto &[name, size] : sizes)
    if (size <= 0)
      RETRACE_FAIL(RETRACE_DEVICE_UNSUPPORTED,
                   std::string(name) + " is " + text(size) + ", expected at least 1; check the model's config");
  if (s.heads % s.kv_heads != 0)
    RETRACE_FAIL(RETRACE_DEVICE_UNSUPPORTED, "heads " + text(s.heads) + " are not a multiple of kv_heads " +
                                                 text(s.kv_heads) + "; check the model's config");
  if (s.head_size % 2 != 0 || s.head_size > operand_depth)
    RETRACE_FAIL(RETRACE_DEVICE_UNSUPPORTED, "head_size is " + text(s.head_size) + ", expected an even number up to " +
                                                 text(operand_depth) + " elements; this model cannot be run here");
  return s;
}

int64_t checked_page_tokens(int32_t tokens) {
  if (tokens == 0) return 128;
  if (tokens < 0 || tokens > operand_depth)
    RETRACE_FAIL(RETRACE_DEVICE_UNSUPPORTED, "page_tokens is " + text(tokens) + ", expected 1 to " +
                                                 text(operand_depth) + " tokens, or 0 for the default");
  return tokens;
}

const kernels *checked_kernels(const char *option) {
  const kernels *found = choose_kernels(option);
  if (found == nullptr)
    RETRACE_FAIL(RETRACE_DEVICE_UNSUPPORTED, "kernels \"" + std::string(option) +
                                                 "\" are unknown or not for this processor; choose auto, avx512, avx2 "
                                                 "or baseline");
  return found;
}

int32_t checked_threads(int32_t threads) {
  if (threads < 0 || threads > 1024)
    RETRACE_FAIL(RETRACE_DEVICE_UNSUPPORTED,
                 "threads is " + text(threads) + ", expected 1 to 1024, or 0 for the default of 1");
  return threads == 0 ? 1 : threads;
}

// a * b, or -1 where that is no int64; -1 stays.
int64_t times(int64_t a, int64_t b) {
  int64_t product;
  return a < 0 || b < 0 || __builtin_mul_overflow(a, b, &product) ? -1 : product;
}

int64_t plus(int64_t a, int64_t b) {
  int64_t sum;
  return a < 0 || b < 0 || __builtin_add_overflow(a, b, &sum) ? -1 : sum;
}

size_t bytes_of(int64_t floats) {
  const int64_t bytes = times(floats, sizeof(float));
  return bytes < 0 ? SIZE_MAX : static_cast<size_t>(bytes);
}

}  // namespace

void *allocate_aligned(size_t bytes, const char *what) {
  constexpr size_t alignment = 256;
  void *memory = nullptr;
  if (bytes <= static_cast<size_t>(PTRDIFF_MAX) - alignment)
    memory = std::aligned_alloc(alignment, ((bytes == 0 ? 1 : bytes) + alignment - 1) / alignment * alignment);
  if (memory == nullptr)
    RETRACE_FAIL(RETRACE_DEVICE_OUT_OF_MEMORY, "no memory for the " + std::string(what) + " of " +
                                                   std::to_string(bytes) + " bytes; choose smaller sizes");
  return memory;
}

void release_aligned(void *memory) { std::free(memory); }

device::device(const retrace_device_options &options)
    : shape(checked(options.shape)),
      compute(checked_kernels(options.kernels)),
      round(options.round_to_bf16 != 0),
      page_tokens(checked_page_tokens(options.page_tokens)),
      group(shape.heads / shape.kv_heads),
      value_stride(round_up(shape.head_size, panel_columns)),
      keys_size(round_up(page_tokens, panel_columns) * shape.head_size),
      values_size(page_tokens * value_stride),
      query_blocks(ceil_div(task_rows * group, compute->block_rows)),
      pool(checked_threads(options.threads)) {
  scratch = buffer(bytes_of(times(scratch_floats(), pool.threads())), "scratch");
}

int64_t device::scratch_floats() const {
  const int64_t query_rows = query_blocks * compute->block_rows;
  // Blocks of queries stand side by side in the operand's rows as far as they fit.
  const int64_t query_operand = ceil_div(query_blocks, operand_depth / value_stride) * compute->block_rows;
  const int64_t operand_rows = query_operand > task_rows ? query_operand : task_rows;
  return operand_rows * operand_stride + task_rows * operand_stride + query_rows * value_stride +
         2 * round_up(query_rows, 16);
}

thread_scratch device::scratch_of(int32_t thread) const {
  const int64_t query_rows = query_blocks * compute->block_rows;
  float *const end = scratch.floats() + (thread + 1) * scratch_floats();
  thread_scratch s;
  s.sums = end - round_up(query_rows, 16);
  s.maxima = s.sums - round_up(query_rows, 16);
  s.outputs = s.maxima - query_rows * value_stride;
  s.product = s.outputs - task_rows * operand_stride;
  s.operand = end - scratch_floats();
  return s;
}

size_t device::cache_bytes(int64_t count) const {
  if (count <= 0) return 0;
  const int64_t page =
      plus(times(times(shape.layers, shape.kv_heads), keys_size + values_size), times(page_tokens, shape.hidden_size));
  return bytes_of(times(page, count));
}

// For each target and chunk of the vocabulary (maximum, sum), and for each target its logit.
size_t device::workspace_bytes(int64_t rows, int64_t targets) const {
  if (rows <= 0 && targets <= 0) return 0;
  return bytes_of(times(targets, 2 * head_chunks(shape.vocabulary_size) + 1));
}

void check_indices(const int32_t *indices, int64_t count, int64_t end, const char *what) {
  for (int64_t i = 0; i < count; i++)
    if (indices[i] < 0 || indices[i] >= end)
      RETRACE_FAIL(RETRACE_DEVICE_CALL_FAILED, std::string(what) + " " + text(i) + " is " + text(indices[i]) +
                                                   ", expected 0 to " + text(end - 1) + "; the caller's plan is wrong");
}

void check_layer(const device &d, int32_t layer) { check_indices(&layer, 1, d.shape.layers, "layer"); }

void check_cache(const device &d) {
  if (!d.cache) RETRACE_FAIL(RETRACE_DEVICE_CALL_FAILED, "there is no cache yet; call make_cache first");
}

}  // namespace retrace::reference
