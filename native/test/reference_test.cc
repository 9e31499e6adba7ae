// The CPU reference's exponential, weights, products and rows against naive loops in double; threads, memory, errors.
// Attention and head are in reference_attention_test.cc, the tolerances' reasons in reference_case.h.
#include <array>
#include <atomic>
#include <chrono>
#include <fstream>
#include <thread>

#include "../reference/worker_pool.h"
#include "reference_case.h"

using namespace reference_test;

// ---- exponential ----------------------------------------------------------------------------------

TEST_CASE("the exponential is within 2 units in the last place, on every instruction set") {
  for (const char *name : instruction_sets()) {
    floats x;
    for (double v = -87.33; v < 88.72; v += 0.000317) x.push_back(static_cast<float>(v));
    for (float v : {0.0f, -0.0f, 1e-30f, -1e-30f, 88.72f, -87.336f, 0.34657359f, -0.34657359f}) x.push_back(v);
    floats y(x.size());
    retrace::reference::choose_kernels(name)->exponentials(x.data(), static_cast<int64_t>(x.size()), y.data());
    for (size_t i = 0; i < x.size(); i++) {
      const double exact = std::exp(static_cast<double>(x[i]));
      int exponent;
      std::frexp(exact, &exponent);
      EXPECT(std::fabs(y[i] - exact) <= 2 * std::ldexp(1.0, exponent - 24));
    }
  }
}

TEST_CASE("the exponential is exact at its ends: 0, 1, infinity, and a NaN stays one") {
  for (const char *name : instruction_sets()) {
    const floats x = {0.0f, -0.0f, -INFINITY, -1e30f, -200.0f, -87.4f, 88.8f, 1e30f, INFINITY, std::nanf("")};
    floats y(x.size());
    retrace::reference::choose_kernels(name)->exponentials(x.data(), static_cast<int64_t>(x.size()), y.data());
    const floats expected = {1, 1, 0, 0, 0, 0, INFINITY, INFINITY, INFINITY};
    for (size_t i = 0; i < expected.size(); i++) EXPECT_EQUAL(y[i], expected[i]);
    EXPECT(std::isnan(y.back()));
  }
}

// ---- weights --------------------------------------------------------------------------------------

TEST_CASE("weights of all three types come back exactly, in their rows") {
  device_case s(small_options());
  // 1, -2, smallest subnormal, a subnormal, largest, smallest normal, infinity, minus zero, 1/3 as half
  const std::vector<uint16_t> halves = {0x3c00, 0xc000, 0x0001, 0x83ff, 0x7bff, 0x0400, 0x7c00, 0x8000, 0x3555};
  const floats half_values = {1, -2, 0x1p-24f, -1023 * 0x1p-24f, 65504, 0x1p-14f, INFINITY, -0.0f, 1365 * 0x1p-12f};
  retrace_weight w = s.empty_weight(3, 3);
  s.must(api.write_weight(s.device, &w, halves.data(), RETRACE_F16, 3, 0, 3, 3));
  EXPECT(same_bits(s.rows_of(w), half_values));

  const std::vector<uint16_t> brains = {0x3f80, 0xc000, 0x0001, 0x7f80, 0x8000, 0x4049};
  const floats brain_values = {1, -2, 0x1p-133f, INFINITY, -0.0f, 3.140625f};
  retrace_weight b = s.empty_weight(2, 3);
  s.must(api.write_weight(s.device, &b, brains.data(), RETRACE_BF16, 2, 0, 2, 2));
  EXPECT(same_bits(s.rows_of(b), brain_values));

  const uint16_t nans[] = {0x7e01, 0x7c01};
  retrace_weight n = s.empty_weight(1, 2);
  s.must(api.write_weight(s.device, &n, nans, RETRACE_F16, 1, 0, 1, 1));
  for (float v : s.rows_of(n)) EXPECT(std::isnan(v));
}

TEST_CASE("gates and ups alternate in blocks of 8 rows, from any type") {
  device_case s(small_options());
  const int64_t f = 40, k = 131;
  // Small whole numbers: all three types hold them.
  std::vector<uint16_t> ups(static_cast<size_t>(f * k));
  floats gates(ups.size());
  for (size_t i = 0; i < ups.size(); i++) {
    gates[i] = static_cast<float>(i % 127);
    const float up = -static_cast<float>(i % 125);
    uint32_t bits;
    std::memcpy(&bits, &up, 4);
    ups[i] = static_cast<uint16_t>(bits >> 16);
  }
  retrace_weight w = s.empty_weight(2 * f, k);
  s.must(api.write_weight(s.device, &w, gates.data(), RETRACE_F32, f, 0, interleave, 2 * interleave));
  s.must(api.write_weight(s.device, &w, ups.data(), RETRACE_BF16, f, interleave, interleave, 2 * interleave));
  const floats rows = s.rows_of(w);
  for (int64_t r = 0; r < 2 * f; r++)
    for (int64_t c = 0; c < k; c++) {
      const int64_t source = (r / 16 * 8 + r % 8) * k + c;
      const float expected = r % 16 < 8 ? static_cast<float>(source % 127) : -static_cast<float>(source % 125);
      EXPECT_EQUAL(rows[static_cast<size_t>(r * k + c)], expected);
    }
}

TEST_CASE("random weights are those of the counter, by row and column of the packed matrix") {
  retrace_device_options options = small_options();
  for (int round = 0; round < 2; round++) {
    options.round_to_bf16 = round;
    device_case s(options);
    retrace_weight w = s.empty_weight(37, 21);
    s.must(api.randomize_weight(s.device, &w, 99, 0.02f));
    const floats rows = s.rows_of(w);
    for (size_t i = 0; i < rows.size(); i++) {
      const float exact = retrace_counter_random(99, i, 0.02f);
      EXPECT_EQUAL(rows[i], round ? nearest_bf16(exact) : exact);
    }
  }
}

TEST_CASE("weights are rounded to the nearest bfloat16, ties to even, and a NaN stays one") {
  retrace_device_options options = small_options();
  options.round_to_bf16 = 1;
  device_case s(options);
  uint32_t low_nan = 0x7f800001u;
  float nan;
  std::memcpy(&nan, &low_nan, 4);
  const floats source = {1 + 0x1p-8f, 1 + 3 * 0x1p-8f, 1 + 0x1p-8f + 0x1p-20f, 3.4028235e38f, -1 - 0x1p-8f, nan};
  const floats found = s.rows_of(s.weight(source, 1, 6));
  const floats expected = {1, 1 + 0x1p-6f, 1 + 0x1p-7f, INFINITY, -1};
  for (size_t i = 0; i < expected.size(); i++) EXPECT_EQUAL(found[i], expected[i]);
  EXPECT(std::isnan(found[5]));
}

// ---- products -------------------------------------------------------------------------------------

TEST_CASE("gemm is within its bound of double, with each epilogue, at odd sizes, on every instruction set") {
  for (const char *name : instruction_sets())
    for (int round = 0; round < 2; round++)
      for (const auto &[m, n, k] : std::vector<std::array<int64_t, 3>>{
               {1, 16, 1}, {3, 48, 7}, {17, 80, 33}, {65, 112, 129}, {5, 1040, 61}, {50, 16, 2100}}) {
        retrace_device_options options = small_options();
        options.kernels = name;
        options.round_to_bf16 = round;
        device_case s(options);
        const floats a = random_floats(1, static_cast<size_t>(m * k));
        const retrace_weight w = s.weight(random_floats(2, static_cast<size_t>(n * k)), n, k);
        const floats weight = s.rows_of(w), before = random_floats(3, static_cast<size_t>(m * n));
        const floats stored = s.gemm(w, a.data(), m, RETRACE_STORE);
        const floats added = s.gemm(w, a.data(), m, RETRACE_ADD, before);
        const floats gated = s.gemm(w, a.data(), m, RETRACE_SWIGLU);
        EXPECT(!round || (all_bf16(stored) && all_bf16(gated)));

        for (int64_t i = 0; i < m; i++) {
          std::vector<double> exact(static_cast<size_t>(n)), off(exact.size());
          for (int64_t j = 0; j < n; j++) {
            const auto at = static_cast<size_t>(j), out = static_cast<size_t>(i * n + j);
            for (int64_t c = 0; c < k; c++) {
              const double product =
                  static_cast<double>(a[static_cast<size_t>(i * k + c)]) * weight[static_cast<size_t>(j * k + c)];
              exact[at] += product;
              off[at] += std::fabs(product) * static_cast<double>(k + 2) * u;
            }
            EXPECT(std::fabs(stored[out] - exact[at]) <= off[at] * 1.01 + u_of(round) * std::fabs(exact[at]));
            EXPECT(std::fabs(added[out] - exact[at] - before[out]) <= off[at] + u * (std::fabs(added[out]) + off[at]));
          }
          for (int64_t j = 0; j < n / 2; j++) {
            const auto gate = static_cast<size_t>(j / 8 * 16 + j % 8), up = gate + 8;
            const double silu = exact[gate] / (1 + std::exp(-exact[gate])), y = silu * exact[up];
            // silu's slope is below 1.1; exponential 4 u, sum, quotient, product; and the bound's own second order.
            const double bound = 1.1 * (1.1 * off[gate] * std::fabs(exact[up]) + std::fabs(silu) * off[up]) +
                                 (8 * u + u_of(round)) * std::fabs(y);
            EXPECT(std::fabs(gated[static_cast<size_t>(i * (n / 2) + j)] - y) <= bound);
          }
        }
      }
}

TEST_CASE("a row of a product has the same bits for M = 1 to 40 and wherever it stands, on every instruction set") {
  for (const char *name : instruction_sets())
    for (const auto &[n, k] : std::vector<std::pair<int64_t, int64_t>>{{64, 37}, {1040, 65}, {80, 1100}}) {
      retrace_device_options options = small_options();
      options.kernels = name;
      device_case s(options);
      const int64_t all = 101;
      const floats a = random_floats(4, static_cast<size_t>(all * k));
      const retrace_weight w = s.weight(random_floats(5, static_cast<size_t>(n * k)), n, k);
      for (retrace_epilogue epilogue : {RETRACE_STORE, RETRACE_ADD, RETRACE_SWIGLU}) {
        const int64_t columns = epilogue == RETRACE_SWIGLU ? n / 2 : n;
        const floats zeros(static_cast<size_t>(all * columns));
        const floats whole = s.gemm(w, a.data(), all, epilogue, zeros);
        for (int64_t m = 1; m <= 40; m++) {
          const int64_t first = m * 7 % (all - m);
          floats part(static_cast<size_t>(m * columns));
          part = s.gemm(w, a.data() + first * k, m, epilogue, part);
          EXPECT(same_bits(part.data(), whole.data() + first * columns, part.size()));
        }
      }
    }
}

TEST_CASE("a NaN in one row, and whatever lies behind the rows, touches no other row") {
  device_case s(small_options());
  const int64_t m = 13, n = 32, k = 24;
  floats a = random_floats(6, static_cast<size_t>(m * k));
  const retrace_weight w = s.weight(random_floats(7, static_cast<size_t>(n * k)), n, k);
  const floats clean = s.gemm(w, a.data(), m, RETRACE_STORE);
  a[static_cast<size_t>(4 * k)] = std::nanf("");
  floats dirty = s.gemm(w, a.data(), m, RETRACE_STORE, floats(static_cast<size_t>((m + 2) * n), 5.0f));
  for (int64_t j = 0; j < n; j++) EXPECT(std::isnan(dirty[static_cast<size_t>(4 * n + j)]));
  EXPECT(same_bits(dirty.data(), clean.data(), static_cast<size_t>(4 * n)));
  EXPECT(same_bits(dirty.data() + 5 * n, clean.data() + 5 * n, static_cast<size_t>((m - 5) * n)));
  for (size_t i = static_cast<size_t>(m * n); i < dirty.size(); i++) EXPECT_EQUAL(dirty[i], 5.0f);
}

// ---- rows -----------------------------------------------------------------------------------------

TEST_CASE("rms_norm and store_hidden are within their bound of double, for any number of rows with the same bits") {
  for (const char *name : instruction_sets())
    for (int round = 0; round < 2; round++)
      for (int32_t c : {1, 15, 24, 67, 256}) {
        retrace_device_options options = small_options();
        options.kernels = name;
        options.round_to_bf16 = round;
        options.shape.hidden_size = c;
        device_case s(options);
        s.must(api.make_cache(s.device, 9));
        const int32_t m = 70;
        const floats x = random_floats(8, static_cast<size_t>(m * c), 3.0f);
        const floats gain = random_floats(9, static_cast<size_t>(c));
        floats out(x.size());
        s.must(api.rms_norm(s.device, x.data(), gain.data(), m, out.data()));
        EXPECT(!round || all_bf16(out));
        ints slots;
        for (int32_t i = 0; i < m; i++) slots.push_back((i * 37 + 5) % 144);
        s.must(api.store_hidden(s.device, x.data(), gain.data(), slots.data(), m));
        for (int32_t i = 0; i < m; i++) {
          double squares = 0;
          for (int32_t j = 0; j < c; j++)
            squares += std::pow(static_cast<double>(x[static_cast<size_t>(i * c + j)]), 2);
          for (int32_t j = 0; j < c; j++) {
            const auto at = static_cast<size_t>(i * c + j);
            const double y = x[at] / std::sqrt(squares / c + options.shape.norm_epsilon) * gain[static_cast<size_t>(j)];
            // Half of the sum's relative error comes through the root; root, quotient and products: 8 roundings more.
            EXPECT(std::fabs(out[at] - y) <= ((c + 2) / 2.0 * u + 8 * u + u_of(round)) * std::fabs(y));
          }
          floats alone(static_cast<size_t>(c)), hidden(alone.size());
          s.must(api.rms_norm(s.device, &x[static_cast<size_t>(i * c)], gain.data(), 1, alone.data()));
          retrace_reference_read_hidden(s.device, slots[static_cast<size_t>(i)], hidden.data());
          EXPECT(same_bits(alone.data(), &out[static_cast<size_t>(i * c)], alone.size()));
          EXPECT(same_bits(alone, hidden));
        }
      }
}

TEST_CASE("queries and keys are rotated, and keys and values go to their slots") {
  for (const char *name : instruction_sets())
    for (int round = 0; round < 2; round++)
      for (int32_t size : {2, 6, 64}) {
        retrace_device_options options = small_options();
        options.kernels = name;
        options.round_to_bf16 = round;
        options.shape.head_size = size;
        attention_case s(options);
        const int32_t m = 45, heads = s.shape.heads, kv_heads = s.shape.kv_heads;
        const floats before = s.random_qkv(10, m);
        floats after = before;
        const run_of_rows run{0, m, 30, s.pages_for(75)};
        s.store(after, {run}, 1);
        const floats cosines = rotary_table(s.shape, std::cos), sines = rotary_table(s.shape, std::sin);
        for (int32_t i = 0; i < m; i++) {
          const int32_t position = 30 + i, slot = run.pages[static_cast<size_t>(position / 16)] * 16 + position % 16;
          for (int32_t h = 0; h < heads + kv_heads; h++) {
            const float *const source = &before[static_cast<size_t>(i * s.width + h * size)];
            const floats found = h < heads ? floats(&after[static_cast<size_t>(i * s.width + h * size)],
                                                    &after[static_cast<size_t>(i * s.width + h * size)] + size)
                                           : s.cached(1, slot, h - heads, false);
            EXPECT(!round || all_bf16(found));
            for (int32_t j = 0; j < size / 2; j++) {
              const double a = source[j], b = source[j + size / 2];
              const double cosine = cosines[static_cast<size_t>(position * (size / 2) + j)];
              const double sine = sines[static_cast<size_t>(position * (size / 2) + j)];
              const double first = a * cosine - b * sine, second = b * cosine + a * sine;
              const double bound = 3.1 * u * (std::fabs(a) + std::fabs(b));
              const double found_first = found[static_cast<size_t>(j)];
              const double found_second = found[static_cast<size_t>(j + size / 2)];
              EXPECT(std::fabs(found_first - first) <= bound + u_of(round) * std::fabs(first));
              EXPECT(std::fabs(found_second - second) <= bound + u_of(round) * std::fabs(second));
            }
          }
          for (int32_t g = 0; g < kv_heads; g++)
            for (int32_t j = 0; j < size; j++) {
              const float value = before[static_cast<size_t>(i * s.width + (heads + kv_heads + g) * size + j)];
              EXPECT_EQUAL(s.cached(1, slot, g, true)[static_cast<size_t>(j)], round ? nearest_bf16(value) : value);
            }
        }
      }
}

TEST_CASE("gather takes the rows that are asked for") {
  device_case s(small_options());
  const floats source = random_floats(11, 10 * 4);
  const ints rows = {9, 0, 3, 3};
  floats target(4 * 4 + 1, 5.0f);
  s.must(api.gather_rows(s.device, source.data(), rows.data(), 4, 16, target.data()));
  for (size_t i = 0; i < rows.size(); i++)
    EXPECT(same_bits(&target[i * 4], &source[static_cast<size_t>(rows[i]) * 4], 4));
  EXPECT_EQUAL(target.back(), 5.0f);
}

TEST_CASE("a page's first rows are copied in all layers and hidden states, and no row more") {
  for (int32_t t : {1, 5, 16, 100}) {
    retrace_device_options options = small_options();
    options.page_tokens = t;
    attention_case s(options);
    const floats gain(static_cast<size_t>(s.shape.hidden_size), 1.0f);
    const floats x = random_floats(12, static_cast<size_t>(t * s.shape.hidden_size));
    const ints pages = s.pages_for(t, 8);
    ints slots;
    for (int32_t i = 0; i < t; i++) slots.push_back(8 * t + i);
    for (int32_t layer = 0; layer < s.shape.layers; layer++) {
      floats qkv = s.random_qkv(13 + static_cast<uint64_t>(layer), t);
      s.store(qkv, {{0, t, 0, pages}}, layer);
    }
    s.must(api.store_hidden(s.device, x.data(), gain.data(), slots.data(), t));
    for (int32_t rows = 0; rows <= t; rows += 3) {
      const int32_t target = 20 + rows;
      const retrace_page_copy copy{8, target, rows};
      s.must(api.copy_page_rows(s.device, &copy, 1));
      for (int32_t i = 0; i < t; i++) {
        floats from(gain.size()), to(gain.size());
        retrace_reference_read_hidden(s.device, 8 * t + i, from.data());
        retrace_reference_read_hidden(s.device, target * t + i, to.data());
        EXPECT_EQUAL(same_bits(from, to), i < rows);
        EXPECT(i < rows || std::isnan(to[0]));
        for (int32_t layer = 0; layer < s.shape.layers; layer++)
          for (int32_t g = 0; g < s.shape.kv_heads; g++)
            for (bool is_value : {false, true}) {
              const floats a = s.cached(layer, 8 * t + i, g, is_value);
              const floats b = s.cached(layer, target * t + i, g, is_value);
              EXPECT_EQUAL(same_bits(a, b), i < rows);
              EXPECT(i < rows || (std::isnan(b[0]) && std::isnan(b.back())));
            }
      }
    }
  }
}

// ---- threads, memory, errors ----------------------------------------------------------------------

TEST_CASE("three threads compute the bits of one, in all functions") {
  std::vector<floats> results[2];
  for (int way = 0; way < 2; way++) {
    retrace_device_options options = small_options();
    options.threads = way == 0 ? 1 : 3;
    options.shape.vocabulary_size = 1555;
    head_case s(options);
    std::vector<floats> &all = results[way];
    // Long enough for the threads to be at work at the same time.
    retrace_weight wide = s.empty_weight(1040, 1100);
    s.must(api.randomize_weight(s.device, &wide, 44, 1.0f));
    const floats rows = random_floats(45, 600 * 1100);
    for (int repeat = 0; repeat < 3; repeat++) all.push_back(s.gemm(wide, rows.data(), 600, RETRACE_STORE));
    for (int repeat = 0; repeat < 20; repeat++)
      for (int64_t m : {1, 5, 130}) {
        retrace_weight w = s.empty_weight(272, 24);
        s.must(api.randomize_weight(s.device, &w, 40, 1.0f));
        const floats a = random_floats(41, static_cast<size_t>(m * 24));
        for (retrace_epilogue epilogue : {RETRACE_STORE, RETRACE_SWIGLU})
          all.push_back(s.gemm(w, a.data(), m, epilogue));
        all.push_back(s.rows_of(w));
        const run_of_rows run{0, static_cast<int32_t>(m), 0, s.pages_for(static_cast<int32_t>(m), 0)};
        floats qkv = s.random_qkv(42, m);
        s.store(qkv, {run}, 0);
        all.push_back(s.attend(qkv, {run}, 0));
        const retrace_weight head = s.weight(random_floats(43, 1555 * 24), 1555, 24);
        all.push_back(s.score(head, s.slots, some_targets(s.slots.size(), 1555)));
      }
  }
  EXPECT_EQUAL(results[0].size(), results[1].size());
  for (size_t i = 0; i < results[0].size(); i++) EXPECT(same_bits(results[0][i], results[1][i]));
}

TEST_CASE("a call of the pool returns when its last task is done, and each is done once") {
  retrace::reference::worker_pool pool(3);
  for (int repeat = 0; repeat < 20; repeat++) {
    std::atomic<int> begun{0}, done{0};
    const auto start = std::chrono::steady_clock::now();
    pool.run(3, [&](int64_t, int32_t thread) {
      begun++;
      // The caller goes on only when a worker has a task too, and the worker takes its time.
      const auto waited = [&] { return std::chrono::steady_clock::now() - start > std::chrono::seconds(10); };
      while (begun < 2 && !waited()) std::this_thread::yield();
      if (thread != 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));
      done++;
    });
    EXPECT_EQUAL(done.load(), 3);
  }
  std::vector<int> times(10000);
  pool.run(static_cast<int64_t>(times.size()), [&](int64_t task, int32_t) { times[static_cast<size_t>(task)]++; });
  EXPECT(std::all_of(times.begin(), times.end(), [](int count) { return count == 1; }));
}

TEST_CASE("one thread means no other thread") {
  const auto count = [] {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
      if (line.rfind("Threads:", 0) == 0) return std::stoi(line.substr(8));
    throw check::skipped("this system has no /proc/self/status");
  };
  const int before = count();
  retrace_device_options options = small_options();
  {
    device_case one(options);
    EXPECT_EQUAL(count(), before);
    options.threads = 3;
    device_case three(options);
    EXPECT_EQUAL(count(), before + 2);
  }
  // A thread that was joined may be in the list for a moment more.
  EXPECT(count() <= before + 2);
}

TEST_CASE("memory is aligned, its sizes are closed formulas, and a big cache costs nothing until it is written") {
  device_case s(small_options());
  for (size_t bytes : {size_t{0}, size_t{1}, size_t{1000}}) {
    void *memory = nullptr;
    s.must(api.allocate(s.device, bytes, &memory));
    EXPECT_EQUAL(reinterpret_cast<uintptr_t>(memory) % 256, 0u);
    api.release(s.device, memory);
  }
  // Floats: 2 layers, 2 heads, keys [32 of 16][6] and values [16][32 of 6]; hidden [16][24]. Weights: [96 of 70][24].
  EXPECT_EQUAL(api.cache_bytes(s.device, 1), size_t{4 * (2 * 2 * (32 * 6 + 16 * 32) + 16 * 24)});
  EXPECT_EQUAL(api.cache_bytes(s.device, 1000), 1000 * api.cache_bytes(s.device, 1));
  EXPECT_EQUAL(api.weight_bytes(s.device, 70, 24), size_t{4 * 96 * 24});
  EXPECT_EQUAL(api.workspace_bytes(s.device, 10, 7), size_t{4 * 7 * 3});
  EXPECT_EQUAL(api.cache_bytes(s.device, INT64_MAX), SIZE_MAX);
  EXPECT_EQUAL(api.weight_bytes(s.device, INT64_MAX, 2), SIZE_MAX);

  const auto resident = [] {
    std::ifstream statm("/proc/self/statm");
    int64_t all = 0, pages = 0;
    if (!(statm >> all >> pages)) throw check::skipped("this system has no /proc/self/statm");
    return pages * 4096;
  };
  const int64_t before = resident(), pages = (int64_t{1} << 30) / static_cast<int64_t>(api.cache_bytes(s.device, 1));
  s.must(api.make_cache(s.device, pages));
  EXPECT(resident() - before < (64 << 20));
}

namespace {

template <class Body>
std::string error_of(int expected_status, const Body &body) {
  try {
    body();
  } catch (const failed_call &failed) {
    EXPECT_EQUAL(failed.status, expected_status);
    return failed.what();
  }
  throw check::failure("expected an error");
}

bool has(const std::string &text, const std::string &part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("shapes and options that are not supported are refused with their figures") {
  const auto refused = [](auto change) {
    retrace_device_options options = small_options();
    change(options);
    return error_of(RETRACE_DEVICE_UNSUPPORTED, [&] { device_case s(options); });
  };
  EXPECT(has(refused([](auto &o) { o.shape.head_size = 7; }), "head_size is 7"));
  EXPECT(has(refused([](auto &o) { o.shape.kv_heads = 3; }), "multiple of kv_heads 3"));
  EXPECT(has(refused([](auto &o) { o.shape.layers = 0; }), "layers is 0"));
  EXPECT(has(refused([](auto &o) { o.shape.context_length = -1; }), "context_length is -1"));
  EXPECT(has(refused([](auto &o) { o.page_tokens = 1025; }), "page_tokens is 1025"));
  EXPECT(has(refused([](auto &o) { o.page_tokens = -1; }), "page_tokens is -1"));
  EXPECT(has(refused([](auto &o) { o.threads = -2; }), "threads is -2"));
  EXPECT(has(refused([](auto &o) { o.kernels = "tensor"; }), "\"tensor\""));
}

TEST_CASE("too little memory is an error with the bytes, and the device goes on") {
  device_case s(small_options());
  void *memory = &s;
  EXPECT_EQUAL(api.allocate(s.device, size_t{1} << 62, &memory), int{RETRACE_DEVICE_OUT_OF_MEMORY});
  EXPECT(memory == nullptr);
  EXPECT(has(api.last_error(s.device)->message, "4611686018427387904 bytes"));
  EXPECT_EQUAL(std::string(api.last_error(s.device)->file), std::string("device_state.cc"));
  EXPECT(api.last_error(s.device)->line > 0);
  EXPECT_EQUAL(api.allocate(s.device, SIZE_MAX, &memory), int{RETRACE_DEVICE_OUT_OF_MEMORY});
  EXPECT_EQUAL(api.make_cache(s.device, INT64_MAX), int{RETRACE_DEVICE_OUT_OF_MEMORY});
  EXPECT_EQUAL(api.make_workspace(s.device, 1, INT64_MAX), int{RETRACE_DEVICE_OUT_OF_MEMORY});
  s.must(api.make_cache(s.device, 4));
}

TEST_CASE("indices out of range and calls out of order are errors, not crashes") {
  const auto call_failed = [](auto body) {
    return error_of(RETRACE_DEVICE_CALL_FAILED, [&] {
      head_case s(small_options(), 20);
      body(s);
    });
  };
  const auto weight = [](device_case &s) { return s.weight(floats(70 * 24, 1.0f), 70, 24); };
  floats x(24, 1.0f);
  EXPECT(has(call_failed([&](auto &s) {
               const retrace_weight w = weight(s);
               const ints ids = {70};
               s.must(api.embed(s.device, &w, ids.data(), 1, x.data()));
             }),
             "token id 0 is 70, expected 0 to 69"));
  EXPECT(has(call_failed([&](auto &s) { s.score(weight(s), {0}, {-1}); }), "target 0 is -1"));
  EXPECT(has(call_failed([&](auto &s) { s.score(weight(s), {160}, {1}); }), "slot 0 is 160"));
  EXPECT(has(call_failed([&](auto &s) { s.score(weight(s), ints(21, 3), ints(21, 1)); }), "make_workspace"));
  EXPECT(has(call_failed([&](auto &s) {
               floats qkv = s.random_qkv(1, 1);
               s.attend(qkv, {{0, 1, 0, {10}}}, 0);
             }),
             "page of the table 0 is 10"));
  EXPECT(has(call_failed([&](auto &s) {
               floats qkv = s.random_qkv(1, 20);
               s.attend(qkv, {{0, 20, 0, {1}}}, 0);
             }),
             "first page of a segment"));
  EXPECT(has(call_failed([&](auto &s) {
               floats qkv = s.random_qkv(1, 1);
               s.store(qkv, {{0, 1, 0, {1}}}, 2);
             }),
             "layer 0 is 2"));
  EXPECT(has(call_failed([&](auto &s) {
               const retrace_page_copy copy{1, 2, 17};
               s.must(api.copy_page_rows(s.device, &copy, 1));
             }),
             "rows of a copy 0 is 17"));
  EXPECT(has(call_failed([&](auto &s) {
               retrace_weight w = s.empty_weight(15, 24);
               s.must(api.write_weight(s.device, &w, floats(16 * 24).data(), RETRACE_F32, 16, 0, 8, 16));
             }),
             "do not fit in a weight of 15 rows"));

  device_case bare(small_options());
  const int32_t zero = 0;
  EXPECT(has(error_of(RETRACE_DEVICE_CALL_FAILED,
                      [&] { bare.must(api.store_hidden(bare.device, x.data(), x.data(), &zero, 1)); }),
             "make_cache"));
  bare.must(api.make_cache(bare.device, 1));
  floats qkv(48);
  EXPECT(has(error_of(RETRACE_DEVICE_CALL_FAILED,
                      [&] { bare.must(api.rope_and_store(bare.device, qkv.data(), &zero, &zero, 1, 0)); }),
             "set_rotary"));
}

TEST_CASE("the device says what it is") {
  char json[300];
  api.probe(json, sizeof json);
  EXPECT(std::string(json).rfind("{\"count\":1,\"devices\":[{\"name\":\"CPU reference (", 0) == 0);
  EXPECT(has(json, "\"threads\":"));
  for (const char *name : instruction_sets()) {
    retrace_device_options options = small_options();
    options.kernels = name;
    options.round_to_bf16 = 1;
    options.page_tokens = 0;
    device_case s(options);
    retrace_device_facts facts;
    s.must(api.facts(s.device, &facts));
    EXPECT(has(facts.kernels, name) && has(facts.name, "CPU reference ("));
    EXPECT_EQUAL(facts.activation_bytes, 4);
    EXPECT_EQUAL(facts.computes_bf16, 1);
    EXPECT_EQUAL(facts.page_tokens, 128);
    EXPECT_EQUAL(facts.row_multiple, 1);
    EXPECT(facts.total_bytes > 0 && facts.free_bytes > 0 && facts.free_bytes <= facts.total_bytes);
  }
  EXPECT_EQUAL(std::string(api.name), std::string("cpu"));
  EXPECT_EQUAL(api.abi, uint32_t{RETRACE_DEVICE_ABI});
}

TEST_MAIN
