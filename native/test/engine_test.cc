// The engine over whole calls: the same bits whatever the batch, and every page accounted for at the end. Runs on the CPU
// reference, in float32 and rounding to bfloat16, and on the emulated CUDA device where it was built.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <numeric>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <dlfcn.h>
#include <sys/stat.h>

#include "../emulator/cuda_runtime_api.h"
#include "../engine/retrace_engine.h"
#include "check.h"
#include "engine_case.h"

using namespace engine_case;

namespace {

const std::string narrow_config = config_of({64, 96, 3, 4, 2, 16, 131, 700, 1e-5f}, false);
// The Hopper kernels know head size 128 alone.
const std::string wide_config = config_of({128, 96, 2, 2, 1, 128, 131, 700, 1e-5f}, true);

// The folder that the devices' libraries are in.
std::string build_folder() { return program_folder() + "/.."; }
std::string emulated_library() { return build_folder() + "/libretrace_emulated.so"; }

bool emulated_is_built() {
  struct stat status{};
  return stat(emulated_library().c_str(), &status) == 0;
}

struct setting {
  const char *device = "cpu";
  int precision = 0;
  int page_tokens = 16;
  int64_t cache_tokens = 8192;
  int64_t max_rows = 0;
  int threads = 1;
  bool keep_all_rows = false;
  const char *kernels = nullptr;
  const char *config = narrow_config.c_str();
};

[[noreturn]] void fail(const retrace_error &error) {
  throw check::failure(std::string(error.code) + ": " + error.message);
}

// The C interface, with exceptions for the tests' sake.
class model {
 public:
  explicit model(const setting &s) {
    retrace_engine_options options{};
    options.struct_bytes = sizeof options;
    options.config_json = s.config;
    options.random_seed = 7;
    options.kernels = s.kernels;
    options.device = s.device;
    const std::string folder = build_folder();
    options.device_folder = folder.c_str();
    options.precision = s.precision;
    options.threads = s.threads;
    options.page_tokens = std::strcmp(s.device, "cpu") == 0 ? s.page_tokens : 0;
    options.max_batch_rows = s.max_rows;
    options.keep_all_rows = s.keep_all_rows ? 1 : 0;
    retrace_error error;
    if (retrace_engine_open(&options, &engine, &error) != 0) fail(error);
    // How much a page takes is the device's business: open once to learn it, and again with what the test wants.
    const int64_t pages = s.cache_tokens / number("pageTokens");
    options.cache_bytes = number("cacheBytes") / number("pages") * pages;
    retrace_engine_close(engine);
    if (retrace_engine_open(&options, &engine, &error) != 0) fail(error);
  }
  ~model() { retrace_engine_close(engine); }

  uint64_t open(const ids &tokens) {
    uint64_t prefix = 0;
    retrace_error error;
    if (retrace_prefix_open(engine, tokens.data(), (int64_t)tokens.size(), nullptr, &prefix, &counters, &error) != 0) {
      fail(error);
    }
    return prefix;
  }
  uint64_t commit(uint64_t prefix, const ids &tokens) {
    uint64_t next = 0;
    retrace_error error;
    if (retrace_commit(engine, prefix, tokens.data(), (int64_t)tokens.size(), nullptr, &next, &counters, &error) != 0) {
      fail(error);
    }
    return next;
  }
  void close(uint64_t prefix) { retrace_prefix_close(engine, prefix); }

  // Each branch's tokens from `first_scored` on.
  std::vector<std::vector<float>> score(uint64_t prefix, const std::vector<ids> &branches, int64_t first_scored) {
    std::vector<int64_t> ranges;
    for (const ids &branch : branches) {
      ranges.push_back(first_scored);
      ranges.push_back((int64_t)branch.size());
    }
    std::vector<retrace_branch> list;
    size_t outputs = 0;
    for (size_t i = 0; i < branches.size(); i++) {
      list.push_back({branches[i].data(), (int64_t)branches[i].size(), &ranges[2 * i], 1});
      outputs += branches[i].size() - (size_t)first_scored;
    }
    std::vector<float> flat(outputs, 12345.0f);
    retrace_error error;
    if (retrace_score(engine, prefix, list.data(), (int64_t)list.size(), flat.data(), nullptr, &counters, &error) !=
        0) {
      fail(error);
    }
    std::vector<std::vector<float>> scores;
    auto at = flat.begin();
    for (const ids &branch : branches) {
      scores.emplace_back(at, at + ((long)branch.size() - first_scored));
      at += (long)branch.size() - first_scored;
    }
    return scores;
  }
  std::vector<float> score_one(uint64_t prefix, const ids &branch, int64_t first_scored) {
    return score(prefix, {branch}, first_scored)[0];
  }
  void audit() {
    retrace_error error;
    if (retrace_audit(engine, &error) != 0) fail(error);
  }
  int64_t number(const std::string &field) const { return number_in(engine, field); }

  retrace_engine *engine = nullptr;
  retrace_counters counters{};
};

ids random_tokens(uint32_t seed, size_t count) {
  std::mt19937 random(seed);
  ids tokens(count);
  for (uint32_t &token : tokens) token = random() % 131;
  return tokens;
}

ids joined(const ids &a, const ids &b) {
  ids both = a;
  both.insert(both.end(), b.begin(), b.end());
  return both;
}

bool same_bits(const std::vector<float> &a, const std::vector<float> &b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), 4 * a.size()) == 0;
}

std::vector<setting> settings() {
  std::vector<setting> all;
  for (const int precision : {0, 2}) {
    for (const int page_tokens : {4, 16, 128}) all.push_back({"cpu", precision, page_tokens});
  }
  setting threads;
  threads.threads = 3;
  all.push_back(threads);
  if (emulated_is_built()) all.push_back({"emulated", 0, 128});
  return all;
}

// One branch behind one prefix, scored from scratch in an engine of its own: what everything else is held against.
std::vector<float> alone(const setting &s, const ids &prefix, const ids &branch, int64_t first_scored) {
  model fresh(s);
  return fresh.score_one(fresh.open(prefix), branch, first_scored);
}

}  // namespace

TEST_CASE("log-probabilities are finite, not positive, and those of all tokens sum to one") {
  for (const setting &s : settings()) {
    model m(s);
    const uint64_t prefix = m.open(random_tokens(1, 37));
    std::vector<ids> all;
    for (uint32_t token = 0; token < 131; token++) all.push_back({token});
    double total = 0;
    for (const std::vector<float> &score : m.score(prefix, all, 0)) {
      EXPECT(std::isfinite(score[0]) && score[0] <= 0);
      total += std::exp((double)score[0]);
    }
    EXPECT(std::fabs(total - 1) < 1e-4);
  }
}

TEST_CASE("a branch has the same bits alone, with fifteen others, and in any order") {
  for (const setting &s : settings()) {
    model m(s);
    const ids prefix_tokens = random_tokens(2, 150);
    const uint64_t prefix = m.open(prefix_tokens);
    std::vector<ids> branches;
    for (uint32_t i = 0; i < 16; i++) branches.push_back(random_tokens(100 + i, 9 + 5 * i));
    std::vector<size_t> order(16);
    std::iota(order.begin(), order.end(), 0);
    const auto together = m.score(prefix, branches, 3);
    for (const uint32_t seed : {1u, 2u}) {
      std::shuffle(order.begin(), order.end(), std::mt19937(seed));
      std::vector<ids> shuffled;
      for (const size_t i : order) shuffled.push_back(branches[i]);
      retrace_drop_unpinned(m.engine);
      const auto again = m.score(prefix, shuffled, 3);
      for (size_t i = 0; i < 16; i++) EXPECT(same_bits(again[i], together[order[i]]));
    }
    for (const size_t i : {0, 7, 15}) EXPECT(same_bits(together[i], alone(s, prefix_tokens, branches[i], 3)));
    m.audit();
  }
}

TEST_CASE("a path has the same bits wherever it is split into prefix, commits and branch, cold or warm") {
  for (const setting &s : settings()) {
    const ids path = random_tokens(3, 190), tail = random_tokens(4, 21);
    const std::vector<float> expected = alone(s, path, tail, 0);
    model m(s);
    for (const size_t cut : {1, 2, 15, 16, 17, 63, 64, 65, 127, 128, 129, 189}) {
      const uint64_t head = m.open(ids(path.begin(), path.begin() + (long)cut));
      // As a branch with context in front of what is scored.
      const ids rest(path.begin() + (long)cut, path.end());
      EXPECT(same_bits(m.score_one(head, joined(rest, tail), (int64_t)rest.size()), expected));
      // Committed, in two parts.
      const size_t half = rest.size() / 2;
      const uint64_t first = m.commit(head, ids(rest.begin(), rest.begin() + (long)half));
      const uint64_t second = m.commit(first, ids(rest.begin() + (long)half, rest.end()));
      EXPECT(same_bits(m.score_one(second, tail, 0), expected));
      for (const uint64_t prefix : {head, first, second}) m.close(prefix);
      if (cut % 2 == 0) retrace_drop_unpinned(m.engine);
      m.audit();
    }
  }
}

TEST_CASE("batches of any size give the same bits") {
  for (setting s : settings()) {
    const ids prefix = random_tokens(5, 140);
    const std::vector<ids> branches = {random_tokens(6, 77), random_tokens(7, 30), random_tokens(8, 160)};
    std::vector<std::vector<float>> expected;
    for (const int64_t rows : {0, 1000, 130, 64, 33, 7}) {
      s.max_rows = rows;
      model m(s);
      const auto scores = m.score(m.open(prefix), branches, 5);
      if (expected.empty()) expected = scores;
      for (size_t i = 0; i < 3; i++) EXPECT(same_bits(scores[i], expected[i]));
    }
  }
}

TEST_CASE("leaving out the last layer's unneeded rows changes no bit") {
  for (setting s : settings()) {
    const ids prefix = random_tokens(5, 40), branch = random_tokens(6, 60);
    const std::vector<float> trimmed = alone(s, prefix, branch, 31);
    s.keep_all_rows = true;
    EXPECT(same_bits(alone(s, prefix, branch, 31), trimmed));
  }
}

TEST_CASE("branches that share their heads share the work, and keep their bits") {
  for (const setting &s : settings()) {
    model m(s);
    const ids prefix_tokens = random_tokens(9, 50), head = random_tokens(10, 45);
    const uint64_t prefix = m.open(prefix_tokens);
    std::vector<ids> branches;
    for (uint32_t i = 0; i < 6; i++) {
      // They part at different places, some inside one page of another that is not computed yet.
      branches.push_back(joined(ids(head.begin(), head.begin() + 10 + 7 * i), random_tokens(200 + i, 20)));
    }
    const retrace_counters before = m.counters;
    const auto scores = m.score(prefix, branches, 2);
    for (size_t i = 0; i < branches.size(); i++) {
      EXPECT(same_bits(scores[i], alone(s, prefix_tokens, branches[i], 2)));
    }
    // The shared head once (as far as the longest of them shows it), and what is each one's own but its last token.
    EXPECT_EQUAL(m.counters.branch_tokens_computed - before.branch_tokens_computed, 45 + 6 * 19);
    EXPECT_EQUAL(m.counters.tokens_recomputed, 0);
    m.audit();
  }
}

TEST_CASE("with too little room for all, branches come in waves, and evicted paths come back with the same bits") {
  for (setting s : settings()) {
    const ids prefix_tokens = random_tokens(11, 130);
    std::vector<ids> branches;
    for (uint32_t i = 0; i < 7; i++) branches.push_back(random_tokens(300 + i, 100));
    std::vector<std::vector<float>> expected;
    {
      model roomy(s);
      expected = roomy.score(roomy.open(prefix_tokens), branches, 1);
    }
    s.cache_tokens = 512;
    model tight(s);
    const uint64_t prefix = tight.open(prefix_tokens);
    for (int round = 0; round < 3; round++) {
      const auto scores = tight.score(prefix, branches, 1);
      for (size_t i = 0; i < branches.size(); i++) EXPECT(same_bits(scores[i], expected[i]));
      tight.audit();
    }
    EXPECT(tight.counters.pages_evicted > 0);
    EXPECT(tight.counters.tokens_recomputed > 0);
    // Whatever an eviction took, the prefix is whole.
    EXPECT(same_bits(tight.score_one(prefix, branches[3], 1), expected[3]));
  }
}

TEST_CASE("at the brink, a branch takes over the rows of a forgotten one in its prefix's last page") {
  setting s{"cpu", 0, 16, 32};  // two pages
  model m(s);
  const uint64_t prefix = m.open(random_tokens(11, 20));
  m.score_one(prefix, random_tokens(1, 9), 0);
  const ids other = random_tokens(2, 13);
  EXPECT(same_bits(m.score_one(prefix, other, 0), alone({"cpu", 0, 16, 8192}, random_tokens(11, 20), other, 0)));
  m.audit();
}

TEST_CASE("accepting a scored branch computes its last token alone, and nothing is computed twice") {
  for (const setting &s : settings()) {
    model m(s);
    uint64_t prefix = m.open(random_tokens(12, 60));
    int64_t expected = 0;
    for (uint32_t round = 0; round < 4; round++) {
      std::vector<ids> branches;
      for (uint32_t i = 0; i < 3; i++) branches.push_back(random_tokens(400 + 10 * round + i, 26));
      for (const ids &branch : branches) m.score_one(prefix, branch, 9);
      const uint64_t next = m.commit(prefix, branches[0]);
      m.close(prefix);
      prefix = next;
      expected += 3 * 25 + 1;
    }
    EXPECT_EQUAL(m.counters.prefix_tokens_computed, 60);
    EXPECT_EQUAL(m.counters.branch_tokens_computed, expected);
    EXPECT_EQUAL(m.counters.tokens_recomputed, 0);
    EXPECT_EQUAL(m.counters.prefix_tokens_reused, 3 * (60 + 86 + 112 + 138));
  }
}

TEST_CASE("a target behind a token that was only context is scored, by computing that row again") {
  for (const setting &s : settings()) {
    model m(s);
    const ids prefix_tokens = random_tokens(13, 70), branch = random_tokens(14, 50);
    const std::vector<float> expected = alone(s, prefix_tokens, branch, 0);
    const uint64_t prefix = m.open(prefix_tokens);
    m.score_one(prefix, branch, 40);
    EXPECT_EQUAL(m.counters.tokens_recomputed, 0);
    EXPECT(same_bits(m.score_one(prefix, branch, 0), expected));
    // Targets 1 to 39 need the states of tokens 0 to 38, which were not kept.
    EXPECT_EQUAL(m.counters.tokens_recomputed, 39);
    // A prefix that ends in the middle of what is there needs the state of its last token.
    const uint64_t inside = m.open(ids(prefix_tokens.begin(), prefix_tokens.begin() + 33));
    EXPECT(same_bits(m.score_one(inside, {5, 6}, 0),
                     alone(s, ids(prefix_tokens.begin(), prefix_tokens.begin() + 33), {5, 6}, 0)));
    m.audit();
  }
}

TEST_CASE("over a random walk of all calls every score has the bits of one alone, and no page is lost") {
  for (setting s : settings()) {
    const bool slow = std::strcmp(s.device, "cpu") != 0;
    s.cache_tokens = slow ? 1024 : 600;
    if (s.page_tokens == 128 && !slow) s.cache_tokens = 1280;
    model m(s);
    setting roomy = s;
    roomy.cache_tokens = 8192;
    model reference(roomy);
    std::mt19937 random(99);
    std::vector<std::pair<uint64_t, ids>> open;
    int compared = 0, refused = 0;
    const auto close_all = [&] {
      // Prefixes have small numbers; closing one that is not there is nothing.
      for (uint64_t prefix = 0; prefix < 400; prefix++) m.close(prefix);
      open.clear();
    };
    const auto take_step = [&] {
      const uint32_t what = random() % 10;
      if (open.size() < 2 || (what < 2 && open.size() < 4)) {
        // Few different tokens, so that paths share heads.
        ids tokens = random_tokens(500, 30 + random() % 40);
        tokens[random() % tokens.size()] = random() % 3;
        open.emplace_back(m.open(tokens), tokens);
      } else if (what < 4) {
        auto &[prefix, tokens] = open[random() % open.size()];
        if (tokens.size() > 110) return;
        const ids more = random_tokens(random() % 5, 1 + random() % 25);
        const uint64_t next = m.commit(prefix, more);
        if (random() % 2 == 0) m.close(prefix);
        prefix = next;
        tokens = joined(tokens, more);
      } else if (what < 6) {
        const size_t gone = random() % open.size();
        m.close(open[gone].first);
        open.erase(open.begin() + (long)gone);
      } else {
        const auto &[prefix, tokens] = open[random() % open.size()];
        std::vector<ids> branches;
        for (uint32_t i = 0; i <= random() % 4; i++) {
          branches.push_back(joined(random_tokens(random() % 4, 8), random_tokens(random() % 50, 3 + random() % 30)));
        }
        const int64_t first = random() % 9;
        const auto scores = m.score(prefix, branches, first);
        retrace_drop_unpinned(reference.engine);
        const uint64_t cold = reference.open(tokens);
        for (size_t i = 0; i < branches.size(); i++) {
          EXPECT(same_bits(reference.score_one(cold, branches[i], first), scores[i]));
          compared++;
        }
        reference.close(cold);
      }
    };
    for (int step = 0; step < (slow ? 25 : 150); step++) {
      try {
        take_step();
      } catch (const check::failure &error) {
        // Prefixes that were left open fill the cache some time; that is an answer.
        if (std::strncmp(error.what(), "CAPACITY", 8) != 0) throw;
        refused++;
        close_all();
      }
      m.audit();
    }
    EXPECT(compared > (slow ? 5 : 50));
    EXPECT(slow || refused > 0);
    close_all();
    retrace_drop_unpinned(m.engine);
    m.audit();
    EXPECT_EQUAL(m.number("freePages"), m.number("pages"));
    EXPECT_EQUAL(m.number("nodes"), 0);
  }
}

TEST_CASE(
    "the Hopper kernels give the same bits in any company, split and state of the cache, close to the portable ones") {
  if (!emulated_is_built()) throw check::skipped("the emulated device is not built");
  setting s{"emulated", 0, 128};
  s.config = wide_config.c_str();
  s.kernels = "hopper";
  const ids path = random_tokens(31, 200), other = random_tokens(32, 70);
  const ids tail(path.begin() + 150, path.end());
  const std::vector<float> expected = alone(s, ids(path.begin(), path.begin() + 150), tail, 0);
  model m(s);
  EXPECT(std::string(retrace_engine_describe(m.engine)).find("attention wgmma") != std::string::npos);
  for (const size_t cut : {1, 64, 127, 128, 131}) {
    const uint64_t prefix = m.open(ids(path.begin(), path.begin() + (long)cut));
    const ids rest(path.begin() + (long)cut, path.end());
    const auto scores = m.score(prefix, {other, rest, random_tokens(33, 9)}, 0);
    const std::vector<float> last(scores[1].end() - 50, scores[1].end());
    EXPECT(same_bits(last, expected));
    m.close(prefix);
    if (cut % 2 == 0) retrace_drop_unpinned(m.engine);
  }
  s.kernels = "portable";
  const std::vector<float> portable = alone(s, ids(path.begin(), path.begin() + 150), tail, 0);
  // Both round to bfloat16 (8 bits) at the same places; logits of this model are of order 1.
  for (size_t i = 0; i < portable.size(); i++) EXPECT(std::fabs(portable[i] - expected[i]) < 0.05);
  EXPECT(!same_bits(portable, expected));
}

TEST_CASE("three engines give the same bits") {
  for (const setting &s : settings()) {
    const ids prefix = random_tokens(15, 90), branch = random_tokens(16, 64);
    const std::vector<float> first = alone(s, prefix, branch, 0);
    EXPECT(same_bits(alone(s, prefix, branch, 0), first));
    EXPECT(same_bits(alone(s, prefix, branch, 0), first));
  }
}

TEST_CASE("what cannot be answered is refused by its code, and the engine lives on") {
  model m({"cpu", 0, 16, 512});
  const uint64_t prefix = m.open(random_tokens(17, 20));
  const auto code_of = [&](const ids &tokens, std::vector<int64_t> ranges, uint64_t of) {
    const retrace_branch branch{tokens.data(), (int64_t)tokens.size(), ranges.data(), (int64_t)ranges.size() / 2};
    float out[64];
    retrace_error error;
    const int status = retrace_score(m.engine, of, &branch, 1, out, nullptr, nullptr, &error);
    EXPECT(status != 0);
    return std::string(error.code);
  };
  EXPECT_EQUAL(code_of({1, 2, 131}, {0, 2}, prefix), "TOKEN_OUT_OF_RANGE");
  EXPECT_EQUAL(code_of({1, 2, 3}, {}, prefix), "EMPTY_TARGET");
  EXPECT_EQUAL(code_of({1, 2, 3}, {2, 2}, prefix), "INVALID_BRANCH");
  EXPECT_EQUAL(code_of({1, 2, 3}, {1, 4}, prefix), "INVALID_BRANCH");
  EXPECT_EQUAL(code_of({1, 2, 3}, {-1, 2}, prefix), "INVALID_BRANCH");
  EXPECT_EQUAL(code_of({1, 2, 3}, {1, 3, 0, 1}, prefix), "INVALID_BRANCH");
  EXPECT_EQUAL(code_of({1, 2, 3}, {0, 1}, m.open({})), "INVALID_BRANCH");
  EXPECT_EQUAL(code_of({1, 2, 3}, {0, 1}, 4711), "PREFIX_CLOSED");
  EXPECT_EQUAL(code_of(random_tokens(1, 690), {0, 1}, prefix), "CONTEXT_TOO_LONG");
  EXPECT_EQUAL(code_of(random_tokens(1, 600), {599, 600}, prefix), "CAPACITY");
  EXPECT_EQUAL(m.score_one(prefix, {1, 2, 3}, 0).size(), (size_t)3);
  m.audit();
}

TEST_CASE("addresses that are missing and counts below zero are refused, and nothing is read") {
  model m({"cpu", 0, 16, 512});
  const ids tokens = random_tokens(17, 20);
  const uint64_t prefix = m.open(tokens);
  const int64_t range[2] = {0, 3};
  float out[8];
  uint64_t opened = 0;
  retrace_error error;
  const auto expect_code = [&](int status, const char *code) {
    EXPECT(status != 0);
    EXPECT_EQUAL(std::string(error.code), code);
    m.audit();
  };
  const auto open_as = [&](const uint32_t *at, int64_t count, uint64_t *to) {
    return retrace_prefix_open(m.engine, at, count, nullptr, to, nullptr, &error);
  };
  expect_code(open_as(nullptr, 3, &opened), "INVALID_OPTIONS");
  expect_code(open_as(tokens.data(), -1, &opened), "INVALID_OPTIONS");
  expect_code(open_as(tokens.data(), 3, nullptr), "INVALID_OPTIONS");
  // Longer than any context: refused by its length, before the tokens are looked at.
  expect_code(open_as(tokens.data(), INT64_MAX, &opened), "CONTEXT_TOO_LONG");
  expect_code(retrace_commit(m.engine, prefix, tokens.data(), INT64_MAX, nullptr, &opened, nullptr, &error),
              "CONTEXT_TOO_LONG");
  expect_code(retrace_commit(m.engine, prefix, nullptr, 3, nullptr, &opened, nullptr, &error), "INVALID_OPTIONS");
  const auto score_as = [&](const retrace_branch *branches, int64_t count, float *to) {
    return retrace_score(m.engine, prefix, branches, count, to, nullptr, nullptr, &error);
  };
  const retrace_branch good{tokens.data(), 3, range, 1};
  expect_code(score_as(nullptr, 1, out), "INVALID_OPTIONS");
  expect_code(score_as(&good, -1, out), "INVALID_OPTIONS");
  expect_code(score_as(&good, 1, nullptr), "INVALID_OPTIONS");
  for (const retrace_branch &bad : {retrace_branch{nullptr, 3, range, 1}, retrace_branch{tokens.data(), -3, range, 1},
                                    retrace_branch{tokens.data(), 3, nullptr, 1}}) {
    expect_code(score_as(&bad, 1, out), "INVALID_OPTIONS");
  }
  EXPECT_EQUAL(score_as(nullptr, 0, nullptr), 0);
  EXPECT_EQUAL(score_as(&good, 1, out), 0);
}

TEST_CASE("a tensor in memory that the CPU cannot read, such as a GPU's, is refused by its name") {
  const std::vector<float> zeros(131 * 96);
  std::vector<std::pair<std::string, std::vector<int64_t>>> shapes = {
      {"model.embed_tokens.weight", {131, 64}}, {"lm_head.weight", {131, 64}}, {"model.norm.weight", {64}}};
  for (const std::string layer : {"0", "1", "2"}) {
    const std::string block = "model.layers." + layer + ".";
    for (const char *name : {"input_layernorm", "post_attention_layernorm"})
      shapes.push_back({block + name + ".weight", {64}});
    for (const char *name : {"q_proj", "o_proj"}) shapes.push_back({block + "self_attn." + name + ".weight", {64, 64}});
    for (const char *name : {"k_proj", "v_proj"}) shapes.push_back({block + "self_attn." + name + ".weight", {32, 64}});
    for (const char *name : {"gate_proj", "up_proj"}) shapes.push_back({block + "mlp." + name + ".weight", {96, 64}});
    shapes.push_back({block + "mlp.down_proj.weight", {64, 96}});
  }
  std::vector<retrace_tensor> tensors;
  for (const auto &[name, shape] : shapes) {
    retrace_tensor tensor{name.c_str(), 0, static_cast<int32_t>(shape.size()), {}, zeros.data()};
    std::copy(shape.begin(), shape.end(), tensor.shape);
    tensors.push_back(tensor);
  }
  retrace_engine_options options{};
  options.struct_bytes = sizeof options;
  options.config_json = narrow_config.c_str();
  options.device = "cpu";
  options.cache_bytes = 1 << 20;
  options.tensors = tensors.data();
  options.tensor_count = static_cast<int64_t>(tensors.size());
  retrace_engine *engine = nullptr;
  retrace_error error;
  EXPECT_EQUAL(retrace_engine_open(&options, &engine, &error), 0);
  retrace_engine_close(engine);
  for (const size_t i : {size_t(0), size_t(2), tensors.size() - 1}) {  // a matrix, a gain, the last of all
    const void *data = std::exchange(tensors[i].data, reinterpret_cast<const void *>(64));
    EXPECT(retrace_engine_open(&options, &engine, &error) != 0);
    EXPECT_EQUAL(std::string(error.code), "MODEL_INVALID");
    EXPECT(std::strstr(error.message, shapes[i].first.c_str()) != nullptr);
    tensors[i].data = data;
  }
}

TEST_CASE("a call that is aborted says so, leaves nothing half done, and the next one is right") {
  const setting s{"cpu", 0, 16, 8192};
  const ids prefix_tokens = random_tokens(18, 100), branch = random_tokens(19, 500);
  const std::vector<float> expected = alone(s, prefix_tokens, branch, 0);
  model m(s);
  const uint64_t prefix = m.open(prefix_tokens);
  const int64_t free_before = m.number("freePages");
  retrace_abort flag = 1;
  std::vector<float> out(500);
  const int64_t range[2] = {0, 500};
  const retrace_branch b{branch.data(), 500, range, 1};
  retrace_error error;
  EXPECT(retrace_score(m.engine, prefix, &b, 1, out.data(), &flag, nullptr, &error) != 0);
  EXPECT_EQUAL(std::string(error.code), "ABORTED");
  m.audit();
  EXPECT_EQUAL(m.number("freePages"), free_before);
  EXPECT(same_bits(m.score_one(prefix, branch, 0), expected));
}

TEST_CASE(
    "a device that fails in the middle of a call rejects it by its code, and the engine lives on or is dead for good") {
  if (!emulated_is_built()) throw check::skipped("the emulated device is not built");
  void *library = dlopen(emulated_library().c_str(), RTLD_NOW | RTLD_LOCAL);
  EXPECT(library != nullptr);
  const auto plant = (decltype(&retrace_emulator_plant_failure))dlsym(library, "retrace_emulator_plant_failure");
  EXPECT(plant != nullptr);
  const setting s{"emulated", 0, 128};
  const ids prefix_tokens = random_tokens(20, 30), branch = random_tokens(21, 40);
  const std::vector<float> expected = alone(s, prefix_tokens, branch, 0);
  model m(s);
  const uint64_t prefix = m.open(prefix_tokens);
  const auto code_now = [&] {
    try {
      m.score_one(prefix, branch, 0);
    } catch (const check::failure &error) {
      return std::string(error.what()).substr(0, std::string(error.what()).find(':'));
    }
    return std::string("none");
  };
  for (const int after : {0, 1, 5, 11}) {
    plant("launch", after, cudaErrorLaunchOutOfResources);
    EXPECT_EQUAL(code_now(), "DEVICE_FAILED");
    m.audit();
  }
  EXPECT(same_bits(m.score_one(prefix, branch, 0), expected));
  retrace_drop_unpinned(m.engine);
  plant("launch", 3, cudaErrorIllegalAddress);
  EXPECT_EQUAL(code_now(), "DEVICE_LOST");
  EXPECT_EQUAL(code_now(), "DEVICE_LOST");
  plant(nullptr, 0, cudaSuccess);
  EXPECT_EQUAL(code_now(), "DEVICE_LOST");
}

TEST_CASE("what does not fit into memory is refused before anything is loaded, with figures") {
  retrace_engine_options options{};
  options.struct_bytes = sizeof options;
  options.config_json = narrow_config.c_str();
  options.device = "cpu";
  options.cache_bytes = int64_t{1} << 50;
  retrace_engine *engine = nullptr;
  retrace_error error;
  EXPECT(retrace_engine_open(&options, &engine, &error) != 0);
  EXPECT_EQUAL(std::string(error.code), "OUT_OF_MEMORY");
  EXPECT(engine == nullptr && error.needed > error.available && error.available > 0);
  // Too few bytes for a page are not answered with the advice to give the cache less.
  options.cache_bytes = 1000;
  EXPECT(retrace_engine_open(&options, &engine, &error) != 0);
  EXPECT_EQUAL(std::string(error.code), "OUT_OF_MEMORY");
  EXPECT(std::strstr(error.message, "Give the cache more") != nullptr && error.needed > error.available);
  EXPECT_EQUAL(error.available, 1000);
  // A context whose rotary tables alone do not fit: they are part of the formula.
  options.cache_bytes = 1 << 20;
  std::string long_context = narrow_config;
  long_context.replace(long_context.find("700"), 3, "2147483647");
  options.config_json = long_context.c_str();
  EXPECT(retrace_engine_open(&options, &engine, &error) != 0);
  EXPECT_EQUAL(std::string(error.code), "OUT_OF_MEMORY");
  EXPECT(error.needed > (int64_t{1} << 37) && error.needed > error.available);
  options.config_json = narrow_config.c_str();
  options.max_head_rows = INT64_MAX;
  EXPECT(retrace_engine_open(&options, &engine, &error) != 0);
  EXPECT_EQUAL(std::string(error.code), "OUT_OF_MEMORY");
  options.max_head_rows = 0;
  options.tensor_count = 1;
  EXPECT(retrace_engine_open(&options, &engine, &error) != 0);
  EXPECT_EQUAL(std::string(error.code), "INVALID_OPTIONS");
  options.tensor_count = 0;
  options.cache_bytes = 0;
  options.device = "abacus";
  EXPECT(retrace_engine_open(&options, &engine, &error) != 0);
  EXPECT_EQUAL(std::string(error.code), "INVALID_OPTIONS");
  options.struct_bytes = 8;
  EXPECT(retrace_engine_open(&options, &engine, &error) != 0);
  EXPECT_EQUAL(std::string(error.code), "INVALID_OPTIONS");
}

TEST_MAIN
