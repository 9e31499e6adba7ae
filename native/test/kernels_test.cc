// The portable CUDA kernels but attention, their very sources, run by the emulator: values against float64 twins, the
// same bits for a row whatever is computed beside it and however threads are scheduled, and nothing read that was not
// written (memory is full of NaN and ends at a wall).
#include <algorithm>

#include "../counter_random.h"
#include "kernel_checks.h"

using namespace retrace;
using namespace oracle;

namespace {

template <class T>
std::vector<T> rows_of(const std::vector<T> &all, const std::vector<int32_t> &rows, int64_t columns) {
  std::vector<T> chosen;
  for (int32_t row : rows) chosen.insert(chosen.end(), all.begin() + row * columns, all.begin() + (row + 1) * columns);
  return chosen;
}

}  // namespace

// ---- row by row -----------------------------------------------------------------------------------

TEST_CASE("embedding copies the row of each id") {
  numbers random(1);
  for (const int32_t c : {8, 72, 4104}) {
    const array<bf16> table(random.bf16s(static_cast<size_t>(11 * c)));
    const array<int32_t> ids(std::vector<int32_t>{10, 0, 3, 3, 7});
    array<float> x(static_cast<size_t>(5 * c));
    expect_ran(launch_embed(stream, table, ids, 5, c, x));
    for (int64_t i = 0; i < 5 * c; i++) EXPECT_EQUAL(x[i], value_of(table[ids[i / c] * c + i % c]));
  }
}

TEST_CASE("RMSNorm agrees with float64, into rows and into slots, and a row alone has the same bits") {
  numbers random(2);
  for (const int32_t c : {8, 64, 1032, 4096}) {
    const int64_t m = 6;
    const array<float> x(random.floats(static_cast<size_t>(m * c), 3));
    const array<float> gain(random.floats(static_cast<size_t>(c), 0.1f, 1));
    const array<int32_t> slots(std::vector<int32_t>{4, 9, 0, 7, 1, 2});
    array<bf16> out(static_cast<size_t>(m * c)), hidden(static_cast<size_t>(11 * c)), alone(static_cast<size_t>(c));
    expect_ran(launch_rms_norm(stream, x, gain, m, c, 1e-5f, out));
    expect_ran(launch_store_hidden(stream, x, gain, slots, m, c, 1e-5f, hidden));
    relative_l2 error;
    for (int64_t row = 0; row < m; row++) {
      double squares = 0;
      for (int32_t i = 0; i < c; i++) squares += std::pow(static_cast<double>(x[row * c + i]), 2);
      const double rms = std::sqrt(squares / c + 1e-5);
      for (int32_t i = 0; i < c; i++) error.add(value_of(out[row * c + i]), x[row * c + i] / rms * gain[i]);
      expect_same_bits<bf16>(hidden + slots[row] * c, out + row * c, static_cast<size_t>(c), "in its slot");
      expect_ran(launch_rms_norm(stream, x + row * c, gain, 1, c, 1e-5f, alone));
      expect_same_bits<bf16>(alone, out + row * c, static_cast<size_t>(c), "alone");
    }
    expect_within(error.value(), bf16_tolerance, "C = " + std::to_string(c));
    for (const int slot : {3, 5, 6, 8, 10})
      for (int32_t i = 0; i < c; i++) EXPECT(is_nan(hidden[slot * c + i]));
    if (c == 1032) {
      expect_same_under_all_schedules<bf16>("RMSNorm", [&] {
        array<bf16> again(static_cast<size_t>(m * c));
        expect_ran(launch_rms_norm(stream, x, gain, m, c, 1e-5f, again));
        return again.values();
      });
    }
  }
}

TEST_CASE("rotary embedding turns queries and keys, and writes keys and values to their slots and nowhere else") {
  numbers random(3);
  for (const kv_layout layout : {kv_layout::rows, kv_layout::swizzled})
    for (const int32_t d : {16, 32, 64, 128}) {
      const int32_t heads = 6, kv_heads = 2, layers = 2, pages = 2, t = 128, m = 5, width = (heads + 2 * kv_heads) * d;
      const std::vector<int32_t> positions{0, 1, 129, 77, 300}, slots{0, 129, 200, 3, 255};
      std::vector<float> cosines, sines;
      for (int position = 0; position <= 300; position++)
        for (int i = 0; i < d / 2; i++) {
          const double angle = position / std::pow(10000.0, 2.0 * i / d);
          cosines.push_back(static_cast<float>(std::cos(angle)));
          sines.push_back(static_cast<float>(std::sin(angle)));
        }
      const std::vector<bf16> before = random.bf16s(static_cast<size_t>(m * width));
      array<bf16> qkv(before);
      cache_memory cache(layers, pages, t, kv_heads, d, layout);
      expect_ran(launch_rope_and_store(stream, qkv, array<float>(cosines), array<float>(sines),
                                       array<int32_t>(positions), array<int32_t>(slots), m, heads, cache.view, 1));
      relative_l2 error;
      size_t written = 0;
      for (int32_t row = 0; row < m; row++)
        for (int32_t head = 0; head < heads + 2 * kv_heads; head++)
          for (int32_t i = 0; i < d; i++) {
            const bf16 *source = before.data() + row * width + head * d;
            const int64_t half = d / 2, pair = i % half, angle = positions[row] * half + pair;
            const double first = value_of(source[pair]), second = value_of(source[pair + half]);
            const double cosine = cosines[angle], sine = sines[angle];
            const double turned = i < half ? first * cosine - second * sine : second * cosine + first * sine;
            const int32_t page = slots[row] / t, page_row = slots[row] % t;
            if (head < heads) {
              error.add(value_of(qkv[row * width + head * d + i]), turned);
            } else if (head < heads + kv_heads) {
              error.add(value_of(cache.at(1, page, head - heads, false, page_row, i)), turned);
            } else {
              EXPECT_EQUAL(cache.at(1, page, head - heads - kv_heads, true, page_row, i), source[i]);
            }
          }
      for (size_t i = 0; i < cache.data.size(); i++) written += !is_nan(cache.data[i]);
      EXPECT_EQUAL(written, static_cast<size_t>(m * kv_heads * 2 * d));
      expect_within(error.value(), bf16_tolerance, "D = " + std::to_string(d));
    }
}

TEST_CASE("SwiGLU reads gate and up in blocks of 8 and bears gates of any size") {
  numbers random(4);
  for (const int32_t f : {8, 24, 1032}) {
    const int64_t m = 3;
    std::vector<bf16> values = random.bf16s(static_cast<size_t>(m * f * 2), 3);
    values[0] = rounded(-3e4f), values[1] = rounded(3e4f);
    const array<bf16> gate_up(values);
    array<bf16> out(static_cast<size_t>(m * f));
    expect_ran(launch_swiglu(stream, gate_up, m, f, out));
    relative_l2 error;
    for (int64_t row = 0; row < m; row++)
      for (int64_t i = row == 0 ? 2 : 0; i < f; i++) {
        const int64_t gate = row * 2 * f + i / 8 * 16 + i % 8;
        error.add(value_of(out[row * f + i]), silu(value_of(gate_up[gate])) * value_of(gate_up[gate + 8]));
      }
    expect_within(error.value(), bf16_tolerance, "F = " + std::to_string(f));
    EXPECT_EQUAL(value_of(out[0]), 0.0);
    EXPECT(std::fabs(value_of(out[1]) / (value_of(gate_up[1]) * value_of(gate_up[9])) - 1) < 0.01);
  }
}

TEST_CASE("gathered rows are the rows") {
  numbers random(5);
  for (const int64_t row_bytes : {16, 144, 8208}) {
    const int64_t width = row_bytes / 2;
    const array<bf16> source(random.bf16s(static_cast<size_t>(9 * width)));
    const array<int32_t> rows(std::vector<int32_t>{8, 0, 8, 5});
    array<bf16> target(static_cast<size_t>(4 * width));
    expect_ran(launch_gather_rows(stream, source, rows, 4, row_bytes, target));
    for (int64_t i = 0; i < 4; i++)
      expect_same_bits<bf16>(target + i * width, source + rows[i] * width, static_cast<size_t>(width), "row");
  }
}

TEST_CASE("page copies bring the first rows of all layers and of the hidden states, and no other") {
  numbers random(6);
  const int32_t layers = 2, pages = 5, t = 64, kv_heads = 2, c = 40;
  for (const kv_layout layout : {kv_layout::rows, kv_layout::swizzled})
    for (const int32_t d : {16, 64, 128}) {
      cache_memory cache(layers, pages, t, kv_heads, d, layout);
      array<bf16> hidden(static_cast<size_t>(pages * t * c));
      const std::vector<bf16> all = random.bf16s(cache.data.size()), states = random.bf16s(hidden.size());
      std::copy(all.begin(), all.end(), &cache.data[0]);
      std::copy(states.begin(), states.end(), &hidden[0]);
      cache_memory expected(layers, pages, t, kv_heads, d, layout);
      std::copy(all.begin(), all.end(), &expected.data[0]);
      std::vector<bf16> expected_hidden = states;
      const std::vector<retrace_page_copy> copies{{3, 0, 64}, {1, 4, 13}, {3, 2, 1}};
      for (const retrace_page_copy &copy : copies)
        for (int64_t row = 0; row < copy.rows; row++) {
          for (int64_t layer = 0; layer < layers; layer++)
            for (int64_t head = 0; head < kv_heads; head++)
              for (const bool values : {false, true})
                for (int64_t i = 0; i < d; i++)
                  expected.at(layer, copy.target_page, head, values, row, i) =
                      expected.at(layer, copy.source_page, head, values, row, i);
          for (int64_t i = 0; i < c; i++)
            expected_hidden[(copy.target_page * t + row) * c + i] = states[(copy.source_page * t + row) * c + i];
        }
      expect_ran(launch_copy_page_rows(stream, cache.view, layers, hidden, c, array<retrace_page_copy>(copies), 3));
      expect_same_bits<bf16>(cache.data, expected.data, all.size(), "cache");
      expect_same_bits<bf16>(hidden, expected_hidden.data(), states.size(), "hidden");
    }
}

TEST_CASE("weights of every type become bfloat16 in the rows where they belong") {
  // float16: zero, the smallest and the largest subnormal number, one, the largest, infinity, -2.5; and their values
  const std::vector<uint16_t> halves{0x0000, 0x0001, 0x03FF, 0x3C00, 0x7BFF, 0xFC00, 0xC100, 0x3555, 0x8001};
  const double values[] = {0,    std::ldexp(1, -24), std::ldexp(1023, -24), 1, 65504, -INFINITY,
                           -2.5, 0.333251953125,     -std::ldexp(1, -24)};
  // float: ties to even in both directions, subnormal, and numbers that round up into the next exponent
  const std::vector<float> floats{1.00390625f, 1.01171875f, 1e-40f, -0.0f, 1.99999f, 3.4e38f, -7.77f, 0.1f, 1e-20f};
  for (const int64_t columns : {9, 3}) {
    const int64_t count = 9 / columns, block = columns == 9 ? 1 : 2, first = 1, stride = 4;
    const auto row_of = [&](int64_t r) { return first + r / block * stride + r % block; };
    const size_t size = static_cast<size_t>((row_of(count - 1) + 2) * columns);
    array<bf16> half(size), whole(size), same(size);
    std::vector<bf16> bits;
    for (float value : floats) bits.push_back(rounded(value));
    const auto convert = [&](const void *source, retrace_dtype dtype, bf16 *weight) {
      expect_ran(launch_convert_rows(stream, source, dtype, count, columns, first, block, stride, weight));
    };
    convert(array<uint16_t>(halves), RETRACE_F16, half);
    convert(array<float>(floats), RETRACE_F32, whole);
    convert(array<bf16>(bits), RETRACE_BF16, same);
    size_t written = 0;
    for (int64_t i = 0; i < 9; i++) {
      const int64_t place = row_of(i / columns) * columns + i % columns;
      EXPECT_EQUAL(half[place], rounded(static_cast<float>(values[i])));
      EXPECT_EQUAL(whole[place], bits[i]);
      EXPECT_EQUAL(same[place], bits[i]);
    }
    for (size_t i = 0; i < size; i++) written += !is_nan(whole[i]);
    EXPECT_EQUAL(written, 9u);
  }
  array<bf16> nan(1);
  nan[0] = 0;
  expect_ran(launch_convert_rows(stream, array<float>(std::vector<float>{NAN}), RETRACE_F32, 1, 1, 0, 1, 1, nan));
  EXPECT(is_nan(nan[0]));
}

TEST_CASE("random weights are those of counter_random.h") {
  for (const int64_t elements : {1, 8, 2051}) {
    array<bf16> weight(static_cast<size_t>(elements));
    expect_ran(launch_randomize(stream, weight, elements, 77, 0.02f));
    for (int64_t i = 0; i < elements; i++)
      EXPECT_EQUAL(weight[i], rounded(retrace_counter_random(77, static_cast<uint64_t>(i), 0.02f)));
  }
}

// ---- matrix product -------------------------------------------------------------------------------

namespace {

struct product_case {
  int64_t m;
  int32_t n, k;
};

std::vector<bf16> stored_product(const array<bf16> &a, const array<bf16> &weight, const product_case &one) {
  array<bf16> out(static_cast<size_t>(one.m * one.n));
  expect_ran(launch_gemm(stream, a, weight, one.m, one.n, one.k, RETRACE_STORE, out));
  return out.values();
}

// The sums themselves, added to zeros: rounding to bfloat16 would hide most changes of the order of additions.
std::vector<float> float_product(const array<bf16> &a, const array<bf16> &weight, const product_case &one) {
  array<float> out(static_cast<size_t>(one.m * one.n), 0);
  expect_ran(launch_gemm(stream, a, weight, one.m, one.n, one.k, RETRACE_ADD, out));
  return out.values();
}

}  // namespace

TEST_CASE("the matrix product agrees with float64 for ragged sizes and every epilogue") {
  numbers random(10);
  for (const product_case &one :
       {product_case{1, 16, 8}, {3, 48, 40}, {129, 144, 72}, {65, 272, 136}, {128, 128, 256}, {2, 16, 1032}}) {
    const std::string what = std::to_string(one.m) + " x " + std::to_string(one.n) + " x " + std::to_string(one.k);
    const array<bf16> a(random.bf16s(static_cast<size_t>(one.m * one.k)));
    const array<bf16> weight(random.bf16s(static_cast<size_t>(one.n) * one.k));
    const std::vector<float> residual = random.floats(static_cast<size_t>(one.m * one.n));
    array<float> sum(residual);
    array<bf16> gated(static_cast<size_t>(one.m * one.n / 2));
    const std::vector<bf16> stored = stored_product(a, weight, one);
    expect_ran(launch_gemm(stream, a, weight, one.m, one.n, one.k, RETRACE_ADD, sum));
    expect_ran(launch_gemm(stream, a, weight, one.m, one.n, one.k, RETRACE_SWIGLU, gated));
    relative_l2 store_error, add_error, swiglu_error;
    for (int64_t row = 0; row < one.m; row++)
      for (int64_t column = 0; column < one.n; column++) {
        const double product = dot(a, weight, row, column, one.k);
        store_error.add(value_of(stored[row * one.n + column]), product);
        add_error.add(sum[row * one.n + column], residual[row * one.n + column] + product);
        if (column / 8 % 2 == 0)
          swiglu_error.add(value_of(gated[row * one.n / 2 + column / 16 * 8 + column % 8]),
                           silu(product) * dot(a, weight, row, column + 8, one.k));
      }
    expect_within(store_error.value(), bf16_tolerance, "store " + what);
    expect_within(add_error.value(), float_tolerance, "add " + what);
    expect_within(swiglu_error.value(), bf16_tolerance, "swiglu " + what);
  }
}

TEST_CASE("a row of the product has the same bits alone, among others and at another place") {
  numbers random(11);
  const product_case all{150, 136, 104};
  const std::vector<bf16> rows = random.bf16s(static_cast<size_t>(all.m * all.k));
  const array<bf16> weight(random.bf16s(static_cast<size_t>(all.n) * all.k));
  const std::vector<float> expected = float_product(array<bf16>(rows), weight, all);
  const std::vector<int32_t> shuffled = random.order(150);
  for (const std::vector<int32_t> &chosen :
       {std::vector<int32_t>{149}, std::vector<int32_t>{0}, std::vector<int32_t>{70, 3, 141}, shuffled,
        std::vector<int32_t>(shuffled.begin() + 9, shuffled.begin() + 73)}) {
    const std::vector<float> found = float_product(array<bf16>(rows_of(rows, chosen, all.k)), weight,
                                                   {static_cast<int64_t>(chosen.size()), all.n, all.k});
    expect_same_bits(found.data(), rows_of(expected, chosen, all.n).data(), found.size(),
                     std::to_string(chosen.size()) + " rows");
  }
}

TEST_CASE("wide and narrow tiles of the product give the same bits, and the wide ones agree with float64") {
  numbers random(12);
  const int32_t k = 72, wide = 256 * 120, narrow = 256 * 119;  // 120 tiles of 256 columns are wide, 119 narrow
  const array<bf16> a(random.bf16s(3 * k)), weight(random.bf16s(static_cast<size_t>(wide) * k));
  const std::vector<float> all = float_product(a, weight, {3, wide, k});
  const std::vector<float> fewer = float_product(a, weight, {3, narrow, k});
  relative_l2 error;
  for (int64_t row = 0; row < 3; row++) {
    expect_same_bits(&fewer[row * narrow], &all[row * wide], narrow, "columns of row " + std::to_string(row));
    for (int64_t column = 0; column < wide; column += 7)
      error.add(all[row * wide + column], dot(a, weight, row, column, k));
  }
  expect_within(error.value(), float_tolerance, "wide");
}

TEST_CASE("the product has the same bits under every schedule of its warps and copies") {
  numbers random(13);
  const product_case one{130, 264, 200};
  const array<bf16> a(random.bf16s(static_cast<size_t>(one.m * one.k)));
  const array<bf16> weight(random.bf16s(static_cast<size_t>(one.n) * one.k));
  expect_same_under_all_schedules<float>("product", [&] { return float_product(a, weight, one); });
  const array<bf16> row(random.bf16s(static_cast<size_t>(one.k))), rows(random.bf16s(256 * 120 * 136));
  expect_same_under_all_schedules<float>("wide product", [&] { return float_product(row, rows, {1, 256 * 120, 136}); });
}

// ---- head -----------------------------------------------------------------------------------------

namespace {

struct head_case {
  int32_t c, vocabulary;
  std::vector<int32_t> slots, targets;
};

std::vector<float> head_log_probs(const bf16 *hidden, const array<bf16> &head, const head_case &one) {
  const int64_t r = static_cast<int64_t>(one.slots.size());
  array<char> partials(static_cast<size_t>(head_partial_bytes(r, one.vocabulary)));
  array<float> log_probs(static_cast<size_t>(r));
  expect_ran(launch_head(stream, hidden, head, array<int32_t>(one.slots), array<int32_t>(one.targets), r, one.c,
                         one.vocabulary, partials, log_probs));
  return log_probs.values();
}

// Float logits of some units are off by about 1e-6 and their log-sum-exp no more: twenty times that.
constexpr double log_prob_tolerance = 2e-5;

}  // namespace

TEST_CASE("log-probabilities of targets agree with float64, with and without logits in memory") {
  numbers random(20);
  struct shape {
    int32_t c, vocabulary, slots, r;
  };
  for (const shape &one :
       {shape{8, 8, 3, 1}, {72, 300, 40, 131}, {64, 1029, 9, 12}, {40, 256, 5, 7}, {136, 64, 200, 129}}) {
    const array<bf16> hidden(random.bf16s(static_cast<size_t>(one.slots) * one.c));
    const array<bf16> head(random.bf16s(static_cast<size_t>(one.vocabulary) * one.c, 0.5f));
    const head_case rows{one.c, one.vocabulary, random.integers(static_cast<size_t>(one.r), one.slots),
                         random.integers(static_cast<size_t>(one.r), one.vocabulary)};
    const std::vector<float> found = head_log_probs(hidden, head, rows);
    array<float> logits(static_cast<size_t>(one.r) * one.vocabulary), from_logits(static_cast<size_t>(one.r));
    double worst = 0, worst_from_logits = 0;
    std::vector<double> expected;
    for (int32_t row = 0; row < one.r; row++) {
      std::vector<double> exact;
      for (int32_t column = 0; column < one.vocabulary; column++) {
        exact.push_back(dot(hidden, head, rows.slots[row], column, one.c));
        logits[row * one.vocabulary + column] = static_cast<float>(exact.back());
      }
      expected.push_back(log_softmax(exact, rows.targets[row]));
    }
    expect_ran(launch_log_softmax_of_targets(stream, logits, array<int32_t>(rows.targets), one.r, one.vocabulary,
                                             from_logits));
    for (int32_t row = 0; row < one.r; row++) {
      // NaN has to win over what was worst before.
      worst = std::fabs(found[row] - expected[row]) <= worst ? worst : std::fabs(found[row] - expected[row]);
      const double error = std::fabs(from_logits[row] - expected[row]);
      worst_from_logits = error <= worst_from_logits ? worst_from_logits : error;
    }
    expect_within(worst, log_prob_tolerance, "V = " + std::to_string(one.vocabulary));
    expect_within(worst_from_logits, log_prob_tolerance, "from logits, V = " + std::to_string(one.vocabulary));
  }
}

TEST_CASE("a log-probability has the same bits alone, among others, at another place and under every schedule") {
  numbers random(21);
  const int32_t c = 72, vocabulary = 700;
  const array<bf16> hidden(random.bf16s(50 * c)), head(random.bf16s(static_cast<size_t>(vocabulary) * c));
  const head_case all{c, vocabulary, random.integers(140, 50), random.integers(140, vocabulary)};
  const std::vector<float> expected = head_log_probs(hidden, head, all);
  for (const std::vector<int32_t> &chosen :
       {std::vector<int32_t>{139}, std::vector<int32_t>{7}, std::vector<int32_t>{100, 4, 77}, random.order(140)}) {
    head_case some{c, vocabulary, {}, {}};
    for (int32_t i : chosen) some.slots.push_back(all.slots[i]), some.targets.push_back(all.targets[i]);
    const std::vector<float> found = head_log_probs(hidden, head, some);
    for (size_t i = 0; i < chosen.size(); i++) expect_same_bits(&found[i], &expected[chosen[i]], 1, "target");
  }
  expect_same_under_all_schedules<float>("head", [&] { return head_log_probs(hidden, head, all); });
  const array<float> logits(random.floats(3 * 700));
  const array<int32_t> targets(std::vector<int32_t>{0, 699, 300});
  const auto from_logits = [&](int64_t first, int64_t r) {
    array<float> log_probs(static_cast<size_t>(r));
    expect_ran(launch_log_softmax_of_targets(stream, logits + first * 700, targets + first, r, 700, log_probs));
    return log_probs.values();
  };
  EXPECT(from_logits(0, 3)[2] == from_logits(2, 1)[0]);
  expect_same_under_all_schedules<float>("log softmax", [&] { return from_logits(0, 3); });
}

TEST_CASE("a sure target has log-probability 0, a NaN stays NaN in its own row, and an unknown target is NaN") {
  const int32_t c = 8, vocabulary = 300;
  std::vector<bf16> states(3 * c, 0), rows(static_cast<size_t>(vocabulary) * c, 0);
  states[0] = rounded(1.0f);  // row 0 meets column 299 with a logit of 1000
  rows[299 * c] = rounded(1000.0f);
  states[c + 3] = rounded(NAN);    // row 1 is broken
  states[2 * c] = rounded(-1.0f);  // row 2: a logit of -1000 among zeros
  const array<bf16> hidden(states), head(rows);
  const std::vector<float> found =
      head_log_probs(hidden, head, {c, vocabulary, {0, 1, 2, 2, 0, 0}, {299, 5, 299, 0, 300, -1}});
  EXPECT_EQUAL(found[0], 0.0f);
  EXPECT(std::isnan(found[1]));
  EXPECT(std::fabs(found[2] - (-1000 - std::log(299.0))) < 1e-3);
  EXPECT(std::fabs(found[3] + std::log(299.0)) < log_prob_tolerance);
  EXPECT(std::isnan(found[4]));
  EXPECT(std::isnan(found[5]));
}

// ---- caches of a large GPU --------------------------------------------------------------------------

namespace {

// Addresses alone: what is not written takes no memory, and holds zeros.
class far_memory {
 public:
  explicit far_memory(int64_t elements) : bytes_(static_cast<size_t>(elements) * sizeof(bf16)) {
    base_ = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base_ == MAP_FAILED) throw check::skipped("no " + std::to_string(bytes_ >> 30) + " GiB of addresses");
  }
  far_memory(const far_memory &) = delete;
  ~far_memory() { munmap(base_, bytes_); }
  operator bf16 *() { return static_cast<bf16 *>(base_); }

 private:
  size_t bytes_;
  void *base_;
};

}  // namespace

TEST_CASE("in a cache of 150 GB the last layer's last pages are written, copied and attended as the first ones are") {
  numbers random(30);
  const int32_t heads = 8, d = 128, width = 3 * heads * d, m = 130, layers = 32, pages = 9000;
  const std::vector<bf16> rows = random.bf16s(m * width);
  std::vector<int32_t> positions(m);
  for (int32_t i = 0; i < m; i++) positions[i] = i;
  const array<float> cosines(random.floats(m * d / 2)), sines(random.floats(m * d / 2));
  const array<retrace_segment> segments(std::vector<retrace_segment>{{0, m, 0, 0}});
  const array<retrace_tile> tiles(std::vector<retrace_tile>{{0, 0}, {0, 64}, {0, 128}});
  // Positions are written to two pages; the second is copied, and its copy attended.
  const auto attend = [&](const kv_cache &cache, int32_t all_layers, bf16 *hidden, int32_t first, int32_t second,
                          int32_t copy) {
    array<bf16> qkv(rows), out(m * heads * d);
    std::vector<int32_t> slots(m);
    for (int32_t i = 0; i < m; i++) slots[i] = (i < 128 ? first : second) * 128 + i % 128;
    expect_ran(launch_rope_and_store(stream, qkv, cosines, sines, array<int32_t>(positions), array<int32_t>(slots), m,
                                     heads, cache, all_layers - 1));
    const array<retrace_page_copy> copies(std::vector<retrace_page_copy>{{second, copy, 2}});
    expect_ran(launch_copy_page_rows(stream, cache, all_layers, hidden, 8, copies, 1));
    const array<int32_t> table(std::vector<int32_t>{first, copy});
    retrace_attention_plan plan{};
    plan.segments = segments, plan.tiles = tiles, plan.page_table = table;
    plan.tile_count = 3;
    expect_ran(launch_attention(stream, qkv, cache, all_layers - 1, heads, plan, out));
    return out.values();
  };
  cache_memory small(1, 3, 128, heads, d, kv_layout::swizzled);
  array<bf16> small_hidden(3 * 128 * 8);
  const std::vector<bf16> expected = attend(small.view, 1, small_hidden, 0, 1, 2);
  const int64_t layer_elements = int64_t(pages) * heads * 2 * 128 * d;
  far_memory keys(layer_elements * layers), hidden(int64_t(pages) * 128 * 8);
  const kv_cache large{keys, layer_elements, 128, heads, d, kv_layout::swizzled};
  const std::vector<bf16> found = attend(large, layers, hidden, pages - 3, pages - 2, pages - 1);
  expect_same_bits(found.data(), expected.data(), expected.size(), "attention");
}

TEST_CASE("hidden states and embeddings behind 2^31 elements are met") {
  numbers random(31);
  const int32_t c = 4096, slot = INT32_MAX - 2, id = 600000;
  far_memory hidden(int64_t(slot) * c + c), table(int64_t(id) * c + c);
  const array<int32_t> slots(std::vector<int32_t>{slot});
  const array<float> x(random.floats(c)), gain(random.floats(c, 0.1f, 1));
  array<bf16> near_state(c), gathered(c);
  expect_ran(launch_rms_norm(stream, x, gain, 1, c, 1e-5f, near_state));
  expect_ran(launch_store_hidden(stream, x, gain, slots, 1, c, 1e-5f, hidden));
  expect_ran(launch_gather_rows(stream, static_cast<bf16 *>(hidden), slots, 1, 2 * c, static_cast<bf16 *>(gathered)));
  expect_same_bits<bf16>(gathered, near_state, c, "a hidden state");

  const std::vector<bf16> weights = random.bf16s(16 * c);
  const array<bf16> head(weights);
  const std::vector<float> expected = head_log_probs(near_state, head, {c, 16, {0}, {5}});
  expect_same_bits(head_log_probs(hidden, head, {c, 16, {slot}, {5}}).data(), expected.data(), 1, "its target");

  std::copy_n(weights.begin(), c, table + int64_t(id) * c);
  array<float> embedded(c);
  expect_ran(launch_embed(stream, table, array<int32_t>(std::vector<int32_t>{id}), 1, c, embedded));
  for (int32_t i = 0; i < c; i++) EXPECT_EQUAL(embedded[i], value_of(weights[i]));
}

// ---- launches -------------------------------------------------------------------------------------

TEST_CASE("launchers refuse what their kernels do not know, do nothing for no rows, and hand on a failed launch") {
  array<bf16> memory(4096);
  array<float> floats(4096);
  EXPECT_EQUAL(launch_gemm(stream, memory, memory, 1, 8, 12, RETRACE_STORE, memory), cudaErrorInvalidValue);
  EXPECT_EQUAL(launch_gemm(stream, memory, memory, 1, 12, 8, RETRACE_STORE, memory), cudaErrorInvalidValue);
  EXPECT_EQUAL(launch_gemm(stream, memory, memory, 1, 24, 8, RETRACE_SWIGLU, memory), cudaErrorInvalidValue);
  const kv_cache cache{memory, 0, 128, 1, 48, kv_layout::rows};
  retrace_attention_plan plan{};
  plan.tile_count = 1;
  EXPECT_EQUAL(launch_attention(stream, memory, cache, 0, 1, plan, memory), cudaErrorNotSupported);
  const int64_t before = retrace_emulator_launches();
  EXPECT_EQUAL(launch_gemm(stream, memory, memory, 0, 8, 8, RETRACE_STORE, memory), cudaSuccess);
  EXPECT_EQUAL(launch_rms_norm(stream, floats, floats, 0, 8, 1e-5f, memory), cudaSuccess);
  EXPECT_EQUAL(retrace_emulator_launches(), before);
  retrace_emulator_plant_failure("launch", 0, cudaErrorLaunchOutOfResources);
  EXPECT_EQUAL(launch_swiglu(stream, memory, 1, 8, memory), cudaErrorLaunchOutOfResources);
  retrace_emulator_plant_failure(nullptr, 0, cudaSuccess);
}

int main(int argc, char **argv) {
  tell_of_walls();
  return check::run(argc, argv);
}
