// How the CPU reference lays out weights, keys and values, so that one inner kernel multiplies all of them.
//
// The kernel's right operand is always `depth` rows of 32 neighbouring columns (a panel): a weight's 32 output columns,
// 32 keys of a page, or 32 elements of values. Its left operand is a block of rows with one stride known at compile
// time.
//
//   weight [N, K]      [ceil(N / 32)][K][32]      the last panel is padded with zero columns
//   keys of a page     [ceil(T / 32)][D][32]      columns are positions
//   values of a page   [T][D']                    D' is D rounded up to 32
//   one page           [kv head][keys | values], pages of a layer one behind another, then the next layer
//   hidden states      [page][T][C]               behind all layers
#pragma once

#include <cstdint>

namespace retrace::reference {

constexpr int64_t panel_columns = 32;

// Rows that one task multiplies at a time; a multiple of every instruction set's row block (4, 6, 12). Also the rows of
// queries in one tile of the attention.
constexpr int64_t task_rows = 48;

// The left operand holds at most this depth; deeper products go over it in steps, with the sums kept in between. A
// stride of 69 cache lines spreads the rows of a block over the sets of a first-level cache; 64 would put all into one.
constexpr int64_t operand_depth = 1024;
constexpr int64_t operand_stride = operand_depth + 80;

// Columns of a product that one task keeps in its scratch.
constexpr int64_t chunk_columns = 512;
constexpr int64_t chunk_stride = chunk_columns + 16;

constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
constexpr int64_t round_up(int64_t a, int64_t b) { return ceil_div(a, b) * b; }

// Where element (row, 0) of a weight is; element (row, k) lies k * 32 behind it.
constexpr int64_t weight_offset(int64_t row, int64_t columns) {
  return row / panel_columns * panel_columns * columns + row % panel_columns;
}

}  // namespace retrace::reference
