// The CPU reference's attention and head against naive loops in double, and their promise: the same bits whatever the
// batch. The tolerances' reasons are in reference_case.h.
#include <array>

#include "reference_case.h"

using namespace reference_test;

// ---- attention ------------------------------------------------------------------------------------

TEST_CASE("attention is within its bound of double, for all page sizes and head sizes, over a poisoned cache") {
  for (const char *name : instruction_sets())
    for (int round = 0; round < 2; round++)
      for (int32_t t : {1, 4, 16, 33, 128})
        for (const auto &[size, heads, kv_heads] :
             std::vector<std::array<int32_t, 3>>{{6, 4, 2}, {64, 2, 2}, {34, 7, 1}}) {
          retrace_device_options options = small_options();
          options.kernels = name;
          options.round_to_bf16 = round;
          options.page_tokens = t;
          options.shape.head_size = size;
          options.shape.heads = heads;
          options.shape.kv_heads = kv_heads;
          attention_case s(options);
          const int32_t tokens = 150;
          const run_of_rows run{0, tokens, 0, s.pages_for(tokens)};
          floats qkv = s.random_qkv(20, tokens);
          s.store(qkv, {run}, 1);
          const floats out = s.attend(qkv, {run}, 1);
          EXPECT(attention_error(s, qkv, out, run, 1, round != 0) <= 1);
          EXPECT(!round || all_bf16(out));
        }
}

TEST_CASE("attention has the same bits wherever a segment is cut, on every instruction set") {
  for (const char *name : instruction_sets())
    for (int32_t t : {1, 16, 128}) {
      retrace_device_options options = small_options();
      options.kernels = name;
      options.page_tokens = t;
      attention_case s(options);
      const int32_t tokens = 141;
      const ints pages = s.pages_for(tokens);
      floats qkv = s.random_qkv(21, tokens);
      s.store(qkv, {{0, tokens, 0, pages}}, 0);
      const floats whole = s.attend(qkv, {{0, tokens, 0, pages}}, 0);
      EXPECT(std::none_of(whole.begin(), whole.end(), [](float v) { return std::isnan(v); }));
      for (int32_t cut = 1; cut < tokens; cut++) {
        const floats parts = s.attend(qkv, {{0, cut, 0, pages}, {cut, tokens - cut, cut, pages}}, 0);
        EXPECT(same_bits(parts, whole));
      }
    }
}

TEST_CASE("a branch has the same bits alone, among others, in any order and on any pages") {
  for (const char *name : instruction_sets()) {
    retrace_device_options options = small_options();
    options.kernels = name;
    attention_case s(options);
    // Prefix of 40 tokens: two pages and a half. Each branch has a copy of the third.
    const int32_t prefix = 40, length = 60;
    const ints path = s.pages_for(prefix, 100);
    floats prefix_qkv = s.random_qkv(22, prefix);
    s.store(prefix_qkv, {{0, prefix, 0, path}}, 0);
    const auto branch = [&](int32_t first_row, int32_t first_page) {
      ints pages(path.begin(), path.begin() + 2);
      const ints own = s.pages_for(prefix + length - 32, first_page);
      pages.insert(pages.end(), own.begin(), own.end());
      const retrace_page_copy copy{path[2], own[0], prefix % 16};
      s.must(api.copy_page_rows(s.device, &copy, 1));
      return run_of_rows{first_row, length, prefix, pages};
    };
    const floats tokens = s.random_qkv(23, 3 * length);
    floats together = tokens;
    const std::vector<run_of_rows> runs = {branch(0, 10), branch(length, 20), branch(2 * length, 30)};
    s.store(together, runs, 0);
    const floats expected = s.attend(together, {runs[2], runs[0], runs[1]}, 0);
    const auto row = static_cast<size_t>(length * s.width), out_row = expected.size() / 3;
    for (size_t i = 0; i < 3; i++) {
      floats alone(tokens.data() + i * row, tokens.data() + (i + 1) * row);
      const run_of_rows run = branch(0, 40 + static_cast<int32_t>(i) * 10);
      s.store(alone, {run}, 0);
      EXPECT(same_bits(s.attend(alone, {run}, 0).data(), expected.data() + i * out_row, out_row));
    }
  }
}

TEST_CASE("infinities and NaNs of later tokens reach no earlier one") {
  for (const char *name : instruction_sets()) {
    retrace_device_options options = small_options();
    options.kernels = name;
    attention_case s(options);
    const int32_t tokens = 60, spoilt = 37;
    const run_of_rows run{0, tokens, 0, s.pages_for(tokens)};
    const floats source = s.random_qkv(24, tokens);
    floats clean = source, dirty = source;
    s.store(clean, {run}, 0);
    const floats expected = s.attend(clean, {run}, 0);
    for (int64_t i = 0; i < s.width; i++)
      dirty[static_cast<size_t>(spoilt * s.width + i)] = i % 2 == 0 ? INFINITY : std::nanf("");
    s.store(dirty, {run}, 0);
    const floats found = s.attend(dirty, {run}, 0);
    const auto clean_part = static_cast<size_t>(spoilt * s.shape.heads * s.shape.head_size);
    EXPECT(same_bits(found.data(), expected.data(), clean_part));
    EXPECT(std::isnan(found[clean_part]) && std::isnan(found.back()));  // and what is not finite is not hidden
  }
}

TEST_CASE("attention's probabilities are rounded to bfloat16 before the values, and their sum is not") {
  retrace_device_options options = small_options();
  options.round_to_bf16 = 1;
  options.shape.head_size = 2;
  options.shape.heads = options.shape.kv_heads = 1;
  attention_case s(options);
  const floats ones(512, 1.0f), zeros(512);
  s.must(api.set_rotary(s.device, ones.data(), zeros.data()));
  // One key of score 0 and value 0, then 100 of score -1.703125 / sqrt(2) and value v.
  const double p = std::exp(-1.703125 / std::sqrt(2.0)), rounded = nearest_bf16(p);
  int told_apart = 0;
  for (int step = 0; step < 128; step++) {
    const float v = 1 + static_cast<float>(step) / 128;
    const float expected = nearest_bf16(100 * rounded * v / (1 + 100 * p));
    const float without = nearest_bf16(100 * p * v / (1 + 100 * p));
    const float of_rounded_sum = nearest_bf16(100 * rounded * v / (1 + 100 * rounded));
    if (expected == without || expected == of_rounded_sum) continue;
    told_apart++;
    floats qkv = {1, 0, 0, 0, 0, 0};
    for (int i = 0; i < 100; i++) qkv.insert(qkv.end(), {1, 0, -1.703125f, 0, v, 0});
    const run_of_rows run{0, 101, 0, s.pages_for(101)};
    s.store(qkv, {run}, 0);
    const floats out = s.attend(qkv, {run}, 0);
    // Next to a border between two bfloat16 numbers float may fall on the other side.
    const double exact = 100 * rounded * v / (1 + 100 * p);
    if (nearest_bf16(exact * (1 + 1e-5)) == nearest_bf16(exact * (1 - 1e-5))) EXPECT_EQUAL(out[200], expected);
  }
  EXPECT(told_apart > 10);
}

// ---- head -----------------------------------------------------------------------------------------

TEST_CASE("log-probabilities are within their bound of double, for vocabularies of any size") {
  for (const char *name : instruction_sets())
    for (int round = 0; round < 2; round++)
      for (int32_t vocabulary : {1, 5, 70, 512, 1555}) {
        retrace_device_options options = small_options();
        options.kernels = name;
        options.round_to_bf16 = round;
        options.shape.vocabulary_size = vocabulary;
        head_case s(options);
        const auto c = static_cast<size_t>(s.shape.hidden_size);
        const retrace_weight w = s.weight(random_floats(31, static_cast<size_t>(vocabulary) * c, 2.0f), vocabulary, c);
        const floats weight = s.rows_of(w);
        const ints targets = some_targets(s.slots.size(), vocabulary);
        const floats found = s.score(w, s.slots, targets);
        for (size_t i = 0; i < targets.size(); i++) {
          std::vector<double> logits(static_cast<size_t>(vocabulary));
          double off = 0;
          for (size_t v = 0; v < logits.size(); v++) {
            double magnitude = 0;
            for (size_t k = 0; k < c; k++) {
              const double product = static_cast<double>(s.hidden[i * c + k]) * weight[v * c + k];
              logits[v] += product;
              magnitude += std::fabs(product);
            }
            off = std::max(off, static_cast<double>(c + 2) * u * magnitude);
          }
          const double maximum = *std::max_element(logits.begin(), logits.end());
          const double spread = maximum - *std::min_element(logits.begin(), logits.end());
          double sum = 0;
          for (double logit : logits) sum += std::exp(logit - maximum);
          const double exact = logits[static_cast<size_t>(targets[i])] - maximum - std::log(sum);
          // The target's logit and the log of the sum each move by a logit's error. The sum: at most 512 / 4 additions
          // in a lane and 2 over the lanes, exponentials of 4 u and of a rounded argument. The result is a float.
          const double bound = 2 * off + (130 + 4 + spread) * u + u * std::fabs(exact);
          EXPECT(std::fabs(found[i] - exact) <= bound);
          EXPECT(found[i] <= 0);
        }
      }
}

TEST_CASE("a target has the same bits alone and among others, on every instruction set") {
  for (const char *name : instruction_sets()) {
    retrace_device_options options = small_options();
    options.kernels = name;
    options.shape.vocabulary_size = 1555;
    head_case s(options);
    const retrace_weight w = s.weight(random_floats(32, 1555 * 24), 1555, 24);
    const ints targets = some_targets(s.slots.size(), 1555);
    const floats all = s.score(w, s.slots, targets);
    for (size_t count = 1; count <= 60; count++) {
      const size_t first = count * 11 % (all.size() - count);
      const auto begin = static_cast<int64_t>(first), end = static_cast<int64_t>(first + count);
      const floats part = s.score(w, ints(s.slots.begin() + begin, s.slots.begin() + end),
                                  ints(targets.begin() + begin, targets.begin() + end));
      EXPECT(same_bits(part.data(), all.data() + first, count));
    }
  }
}

TEST_CASE("a certain target scores at most 0, and a NaN in the hidden state or the head is not hidden") {
  head_case s(small_options(), 20);
  floats weight(70 * 24, 0.0f);
  for (size_t k = 0; k < 24; k++) weight[33 * 24 + k] = 1000 * s.hidden[k];
  const retrace_weight w = s.weight(weight, 70, 24);
  const floats certain = s.score(w, {s.slots[0]}, {33});
  EXPECT_EQUAL(certain[0], 0.0f);
  EXPECT(std::isnan(s.score(w, {159}, {1})[0]));  // never written, so poisoned
  weight[69 * 24 + 3] = std::nanf("");
  EXPECT(std::isnan(s.score(s.weight(weight, 70, 24), {s.slots[0]}, {33})[0]));
}

TEST_MAIN
