// Products of activations [M, K] with a weight [N, K] transposed.
//
// A task is 48 rows and up to 512 columns. Its rows are copied side by side to where the kernel wants them; those that
// are missing in the last block are zero, so that one kernel computes all rows, however many there are.
#include "device_state.h"

#include <cstring>

namespace retrace::reference {

void multiply_rows(const device &d, const thread_scratch &scratch, const float *const *rows, int64_t count,
                   const retrace_weight &weight, int64_t panel, int64_t panels) {
  const int64_t depth = weight.columns, block_rows = d.compute->block_rows, padded = round_up(count, block_rows);
  const float *const first_panel = static_cast<const float *>(weight.data) + panel * panel_columns * depth;
  for (int64_t start = 0; start < depth; start += operand_depth) {
    const int64_t step = start + operand_depth < depth ? operand_depth : depth - start;
    for (int64_t i = 0; i < padded; i++) {
      float *const row = scratch.operand + i * operand_stride;
      if (i < count) std::memcpy(row, rows[i] + start, static_cast<size_t>(step) * sizeof(float));
      else std::memset(row, 0, static_cast<size_t>(step) * sizeof(float));
    }
    // A panel's part stays near while all blocks of rows pass over it.
    for (int64_t p = 0; p < panels; p++)
      for (int64_t i = 0; i < padded; i += block_rows)
        d.compute->product(scratch.operand + i * operand_stride, first_panel + (p * depth + start) * panel_columns,
                           panel_columns, step, start > 0, scratch.product + i * chunk_stride + p * panel_columns,
                           chunk_stride);
  }
}

void gemm(device &d, const retrace_weight &weight, const float *a, int64_t m, retrace_epilogue epilogue, float *out) {
  const int64_t n = weight.rows, depth = weight.columns, panels = ceil_div(n, panel_columns);
  if (epilogue != RETRACE_STORE && epilogue != RETRACE_ADD && epilogue != RETRACE_SWIGLU)
    RETRACE_FAIL(RETRACE_DEVICE_UNSUPPORTED, "epilogue " + std::to_string(epilogue) + " is unknown, expected 0 to 2");
  if (epilogue == RETRACE_SWIGLU && n % 16 != 0)
    RETRACE_FAIL(RETRACE_DEVICE_UNSUPPORTED,
                 "SwiGLU of " + std::to_string(n) +
                     " rows of weight, expected a multiple of 16 (8 gates, 8 ups, ...); check the intermediate size");
  // Few rows are shared out by columns; that changes who computes an element, not how.
  const int64_t row_tasks = ceil_div(m, task_rows);
  int64_t panels_each = chunk_columns / panel_columns;
  while (panels_each > 1 && row_tasks * ceil_div(panels, panels_each) < 2 * d.pool.threads()) panels_each /= 2;

  d.pool.run(row_tasks * ceil_div(panels, panels_each), [&](int64_t task, int32_t thread) {
    const thread_scratch scratch = d.scratch_of(thread);
    const int64_t first_row = task % row_tasks * task_rows, first_panel = task / row_tasks * panels_each;
    const int64_t rows = first_row + task_rows < m ? task_rows : m - first_row;
    const int64_t count = first_panel + panels_each < panels ? panels_each : panels - first_panel;
    const float *pointers[task_rows] = {};
    for (int64_t i = 0; i < rows; i++) pointers[i] = a + (first_row + i) * depth;
    multiply_rows(d, scratch, pointers, rows, weight, first_panel, count);

    const int64_t column = first_panel * panel_columns;
    const int64_t columns = column + count * panel_columns < n ? count * panel_columns : n - column;
    for (int64_t i = 0; i < rows; i++) {
      const float *const sums = scratch.product + i * chunk_stride;
      const int64_t row = first_row + i;
      if (epilogue == RETRACE_STORE) d.compute->store(sums, columns, d.round, out + row * n + column);
      else if (epilogue == RETRACE_ADD) d.compute->add(sums, columns, out + row * n + column);
      else d.compute->swiglu(sums, columns, d.round, out + row * (n / 2) + column / 2);
    }
  });
}

}  // namespace retrace::reference
