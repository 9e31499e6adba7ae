// Weights go into panels of 32 output columns once, at load, as floats; the embedding is read back out of them.
#include "device_state.h"

#include <cstring>

#include "../counter_random.h"
#include "bfloat16.h"

namespace retrace::reference {
namespace {

float element(const void *source, retrace_dtype dtype, int64_t index) {
  if (dtype == RETRACE_F32) return static_cast<const float *>(source)[index];
  uint16_t half;
  std::memcpy(&half, static_cast<const char *>(source) + index * 2, sizeof half);
  return dtype == RETRACE_F16 ? from_half(half) : from_bfloat16(half);
}

void clear_padding(const retrace_weight &weight) {
  float *const data = static_cast<float *>(weight.data);
  for (int64_t row = weight.rows; row < round_up(weight.rows, panel_columns); row++)
    for (int64_t k = 0; k < weight.columns; k++) data[weight_offset(row, weight.columns) + k * panel_columns] = 0;
}

std::string text(int64_t number) { return std::to_string(number); }

}  // namespace

size_t weight_bytes(int64_t rows, int64_t columns) {
  if (rows <= 0 || columns <= 0) return 0;
  int64_t bytes;
  if (rows > INT64_MAX - panel_columns || __builtin_mul_overflow(round_up(rows, panel_columns), columns, &bytes) ||
      __builtin_mul_overflow(bytes, sizeof(float), &bytes))
    return SIZE_MAX;
  return static_cast<size_t>(bytes);
}

void write_weight(device &d, retrace_weight &weight, const void *source, retrace_dtype dtype, int64_t count,
                  int64_t first_row, int64_t block, int64_t stride) {
  if (dtype != RETRACE_F32 && dtype != RETRACE_F16 && dtype != RETRACE_BF16)
    RETRACE_FAIL(RETRACE_DEVICE_UNSUPPORTED,
                 "weights of dtype " + text(dtype) + ", expected 0 (F32), 1 (F16) or 2 (BF16); convert the model");
  if (count <= 0) return;
  const auto target_row = [&](int64_t r) { return first_row + r / block * stride + r % block; };
  if (block <= 0 || stride < 0 || first_row < 0 || target_row(count - 1) >= weight.rows ||
      target_row(count < block ? count - 1 : (count / block) * block - 1) >= weight.rows)
    RETRACE_FAIL(RETRACE_DEVICE_CALL_FAILED, text(count) + " rows from row " + text(first_row) + " on in blocks of " +
                                                 text(block) + " every " + text(stride) +
                                                 " do not fit in a weight of " + text(weight.rows) + " rows");
  float *const data = static_cast<float *>(weight.data);
  // Some columns at a time: the part of a panel that neighbouring rows write together stays in the first-level cache.
  constexpr int64_t step = 128;
  d.pool.run(ceil_div(weight.columns, step), [&](int64_t task, int32_t) {
    const int64_t start = task * step, end = start + step < weight.columns ? start + step : weight.columns;
    for (int64_t r = 0; r < count; r++) {
      float *const out = data + weight_offset(target_row(r), weight.columns);
      for (int64_t k = start; k < end; k++) {
        const float value = element(source, dtype, r * weight.columns + k);
        out[k * panel_columns] = d.round ? to_bfloat16(value) : value;
      }
    }
  });
  clear_padding(weight);
}

void randomize_weight(device &d, retrace_weight &weight, uint64_t seed, float scale) {
  float *const data = static_cast<float *>(weight.data);
  d.pool.run(ceil_div(weight.rows, panel_columns), [&](int64_t panel, int32_t) {
    const int64_t start = panel * panel_columns, end = start + panel_columns;
    for (int64_t row = start; row < (end < weight.rows ? end : weight.rows); row++) {
      float *const out = data + weight_offset(row, weight.columns);
      for (int64_t k = 0; k < weight.columns; k++) {
        const float value = retrace_counter_random(seed, static_cast<uint64_t>(row * weight.columns + k), scale);
        out[k * panel_columns] = d.round ? to_bfloat16(value) : value;
      }
    }
  });
  clear_padding(weight);
}

void embed(device &d, const retrace_weight &table, const int32_t *ids, int64_t m, float *x) {
  check_indices(ids, m, table.rows, "token id");
  for_rows(d, m, [&](int64_t row) {
    const float *const source = static_cast<const float *>(table.data) + weight_offset(ids[row], table.columns);
    for (int64_t k = 0; k < table.columns; k++) x[row * table.columns + k] = source[k * panel_columns];
  });
}

}  // namespace retrace::reference
