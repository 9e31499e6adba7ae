// Log-probabilities of targets, the logits never in memory but for 48 rows and 512 columns of a thread.
//
// The workspace takes (maximum, sum of exponentials) of each target and chunk of 512 of the vocabulary; they are put
// together in the vocabulary's order, in double.
#include "device_state.h"

#include <cmath>

namespace retrace::reference {
namespace {

struct partial {
  float maximum, sum;
};

// log(exp(logit) / sum of all), at most 0: that the target's own exponential can be rounded to more than the sum is no
// probability above 1. A NaN stays one.
float combine(const partial *parts, int64_t chunks, float logit) {
  double maximum = parts[0].maximum, sum = parts[0].sum;
  for (int64_t i = 1; i < chunks; i++) {
    const double now = parts[i].maximum > maximum ? parts[i].maximum : maximum;
    sum = sum * std::exp(maximum - now) + parts[i].sum * std::exp(parts[i].maximum - now);
    maximum = now;
  }
  const double log_prob = logit - maximum - std::log(sum);
  return log_prob > 0 ? 0.0f : static_cast<float>(log_prob);
}

}  // namespace

void head(device &d, const retrace_weight &weight, const int32_t *slots, const int32_t *targets, int64_t r,
          float *log_probs) {
  check_cache(d);
  check_indices(slots, r, d.pages * d.page_tokens, "slot");
  check_indices(targets, r, weight.rows, "target");
  const int64_t vocabulary = weight.rows, chunks = d.head_chunks(vocabulary), row_tasks = ceil_div(r, task_rows);
  if (r > d.workspace_targets || chunks > d.head_chunks(d.shape.vocabulary_size) ||
      weight.columns != d.shape.hidden_size)
    RETRACE_FAIL(RETRACE_DEVICE_CALL_FAILED,
                 "a head [" + std::to_string(vocabulary) + ", " + std::to_string(weight.columns) + "] of " +
                     std::to_string(r) + " targets, but the workspace is for [" +
                     std::to_string(d.shape.vocabulary_size) + ", " + std::to_string(d.shape.hidden_size) + "] and " +
                     std::to_string(d.workspace_targets) + " targets; call make_workspace with more");
  partial *const partials = reinterpret_cast<partial *>(d.workspace.floats());
  float *const logits = d.workspace.floats() + 2 * chunks * r;

  d.pool.run(row_tasks * chunks, [&](int64_t task, int32_t thread) {
    const thread_scratch scratch = d.scratch_of(thread);
    const int64_t first_row = task % row_tasks * task_rows, chunk = task / row_tasks, column = chunk * chunk_columns;
    const int64_t rows = first_row + task_rows < r ? task_rows : r - first_row;
    const int64_t columns = column + chunk_columns < vocabulary ? chunk_columns : vocabulary - column;
    const float *pointers[task_rows];
    for (int64_t i = 0; i < rows; i++) pointers[i] = d.hidden(slots[first_row + i]);
    multiply_rows(d, scratch, pointers, rows, weight, column / panel_columns, ceil_div(columns, panel_columns));
    for (int64_t i = 0; i < rows; i++) {
      float *const row = scratch.product + i * chunk_stride;
      const int64_t target = targets[first_row + i] - column;
      if (target >= 0 && target < columns) logits[first_row + i] = row[target];
      partial &part = partials[(first_row + i) * chunks + chunk];
      part = {-INFINITY, 0};
      d.compute->softmax_step(row, columns, 1.0f, false, &part.maximum, &part.sum);
    }
  });
  for (int64_t i = 0; i < r; i++) log_probs[i] = combine(partials + i * chunks, chunks, logits[i]);
}

}  // namespace retrace::reference
