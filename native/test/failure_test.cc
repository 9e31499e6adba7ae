// What the CUDA device does when CUDA fails: every call of a whole life (open, load, one forward pass) is made to fail in
// turn, over the emulator, with statuses that pass and with statuses that never do.
#include <algorithm>
#include <cstdint>

#include "../device.h"
#include "check.h"

#include <cuda_runtime_api.h>  // the emulator's

extern "C" const retrace_device_api *retrace_device_entry_point(uint32_t abi);

namespace {

const retrace_device_api &api() { return *retrace_device_entry_point(RETRACE_DEVICE_ABI); }

retrace_device_options options_of_a_small_model() {
  retrace_device_options o{};
  retrace_shape &s = o.shape;
  s.hidden_size = 16;
  s.intermediate_size = 16;
  s.layers = 1;
  s.heads = s.kv_heads = 1;
  s.head_size = 16;
  s.vocabulary_size = 24;
  s.context_length = 16;
  s.norm_epsilon = 1e-5f;
  return o;
}

// Everything that is used on a device, from memory to log-probabilities. The first status that is not 0, or 0.
#define STEP(call)                              \
  if (const int status = (call); status != 0) { \
    return status;                              \
  }
int live(retrace_device *d) {
  const retrace_shape s = options_of_a_small_model().shape;
  retrace_device_facts facts;
  STEP(api().facts(d, &facts));

  // load
  const std::vector<float> source(48 * 16, 0.25f), rotary(16 * 8, 0.5f);
  const std::vector<std::pair<int64_t, int64_t>> shapes = {{24, 16}, {48, 16}, {16, 16}, {32, 16}, {16, 16}};
  std::vector<retrace_weight> weights;
  for (const auto &[rows, columns] : shapes) {
    retrace_weight w{nullptr, rows, columns};
    STEP(api().allocate(d, api().weight_bytes(d, rows, columns), &w.data));
    STEP(api().write_weight(d, &w, source.data(), RETRACE_F32, rows, 0, rows, rows));
    weights.push_back(w);
  }
  STEP(api().randomize_weight(d, &weights[0], 1, 0.1f));
  void *x, *narrow, *qkv, *wide, *integers, *gain, *out;
  for (void **memory : {&x, &narrow, &qkv, &wide, &integers, &gain, &out})
    STEP(api().allocate(d, 128 * 48 * 4, memory));
  STEP(api().upload(d, gain, source.data(), 16 * 4));
  STEP(api().write_weight(d, &weights[1], gain, RETRACE_F32, 1, 0, 1, 1));  // from the device's memory
  STEP(api().set_rotary(d, rotary.data(), rotary.data()));
  STEP(api().make_workspace(d, 8, 4));
  STEP(api().make_cache(d, 2));

  // one forward pass of two tokens: ids, positions and slots are 0 and 1
  const std::vector<int32_t> zeros_and_ones = {0, 1};
  const retrace_segment segment = {0, 2, 0, 0};
  const retrace_tile tile = {0, 0};
  STEP(api().upload(d, integers, zeros_and_ones.data(), 8));
  char *at = static_cast<char *>(integers);
  STEP(api().upload(d, at + 256, &segment, sizeof segment));
  STEP(api().upload(d, at + 512, &tile, sizeof tile));
  const int32_t *indices = static_cast<const int32_t *>(integers);
  retrace_attention_plan plan{};
  plan.segments = reinterpret_cast<const retrace_segment *>(at + 256);
  plan.tiles = reinterpret_cast<const retrace_tile *>(at + 512);
  plan.page_table = indices;  // page 0
  plan.host_segments = &segment;
  plan.host_page_table = zeros_and_ones.data();
  plan.segment_count = plan.tile_count = plan.page_table_length = 1;
  plan.longest_position = 1;
  float *residual = static_cast<float *>(x);
  const float *gains = static_cast<const float *>(gain);
  STEP(api().embed(d, &weights[0], indices, 2, residual));
  STEP(api().rms_norm(d, residual, gains, 2, narrow));
  STEP(api().gemm(d, &weights[1], narrow, 2, RETRACE_STORE, qkv));
  STEP(api().rope_and_store(d, qkv, indices, indices, 2, 0));
  STEP(api().attention(d, qkv, &plan, 0, narrow));
  STEP(api().gemm(d, &weights[2], narrow, 2, RETRACE_ADD, residual));
  STEP(api().gemm(d, &weights[3], narrow, 2, RETRACE_SWIGLU, wide));
  STEP(api().gemm(d, &weights[4], wide, 2, RETRACE_ADD, residual));
  STEP(api().gather_rows(d, residual, indices, 2, 64, wide));
  STEP(api().store_hidden(d, residual, gains, indices, 2));
  const retrace_page_copy copy = {0, 1, 2};
  STEP(api().copy_page_rows(d, &copy, 1));
  STEP(api().head(d, &weights[0], indices, indices, 2, static_cast<float *>(out)));
  std::vector<float> answers(2);
  STEP(api().download(d, answers.data(), out, 8));
  STEP(api().synchronize(d));
  for (const float answer : answers) {
    if (!(answer < 0)) throw check::failure("the forward pass that should be whole gave " + std::to_string(answer));
  }
  for (const retrace_weight &w : weights) api().release(d, w.data);
  for (void *memory : {x, narrow, qkv, wide, integers, gain, out}) api().release(d, memory);
  (void)s;
  return 0;
}
#undef STEP

struct outcome {
  int status = 0;
  retrace_device_error error{};
  retrace_device *device = nullptr;
};
// Opens a device and lives on it; the device stays open where it could be opened.
outcome open_and_live(const char *kernels = nullptr) {
  retrace_device_options options = options_of_a_small_model();
  options.kernels = kernels;
  outcome o;
  o.status = api().open(&options, &o.device, &o.error);
  if (o.status != 0) return o;
  o.status = live(o.device);
  o.error = *api().last_error(o.device);
  return o;
}

bool is_source_name(const char *file) {
  const std::string name = file;
  return name.size() > 3 && name.find('/') == std::string::npos && name.compare(name.size() - 3, 3, ".cc") == 0;
}
void expect_told(const outcome &o, int status, cudaError_t native_status) {
  EXPECT_EQUAL(o.status, status);
  EXPECT_EQUAL(o.error.status, status);
  EXPECT_EQUAL(o.error.native_status, static_cast<int>(native_status));
  EXPECT(is_source_name(o.error.file));
  EXPECT(o.error.line > 0);
  EXPECT(std::strstr(o.error.message, cudaGetErrorName(native_status)) != nullptr);
  EXPECT(std::strchr(o.error.message, '\n') == nullptr);
  EXPECT(o.error.message[std::strlen(o.error.message) - 1] == '.');  // whole, next step included
}

struct restored {  // the emulator as the other cases expect it
  ~restored() {
    retrace_emulator_plant_failure(nullptr, 0, cudaSuccess);
    retrace_emulator_set_memory(0);
    retrace_emulator_set_device(1, 9, 0, 13000);
  }
};

int calls_of(const char *what) {
  const restored after;
  for (int calls = 0; calls < 2000; calls++) {
    retrace_emulator_plant_failure(what, calls, cudaErrorInvalidValue);
    const outcome o = open_and_live();
    const bool failed = retrace_emulator_failed() != 0;
    retrace_emulator_plant_failure(nullptr, 0, cudaSuccess);
    if (o.device != nullptr) api().close(o.device);
    if (!failed) return calls;
  }
  return -1;
}

}  // namespace

TEST_CASE("a life without failures leaves nothing allocated") {
  const restored after;
  const outcome o = open_and_live();
  EXPECT_EQUAL(o.status, 0);
  EXPECT(retrace_emulator_allocated() > 0);
  api().close(o.device);
  EXPECT_EQUAL(retrace_emulator_allocated(), size_t(0));
}

TEST_CASE("after load nothing is allocated") {
  const restored after;
  const retrace_device_options options = options_of_a_small_model();
  retrace_device *d = nullptr;
  EXPECT_EQUAL(api().open(&options, &d, nullptr), 0);
  EXPECT_EQUAL(live(d), 0);
  void *memory = nullptr;
  EXPECT_EQUAL(api().allocate(d, 128 * 16 * 4, &memory), 0);
  const std::vector<float> ones(128 * 16, 1.0f);
  const int64_t asked = retrace_emulator_requested();
  for (int i = 0; i < 3; i++) {
    EXPECT_EQUAL(api().upload(d, memory, ones.data(), ones.size() * 4), 0);
    const std::vector<retrace_page_copy> copies(10000, {0, 1, 1});
    EXPECT_EQUAL(api().copy_page_rows(d, copies.data(), 10000), 0);
    EXPECT_EQUAL(api().synchronize(d), 0);
  }
  EXPECT_EQUAL(retrace_emulator_requested(), asked);
  api().close(d);
}

// Copies are asynchronous by CUDA's documentation, from pinned memory always and from pageable memory perhaps.
TEST_CASE("an upload waits, as its source may be written over at once") {
  const restored after;
  const retrace_device_options options = options_of_a_small_model();
  retrace_device *d = nullptr;
  EXPECT_EQUAL(api().open(&options, &d, nullptr), 0);
  void *memory = nullptr;
  EXPECT_EQUAL(api().allocate(d, 64, &memory), 0);
  const std::vector<float> ones(16, 1.0f);
  retrace_emulator_plant_failure("cudaStreamSynchronize", 0, cudaErrorInvalidValue);
  EXPECT_EQUAL(api().upload(d, memory, ones.data(), 64), RETRACE_DEVICE_CALL_FAILED);
  EXPECT_EQUAL(api().upload(d, memory, ones.data(), 64), 0);
  api().close(d);
}

TEST_CASE("every call that fails is reported with its place, leaks nothing, and the device goes on") {
  const restored after;
  int calls = 0;
  for (;; calls++) {
    retrace_emulator_plant_failure(nullptr, calls, cudaErrorInvalidValue);
    const outcome o = open_and_live();
    const bool failed = retrace_emulator_failed() != 0;
    if (o.status == 0) {
      // A failure while something was freed belongs to no call: it is not reported, and the next call must not be blamed for it.
      retrace_emulator_plant_failure(nullptr, 0, cudaSuccess);
      api().close(o.device);
      if (!failed) break;
      continue;
    }
    expect_told(o, RETRACE_DEVICE_CALL_FAILED, cudaErrorInvalidValue);
    EXPECT_EQUAL(cudaGetLastError(), cudaSuccess);  // else a later launch would report it as its own
    if (o.device != nullptr) {
      EXPECT_EQUAL(live(o.device), 0);  // the same device, once more
      api().close(o.device);
    }
    EXPECT_EQUAL(retrace_emulator_allocated(), size_t(0));
  }
  EXPECT(calls > 60);  // it saw something
}

TEST_CASE("a call that fails while kernels are tried is reported and leaks nothing") {
  const restored after;
  for (const char *what : {"cudaMalloc", "cudaMemsetAsync", "cudaMemcpyAsync", "cudaStreamSynchronize", "launch"}) {
    // A trial makes some hundred calls; each fifth is enough to meet all of its kinds.
    for (int calls = 0;; calls += 5) {
      retrace_emulator_plant_failure(what, calls, cudaErrorInvalidValue);
      const outcome o = open_and_live("hopper-gemm");
      const bool failed = retrace_emulator_failed() != 0;
      if (failed) expect_told(o, RETRACE_DEVICE_CALL_FAILED, cudaErrorInvalidValue);
      retrace_emulator_plant_failure(nullptr, 0, cudaSuccess);
      if (o.device != nullptr) api().close(o.device);
      EXPECT_EQUAL(retrace_emulator_allocated(), size_t(0));
      if (!failed) break;
    }
  }
}

TEST_CASE("each kind of call is reached") {
  for (const char *what : {"cudaGetDeviceCount", "cudaGetDeviceProperties", "cudaSetDevice", "cudaStreamCreate",
                           "cudaMalloc", "cudaHostAlloc", "cudaEventCreateWithFlags", "cudaEventRecord",
                           "cudaPointerGetAttributes", "cudaMemcpyAsync", "cudaStreamSynchronize", "cudaMemGetInfo"}) {
    if (calls_of(what) < 1) throw check::failure(std::string(what) + " is never called");
  }
  EXPECT(calls_of("launch") >= 12);
}

TEST_CASE("a sticky failure of any call loses the device for good") {
  const restored after;
  for (const cudaError_t status : {cudaErrorIllegalAddress, cudaErrorLaunchFailure, cudaErrorUnknown}) {
    for (int calls = 0;; calls++) {
      retrace_emulator_plant_failure(nullptr, calls, status);
      const outcome o = open_and_live();
      const bool failed = retrace_emulator_failed() != 0;
      if (failed && o.status != 0) {
        expect_told(o, RETRACE_DEVICE_IS_LOST, status);
        if (o.device != nullptr) {
          void *memory = nullptr;
          EXPECT_EQUAL(api().allocate(o.device, 16, &memory), RETRACE_DEVICE_IS_LOST);
          EXPECT_EQUAL(api().synchronize(o.device), RETRACE_DEVICE_IS_LOST);
          EXPECT_EQUAL(live(o.device), RETRACE_DEVICE_IS_LOST);
          // The report stays that of the first cause.
          EXPECT_EQUAL(api().last_error(o.device)->line, o.error.line);
        }
      }
      const bool lost = o.status == RETRACE_DEVICE_IS_LOST && o.device != nullptr;
      if (!lost && o.device != nullptr) api().close(o.device);
      retrace_emulator_plant_failure(nullptr, 0, cudaSuccess);  // a new process
      if (lost) {  // the device asks CUDA nothing more: it stays lost even where CUDA would answer again
        EXPECT_EQUAL(api().synchronize(o.device), RETRACE_DEVICE_IS_LOST);
        api().close(o.device);
      }
      EXPECT_EQUAL(retrace_emulator_allocated(), size_t(0));
      if (!failed) break;
    }
  }
}

TEST_CASE("statuses are sorted into those that pass and those that do not") {
  const restored after;
  const std::vector<std::pair<int, int>> expected = {
      {214, RETRACE_DEVICE_IS_LOST},   {220, RETRACE_DEVICE_IS_LOST},     {226, RETRACE_DEVICE_IS_LOST},
      {700, RETRACE_DEVICE_IS_LOST},   {701, RETRACE_DEVICE_CALL_FAILED}, {702, RETRACE_DEVICE_IS_LOST},
      {710, RETRACE_DEVICE_IS_LOST},   {714, RETRACE_DEVICE_IS_LOST},     {715, RETRACE_DEVICE_IS_LOST},
      {716, RETRACE_DEVICE_IS_LOST},   {717, RETRACE_DEVICE_IS_LOST},     {718, RETRACE_DEVICE_IS_LOST},
      {719, RETRACE_DEVICE_IS_LOST},   {801, RETRACE_DEVICE_CALL_FAILED}, {999, RETRACE_DEVICE_IS_LOST},
      {1, RETRACE_DEVICE_CALL_FAILED}, {2, RETRACE_DEVICE_OUT_OF_MEMORY}, {100, RETRACE_DEVICE_NONE}};
  for (const auto &[status, kind] : expected) {
    retrace_emulator_plant_failure("cudaStreamCreate", 0, static_cast<cudaError_t>(status));
    const outcome o = open_and_live();
    EXPECT_EQUAL(o.status, kind);
    EXPECT_EQUAL(o.error.native_status, status);
    retrace_emulator_plant_failure(nullptr, 0, cudaSuccess);
  }
}

TEST_CASE("closing never fails, whatever its calls answer") {
  const restored after;
  for (const cudaError_t status : {cudaErrorInvalidValue, cudaErrorIllegalAddress}) {
    for (int calls = 0; calls < 30; calls++) {
      const outcome o = open_and_live();
      EXPECT_EQUAL(o.status, 0);
      retrace_emulator_plant_failure(nullptr, calls, status);
      api().close(o.device);
      retrace_emulator_plant_failure(nullptr, 0, cudaSuccess);
    }
  }
  api().close(nullptr);
}

TEST_CASE("out of memory names the bytes and can be met by asking for less") {
  const restored after;
  retrace_emulator_set_memory(8 << 20);
  const retrace_device_options options = options_of_a_small_model();
  retrace_device *d = nullptr;
  EXPECT_EQUAL(api().open(&options, &d, nullptr), 0);
  EXPECT_EQUAL(api().make_cache(d, 100000), RETRACE_DEVICE_OUT_OF_MEMORY);
  const retrace_device_error e = *api().last_error(d);
  const std::string bytes = std::to_string(100000ll * 2 * 128 * 16 * 2);  // pages, key and value, T, D, bfloat16
  EXPECT(std::strstr(e.message, (bytes + " bytes wanted, 8388608 bytes free").c_str()) != nullptr);
  EXPECT(std::strstr(e.message, "cache of keys and values") != nullptr);
  EXPECT_EQUAL(e.native_status, 2);
  EXPECT_EQUAL(live(d), 0);
  api().close(d);
  EXPECT_EQUAL(retrace_emulator_allocated(), size_t(0));
}

TEST_CASE("without a driver, with one that is too old, without a GPU and with an old GPU it says which") {
  const restored after;
  const struct {
    int count, major, driver, native_status;
    const char *text;
  } machines[] = {{1, 9, 0, 35, "There is no NVIDIA driver"},
                  {1, 9, 12040, 35, "too old: it is of CUDA 12.4, and the kernels need 13.0"},
                  {0, 9, 13000, 100, "There is no GPU"},
                  {1, 7, 13000, 0, "compute capability 7.5"}};
  for (const auto &m : machines) {
    retrace_emulator_set_device(m.count, m.major, m.major == 7 ? 5 : 0, m.driver);
    const outcome o = open_and_live();
    EXPECT_EQUAL(o.status, RETRACE_DEVICE_NONE);
    EXPECT(o.device == nullptr);
    EXPECT_EQUAL(o.error.native_status, m.native_status);
    EXPECT(std::strstr(o.error.message, m.text) != nullptr);
    EXPECT(std::strstr(o.error.message, "device cpu") != nullptr);
    char json[4096] = "";
    api().probe(json, sizeof json);
    EXPECT(std::strncmp(json, "{\"count\": 0, ", 13) == 0);
    EXPECT(std::strstr(json, m.text) != nullptr);
    // As every failure that passes: a GPU that comes later is found.
    retrace_emulator_set_device(1, 9, 0, 13000);
    const outcome later = open_and_live();
    EXPECT_EQUAL(later.status, 0);
    api().close(later.device);
  }
}

TEST_CASE("the probe lists what it finds and never overflows its buffer") {
  const restored after;
  char json[4096] = "";
  api().probe(json, sizeof json);
  EXPECT_EQUAL(std::string(json),
               std::string("{\"count\": 1, \"devices\": [{\"ordinal\": 0, \"name\": \"Emulated GPU\", "
                           "\"computeCapability\": \"9.0\", \"totalBytes\": 1073741824, \"multiprocessors\": 4, "
                           "\"usable\": true}], \"driverVersion\": \"13.0\", \"runtimeVersion\": \"13.2\"}"));
  for (const size_t capacity : {size_t(0), size_t(1), size_t(3), size_t(100)}) {
    char small[128];
    std::memset(small, 'x', sizeof small);
    api().probe(small, capacity);
    EXPECT(std::all_of(small + capacity, small + sizeof small, [](char c) { return c == 'x'; }));
    EXPECT(capacity == 0 || std::memchr(small, 0, capacity) != nullptr);
  }
}

TEST_CASE("shapes and options that the kernels do not know are refused with the figure") {
  const restored after;
  const struct {
    void (*change)(retrace_device_options &);
    const char *text;
  } cases[] = {
      {[](retrace_device_options &o) { o.shape.head_size = 96; }, "head size is 96"},
      {[](retrace_device_options &o) { o.shape.hidden_size = 20; }, "hidden size is 20"},
      {[](retrace_device_options &o) { o.shape.intermediate_size = 33; }, "intermediate size is 33"},
      {[](retrace_device_options &o) { o.shape.kv_heads = 3; }, "key-value heads is 3"},
      {[](retrace_device_options &o) { o.page_tokens = 64; }, "Pages of 64 tokens"},
      {[](retrace_device_options &o) { o.kernels = "portable,fast"; },
       "Unknown kernels \"fast\". Known: auto, portable, cublaslt, hopper, hopper-gemm, hopper-attention, cudnn."},
      {[](retrace_device_options &o) { o.kernels = "cublaslt,hopper-gemm"; }, "exclude each other"},
      {[](retrace_device_options &o) { o.kernels = "hopper"; }, "need a head size of 128, got 16"},
      {[](retrace_device_options &o) { o.kernels = "cublaslt"; }, "RETRACE_CUDA_LIBS"},
      {[](retrace_device_options &o) { o.kernels = "cudnn"; }, "libretrace_cudnn.so"},
  };
  for (const auto &c : cases) {
    retrace_device_options options = options_of_a_small_model();
    c.change(options);
    retrace_device *d = nullptr;
    retrace_device_error error{};
    EXPECT_EQUAL(api().open(&options, &d, &error), RETRACE_DEVICE_UNSUPPORTED);
    EXPECT(d == nullptr);
    if (std::strstr(error.message, c.text) == nullptr) {
      throw check::failure(std::string("\"") + error.message + "\" lacks \"" + c.text + "\"");
    }
    EXPECT_EQUAL(retrace_emulator_allocated(), size_t(0));
  }
  retrace_emulator_set_device(1, 8, 0, 13000);
  retrace_device_options options = options_of_a_small_model();
  options.kernels = "hopper-gemm";
  retrace_device *d = nullptr;
  retrace_device_error error{};
  EXPECT_EQUAL(api().open(&options, &d, &error), RETRACE_DEVICE_UNSUPPORTED);
  EXPECT(std::strstr(error.message, "this GPU has 8.0") != nullptr);
  options = options_of_a_small_model();
  options.ordinal = 1;
  EXPECT_EQUAL(api().open(&options, &d, &error), RETRACE_DEVICE_NONE);
  EXPECT(std::strstr(error.message, "There is no GPU 1: 1 found") != nullptr);
}

TEST_CASE("calls in the wrong order and out of range are refused") {
  const restored after;
  const retrace_device_options options = options_of_a_small_model();
  retrace_device *d = nullptr;
  EXPECT_EQUAL(api().open(&options, &d, nullptr), 0);
  const retrace_page_copy copy = {0, 0, 1};
  EXPECT_EQUAL(api().copy_page_rows(d, &copy, 1), RETRACE_DEVICE_CALL_FAILED);
  EXPECT(std::strstr(api().last_error(d)->message, "make_cache") != nullptr);
  EXPECT_EQUAL(api().make_cache(d, 1), 0);
  EXPECT_EQUAL(api().copy_page_rows(d, &copy, 1), RETRACE_DEVICE_CALL_FAILED);
  EXPECT(std::strstr(api().last_error(d)->message, "make_workspace") != nullptr);
  EXPECT_EQUAL(api().make_workspace(d, 8, 4), 0);
  retrace_weight w{nullptr, 24, 16};
  EXPECT_EQUAL(api().allocate(d, api().weight_bytes(d, 24, 16), &w.data), 0);
  const std::vector<float> source(24 * 16);
  EXPECT_EQUAL(api().write_weight(d, &w, source.data(), RETRACE_F32, 24, 1, 24, 24), RETRACE_DEVICE_UNSUPPORTED);
  EXPECT_EQUAL(api().write_weight(d, &w, source.data(), RETRACE_F32, 16, 0, 8, 17), RETRACE_DEVICE_UNSUPPORTED);
  int32_t *indices = static_cast<int32_t *>(w.data);
  EXPECT_EQUAL(api().head(d, &w, indices, indices, 5, nullptr), RETRACE_DEVICE_UNSUPPORTED);
  EXPECT_EQUAL(api().rope_and_store(d, w.data, indices, indices, 1, 1), RETRACE_DEVICE_UNSUPPORTED);
  EXPECT(std::strstr(api().last_error(d)->message, "no layer 1") != nullptr);
  EXPECT_EQUAL(api().rope_and_store(d, w.data, indices, indices, 1, 0), RETRACE_DEVICE_CALL_FAILED);
  EXPECT(std::strstr(api().last_error(d)->message, "set_rotary") != nullptr);
  EXPECT_EQUAL(api().make_cache(d, 0), RETRACE_DEVICE_UNSUPPORTED);
  api().close(d);
  EXPECT_EQUAL(retrace_emulator_allocated(), size_t(0));
}

TEST_CASE("a table of another ABI is not handed out") {
  EXPECT(retrace_device_entry_point(RETRACE_DEVICE_ABI + 1) == nullptr);
  EXPECT_EQUAL(std::string(api().name), std::string("emulated"));
}

TEST_MAIN
