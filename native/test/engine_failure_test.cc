// The engine when what it stands on fails: every call of its device and every allocation of memory fails in turn. After
// each the books must be whole, nothing may stay behind, and the next call must give the bits that it always gives.
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <new>
#include <random>
#include <string>
#include <vector>

#include <dlfcn.h>

#include "../device.h"
#include "../engine/retrace_engine.h"
#include "check.h"
#include "engine_case.h"

using namespace engine_case;

// ---- memory that runs out --------------------------------------------------------------------------

namespace {

// How many allocations still go through, and whether all that follow fail or one alone; -1 lets all through.
std::atomic<int64_t> allocations_left{-1};
std::atomic<bool> all_fail{false}, one_failed{false};
std::atomic<int64_t> live{0};

void *allocate(size_t bytes) {
  if (allocations_left >= 0 && (allocations_left == 0 || allocations_left-- == 0)) {
    one_failed = true;
    if (!all_fail) allocations_left = -1;
    throw std::bad_alloc();
  }
  void *memory = std::malloc(bytes == 0 ? 1 : bytes);
  if (memory == nullptr) throw std::bad_alloc();
  live++;
  return memory;
}
void release(void *memory) {
  if (memory != nullptr) live--;
  std::free(memory);
}

}  // namespace

void *operator new(size_t bytes) { return allocate(bytes); }
void *operator new[](size_t bytes) { return allocate(bytes); }
void *operator new(size_t bytes, const std::nothrow_t &) noexcept {
  try {
    return allocate(bytes);
  } catch (const std::bad_alloc &) {
    return nullptr;
  }
}
void operator delete(void *memory) noexcept { release(memory); }
void operator delete[](void *memory) noexcept { release(memory); }
void operator delete(void *memory, size_t) noexcept { release(memory); }
void operator delete[](void *memory, size_t) noexcept { release(memory); }
void operator delete(void *memory, const std::nothrow_t &) noexcept { release(memory); }

// ---- the engine --------------------------------------------------------------------------------------

namespace {

const std::string config = config_of({16, 16, 2, 2, 1, 16, 31, 128, 1e-5f}, false);
constexpr int64_t pages = 9, page_tokens = 4;

// Beside this program lies a device under CUDA's name that fails where the test asks for it.
std::string failing_folder() { return program_folder() + "/failing"; }

// Devices and pieces of its memory that were not given back.
int64_t device_memory_live() {
  static void *library = dlopen((failing_folder() + "/libretrace_cuda.so").c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw check::failure("the failing device is not built");
  return reinterpret_cast<int64_t (*)()>(dlsym(library, "retrace_failing_device_live"))();
}

void fail_device_after(int64_t calls, int status) {
  setenv("RETRACE_FAIL_AFTER", (std::to_string(calls) + " " + std::to_string(status)).c_str(), 1);
}
void fail_no_more() {
  unsetenv("RETRACE_FAIL_AFTER");
  allocations_left = -1;
}

int open_engine(const char *device, int64_t cache_bytes, retrace_engine **engine, retrace_error *error) {
  static const std::string folder = failing_folder();
  retrace_engine_options options{};
  options.struct_bytes = sizeof options;
  options.config_json = config.c_str();
  options.random_seed = 3;
  options.device = device;
  options.device_folder = folder.c_str();
  options.page_tokens = page_tokens;
  options.max_batch_rows = 16;
  options.cache_bytes = cache_bytes;
  return retrace_engine_open(&options, engine, error);
}

ids tokens_of(uint32_t seed, size_t count) {
  std::mt19937 random(seed);
  ids tokens(count);
  for (uint32_t &token : tokens) token = random() % 31;
  return tokens;
}

// One open prefix, in a cache that is full of what nobody holds: the next call has to split, copy, evict and compute.
struct scene {
  explicit scene(const char *device) {
    int64_t bytes = 1 << 16;
    for (int i = 0; i < 2; i++) {  // the first one to learn what a page takes
      retrace_error error;
      if (open_engine(device, bytes, &engine, &error) != 0) throw check::failure(error.message);
      bytes = number_in(engine, "cacheBytes") / number_in(engine, "pages") * pages;
      if (i == 0) retrace_engine_close(engine);
    }
  }
  ~scene() { retrace_engine_close(engine); }

  void set() {
    retrace_drop_unpinned(engine);
    const ids tokens = tokens_of(1, 6);
    EXPECT_EQUAL(retrace_prefix_open(engine, tokens.data(), 6, nullptr, &prefix, nullptr, nullptr), 0);
    for (uint32_t seed = 50; seed < 53; seed++) EXPECT_EQUAL(score({tokens_of(seed, 8)}, nullptr), 0);
    EXPECT(number_in(engine, "freePages") < 3);
  }
  // Everything closed and dropped: what is left then has been lost.
  void expect_nothing_left() {
    retrace_error error;
    if (retrace_audit(engine, &error) != 0) throw check::failure(error.message);
    EXPECT_EQUAL(number_in(engine, "openPrefixes"), 1);
    retrace_prefix_close(engine, prefix);
    retrace_drop_unpinned(engine);
    if (retrace_audit(engine, &error) != 0) throw check::failure(error.message);
    EXPECT_EQUAL(number_in(engine, "nodes"), 0);
    EXPECT_EQUAL(number_in(engine, "freePages"), pages);
  }

  int score(const std::vector<ids> &branches, retrace_error *error) {
    std::vector<int64_t> ranges;
    std::vector<retrace_branch> list;
    size_t outputs = 0;
    for (const ids &branch : branches) {
      ranges.insert(ranges.end(), {1, static_cast<int64_t>(branch.size())});
      outputs += branch.size() - 1;
    }
    for (size_t i = 0; i < branches.size(); i++)
      list.push_back({branches[i].data(), static_cast<int64_t>(branches[i].size()), &ranges[2 * i], 1});
    scores.assign(outputs, 1.0f);
    arm();
    const int status = retrace_score(engine, prefix, list.data(), static_cast<int64_t>(list.size()), scores.data(),
                                     nullptr, nullptr, error);
    fail_no_more();
    return status;
  }

  retrace_engine *engine = nullptr;
  uint64_t prefix = 0;
  std::vector<float> scores;
  std::function<void()> arm = [] {};
};

// Branches that share a head and part inside a page, and others; too many for the cache at once.
std::vector<ids> branches_of_the_call() {
  std::vector<ids> all;
  const ids head = tokens_of(50, 5);  // of a branch that is in the cache, in part
  for (uint32_t seed = 70; seed < 73; seed++) {
    ids branch = head;
    for (const uint32_t token : tokens_of(seed, 5)) branch.push_back(token);
    all.push_back(branch);
  }
  all.push_back(tokens_of(80, 14));
  return all;
}

// Each call of a scene, with the bits or the prefix that it gives.
enum class calling { score, open, commit };
struct answer {
  int status;
  retrace_error error{};
  std::vector<float> scores;
};
answer make_call(scene &s, calling which) {
  answer a{};
  if (which == calling::score) {
    a.status = s.score(branches_of_the_call(), &a.error);
    if (a.status == 0) a.scores = s.scores;
    return a;
  }
  ids tokens = which == calling::open ? tokens_of(1, 5) : tokens_of(50, 3);
  for (const uint32_t token : tokens_of(90, 12)) tokens.push_back(token);
  uint64_t opened = 0;
  const int64_t count = static_cast<int64_t>(tokens.size());
  s.arm();
  a.status = which == calling::open
                 ? retrace_prefix_open(s.engine, tokens.data(), count, nullptr, &opened, nullptr, &a.error)
                 : retrace_commit(s.engine, s.prefix, tokens.data(), count, nullptr, &opened, nullptr, &a.error);
  fail_no_more();
  if (a.status == 0) retrace_prefix_close(s.engine, opened);
  return a;
}

constexpr calling all_calls[] = {calling::score, calling::open, calling::commit};

// Every call over and over, armed to fail at one step later each time, until `went_through` says that none failed.
void fail_at_each_step(scene &s, const char *code, int32_t native_status, const std::function<void(int64_t)> &arm,
                       const std::function<bool(const answer &)> &went_through) {
  for (const calling which : all_calls) {
    s.set();
    const answer expected = make_call(s, which);
    EXPECT_EQUAL(expected.status, 0);
    s.expect_nothing_left();
    int64_t failures = 0;
    for (;; failures++) {
      s.set();
      s.arm = [&] { arm(failures); };
      const answer found = make_call(s, which);
      s.arm = [] {};
      if (found.status != 0) {
        EXPECT_EQUAL(std::string(found.error.code), code);
        EXPECT_EQUAL(found.error.native_status, native_status);
        EXPECT(std::strchr(found.error.message, '\n') == nullptr);
        const answer again = make_call(s, which);
        EXPECT_EQUAL(again.status, 0);
        EXPECT(again.scores == expected.scores);
      }
      s.expect_nothing_left();
      if (went_through(found)) break;
    }
    EXPECT(failures > 20);  // it saw something
  }
}

}  // namespace

TEST_CASE("whichever call of the device fails, nothing stays behind and the next call gives the same bits") {
  const int64_t live_before = device_memory_live();
  {
    scene s("cuda");
    fail_at_each_step(
        s, "DEVICE_FAILED", 700, [](int64_t step) { fail_device_after(step, RETRACE_DEVICE_CALL_FAILED); },
        [](const answer &found) { return found.status == 0; });
  }
  EXPECT_EQUAL(device_memory_live(), live_before);
}

TEST_CASE("a device that is lost fails every later call with what it was lost by, and is closed without a word") {
  const int64_t live_before = device_memory_live();
  for (const int64_t after : {0, 5, 20}) {
    scene s("cuda");
    s.set();
    s.arm = [&] { fail_device_after(after, RETRACE_DEVICE_IS_LOST); };
    const answer lost = make_call(s, calling::score);
    s.arm = [] {};
    EXPECT_EQUAL(std::string(lost.error.code), "DEVICE_LOST");
    for (const calling which : all_calls) {
      const answer later = make_call(s, which);
      EXPECT_EQUAL(std::string(later.error.code), "DEVICE_LOST");
      EXPECT_EQUAL(std::string(later.error.message), lost.error.message);
    }
    s.expect_nothing_left();
  }
  EXPECT_EQUAL(device_memory_live(), live_before);
}

TEST_CASE(
    "wherever memory runs out in a call, once or for good, nothing stays behind and the next call gives the same bits") {
  scene s("cpu");
  for (const bool for_good : {false, true}) {
    fail_at_each_step(
        s, "OUT_OF_MEMORY", 0, [&](int64_t step) { one_failed = false, all_fail = for_good, allocations_left = step; },
        [](const answer &) { return !one_failed; });
  }
}

TEST_CASE("whatever fails while a model is loaded, nothing stays allocated") {
  const auto try_to_open = [](const char *device) {
    retrace_engine *engine = nullptr;
    retrace_error error{};
    const int status = open_engine(device, 1 << 16, &engine, &error);
    fail_no_more();
    EXPECT((status == 0) == (engine != nullptr));
    EXPECT((status == 0) == (error.message[0] == '\0'));
    retrace_engine_close(engine);
    return status;
  };
  EXPECT_EQUAL(try_to_open("cuda"), 0);  // what is allocated once, such as the loader's own books
  const int64_t device_before = device_memory_live();
  for (int64_t calls = 0;; calls++) {
    fail_device_after(calls, RETRACE_DEVICE_CALL_FAILED);
    const int status = try_to_open("cuda");
    EXPECT_EQUAL(device_memory_live(), device_before);
    if (status == 0) {
      EXPECT(calls > 30);
      break;
    }
  }
  for (const bool for_good : {false, true}) {
    for (int64_t allocations = 0;; allocations++) {
      const int64_t before = live;
      one_failed = false, all_fail = for_good, allocations_left = allocations;
      const int status = try_to_open("cuda");
      EXPECT_EQUAL(live, before);
      EXPECT_EQUAL(device_memory_live(), device_before);
      if (!one_failed) {
        EXPECT_EQUAL(status, 0);
        EXPECT(allocations > 100);
        break;
      }
    }
  }
}

TEST_MAIN
