// The forward pass over one batch, and the head over the hidden states that it left in the cache. Written once, over the
// device interface; owns the buffers between the device's functions.
#pragma once

#include <cstdint>
#include <vector>

#include "../device.h"
#include "model.h"
#include "planner.h"
#include "retrace_engine.h"

namespace retrace {

struct target {
  int32_t slot;  // of the hidden state that predicts it
  int32_t token;
  int64_t index;  // where its log-probability goes
};

class forward_pass {
 public:
  // Allocates; nothing is allocated afterwards.
  forward_pass(const retrace_device_api &api, retrace_device *device, const retrace_device_facts &facts,
               const model_config &config, const device_weights &weights, int64_t max_rows, int64_t max_targets,
               int64_t max_page_entries);
  ~forward_pass();
  forward_pass(const forward_pass &) = delete;
  forward_pass &operator=(const forward_pass &) = delete;

  // What the constructor will allocate, bytes.
  static int64_t bytes(const retrace_device_facts &facts, const retrace_shape &shape, int64_t max_rows,
                       int64_t max_targets, int64_t max_page_entries);

  // Keys, values and the wanted hidden states of the batch. Throws `aborted` between layers.
  void run(const batch &batch, retrace_abort *abort);
  // log_probs[target.index] for all targets. Throws `not_finite`, `aborted`.
  void score(const std::vector<target> &targets, float *log_probs, retrace_abort *abort);

 private:
  struct uploaded;  // a batch's arrays in device memory
  void allocate();
  void release();
  uploaded upload(const batch &batch);
  void compact(const int32_t *rows, int64_t count);
  void check(int status) const;

  const retrace_device_api &api_;
  retrace_device *device_;
  retrace_device_facts facts_;
  model_config config_;
  const device_weights &weights_;
  int64_t max_rows_, max_targets_, max_page_entries_;

  // M rows: residual stream float [M, C]; `narrow_` holds normed activations [M, C], then the attention's [M, H * D];
  // qkv [M, (H + 2G) * D]; `wide_` holds the feed-forward activations [M, F], and is the scratch of `compact`.
  float *residual_ = nullptr;
  void *narrow_ = nullptr, *qkv_ = nullptr, *wide_ = nullptr;
  int32_t *arrays_ = nullptr;    // the batch's integers
  int32_t *identity_ = nullptr;  // 0, 1, 2, ...
  int32_t *head_arrays_ = nullptr;
  float *log_probs_ = nullptr;
  std::vector<int32_t> staging_;
  std::vector<float> answers_;
  std::vector<void *> owned_;
};

}  // namespace retrace
