// What the kernels are compared with: the same functions in float64, written down plainly, and the bit patterns of
// bfloat16 and float16, written apart from the kernels' own. Arrays end at a page that cannot be touched, so a read or
// write behind an array ends the test program.
#pragma once

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <utility>
#include <vector>

#include "../kernels/launchers.h"

namespace oracle {

using retrace::bf16;
using retrace::kv_layout;

inline double value_of(bf16 bits) {
  const uint32_t wide = static_cast<uint32_t>(bits) << 16;
  float value;
  std::memcpy(&value, &wide, 4);
  return value;
}

// The nearest of the two neighbours; the even one of two that are as near.
inline bf16 rounded(float value) {
  uint32_t wide;
  std::memcpy(&wide, &value, 4);
  const uint32_t below = wide >> 16, rest = wide & 0xFFFFu;
  return static_cast<bf16>(below + (rest > 0x8000u || (rest == 0x8000u && below % 2 == 1) ? 1 : 0));
}

inline bool is_nan(bf16 bits) { return (bits & 0x7FFFu) > 0x7F80u; }

// Says what a touch of memory outside of an array is before the program ends by it.
inline void tell_of_walls() {
  struct sigaction action{};
  action.sa_handler = [](int) {
    const char text[] = "not ok - a kernel read or wrote outside of an array\n";
    _exit(write(STDOUT_FILENO, text, sizeof text - 1) > 0 ? 3 : 4);
  };
  sigaction(SIGSEGV, &action, nullptr);
}

// Memory as a device has it: full of NaN until it is written, and nothing behind its end (up to 16 bytes of alignment).
template <class T>
class array {
 public:
  explicit array(size_t count, unsigned char fill = 0xFF) : count_(count) {
    const size_t page = 4096, bytes = (count * sizeof(T) + 15) / 16 * 16;
    const size_t pages = (bytes + page - 1) / page;
    mapped_ = (pages + 1) * page;
    base_ = static_cast<char *>(mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(base_ + pages * page, page, PROT_NONE);
    data_ = reinterpret_cast<T *>(base_ + pages * page - bytes);
    std::memset(base_, 0xFF, pages * page);
    std::memset(data_, fill, count * sizeof(T));
  }
  array(const std::vector<T> &values) : array(values.size()) {
    if (!values.empty()) std::memcpy(data_, values.data(), values.size() * sizeof(T));
  }
  array(array &&other) noexcept
      : base_(std::exchange(other.base_, nullptr)), mapped_(other.mapped_), data_(other.data_), count_(other.count_) {}
  array(const array &) = delete;
  array &operator=(const array &) = delete;
  ~array() {
    if (base_) munmap(base_, mapped_);
  }
  operator T *() { return data_; }
  operator const T *() const { return data_; }
  size_t size() const { return count_; }
  std::vector<T> values() const { return std::vector<T>(data_, data_ + count_); }

 private:
  char *base_ = nullptr;
  size_t mapped_ = 0;
  T *data_ = nullptr;
  size_t count_ = 0;
};

class numbers {
 public:
  explicit numbers(uint32_t seed) : engine_(seed) {}
  std::vector<bf16> bf16s(size_t count, float scale = 1) {
    std::vector<bf16> all(count);
    for (bf16 &one : all) one = rounded(normal_(engine_) * scale);
    return all;
  }
  std::vector<float> floats(size_t count, float scale = 1, float middle = 0) {
    std::vector<float> all(count);
    for (float &one : all) one = middle + normal_(engine_) * scale;
    return all;
  }
  std::vector<int32_t> integers(size_t count, int32_t below) {
    std::vector<int32_t> all(count);
    for (int32_t &one : all) one = static_cast<int32_t>(engine_() % static_cast<uint32_t>(below));
    return all;
  }
  // Each of [0, count) once.
  std::vector<int32_t> order(int32_t count) {
    std::vector<int32_t> all(static_cast<size_t>(count));
    for (int32_t i = 0; i < count; i++) all[static_cast<size_t>(i)] = i;
    for (size_t i = all.size(); i-- > 1;) std::swap(all[i], all[engine_() % (i + 1)]);
    return all;
  }

 private:
  std::mt19937 engine_;
  std::normal_distribution<float> normal_;
};

// The length of the difference over the length of what is expected; NaN where a value found is NaN.
class relative_l2 {
 public:
  void add(double found, double expected) {
    difference_ += (found - expected) * (found - expected);
    length_ += expected * expected;
  }
  double value() const { return std::sqrt(difference_ / length_); }

 private:
  double difference_ = 0, length_ = 0;
};

inline double silu(double x) { return x / (1 + std::exp(-x)); }

// sum over k of a[row, k] * weight[column, k]
inline double dot(const bf16 *a, const bf16 *weight, int64_t row, int64_t column, int64_t k) {
  double sum = 0;
  for (int64_t i = 0; i < k; i++) sum += value_of(a[row * k + i]) * value_of(weight[column * k + i]);
  return sum;
}

// log softmax of row `row` of hidden times head transposed, at `target`
inline double log_softmax(const std::vector<double> &logits, int64_t target) {
  double largest = -INFINITY, sum = 0;
  for (double logit : logits) largest = std::max(largest, logit);
  for (double logit : logits) sum += std::exp(logit - largest);
  return logits[static_cast<size_t>(target)] - largest - std::log(sum);
}

// Where element `column` of row `row` lies in a tile [T, D] of the cache: the words of `kv_layout`, one by one.
inline int64_t place_in_tile(kv_layout layout, int64_t t, int64_t d, int64_t row, int64_t column) {
  if (layout == kv_layout::rows) return row * d + column;
  const int64_t width = d < 64 ? d : 64, chunks = d / 8 < 8 ? d / 8 : 8;
  const int64_t block = column / width, chunk = column % width / 8;
  return block * t * width + row * width + (chunk ^ (row & (chunks - 1))) * 8 + column % 8;
}

// A cache of its own memory.
struct cache_memory {
  cache_memory(int32_t layers, int32_t pages, int32_t page_tokens, int32_t kv_heads, int32_t head_size,
               kv_layout layout)
      : layers_(layers),
        pages_(pages),
        data(static_cast<size_t>(layers) * pages * kv_heads * 2 * page_tokens * head_size),
        view{data,        static_cast<int64_t>(pages) * kv_heads * 2 * page_tokens * head_size,
             page_tokens, kv_heads,
             head_size,   layout} {}
  // Element `column` of the key (or value) of one head in row `row` of a page.
  bf16 &at(int64_t layer, int64_t page, int64_t kv_head, bool values, int64_t row, int64_t column) {
    const int64_t t = view.page_tokens, d = view.head_size;
    const int64_t tile = ((layer * pages_ + page) * view.kv_heads + kv_head) * 2 + (values ? 1 : 0);
    return data[static_cast<size_t>(tile * t * d + place_in_tile(view.layout, t, d, row, column))];
  }
  int32_t layers_, pages_;
  array<bf16> data;
  retrace::kv_cache view;
};

}  // namespace oracle
