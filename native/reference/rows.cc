// What works on each row by itself: norms, rotation, and the ways into and out of the cache.
#include "device_state.h"

#include <cstring>

#include "bfloat16.h"

namespace retrace::reference {

void rms_norm(device &d, const float *x, const float *gain, int64_t m, float *out) {
  const int64_t c = d.shape.hidden_size;
  for_rows(d, m, [&](int64_t row) {
    d.compute->rms_norm(x + row * c, gain, c, d.shape.norm_epsilon, d.round, out + row * c);
  });
}

void store_hidden(device &d, const float *x, const float *gain, const int32_t *slots, int64_t m) {
  check_cache(d);
  check_indices(slots, m, d.pages * d.page_tokens, "slot");
  const int64_t c = d.shape.hidden_size;
  for_rows(d, m, [&](int64_t row) {
    d.compute->rms_norm(x + row * c, gain, c, d.shape.norm_epsilon, d.round, d.hidden(slots[row]));
  });
}

void rope_and_store(device &d, float *qkv, const int32_t *positions, const int32_t *slots, int64_t m, int32_t layer) {
  check_cache(d);
  check_layer(d, layer);
  if (!d.rotary) RETRACE_FAIL(RETRACE_DEVICE_CALL_FAILED, "there are no rotary tables yet; call set_rotary first");
  check_indices(positions, m, d.shape.context_length, "position");
  check_indices(slots, m, d.pages * d.page_tokens, "slot");
  const int64_t heads = d.shape.heads, kv_heads = d.shape.kv_heads, size = d.shape.head_size, half = size / 2;
  const float *const cosines = d.rotary.floats(), *const sines = cosines + d.shape.context_length * half;
  for_rows(d, m, [&](int64_t row) {
    float *const queries = qkv + row * (heads + 2 * kv_heads) * size;
    const int64_t page = slots[row] / d.page_tokens, page_row = slots[row] % d.page_tokens;
    const int64_t angles = positions[row] * half;
    for (int64_t h = 0; h < heads + kv_heads; h++)
      d.compute->rotate(queries + h * size, cosines + angles, sines + angles, half, d.round);
    for (int64_t g = 0; g < kv_heads; g++) {
      const float *const key = queries + (heads + g) * size, *const value = key + kv_heads * size;
      float *const keys = d.keys(layer, page, g) + d.key_offset(page_row);
      for (int64_t i = 0; i < size; i++) keys[i * panel_columns] = key[i];
      d.compute->store(value, size, d.round, d.values(layer, page, g) + page_row * d.value_stride);
    }
  });
}

void gather_rows(device &d, const void *source, const int32_t *rows, int64_t count, int64_t row_bytes, void *target) {
  for_rows(d, count, [&](int64_t i) {
    std::memcpy(static_cast<char *>(target) + i * row_bytes, static_cast<const char *>(source) + rows[i] * row_bytes,
                static_cast<size_t>(row_bytes));
  });
}

namespace {

// Positions are columns of a page's keys, so the last panel is copied in part.
void copy_keys(const float *source, float *target, int64_t rows, int64_t size) {
  const int64_t whole = rows / panel_columns * panel_columns;
  if (whole > 0) std::memcpy(target, source, static_cast<size_t>(whole * size) * sizeof(float));
  for (int64_t i = 0; rows > whole && i < size; i++) {
    const int64_t at = whole * size + i * panel_columns;
    std::memcpy(target + at, source + at, static_cast<size_t>(rows - whole) * sizeof(float));
  }
}

}  // namespace

void copy_page_rows(device &d, const retrace_page_copy *copies, int64_t count) {
  check_cache(d);
  for (int64_t i = 0; i < count; i++) {
    const int32_t pages[] = {copies[i].source_page, copies[i].target_page};
    check_indices(pages, 2, d.pages, "page of a copy");
    check_indices(&copies[i].rows, 1, d.page_tokens + 1, "rows of a copy");
    if (pages[0] == pages[1])
      RETRACE_FAIL(RETRACE_DEVICE_CALL_FAILED, "page " + std::to_string(pages[0]) + " is copied to itself");
  }
  // In their order: a later one may read what an earlier one wrote.
  for (int64_t i = 0; i < count; i++) {
    const auto [source, target, rows] = copies[i];
    for (int64_t layer = 0; layer < d.shape.layers; layer++)
      for (int64_t g = 0; g < d.shape.kv_heads; g++) {
        copy_keys(d.keys(layer, source, g), d.keys(layer, target, g), rows, d.shape.head_size);
        std::memcpy(d.values(layer, target, g), d.values(layer, source, g),
                    static_cast<size_t>(rows * d.value_stride) * sizeof(float));
      }
    std::memcpy(d.hidden(target * d.page_tokens), d.hidden(source * d.page_tokens),
                static_cast<size_t>(rows) * static_cast<size_t>(d.shape.hidden_size) * sizeof(float));
  }
}

}  // namespace retrace::reference
