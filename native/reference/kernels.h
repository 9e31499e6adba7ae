// The loops that take the time, compiled once for each instruction set and chosen when a device is opened.
//
// One order of additions per output element, whatever the number of rows and wherever a row stands: sums run over the
// depth from first to last, each step one fused multiply-add (on a processor without it, a product and a sum, both
// rounded; no compiler can fuse what the processor cannot do). Bits differ between instruction sets, never within one.
#pragma once

#include <cstdint>

#include "layout.h"

namespace retrace::reference {

struct kernels {
  const char *name;    // "AVX-512"
  const char *option;  // as `retrace_device_options.kernels` has it: "avx512"
  int64_t block_rows;  // B, rows of one block of `product`
  bool (*is_usable)();

  // c[B, 32] = (add ? c : 0) + a[B, depth] times b[depth, 32]; a's rows are `operand_stride` apart.
  void (*product)(const float *a, const float *b, int64_t b_stride, int64_t depth, bool add, float *c,
                  int64_t c_stride);
  // target += factor * source, in the very operations of one step of `product`; `count` is a multiple of 32.
  void (*add_scaled)(const float *source, float factor, int64_t count, float *target);
  // target *= factor; `count` is a multiple of 32.
  void (*scale)(float factor, int64_t count, float *target);

  // One step of a softmax over pieces of a row: scores x[count] become exp(x * scale - maximum), where `maximum` takes
  // the piece in, and `sum` takes in the exponentials (before they are rounded to bfloat16, if they are). Returns the
  // factor for what was summed up before. x is written up to a multiple of 32, with zeros behind `count`.
  float (*softmax_step)(float *x, int64_t count, float scale, bool round, float *maximum, float *sum);

  // out[n] = x / rms(x) * gain
  void (*rms_norm)(const float *x, const float *gain, int64_t n, float epsilon, bool round, float *out);
  // out[n / 2] = silu(gate) * up, where gates and ups alternate in blocks of 8 in x[n]; n is a multiple of 16.
  void (*swiglu)(const float *x, int64_t n, bool round, float *out);
  // out[n] = x, rounded where asked for.
  void (*store)(const float *x, int64_t n, bool round, float *out);
  // out[n] += x
  void (*add)(const float *x, int64_t n, float *out);
  // Both halves of a head: (a, b) turn to (a * cos - b * sin, b * cos + a * sin).
  void (*rotate)(float *head, const float *cosines, const float *sines, int64_t half, bool round);
  // out[n] = exp(x); for tests.
  void (*exponentials)(const float *x, int64_t n, float *out);
};

// In order of preference. The last is there on every processor.
extern const kernels avx512_kernels, avx2_kernels, baseline_kernels;

// `option` NULL or "auto" gives the best that this processor has. NULL where it lacks the one named, or none has that
// name.
const kernels *choose_kernels(const char *option);

}  // namespace retrace::reference
