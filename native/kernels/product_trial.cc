// Whether a kernel may be trusted with one of the model's four products is found out by trial, at load, on random
// operands: its rows must be the same in every bit whether 1, 7, 256 or all of the batch's rows are computed, wherever
// they stand, and whatever the others hold; and they must agree with the portable kernel. What fails is left to the
// portable kernel, which is row-invariant by its construction.
//
// Shapes: M rows, N x K the weight. Memory of the trial is given back at its end.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "cuda_device.h"

namespace retrace::cuda {
namespace {

constexpr int64_t few_rows = 256;
constexpr int64_t usual_rows = 8192;  // of a full batch
// Two kernels add in another order and so round some outputs to neighbours in bfloat16, whose distance is 2^-7 of a value
// at most, 7.8e-3. 1e-2 is more than all values going that way, and far less than a wrong operand, row or layout gives.
constexpr double largest_difference = 1e-2;
constexpr int residual_byte = 0x3F;  // 0x3F3F3F3F is 0.747 as a float: what an adding product finds

struct product_shape {
  int64_t n, k;
  retrace_epilogue epilogue;
  size_t out_row_bytes() const {
    return static_cast<size_t>(epilogue == RETRACE_ADD ? n * 4 : epilogue == RETRACE_STORE ? n * 2 : n);
  }
};

float float_of(bf16 value) {
  const uint32_t bits = static_cast<uint32_t>(value) << 16;
  float out;
  std::memcpy(&out, &bits, sizeof out);
  return out;
}

// Rows of one product's output in host memory.
struct rows_of_out {
  std::vector<char> bytes;
  double distance_to(const rows_of_out &other, bool is_float) const {
    double difference = 0, size = 0;
    const size_t step = is_float ? 4 : 2;
    for (size_t i = 0; i + step <= bytes.size(); i += step) {
      const double x = at(i, is_float), y = other.at(i, is_float);
      difference += (x - y) * (x - y);
      size += y * y;
    }
    return std::sqrt(difference / size);
  }

 private:
  double at(size_t i, bool is_float) const {
    float wide;
    bf16 narrow;
    if (is_float) std::memcpy(&wide, &bytes[i], sizeof wide);
    else std::memcpy(&narrow, &bytes[i], sizeof narrow);
    return is_float ? wide : float_of(narrow);
  }
};

class trial {
 public:
  trial(cuda_device &d, int64_t rows) : d_(d), rows_(round_up(std::max<int64_t>(rows, 1), row_multiple)) {
    few_ = std::min(few_rows, rows_);
    // 27 is in no kernel's grid of rows: a twin stands at another place of its tile, not only in another tile.
    twins_ = std::min(few_, rows_ / 2) - 27;
  }
  ~trial() {
    for (void **memory : {&weight_, &a_, &a_few_, &out_, &out_few_}) give_back(d_, *memory);
  }

  // Memory that is enough for each of the shapes.
  int prepare(const std::vector<product_shape> &shapes) {
    size_t weight = 0, row = 0, out_row = 0;
    for (const product_shape &s : shapes) {
      weight = std::max(weight, static_cast<size_t>(s.n * s.k) * sizeof(bf16));
      row = std::max(row, static_cast<size_t>(s.k) * sizeof(bf16));
      out_row = std::max(out_row, s.out_row_bytes());
    }
    const char *what = "trial of the kernels (given back after it)";
    RETRACE_PASS_ON(take(d_, what, weight, &weight_));
    RETRACE_PASS_ON(take(d_, what, static_cast<size_t>(rows_) * row, &a_));
    RETRACE_PASS_ON(take(d_, what, static_cast<size_t>(few_) * row, &a_few_));
    RETRACE_PASS_ON(take(d_, what, static_cast<size_t>(rows_) * out_row, &out_));
    return take(d_, what, static_cast<size_t>(few_) * out_row, &out_few_);
  }

  // New operands; the last rows of `a` are the first once more.
  int begin(const product_shape &shape) {
    shape_ = shape;
    row_bytes_ = static_cast<size_t>(shape.k) * sizeof(bf16);
    const float scale = 1.0f / std::sqrt(static_cast<float>(shape.k));
    RETRACE_CUDA_CHECK(d_.errors,
                       launch_randomize(d_.stream, static_cast<bf16 *>(weight_), shape.n * shape.k, 1, scale));
    RETRACE_CUDA_CHECK(d_.errors, launch_randomize(d_.stream, static_cast<bf16 *>(a_), rows_ * shape.k, 2, 1.0f));
    RETRACE_CUDA_CHECK(d_.errors,
                       cudaMemcpyAsync(static_cast<char *>(a_) + static_cast<size_t>(rows_ - twins_) * row_bytes_, a_,
                                       static_cast<size_t>(twins_) * row_bytes_, cudaMemcpyDefault, d_.stream));
    product_choice portable;
    return few(portable, few_, &expected_);
  }

  // `*reason` is null where `how` may be used, else why not.
  int judge(const product_choice &how, const char **reason) {
    *reason = nullptr;
    rows_of_out all, twins;
    RETRACE_PASS_ON(product(how, a_, rows_, out_));
    RETRACE_PASS_ON(fetch(out_, 0, few_, &all));
    RETRACE_PASS_ON(fetch(out_, rows_ - twins_, twins_, &twins));
    if (!starts_with(all, twins)) *reason = "a row depends on where it stands";
    for (const int64_t m : {int64_t(1), int64_t(7), few_}) {
      rows_of_out alone;
      RETRACE_PASS_ON(few(how, m, &alone));
      if (!starts_with(all, alone)) *reason = "a row depends on the batch";
    }
    // Written so that a NaN is refused.
    if (!(all.distance_to(expected_, shape_.epilogue == RETRACE_ADD) <= largest_difference)) {
      *reason = "it disagrees with mma.sync";
    }
    return RETRACE_DEVICE_OK;
  }

 private:
  static bool starts_with(const rows_of_out &all, const rows_of_out &some) {
    return std::memcmp(all.bytes.data(), some.bytes.data(), some.bytes.size()) == 0;
  }
  int product(const product_choice &how, const void *a, int64_t m, void *out) {
    const size_t bytes = static_cast<size_t>(m) * shape_.out_row_bytes();
    RETRACE_CUDA_CHECK(d_.errors, cudaMemsetAsync(out, residual_byte, bytes, d_.stream));
    return compute_product(d_, how, static_cast<const bf16 *>(weight_), shape_.n, shape_.k,
                           static_cast<const bf16 *>(a), m, shape_.epilogue, out);
  }
  // The first m rows alone, in front of rows of NaN.
  int few(const product_choice &how, int64_t m, rows_of_out *rows) {
    RETRACE_CUDA_CHECK(d_.errors, cudaMemsetAsync(a_few_, 0xFF, static_cast<size_t>(few_) * row_bytes_, d_.stream));
    RETRACE_CUDA_CHECK(d_.errors,
                       cudaMemcpyAsync(a_few_, a_, static_cast<size_t>(m) * row_bytes_, cudaMemcpyDefault, d_.stream));
    RETRACE_PASS_ON(product(how, a_few_, m, out_few_));
    return fetch(out_few_, 0, m, rows);
  }
  int fetch(const void *out, int64_t first, int64_t count, rows_of_out *rows) {
    const size_t row = shape_.out_row_bytes();
    rows->bytes.resize(static_cast<size_t>(count) * row);
    return download(d_, rows->bytes.data(), static_cast<const char *>(out) + static_cast<size_t>(first) * row,
                    rows->bytes.size());
  }

  cuda_device &d_;
  int64_t rows_, few_, twins_;
  product_shape shape_{};
  size_t row_bytes_ = 0;
  void *weight_ = nullptr, *a_ = nullptr, *a_few_ = nullptr, *out_ = nullptr, *out_few_ = nullptr;
  rows_of_out expected_;
};

// The kernels that come into question for a product, the wanted ones first. `*why_none` says why where there are none.
std::vector<product_choice> candidates(const cuda_device &d, const product_shape &shape, int64_t rows,
                                       const char **why_none) {
  constexpr size_t most = 4;  // of the library's algorithms: the later ones are slower
  product_choice plain;
  plain.n = shape.n;
  plain.k = shape.k;
  plain.epilogue = shape.epilogue;
  plain.kind = d.choice.gemm;
  if (d.choice.gemm != gemm_kind::cublaslt) return {plain};
  std::vector<product_choice> out;
  const bool adds = shape.epilogue == RETRACE_ADD;
  const bool in_pieces = shape.epilogue == RETRACE_SWIGLU;
  // Asked for at one M whatever the largest batch is: another algorithm would mean other bits.
  const int64_t asked_at = in_pieces ? swiglu_rows : usual_rows;
  const int64_t at_once = in_pieces ? std::min(rows, swiglu_rows) : rows;
  for (const cublaslt_product &algorithm :
       d.library->algorithms(asked_at, at_once, row_multiple, shape.n, shape.k, adds, why_none)) {
    plain.library = algorithm;
    if (out.size() < most) out.push_back(plain);
  }
  return out;
}

}  // namespace

int choose_products(cuda_device &d) {
  const retrace_shape &s = d.shape;
  const int64_t attention = int64_t(s.heads) * s.head_size, keys = int64_t(s.kv_heads) * s.head_size;
  const std::vector<product_shape> shapes = {{attention + 2 * keys, s.hidden_size, RETRACE_STORE},
                                             {s.hidden_size, attention, RETRACE_ADD},
                                             {2ll * s.intermediate_size, s.hidden_size, RETRACE_SWIGLU},
                                             {s.hidden_size, s.intermediate_size, RETRACE_ADD}};
  for (size_t i = 0; i < shapes.size(); i++) {
    d.products[i] = {};
    d.products[i].n = shapes[i].n;
    d.products[i].k = shapes[i].k;
    d.products[i].epilogue = shapes[i].epilogue;
  }
  const bool library_is_missing = d.choice.gemm == gemm_kind::cublaslt && d.library == nullptr;
  if (d.choice.gemm == gemm_kind::portable || library_is_missing) return RETRACE_DEVICE_OK;

  const int64_t rows = round_up(std::max<int64_t>(d.scratch.rows, 1), row_multiple);
  trial t(d, rows);
  RETRACE_PASS_ON(t.prepare(shapes));
  for (size_t i = 0; i < shapes.size(); i++) {
    RETRACE_PASS_ON(t.begin(shapes[i]));
    const char *reason = nullptr;
    for (const product_choice &candidate : candidates(d, shapes[i], rows, &reason)) {
      const int status = t.judge(candidate, &reason);
      if (status == RETRACE_DEVICE_UNSUPPORTED) reason = "the library does not support it";
      else RETRACE_PASS_ON(status);
      if (reason == nullptr) d.products[i] = candidate;
      if (reason == nullptr) break;
    }
    d.products[i].refused = reason;
  }
  return RETRACE_DEVICE_OK;
}

}  // namespace retrace::cuda
