// What the tests of the CPU reference share: an open device, a cache with paths in it, and naive attention in double.
//
// Tolerances are a priori bounds with u = 2^-24, half the distance between neighbouring floats around 1: a sum of n
// products is off by at most (n + 2) u times the sum of their magnitudes (Higham, Accuracy and Stability, chapter 3),
// whatever its order. Rounding to bfloat16 (8 bits) adds up to 2^-8 of the value.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "../counter_random.h"
#include "../reference/kernels.h"
#include "../reference/reference_device.h"
#include "../reference/testing.h"
#include "check.h"

namespace reference_test {

using floats = std::vector<float>;
using ints = std::vector<int32_t>;

inline const retrace_device_api &api = *retrace_reference_device();
constexpr double u = 0x1p-24, bf16_u = 0x1p-8;
constexpr double u_of(bool round) { return round ? bf16_u : 0; }
constexpr int64_t interleave = 8;

inline floats random_floats(uint64_t seed, size_t count, float scale = 1.0f) {
  floats values(count);
  for (size_t i = 0; i < count; i++) values[i] = retrace_counter_random(seed, i, scale);
  return values;
}

// To bfloat16 by way of double arithmetic, not of bits: nearest multiple of the last place, ties to even.
inline float nearest_bf16(double value) {
  if (value == 0 || !std::isfinite(value)) return static_cast<float>(value);
  int exponent;
  std::frexp(value, &exponent);
  const double place = std::ldexp(1.0, exponent - 8);
  return static_cast<float>(std::nearbyint(value / place) * place);
}

inline bool all_bf16(const floats &values) {
  return std::all_of(values.begin(), values.end(), [](float v) { return nearest_bf16(v) == v; });
}

inline bool same_bits(const float *a, const float *b, size_t count) {
  return std::memcmp(a, b, count * sizeof(float)) == 0;
}
inline bool same_bits(const floats &a, const floats &b) {
  return a.size() == b.size() && same_bits(a.data(), b.data(), a.size());
}

inline std::vector<const char *> instruction_sets() {
  std::vector<const char *> usable;
  for (const char *name : {"avx512", "avx2", "baseline"})
    if (retrace::reference::choose_kernels(name) != nullptr) usable.push_back(name);
  return usable;
}

inline retrace_device_options small_options() {
  retrace_device_options options{};
  options.threads = 1;
  options.page_tokens = 16;
  options.shape = {24, 40, 2, 4, 2, 6, 70, 512, 1e-5f};
  return options;
}

struct failed_call : check::failure {
  failed_call(int status, const std::string &message) : check::failure(message), status(status) {}
  int status;
};

// An open device, its buffers plain vectors, as host memory is device memory here.
struct device_case {
  retrace_device *device = nullptr;
  retrace_shape shape;
  std::vector<void *> owned;

  explicit device_case(const retrace_device_options &options) : shape(options.shape) {
    retrace_device_error error{};
    const int status = api.open(&options, &device, &error);
    if (status != RETRACE_DEVICE_OK) throw failed_call(status, error.message);
  }
  ~device_case() {
    for (void *memory : owned) api.release(device, memory);
    api.close(device);
  }
  device_case(const device_case &) = delete;

  void must(int status) const {
    if (status != RETRACE_DEVICE_OK) throw failed_call(status, api.last_error(device)->message);
  }
  retrace_weight empty_weight(int64_t rows, int64_t columns) {
    retrace_weight w{nullptr, rows, columns};
    must(api.allocate(device, api.weight_bytes(device, rows, columns), &w.data));
    owned.push_back(w.data);
    // Never written memory may hold anything.
    std::fill_n(static_cast<float *>(w.data), api.weight_bytes(device, rows, columns) / sizeof(float), std::nanf(""));
    return w;
  }
  retrace_weight weight(const floats &values, int64_t rows, int64_t columns) {
    retrace_weight w = empty_weight(rows, columns);
    must(api.write_weight(device, &w, values.data(), RETRACE_F32, rows, 0, rows, rows));
    return w;
  }
  floats rows_of(const retrace_weight &w) {
    ints ids(static_cast<size_t>(w.rows));
    for (size_t i = 0; i < ids.size(); i++) ids[i] = static_cast<int32_t>(i);
    floats x(static_cast<size_t>(w.rows * w.columns));
    must(api.embed(device, &w, ids.data(), w.rows, x.data()));
    return x;
  }
  floats gemm(const retrace_weight &w, const float *a, int64_t m, retrace_epilogue epilogue, floats out = {}) {
    const int64_t n = epilogue == RETRACE_SWIGLU ? w.rows / 2 : w.rows;
    if (out.empty()) out.assign(static_cast<size_t>(m * n), std::nanf(""));
    // An exact copy, so that the address sanitizer sees a read past the rows.
    const floats rows(a, a + m * w.columns);
    must(api.gemm(device, &w, rows.data(), m, epilogue, out.data()));
    return out;
  }
};

// ---- attention's surroundings: a cache with paths in it ------------------------------------------

inline floats rotary_table(const retrace_shape &s, double (*function)(double)) {
  floats table;
  for (int32_t p = 0; p < s.context_length; p++)
    for (int32_t i = 0; i < s.head_size / 2; i++)
      table.push_back(static_cast<float>(function(p * std::pow(10000.0, -2.0 * i / s.head_size))));
  return table;
}

struct run_of_rows {
  int32_t first_row, rows, first_position;
  ints pages;
};

struct plan_memory {
  std::vector<retrace_segment> segments;
  std::vector<retrace_tile> tiles;
  ints page_table;
  retrace_attention_plan plan{};

  plan_memory(const std::vector<run_of_rows> &runs, int32_t tile_rows) {
    for (const run_of_rows &run : runs) {
      for (int32_t row = 0; row < run.rows; row += tile_rows)
        tiles.push_back({static_cast<int32_t>(segments.size()), row});
      segments.push_back({run.first_row, run.rows, run.first_position, static_cast<int32_t>(page_table.size())});
      page_table.insert(page_table.end(), run.pages.begin(), run.pages.end());
    }
    plan = {segments.data(),
            tiles.data(),
            page_table.data(),
            segments.data(),
            page_table.data(),
            static_cast<int32_t>(segments.size()),
            static_cast<int32_t>(tiles.size()),
            static_cast<int32_t>(page_table.size()),
            0};
  }
};

struct attention_case : device_case {
  int32_t page_tokens, tile_rows;
  int64_t width;  // of a row of qkv

  explicit attention_case(const retrace_device_options &options, int64_t pages = 200)
      : device_case(options), width((shape.heads + 2 * shape.kv_heads) * shape.head_size) {
    retrace_device_facts facts;
    must(api.facts(device, &facts));
    page_tokens = facts.page_tokens;
    tile_rows = facts.attention_tile_rows;
    must(api.make_cache(device, pages));
    retrace_reference_poison_cache(device);
    const floats cosines = rotary_table(shape, std::cos), sines = rotary_table(shape, std::sin);
    must(api.set_rotary(device, cosines.data(), sines.data()));
  }
  // Some order of pages, not that of their numbers.
  ints pages_for(int32_t tokens, int32_t first = 3) const {
    ints pages;
    for (int32_t i = (tokens + page_tokens - 1) / page_tokens; i-- > 0;) pages.push_back(first + i);
    return pages;
  }
  floats random_qkv(uint64_t seed, int64_t m) const {
    return random_floats(seed, static_cast<size_t>(m * width), 2.0f);
  }
  void store(floats &qkv, const std::vector<run_of_rows> &runs, int32_t layer) {
    for (const run_of_rows &run : runs) {
      ints positions, slots;
      for (int32_t i = 0; i < run.rows; i++) {
        const int32_t position = run.first_position + i;
        positions.push_back(position);
        slots.push_back(run.pages[static_cast<size_t>(position / page_tokens)] * page_tokens + position % page_tokens);
      }
      float *const first = qkv.data() + run.first_row * width;
      must(api.rope_and_store(device, first, positions.data(), slots.data(), run.rows, layer));
    }
  }
  floats attend(const floats &qkv, const std::vector<run_of_rows> &runs, int32_t layer) {
    const plan_memory memory(runs, tile_rows);
    floats out(qkv.size() / static_cast<size_t>(width) * static_cast<size_t>(shape.heads * shape.head_size), 7.0f);
    must(api.attention(device, qkv.data(), &memory.plan, layer, out.data()));
    return out;
  }
  floats cached(int32_t layer, int32_t slot, int32_t g, bool is_value) const {
    floats key(static_cast<size_t>(shape.head_size)), value(key.size());
    retrace_reference_read_cache(device, layer, slot, g, key.data(), value.data());
    return is_value ? value : key;
  }
};

// Largest ratio of error to bound over all rows of one run, from rotated queries and what is in the cache.
inline double attention_error(const attention_case &s, const floats &qkv, const floats &out, const run_of_rows &run,
                              int32_t layer, bool round) {
  const int32_t size = s.shape.head_size, heads = s.shape.heads, group = heads / s.shape.kv_heads, t = s.page_tokens;
  double worst = 0;
  for (int32_t row = 0; row < run.rows; row++)
    for (int32_t h = 0; h < heads; h++) {
      const float *const query = &qkv[static_cast<size_t>((run.first_row + row) * s.width + h * size)];
      const int32_t keys = run.first_position + row + 1;
      std::vector<double> scores, sums(static_cast<size_t>(size)), magnitudes(sums.size());
      double largest_product = 0, spread = 0, total = 0;
      for (int32_t p = 0; p < keys; p++) {
        const floats key = s.cached(layer, run.pages[static_cast<size_t>(p / t)] * t + p % t, h / group, false);
        double score = 0, product = 0;
        for (int32_t i = 0; i < size; i++) {
          score += static_cast<double>(query[i]) * key[static_cast<size_t>(i)];
          product += std::fabs(static_cast<double>(query[i]) * key[static_cast<size_t>(i)]);
        }
        scores.push_back(score / std::sqrt(size));
        largest_product = std::max(largest_product, product / std::sqrt(size));
      }
      const double maximum = *std::max_element(scores.begin(), scores.end());
      for (int32_t p = 0; p < keys; p++) {
        const floats value = s.cached(layer, run.pages[static_cast<size_t>(p / t)] * t + p % t, h / group, true);
        const double weight = std::exp(scores[static_cast<size_t>(p)] - maximum);
        spread = std::max(spread, maximum - scores[static_cast<size_t>(p)]);
        total += weight;
        for (size_t i = 0; i < sums.size(); i++) {
          sums[i] += weight * value[i];
          magnitudes[i] += std::fabs(weight * value[i]);
        }
      }
      // Scores are off by `off`, which moves numerator and denominator; each exponential is off by 2 last places (4 u)
      // and by the rounding of its argument; each page's factor is one more of them; the sums add (keys + 2) u each.
      const double off = (size + 4) * u * largest_product;
      const int32_t pages = keys / t + 1;
      const double relative = 2 * (off + spread * u + pages * 8 * u + (keys + 8) * u) + 2 * u_of(round);
      for (size_t i = 0; i < sums.size(); i++) {
        const double found = out[static_cast<size_t>(((run.first_row + row) * heads + h) * size) + i];
        const double bound = relative * magnitudes[i] / total;
        worst = std::max(worst, std::fabs(found - sums[i] / total) / bound);
        if (std::isnan(found)) return INFINITY;
      }
    }
  return worst;
}

// ---- the head's surroundings: hidden states in the cache ------------------------------------------

struct head_case : attention_case {
  ints slots;
  floats hidden;  // [slots, C]
  explicit head_case(const retrace_device_options &options, int32_t count = 120) : attention_case(options, 10) {
    const floats gain(static_cast<size_t>(shape.hidden_size), 1.0f);
    const floats x = random_floats(30, static_cast<size_t>(count) * gain.size());
    for (int32_t i = 0; i < count; i++) slots.push_back((i * 7 + 3) % 160);
    must(api.store_hidden(device, x.data(), gain.data(), slots.data(), count));
    for (int32_t slot : slots) {
      floats row(gain.size());
      retrace_reference_read_hidden(device, slot, row.data());
      hidden.insert(hidden.end(), row.begin(), row.end());
    }
    must(api.make_workspace(device, 1, count));
  }
  floats score(const retrace_weight &w, const ints &rows, const ints &targets) {
    floats log_probs(targets.size(), 3.0f);
    must(api.head(device, &w, rows.data(), targets.data(), static_cast<int64_t>(targets.size()), log_probs.data()));
    return log_probs;
  }
};

inline ints some_targets(size_t count, int32_t vocabulary) {
  ints targets;
  for (size_t i = 0; i < count; i++) targets.push_back(static_cast<int32_t>(i * 997) % vocabulary);
  targets[0] = vocabulary - 1;
  return targets;
}

}  // namespace reference_test
