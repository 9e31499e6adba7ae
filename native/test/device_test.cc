// What every device promises, asked of each through its table of functions: the CPU reference rounding to bfloat16, the
// CUDA sources over the emulator, and a GPU where there is one. What is expected is computed here, in double precision,
// from operands that were rounded to bfloat16 first.
//
// All memory starts as NaN, so that a read of what nobody wrote shows.
#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <random>

#include "../counter_random.h"
#include "../device.h"
#include "../reference/reference_device.h"
#include "check.h"

#include <cuda_runtime_api.h>  // the emulator's

extern "C" const retrace_device_api *retrace_device_entry_point(uint32_t abi);

namespace {

// ---- numbers --------------------------------------------------------------------------------------

float widen(uint16_t value) {
  const uint32_t bits = static_cast<uint32_t>(value) << 16;
  float out;
  std::memcpy(&out, &bits, 4);
  return out;
}
uint16_t narrow(float value) {  // to nearest, ties to even; finite values alone
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return static_cast<uint16_t>((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
}
float rounded(double value) { return widen(narrow(static_cast<float>(value))); }

std::vector<float> random_bf16(size_t count, uint32_t seed, double deviation = 1) {
  std::mt19937 engine(seed);
  std::normal_distribution<double> normal(0, deviation);
  std::vector<float> out(count);
  for (float &x : out) x = rounded(normal(engine));
  return out;
}

// |a - b| / |b|, both as vectors; NaN where one is.
template <class A, class B>
double distance(const std::vector<A> &a, const std::vector<B> &b) {
  if (a.size() != b.size() || a.empty()) throw check::failure("vectors of different or no length are compared");
  double difference = 0, size = 0;
  for (size_t i = 0; i < a.size(); i++) {
    difference += (double(a[i]) - double(b[i])) * (double(a[i]) - double(b[i]));
    size += double(b[i]) * double(b[i]);
  }
  return std::sqrt(difference / size);
}
// Written so that NaN fails.
#define EXPECT_BELOW(value, bound)                                                                       \
  do {                                                                                                   \
    const double value_ = (value);                                                                       \
    if (!(value_ <= (bound)))                                                                            \
      throw check::failure(std::string(__FILE__) + ":" + std::to_string(__LINE__) + ": " #value " is " + \
                           std::to_string(value_) + ", expected at most " + std::to_string(bound));      \
  } while (0)

// A sum of K float products, added up in any order, is off by at most some K * 2^-24 of the sum of magnitudes, by far
// less on average; for the K of these tests (below 400) in all elements together:
constexpr double float_tolerance = 1e-5;
// One rounding to bfloat16 moves a value by 2^-8 of itself at most, 3.9e-3; the root mean square over a matrix is less
// than half of that.
constexpr double bf16_tolerance = 3e-3;
// Attention rounds probabilities, and its output.
constexpr double attention_tolerance = 4e-3;
// SwiGLU may round gate and up before it rounds its output.
constexpr double swiglu_tolerance = 6e-3;

// ---- a device under test ----------------------------------------------------------------------------

retrace_shape small_shape(int32_t head_size = 16) {
  retrace_shape s{};
  s.hidden_size = 40;
  s.intermediate_size = 56;
  s.layers = 2;
  s.heads = 4;
  s.kv_heads = 2;
  s.head_size = head_size;
  s.vocabulary_size = 203;
  s.context_length = 640;
  s.norm_epsilon = 1e-5f;
  return s;
}

struct rig {
  const retrace_device_api *api;
  retrace_shape shape;
  retrace_device *device = nullptr;
  retrace_device_facts facts{};
  std::vector<void *> owned;

  rig(const retrace_device_api *table, const retrace_shape &s, const char *kernels = nullptr) : api(table), shape(s) {
    retrace_device_options options{};
    options.round_to_bf16 = 1;
    options.threads = 1;
    options.kernels = kernels;
    options.shape = s;
    if (std::strcmp(api->name, "cpu") == 0) options.page_tokens = 128;
    retrace_device_error error{};
    if (api->open(&options, &device, &error) != 0) throw check::failure(std::string("open: ") + error.message);
    ok(api->facts(device, &facts));
  }
  ~rig() {
    for (void *memory : owned) api->release(device, memory);
    api->close(device);
  }
  rig(const rig &) = delete;

  void ok(int status) const {
    if (status == 0) return;
    const retrace_device_error &e = *api->last_error(device);
    throw check::failure(std::string("status ") + std::to_string(status) + " at " + e.file + ":" +
                         std::to_string(e.line) + ": " + e.message);
  }
  // NaN in every element.
  void *take(size_t bytes) {
    void *memory = nullptr;
    ok(api->allocate(device, bytes, &memory));
    owned.push_back(memory);
    const std::vector<unsigned char> poison(bytes, 0xFF);
    ok(api->upload(device, memory, poison.data(), bytes));
    return memory;
  }
  template <class T>
  T *put(const std::vector<T> &values, int64_t rows = 0, int64_t columns = 0) {
    const size_t padded =
        static_cast<size_t>((rows + facts.row_multiple - 1) / facts.row_multiple * facts.row_multiple);
    T *memory = static_cast<T *>(take(std::max(values.size(), padded * static_cast<size_t>(columns)) * sizeof(T)));
    ok(api->upload(device, memory, values.data(), values.size() * sizeof(T)));
    return memory;
  }
  template <class T>
  std::vector<T> get(const void *memory, size_t count) const {
    std::vector<T> out(count);
    ok(api->download(device, out.data(), memory, count * sizeof(T)));
    return out;
  }
  // Activations [rows, columns]; the buffer goes up to the row multiple.
  void *put_activations(const std::vector<float> &values, int64_t columns) {
    const int64_t rows = static_cast<int64_t>(values.size()) / columns;
    if (facts.activation_bytes == 4) return put(values, rows, columns);
    std::vector<uint16_t> bits(values.size());
    std::transform(values.begin(), values.end(), bits.begin(), narrow);
    return put(bits, rows, columns);
  }
  void *room_for_activations(int64_t rows, int64_t columns) {
    const int64_t padded = (rows + facts.row_multiple - 1) / facts.row_multiple * facts.row_multiple;
    return take(static_cast<size_t>(padded * columns * facts.activation_bytes));
  }
  std::vector<float> get_activations(const void *memory, size_t count) const {
    if (facts.activation_bytes == 4) return get<float>(memory, count);
    const std::vector<uint16_t> bits = get<uint16_t>(memory, count);
    std::vector<float> out(count);
    std::transform(bits.begin(), bits.end(), out.begin(), widen);
    return out;
  }
  retrace_weight weight(int64_t rows, int64_t columns) {
    return {take(api->weight_bytes(device, rows, columns)), rows, columns};
  }
  retrace_weight weight(const std::vector<float> &values, int64_t columns) {
    const int64_t rows = static_cast<int64_t>(values.size()) / columns;
    retrace_weight w = weight(rows, columns);
    ok(api->write_weight(device, &w, values.data(), RETRACE_F32, rows, 0, rows, rows));
    return w;
  }
  // The rows of a weight as the device has them, by embedding them one after another.
  std::vector<float> rows_of(const retrace_weight &w) {
    std::vector<int32_t> ids(static_cast<size_t>(w.rows));
    for (size_t i = 0; i < ids.size(); i++) ids[i] = static_cast<int32_t>(i);
    float *x = static_cast<float *>(take(static_cast<size_t>((w.rows + facts.row_multiple) * w.columns) * 4));
    ok(api->embed(device, &w, put(ids), w.rows, x));
    return get<float>(x, static_cast<size_t>(w.rows * w.columns));
  }
};

// ---- what each function promises -------------------------------------------------------------------

// float16 bits of small integers, by their definition: 1.f * 2^e.
uint16_t float16_of(int value) {
  if (value == 0) return 0;
  const int magnitude = std::abs(value), exponent = static_cast<int>(std::log2(magnitude));
  return static_cast<uint16_t>((value < 0 ? 0x8000 : 0) | ((exponent + 15) << 10) |
                               (((magnitude << 10) >> exponent) & 0x3FF));
}

void writes_weights(const retrace_device_api *api) {
  rig r(api, small_shape());
  const int64_t rows = 48, columns = 40;

  // float32, in blocks of 8 that leave room for another matrix's, from host memory and from the device's
  std::vector<float> gate = random_bf16(rows / 2 * columns, 1), up(gate.size());
  for (size_t i = 0; i < gate.size(); i++) up[i] = gate[i] * 3 + 0.00123f;  // more bits than bfloat16 has
  retrace_weight w = r.weight(rows, columns);
  r.ok(api->write_weight(r.device, &w, gate.data(), RETRACE_F32, rows / 2, 0, 8, 16));
  r.ok(api->write_weight(r.device, &w, r.put(up), RETRACE_F32, rows / 2, 8, 8, 16));
  const std::vector<float> found = r.rows_of(w);
  for (int64_t row = 0; row < rows; row++) {
    const std::vector<float> &source = row / 8 % 2 == 0 ? gate : up;
    const int64_t source_row = row / 16 * 8 + row % 8;
    for (int64_t c = 0; c < columns; c++) {
      EXPECT_EQUAL(found[row * columns + c], rounded(source[source_row * columns + c]));
    }
  }

  // bfloat16 and float16, from the third row on
  std::vector<uint16_t> bits(20 * columns), halves(20 * columns);
  for (size_t i = 0; i < bits.size(); i++) {
    bits[i] = narrow(gate[i]);
    halves[i] = float16_of(static_cast<int>(i % 511) - 255);
  }
  r.ok(api->write_weight(r.device, &w, bits.data(), RETRACE_BF16, 20, 3, 20, 20));
  r.ok(api->write_weight(r.device, &w, halves.data(), RETRACE_F16, 20, 23, 20, 20));
  const std::vector<float> other = r.rows_of(w);
  for (size_t i = 0; i < bits.size(); i++) {
    EXPECT_EQUAL(other[3 * columns + i], gate[i]);
    EXPECT_EQUAL(other[23 * columns + i], static_cast<float>(static_cast<int>(i % 511) - 255));
  }
}

// More rows than a pinned buffer of the emulated device takes (64 KiB, 5 of them), in blocks and in one piece.
void writes_weights_larger_than_its_buffers(const retrace_device_api *api) {
  rig r(api, small_shape());
  const int64_t rows = 2400, columns = 40;
  std::vector<float> source(rows * columns);
  for (size_t i = 0; i < source.size(); i++) source[i] = rounded(double(i % 251) + double(i / columns % 256) * 256);
  retrace_weight plain = r.weight(rows, columns), mixed = r.weight(rows * 2, columns);
  r.ok(api->write_weight(r.device, &plain, source.data(), RETRACE_F32, rows, 0, rows, rows));
  EXPECT(r.rows_of(plain) == source);
  r.ok(api->write_weight(r.device, &mixed, source.data(), RETRACE_F32, rows, 0, 600, 1200));
  r.ok(api->write_weight(r.device, &mixed, source.data(), RETRACE_F32, rows, 600, 600, 1200));
  const std::vector<float> found = r.rows_of(mixed);
  for (int64_t row = 0; row < 2 * rows; row++) {
    const int64_t from = row / 1200 * 600 + row % 600;
    EXPECT(std::equal(&found[row * columns], &found[row * columns] + columns, &source[from * columns]));
  }
}

void makes_random_weights(const retrace_device_api *api) {
  rig r(api, small_shape());
  retrace_weight w = r.weight(33, 40);
  r.ok(api->randomize_weight(r.device, &w, 12345, 0.07f));
  const std::vector<float> found = r.rows_of(w);
  for (size_t i = 0; i < found.size(); i++) EXPECT_EQUAL(found[i], rounded(retrace_counter_random(12345, i, 0.07f)));
}

void embeds(const retrace_device_api *api) {
  rig r(api, small_shape());
  const std::vector<float> table = random_bf16(203 * 40, 2);
  const retrace_weight w = r.weight(table, 40);
  const std::vector<int32_t> ids = {7, 0, 202, 7, 1};
  float *x = static_cast<float *>(r.take(128 * 40 * 4));
  r.ok(api->embed(r.device, &w, r.put(ids), 5, x));
  const std::vector<float> found = r.get<float>(x, 5 * 40);
  for (size_t i = 0; i < found.size(); i++) EXPECT_EQUAL(found[i], table[ids[i / 40] * 40 + i % 40]);
}

void normalises(const retrace_device_api *api) {
  for (const int32_t hidden : {8, 40, 136}) {
    retrace_shape s = small_shape();
    s.hidden_size = hidden;
    rig r(api, s);
    const int64_t m = 5;
    const std::vector<float> x = random_bf16(m * hidden, 3, 4), gain = random_bf16(hidden, 4);
    void *out = r.room_for_activations(m, hidden);
    r.ok(api->rms_norm(r.device, r.put(x, m, hidden), r.put(gain), m, out));
    const std::vector<float> found = r.get_activations(out, x.size());
    for (int64_t row = 0; row < m; row++) {
      double squares = 0;
      for (int32_t c = 0; c < hidden; c++) squares += double(x[row * hidden + c]) * x[row * hidden + c];
      for (int32_t c = 0; c < hidden; c++) {
        const double expected = x[row * hidden + c] / std::sqrt(squares / hidden + 1e-5) * gain[c];
        // One rounding to bfloat16 (2^-8), and float arithmetic before it.
        EXPECT_BELOW(std::fabs(found[row * hidden + c] - expected), std::fabs(expected) * (1.0 / 256 + 1e-5));
      }
    }
  }
}

double silu(double x) { return x / (1 + std::exp(-x)); }

struct product {
  int64_t m, n, k;
};
std::vector<double> multiply(const std::vector<float> &a, const std::vector<float> &w, const product &p) {
  std::vector<double> out(p.m * p.n);
  for (int64_t i = 0; i < p.m; i++) {
    for (int64_t j = 0; j < p.n; j++) {
      for (int64_t k = 0; k < p.k; k++) out[i * p.n + j] += double(a[i * p.k + k]) * w[j * p.k + k];
    }
  }
  return out;
}

void check_products(rig &r, const product &p) {
  const auto *api = r.api;
  const std::vector<float> a = random_bf16(p.m * p.k, 5), weight = random_bf16(p.n * p.k, 6);
  const retrace_weight w = r.weight(weight, p.k);
  const std::vector<double> exact = multiply(a, weight, p);
  void *rows = r.put_activations(a, p.k);

  void *stored = r.room_for_activations(p.m, p.n);
  r.ok(api->gemm(r.device, &w, rows, p.m, RETRACE_STORE, stored));
  EXPECT_BELOW(distance(r.get_activations(stored, exact.size()), exact), bf16_tolerance);

  const std::vector<float> residual = random_bf16(p.m * p.n, 7, 10);
  float *added = r.put(residual, p.m, p.n);
  r.ok(api->gemm(r.device, &w, rows, p.m, RETRACE_ADD, added));
  std::vector<double> sum = exact;
  for (size_t i = 0; i < sum.size(); i++) sum[i] += residual[i];
  EXPECT_BELOW(distance(r.get<float>(added, sum.size()), sum), float_tolerance);

  if (p.n % 16 != 0) return;
  std::vector<double> gated(p.m * p.n / 2);
  for (int64_t i = 0; i < p.m; i++) {
    for (int64_t j = 0; j < p.n / 2; j++) {
      const double *block = &exact[i * p.n + j / 8 * 16 + j % 8];
      gated[i * (p.n / 2) + j] = silu(block[0]) * block[8];
    }
  }
  void *swiglu = r.room_for_activations(p.m, p.n / 2);
  r.ok(api->gemm(r.device, &w, rows, p.m, RETRACE_SWIGLU, swiglu));
  EXPECT_BELOW(distance(r.get_activations(swiglu, gated.size()), gated), swiglu_tolerance);
}

void multiplies(const retrace_device_api *api) {
  rig r(api, small_shape());
  for (const product &p : {product{1, 8, 8}, product{7, 24, 40}, product{33, 144, 72}, product{130, 272, 136}}) {
    check_products(r, p);
  }
}

// Bits of an output's rows; `width` bytes each.
std::vector<unsigned char> bits_of(const rig &r, const void *out, int64_t rows, size_t width) {
  return r.get<unsigned char>(out, static_cast<size_t>(rows) * width);
}

void check_rows_of_products(rig &r, int64_t n, int64_t k, retrace_epilogue epilogue) {
  const auto *api = r.api;
  const int64_t m = 150;
  const std::vector<float> a = random_bf16(m * k, 8);
  const retrace_weight w = r.weight(random_bf16(n * k, 9), k);
  const size_t activation = static_cast<size_t>(r.facts.activation_bytes);
  const size_t width = epilogue == RETRACE_ADD     ? n * 4
                       : epilogue == RETRACE_STORE ? n * activation
                                                   : n / 2 * activation;
  // Rows [first, first + count) of `a`, computed alone.
  const auto compute = [&](int64_t first, int64_t count) {
    const std::vector<float> some(a.begin() + first * k, a.begin() + (first + count) * k);
    void *out = epilogue == RETRACE_ADD ? static_cast<void *>(r.put(std::vector<float>(count * n, 0.7f), count, n))
                                        : r.room_for_activations(count, n);
    r.ok(api->gemm(r.device, &w, r.put_activations(some, k), count, epilogue, out));
    return bits_of(r, out, count, width);
  };
  const std::vector<unsigned char> all = compute(0, m);
  const std::vector<std::pair<int64_t, int64_t>> parts = {{0, 1}, {0, 7}, {63, 2}, {149, 1}, {17, 129}};
  for (const auto &[first, count] : parts) {
    const std::vector<unsigned char> some = compute(first, count);
    EXPECT(std::equal(some.begin(), some.end(), all.begin() + first * width));
  }
}

void gives_rows_of_products_the_same_bits(const retrace_device_api *api) {
  rig r(api, small_shape());
  for (const retrace_epilogue epilogue : {RETRACE_STORE, RETRACE_ADD, RETRACE_SWIGLU}) {
    check_rows_of_products(r, 144, 200, epilogue);
  }
}

void gathers_rows(const retrace_device_api *api) {
  rig r(api, small_shape());
  std::vector<float> source(6 * 12);
  for (size_t i = 0; i < source.size(); i++) source[i] = static_cast<float>(i);
  const std::vector<int32_t> rows = {5, 0, 3, 3};
  void *target = r.take(6 * 12 * 4);
  r.ok(api->gather_rows(r.device, r.put(source), r.put(rows), 4, 48, target));
  const std::vector<float> found = r.get<float>(target, 4 * 12);
  for (size_t i = 0; i < found.size(); i++) EXPECT_EQUAL(found[i], source[rows[i / 12] * 12 + i % 12]);
}

// ---- attention --------------------------------------------------------------------------------------

// Paths of tokens over pages. Path 1 shares page 0 (rows 0 to 99) with path 0 in a copy, path 2 shares it as it is.
struct attention_world {
  rig r;
  int32_t h, g, d;
  std::vector<float> cosines, sines;

  attention_world(const retrace_device_api *api, int32_t head_size, const char *kernels = nullptr)
      : r(api, small_shape(head_size), kernels) {
    h = r.shape.heads, g = r.shape.kv_heads, d = head_size;
    for (int32_t p = 0; p < r.shape.context_length; p++) {
      for (int32_t i = 0; i < d / 2; i++) {
        const double angle = p * std::pow(10000.0, -2.0 * i / d);
        cosines.push_back(static_cast<float>(std::cos(angle)));
        sines.push_back(static_cast<float>(std::sin(angle)));
      }
    }
    r.ok(r.api->set_rotary(r.device, cosines.data(), sines.data()));
    r.ok(r.api->make_workspace(r.device, 512, 16));
    r.ok(r.api->make_cache(r.device, 8));
  }
  int64_t width() const { return (h + 2 * g) * d; }

  // One row of random qkv for each position of a path.
  std::vector<float> path(int32_t length, uint32_t seed) const { return random_bf16(length * width(), seed); }

  // Rotates a head's vector as RoPE does, and rounds.
  std::vector<float> rotated(const float *x, int32_t position) const {
    std::vector<float> out(d);
    for (int32_t i = 0; i < d / 2; i++) {
      const double c = cosines[position * (d / 2) + i], s = sines[position * (d / 2) + i];
      out[i] = rounded(x[i] * c - x[i + d / 2] * s);
      out[i + d / 2] = rounded(x[i + d / 2] * c + x[i] * s);
    }
    return out;
  }

  // What attention gives row `position` of a path.
  std::vector<double> expected(const std::vector<float> &qkv, int32_t position) const {
    std::vector<double> out(h * d);
    for (int32_t head = 0; head < h; head++) {
      const int32_t kv = head / (h / g);
      const std::vector<float> q = rotated(&qkv[position * width() + head * d], position);
      std::vector<double> weights(position + 1);
      double sum = 0, most = -1e300;
      for (int32_t p = 0; p <= position; p++) {
        const std::vector<float> key = rotated(&qkv[p * width() + (h + kv) * d], p);
        for (int32_t i = 0; i < d; i++) weights[p] += double(q[i]) * key[i];
        weights[p] /= std::sqrt(double(d));
        most = std::max(most, weights[p]);
      }
      for (double &w : weights) sum += w = std::exp(w - most);
      for (int32_t p = 0; p <= position; p++) {
        for (int32_t i = 0; i < d; i++) out[head * d + i] += weights[p] / sum * qkv[p * width() + (h + g + kv) * d + i];
      }
    }
    return out;
  }

  // Stores and attends positions [first, first + count) of each path in one batch. Bits of the outputs.
  struct run {
    const std::vector<float> *qkv;
    int32_t first, count;
    std::vector<int32_t> pages;
  };
  std::vector<std::vector<float>> compute(const std::vector<run> &runs, int32_t layer) {
    std::vector<float> rows;
    std::vector<int32_t> positions, slots, table;
    std::vector<retrace_segment> segments;
    std::vector<retrace_tile> tiles;
    int32_t longest = 0;
    for (const run &u : runs) {
      segments.push_back(
          {static_cast<int32_t>(positions.size()), u.count, u.first, static_cast<int32_t>(table.size())});
      for (int32_t row = 0; row < u.count; row += r.facts.attention_tile_rows) {
        tiles.push_back({static_cast<int32_t>(segments.size()) - 1, row});
      }
      for (int32_t p = u.first; p < u.first + u.count; p++) {
        positions.push_back(p);
        slots.push_back(u.pages[p / 128] * 128 + p % 128);
      }
      rows.insert(rows.end(), u.qkv->begin() + u.first * width(), u.qkv->begin() + (u.first + u.count) * width());
      table.insert(table.end(), u.pages.begin(), u.pages.end());
      longest = std::max(longest, u.first + u.count - 1);
    }
    const int64_t m = static_cast<int64_t>(positions.size());
    void *qkv = r.put_activations(rows, width());
    r.ok(r.api->rope_and_store(r.device, qkv, r.put(positions), r.put(slots), m, layer));
    retrace_attention_plan plan{};
    plan.segments = r.put(segments);
    plan.tiles = r.put(tiles);
    plan.page_table = r.put(table);
    plan.host_segments = segments.data();
    plan.host_page_table = table.data();
    plan.segment_count = static_cast<int32_t>(segments.size());
    plan.tile_count = static_cast<int32_t>(tiles.size());
    plan.page_table_length = static_cast<int32_t>(table.size());
    plan.longest_position = longest;
    void *out = r.room_for_activations(m, h * d);
    r.ok(r.api->attention(r.device, qkv, &plan, layer, out));
    const std::vector<float> flat = r.get_activations(out, m * h * d);
    std::vector<std::vector<float>> answers;
    for (const retrace_segment &s : segments) {
      answers.emplace_back(flat.begin() + s.first_row * h * d, flat.begin() + (s.first_row + s.rows) * h * d);
    }
    return answers;
  }
};

void attends(const retrace_device_api *api) {
  for (const int32_t d : {16, 32, 64, 128}) {
    attention_world w(api, d);
    const std::vector<float> a = w.path(150, 10);
    const auto found = w.compute({{&a, 0, 150, {3, 5}}}, 1);
    std::vector<double> exact;
    for (int32_t p = 0; p < 150; p++) {
      const std::vector<double> row = w.expected(a, p);
      exact.insert(exact.end(), row.begin(), row.end());
    }
    EXPECT_BELOW(distance(found[0], exact), attention_tolerance);
  }
}

void gives_attention_the_same_bits(const retrace_device_api *api) {
  attention_world w(api, 32);
  const std::vector<float> a = w.path(140, 11);
  std::vector<float> b = w.path(140, 12);
  std::copy(a.begin(), a.begin() + 100 * w.width(), b.begin());  // parts from `a` at position 100
  const std::vector<float> whole = w.compute({{&a, 0, 140, {0, 1}}}, 0)[0];
  const std::vector<float> other = w.compute({{&b, 0, 140, {2, 3}}}, 0)[0];
  const int64_t width = w.h * w.d;
  EXPECT(std::equal(whole.begin(), whole.begin() + 100 * width, other.begin()));

  // in two parts, the second with another path in its batch
  w.compute({{&a, 0, 37, {4, 5}}}, 0);
  const std::vector<float> c = w.path(140, 19);
  for (int32_t page = 0; page < 8; page += 2) w.compute({{&c, 0, 140, {page, page + 1}}}, 1);  // another layer's
  const auto rest = w.compute({{&b, 0, 5, {6}}, {&a, 37, 103, {4, 5}}}, 0);
  EXPECT(std::equal(rest[1].begin(), rest[1].end(), whole.begin() + 37 * width));

  // b behind the first 100 tokens of a: a page that is copied up to there
  std::vector<retrace_page_copy> copies(4500, {0, 7, 1});  // more than are copied at once, the last one the longest
  copies.back().rows = 100;
  w.r.ok(api->copy_page_rows(w.r.device, copies.data(), 4500));
  const auto branch = w.compute({{&b, 100, 40, {7, 3}}}, 0);
  EXPECT(std::equal(branch[0].begin(), branch[0].end(), other.begin() + 100 * width));
}

// ---- hidden states and the head ---------------------------------------------------------------------

void scores(const retrace_device_api *api) {
  for (const auto &[hidden, vocabulary] : {std::pair<int32_t, int32_t>{40, 203}, {136, 1031}}) {
    retrace_shape s = small_shape();
    s.hidden_size = hidden;
    s.vocabulary_size = vocabulary;
    rig r(api, s);
    r.ok(api->make_workspace(r.device, 64, 70));
    r.ok(api->make_cache(r.device, 3));
    const int64_t m = 5;
    const std::vector<float> x = random_bf16(m * hidden, 13), gain = random_bf16(hidden, 14);
    const std::vector<float> weight = random_bf16(int64_t(vocabulary) * hidden, 15, 0.3);
    const retrace_weight head = r.weight(weight, hidden);
    const std::vector<int32_t> slots = {130, 0, 383, 129, 5};
    float *input = r.put(x, m, hidden), *gains = r.put(gain);
    r.ok(api->store_hidden(r.device, input, gains, r.put(slots), m));
    // The same function's output is what the head must start from; `normalises` holds it to the exact one.
    void *normed = r.room_for_activations(m, hidden);
    r.ok(api->rms_norm(r.device, input, gains, m, normed));
    const std::vector<float> states = r.get_activations(normed, m * hidden);

    std::vector<int32_t> asked, targets;
    std::vector<double> exact;
    for (int32_t i = 0; i < 67; i++) {
      const int32_t row = i * 3 % 5, target = i == 0 ? vocabulary - 1 : i * 29 % vocabulary;
      asked.push_back(slots[row]);
      targets.push_back(target);
      std::vector<double> logits(vocabulary);
      double sum = 0;
      for (int32_t v = 0; v < vocabulary; v++) {
        const float *column = &weight[int64_t(v) * hidden];
        for (int32_t c = 0; c < hidden; c++) logits[v] += double(states[row * hidden + c]) * column[c];
      }
      const double most = *std::max_element(logits.begin(), logits.end());
      for (const double logit : logits) sum += std::exp(logit - most);
      exact.push_back(logits[target] - most - std::log(sum));
    }
    const int32_t *device_slots = r.put(asked), *device_targets = r.put(targets);
    float *out = static_cast<float *>(r.take(70 * 4));
    r.ok(api->head(r.device, &head, device_slots, device_targets, 67, out));
    const std::vector<float> all = r.get<float>(out, 67);
    // Logits and their sum stay in float: some 1e-6 of a value below 30.
    for (size_t i = 0; i < exact.size(); i++) EXPECT_BELOW(std::fabs(all[i] - exact[i]), 1e-4);

    // the same bits alone, and from a copy of the page
    r.ok(api->head(r.device, &head, device_slots + 33, device_targets + 33, 1, out));
    EXPECT_EQUAL(r.get<float>(out, 1)[0], all[33]);
    const std::vector<retrace_page_copy> copies = {{1, 0, 3}};
    r.ok(api->copy_page_rows(r.device, copies.data(), 1));
    const std::vector<int32_t> copied = {130 - 128}, target = {targets[0]};
    r.ok(api->head(r.device, &head, r.put(copied), r.put(target), 1, out));
    EXPECT_EQUAL(r.get<float>(out, 1)[0], all[0]);
  }
}

void says_what_it_is(const retrace_device_api *api) {
  rig r(api, small_shape());
  EXPECT_EQUAL(r.facts.page_tokens, 128);
  EXPECT_EQUAL(r.facts.computes_bf16, 1);
  EXPECT(r.facts.name[0] != 0 && r.facts.kernels[0] != 0);
  EXPECT(r.facts.row_multiple >= 1 && r.facts.attention_tile_rows >= 1);
  EXPECT(api->cache_bytes(r.device, 3) > api->cache_bytes(r.device, 1));
  EXPECT(api->workspace_bytes(r.device, 8, 8) > 0);
  EXPECT_EQUAL(reinterpret_cast<uintptr_t>(r.take(1)) % 256, uintptr_t(0));
  char json[4096] = "";
  api->probe(json, sizeof json);
  EXPECT(std::strstr(json, "\"count\"") != nullptr);
}

// ---- a library's products ---------------------------------------------------------------------------

std::string tests_folder() {
  char path[4096] = "";
  if (readlink("/proc/self/exe", path, sizeof path - 1) < 0) return ".";
  const std::string all = path;
  return all.substr(0, all.rfind('/'));
}

// A device with a workspace that found the imitation of cuBLASLt in that folder.
std::unique_ptr<rig> with_library(const char *kind, int64_t rows = 300) {
  setenv("RETRACE_CUDA_LIBS", (tests_folder() + "/" + kind).c_str(), 1);
  auto r = std::make_unique<rig>(retrace_device_entry_point(RETRACE_DEVICE_ABI), small_shape());
  unsetenv("RETRACE_CUDA_LIBS");
  r->ok(r->api->make_workspace(r->device, rows, 4));
  r->ok(r->api->facts(r->device, &r->facts));
  return r;
}

void takes_a_library_whose_rows_do_not_depend_on_the_batch() {
  const std::unique_ptr<rig> r = with_library("invariant");
  EXPECT_EQUAL(std::string(r->facts.kernels), std::string("gemm cuBLASLt 13.2, attention mma.sync, head mma.sync"));
  const retrace_shape &s = r->shape;
  // The model's own shapes are computed by it: no kernel is launched but that of SwiGLU.
  const int64_t qkv = (s.heads + 2 * s.kv_heads) * s.head_size;
  const int64_t before = retrace_emulator_launches();
  const retrace_weight w = r->weight(random_bf16(qkv * s.hidden_size, 16), s.hidden_size);
  const int64_t written = retrace_emulator_launches();
  const std::vector<float> a = random_bf16(9 * s.hidden_size, 17);
  void *out = r->room_for_activations(9, qkv);
  r->ok(r->api->gemm(r->device, &w, r->put_activations(a, s.hidden_size), 9, RETRACE_STORE, out));
  EXPECT(written > before);
  EXPECT_EQUAL(retrace_emulator_launches(), written);
  check_products(*r, {9, qkv, s.hidden_size});
  check_products(*r, {140, s.hidden_size, s.heads * s.head_size});
  check_products(*r, {900, 2 * s.intermediate_size, s.hidden_size});  // more than go through scratch at once
  check_rows_of_products(*r, 2 * s.intermediate_size, s.hidden_size, RETRACE_SWIGLU);
  check_rows_of_products(*r, s.hidden_size, s.intermediate_size, RETRACE_ADD);
}

void refuses_a_library_whose_rows_depend_on_the_batch() {
  const std::unique_ptr<rig> r = with_library("dependent");
  const std::string kernels = r->facts.kernels;
  EXPECT_EQUAL(kernels, std::string("gemm cuBLASLt 13.2 but qkv+output+gate-up+down mma.sync (a row depends on the "
                                    "batch), attention mma.sync, head mma.sync"));
  check_rows_of_products(*r, 2 * r->shape.intermediate_size, r->shape.hidden_size, RETRACE_SWIGLU);
}

// What an imitation lets tests do to it.
template <class Function>
Function of_imitation(const char *kind, const char *name) {
  void *library = dlopen((tests_folder() + "/" + kind + "/libcublasLt.so.13").c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw check::failure(dlerror());
  return reinterpret_cast<Function>(dlsym(library, name));
}

void says_why_no_algorithm_of_a_library_is_tried() {
  const auto find = of_imitation<void (*)(int)>("invariant", "imitation_finds");
  const auto refuse = of_imitation<void (*)(uint64_t)>("invariant", "imitation_refuses");
  const auto kernels = [&](int found, uint64_t refused_rows) {
    find(found);
    refuse(refused_rows);
    const std::string text = with_library("invariant")->facts.kernels;
    find(2);
    refuse(0);
    return text;
  };
  EXPECT(kernels(0, 0).find("(the library knows no algorithm)") != std::string::npos);
  EXPECT(kernels(1, 0).find("(no algorithm without split-K)") != std::string::npos);
  EXPECT(kernels(2, 256).find("(no algorithm for every number of rows)") != std::string::npos);
}

// In a batch of whole tiles, where rows that are compared could stand at the same place of two.
void refuses_a_library_whose_rows_depend_on_their_place() {
  for (const int64_t rows : {128, 512}) {
    const std::string kernels = with_library("placed", rows)->facts.kernels;
    EXPECT_EQUAL(kernels, std::string("gemm cuBLASLt 13.2 but qkv+output+gate-up+down mma.sync (a row depends on where "
                                      "it stands), attention mma.sync, head mma.sync"));
  }
}

// Another algorithm would mean other bits, so the size of the largest batch must not choose it.
void asks_for_algorithms_at_one_number_of_rows() {
  const auto asked = of_imitation<uint64_t (*)()>("invariant", "imitation_rows_asked_for");
  const auto rows_asked = [&](int64_t largest_batch) {
    asked();
    with_library("invariant", largest_batch);
    return asked();
  };
  const uint64_t expected = rows_asked(128);
  EXPECT(expected > 0);
  EXPECT_EQUAL(rows_asked(512), expected);
  EXPECT_EQUAL(rows_asked(4096), expected);
}

// The library has a CUDA runtime of its own: that the GPU is lost is not known to the device's until it asks.
void knows_a_lost_gpu_behind_a_failure_of_the_library() {
  struct restored {
    ~restored() { retrace_emulator_plant_failure(nullptr, 0, cudaSuccess); }
  } after;
  const std::unique_ptr<rig> r = with_library("invariant");
  const auto fail_once = of_imitation<void (*)(int)>("invariant", "imitation_fails_once_with");
  const int64_t k = r->shape.hidden_size, n = (r->shape.heads + 2 * r->shape.kv_heads) * r->shape.head_size;
  const retrace_weight w = r->weight(random_bf16(n * k, 20), k);
  const void *a = r->put_activations(random_bf16(k, 21), k);
  void *out = r->room_for_activations(1, n);

  constexpr int execution_failed = 13;
  fail_once(execution_failed);
  EXPECT_EQUAL(r->api->gemm(r->device, &w, a, 1, RETRACE_STORE, out), int(RETRACE_DEVICE_CALL_FAILED));
  EXPECT(std::strstr(r->api->last_error(r->device)->message, "CUBLAS_STATUS_EXECUTION_FAILED") != nullptr);
  EXPECT_EQUAL(r->api->gemm(r->device, &w, a, 1, RETRACE_STORE, out), 0);

  fail_once(execution_failed);
  retrace_emulator_plant_failure("cudaStreamSynchronize", 0, cudaErrorIllegalAddress);
  EXPECT_EQUAL(r->api->gemm(r->device, &w, a, 1, RETRACE_STORE, out), int(RETRACE_DEVICE_IS_LOST));
  EXPECT_EQUAL(r->api->last_error(r->device)->native_status, int(cudaErrorIllegalAddress));
}

// ---- kernels of sm_90a, by name ----------------------------------------------------------------------

void uses_the_kernels_of_hopper() {
  const retrace_device_api *api = retrace_device_entry_point(RETRACE_DEVICE_ABI);
  rig r(api, small_shape(128), "hopper");
  EXPECT_EQUAL(r.facts.attention_tile_rows, 128);
  r.ok(api->make_workspace(r.device, 130, 4));
  r.ok(api->facts(r.device, &r.facts));
  EXPECT_EQUAL(std::string(r.facts.kernels), std::string("gemm wgmma, attention wgmma, head mma.sync"));
  check_products(r, {133, 2 * r.shape.intermediate_size, r.shape.hidden_size});
  check_products(r, {9, r.shape.hidden_size, r.shape.heads * 128});
  check_rows_of_products(r, r.shape.hidden_size, r.shape.intermediate_size, RETRACE_ADD);

  attention_world w(api, 128, "hopper-attention");
  const std::vector<float> a = w.path(150, 18);
  std::vector<double> exact;
  for (int32_t p = 0; p < 150; p++) {
    const std::vector<double> row = w.expected(a, p);
    exact.insert(exact.end(), row.begin(), row.end());
  }
  EXPECT_BELOW(distance(w.compute({{&a, 0, 150, {3, 5}}}, 1)[0], exact), attention_tolerance);
}

// Other targets' images of these kernels have no body: a launch then succeeds and computes nothing.
void refuses_kernels_of_hopper_that_compute_nothing() {
  struct restored {
    ~restored() { retrace_emulator_empty_kernels(nullptr); }
  } after;
  const retrace_device_api *api = retrace_device_entry_point(RETRACE_DEVICE_ABI);
  retrace_emulator_empty_kernels("hopper_");
  rig r(api, small_shape(128), "hopper");
  EXPECT_EQUAL(r.facts.attention_tile_rows, 64);
  r.ok(api->make_workspace(r.device, 130, 4));
  r.ok(api->facts(r.device, &r.facts));
  EXPECT(std::string(r.facts.kernels).find("attention mma.sync") != std::string::npos);
  EXPECT(std::string(r.facts.kernels).find("qkv+output+gate-up+down mma.sync") != std::string::npos);
}

// ---- which devices are asked ------------------------------------------------------------------------

const retrace_device_api *cuda_device() {
  const std::string path = tests_folder() + "/../libretrace_cuda.so";
  void *library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw check::skipped("libretrace_cuda.so is not built");
  const auto entry = reinterpret_cast<retrace_device_entry>(dlsym(library, RETRACE_DEVICE_ENTRY));
  const retrace_device_api *api = entry == nullptr ? nullptr : entry(RETRACE_DEVICE_ABI);
  if (api == nullptr) throw check::failure(path + " has no entry point of this ABI");
  std::string json(1 << 14, '\0');
  api->probe(&json[0], json.size());
  if (json.rfind("{\"count\": 0", 0) == 0) {
    const std::string key = "\"error\": \"";
    const size_t start = json.find(key), from = start == std::string::npos ? 0 : start + key.size();
    throw check::skipped("no GPU: " + json.substr(from, json.find('"', from) - from));
  }
  return api;
}

struct promise {
  const char *name;
  void (*body)(const retrace_device_api *);
};
const promise promises[] = {
    {"says what it is", says_what_it_is},
    {"writes weights of every type into their rows", writes_weights},
    {"writes weights that are larger than its buffers", writes_weights_larger_than_its_buffers},
    {"makes the random weights that every device makes", makes_random_weights},
    {"embeds tokens exactly", embeds},
    {"normalises rows", normalises},
    {"multiplies with each epilogue at odd sizes", multiplies},
    {"gives the rows of a product the same bits in any batch", gives_rows_of_products_the_same_bits},
    {"gathers rows", gathers_rows},
    {"attends as the definition says, for every head size", attends},
    {"gives attention the same bits alone, split, copied and beside others", gives_attention_the_same_bits},
    {"scores targets against the whole vocabulary", scores},
};

}  // namespace

int main(int argc, char **argv) {
  for (const promise &p : promises) {
    check::cases().emplace_back(std::string("cpu ") + p.name, [&p] { p.body(retrace_reference_device()); });
    check::cases().emplace_back(std::string("emulated ") + p.name,
                                [&p] { p.body(retrace_device_entry_point(RETRACE_DEVICE_ABI)); });
    check::cases().emplace_back(std::string("cuda ") + p.name, [&p] { p.body(cuda_device()); });
  }
  check::cases().emplace_back("emulated takes a library whose rows do not depend on the batch",
                              takes_a_library_whose_rows_do_not_depend_on_the_batch);
  check::cases().emplace_back("emulated refuses a library whose rows depend on the batch",
                              refuses_a_library_whose_rows_depend_on_the_batch);
  check::cases().emplace_back("emulated says why no algorithm of a library is tried",
                              says_why_no_algorithm_of_a_library_is_tried);
  check::cases().emplace_back("emulated refuses a library whose rows depend on their place",
                              refuses_a_library_whose_rows_depend_on_their_place);
  check::cases().emplace_back("emulated asks for algorithms at one number of rows, whatever the largest batch is",
                              asks_for_algorithms_at_one_number_of_rows);
  check::cases().emplace_back("emulated knows a lost GPU behind a failure of the library",
                              knows_a_lost_gpu_behind_a_failure_of_the_library);
  check::cases().emplace_back("emulated uses the kernels of hopper where they are named", uses_the_kernels_of_hopper);
  check::cases().emplace_back("emulated refuses kernels of hopper that compute nothing",
                              refuses_kernels_of_hopper_that_compute_nothing);
  return check::run(argc, argv);
}
