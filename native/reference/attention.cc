// Attention over the pages of a path: softmax(q K^T / sqrt(D)) V, online, one step a page.
//
// A task is one tile of queries and one key-value head; the query heads of its group stand side by side (row = query *
// group + head), so that they share what is loaded. Pages lie on one grid of positions and are taken from first to
// last, and a row takes from a page what its own position sees: what else is in its tile decides nothing. Masked keys
// are not multiplied by zero but left out: a later token's infinity cannot reach an earlier one, and unwritten rows of
// a page count for nothing.
#include "device_state.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace retrace::reference {
namespace {

struct tile_work {
  const device &d;
  const thread_scratch &scratch;
  int64_t rows;            // queries of the tile times group
  int64_t first_position;  // of the tile

  int64_t position(int64_t row) const { return first_position + row / d.group; }
  // Keys of a page that a row sees.
  int64_t keys_seen(int64_t row, int64_t page) const {
    return std::clamp<int64_t>(position(row) + 1 - page * d.page_tokens, 0, d.page_tokens);
  }
  // Blocks of queries stand side by side in the operand, D' apart.
  float *queries(int64_t block) const {
    const int64_t side_by_side = operand_depth / d.value_stride;
    return scratch.operand + block / side_by_side * d.compute->block_rows * operand_stride +
           block % side_by_side * d.value_stride;
  }
};

void load_queries(const tile_work &work, const float *queries, int64_t row_stride) {
  const int64_t block_rows = work.d.compute->block_rows, size = work.d.shape.head_size, group = work.d.group;
  for (int64_t row = 0; row < round_up(work.rows, block_rows); row++) {
    float *const target = work.queries(row / block_rows) + row % block_rows * operand_stride;
    const float *const source = queries + row / group * row_stride + row % group * size;
    if (row < work.rows) std::memcpy(target, source, static_cast<size_t>(size) * sizeof(float));
    else std::memset(target, 0, static_cast<size_t>(size) * sizeof(float));
  }
  std::fill_n(work.scratch.maxima, work.rows, -INFINITY);
  std::fill_n(work.scratch.sums, work.rows, 0.0f);
  std::fill_n(work.scratch.outputs, round_up(work.rows, block_rows) * work.d.value_stride, 0.0f);
}

// One block of rows over one page.
void attend(const tile_work &work, int64_t block, int64_t page, const float *keys, const float *values, float scale) {
  const device &d = work.d;
  const kernels &compute = *d.compute;
  const int64_t first = block * compute.block_rows, end = std::min(first + compute.block_rows, work.rows);
  const int64_t most = work.keys_seen(end - 1, page), common = work.keys_seen(first, page);
  if (most == 0) return;

  float *const scores = work.scratch.product;
  for (int64_t key = 0; key < most; key += panel_columns)
    compute.product(work.queries(block), keys + d.key_offset(key), panel_columns, d.shape.head_size, false,
                    scores + key, operand_stride);

  for (int64_t row = first; row < end; row++) {
    const int64_t seen = work.keys_seen(row, page);
    if (seen == 0) continue;
    const float factor = compute.softmax_step(scores + (row - first) * operand_stride, seen, scale, d.round,
                                              work.scratch.maxima + row, work.scratch.sums + row);
    compute.scale(factor, d.value_stride, work.scratch.outputs + row * d.value_stride);
  }

  // All rows together over the keys that all see, then each by itself over the few that are left to it.
  float *const outputs = work.scratch.outputs + first * d.value_stride;
  for (int64_t column = 0; common > 0 && column < d.value_stride; column += panel_columns)
    compute.product(scores, values + column, d.value_stride, common, true, outputs + column, d.value_stride);
  for (int64_t row = first; row < end; row++)
    for (int64_t key = common; key < work.keys_seen(row, page); key++)
      compute.add_scaled(values + key * d.value_stride, scores[(row - first) * operand_stride + key], d.value_stride,
                         outputs + (row - first) * d.value_stride);
}

void check_plan(const device &d, const retrace_attention_plan &plan) {
  check_indices(plan.page_table, plan.page_table_length, d.pages, "page of the table");
  for (int32_t i = 0; i < plan.tile_count; i++) {
    check_indices(&plan.tiles[i].segment, 1, plan.segment_count, "segment of a tile");
    const retrace_segment &segment = plan.segments[plan.tiles[i].segment];
    check_indices(&plan.tiles[i].row, 1, segment.rows, "row of a tile");
    check_indices(&segment.first_row, 1, INT32_MAX, "first row of a segment");
    check_indices(&segment.first_position, 1, d.shape.context_length - segment.rows + 1, "position of a segment");
    const int64_t pages = ceil_div(segment.first_position + segment.rows, d.page_tokens);
    check_indices(&segment.first_page, 1, plan.page_table_length - pages + 1, "first page of a segment");
  }
}

}  // namespace

void attention(device &d, const float *qkv, const retrace_attention_plan &plan, int32_t layer, float *out) {
  check_cache(d);
  check_layer(d, layer);
  check_plan(d, plan);
  const int64_t size = d.shape.head_size, heads = d.shape.heads, kv_heads = d.shape.kv_heads;
  const int64_t row_stride = (heads + 2 * kv_heads) * size, out_stride = heads * size;
  const float scale = 1.0f / std::sqrt(static_cast<float>(size));

  const int64_t tasks = plan.tile_count * kv_heads;
  d.pool.run(tasks, [&](int64_t index, int32_t thread) {
    const int64_t task = tasks - 1 - index;  // late tiles of a path see most: first, so that no thread is left with one
    const retrace_tile tile = plan.tiles[task / kv_heads];
    const retrace_segment segment = plan.segments[tile.segment];
    const int64_t g = task % kv_heads, first_row = segment.first_row + tile.row;
    const int64_t queries = std::min<int64_t>(task_rows, segment.rows - tile.row);
    const thread_scratch scratch = d.scratch_of(thread);
    const tile_work work{d, scratch, queries * d.group, segment.first_position + tile.row};
    load_queries(work, qkv + first_row * row_stride + g * d.group * size, row_stride);

    const int64_t last_page = work.position(work.rows - 1) / d.page_tokens;
    for (int64_t page = 0; page <= last_page; page++) {
      const int32_t place = plan.page_table[segment.first_page + page];
      for (int64_t block = 0; block * d.compute->block_rows < work.rows; block++)
        attend(work, block, page, d.keys(layer, place, g), d.values(layer, place, g), scale);
    }
    for (int64_t row = 0; row < work.rows; row++) {
      float *const sums = scratch.outputs + row * d.value_stride;
      d.compute->scale(1.0f / scratch.sums[row], d.value_stride, sums);
      d.compute->store(sums, size, d.round,
                       out + (first_row + row / d.group) * out_stride + (g * d.group + row % d.group) * size);
    }
  });
}

}  // namespace retrace::reference
