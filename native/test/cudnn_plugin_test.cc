// The plug-in over the emulator, with graphs that compute on the CPU in place of cuDNN's: what cuDNN is handed, what
// is cleared in front of it, what is uploaded, and what becomes of failures. cuDNN's own arithmetic needs a GPU.
//
// The graphs here do as cuDNN's documentation says, and are as careless as it may be: they multiply what lies behind a
// sequence's last key, up to the end of its page, by zero.
#include "../emulator/cuda_runtime.cc"
#include "../kernels/cuda_error.cc"
#include "../kernels/cudnn_plugin.cc"
#include "../kernels/cudnn_tails.cu"

#include <cmath>
#include <set>

#include "check.h"

namespace retrace::cudnn {
namespace {

// What stands in for cuDNN.
struct imitation {
  std::string library_problem, handle_problem, build_problem, run_problem;
  int version = 92801;
  int runs = 0;
  int64_t workspace_bytes = 1000;
  std::vector<int32_t> batches;
} imitated;

double widened(uint16_t bits) {
  const uint32_t wide = static_cast<uint32_t>(bits) << 16;
  float value;
  std::memcpy(&value, &wide, sizeof value);
  return value;
}
// Rounded toward zero, which is all the same here: both sides of each comparison are rounded so.
uint16_t narrowed(double value) {
  const float single = static_cast<float>(value);
  uint32_t bits;
  std::memcpy(&bits, &single, sizeof bits);
  return static_cast<uint16_t>(bits >> 16);
}

// softmax(q k / sqrt(D)) v over `all` keys, of which the first `seen` count. row(j) gives the key's and value's numbers.
template <class Row>
void attend_row(const uint16_t *query, int32_t head_size, int32_t seen, int32_t all, Row row, uint16_t *out) {
  std::vector<double> sums(head_size, 0.0);
  double total = 0;
  for (int32_t j = 0; j < all; j++) {
    const auto [key, value] = row(j);
    double score = 0;
    for (int32_t d = 0; d < head_size; d++) score += widened(query[d]) * widened(key[d]);
    const double p = j < seen ? std::exp(score / std::sqrt(double(head_size))) : 0.0;
    total += p;
    for (int32_t d = 0; d < head_size; d++) sums[d] += p * widened(value[d]);
  }
  for (int32_t d = 0; d < head_size; d++) out[d] = narrowed(sums[d] / total);
}

}  // namespace

std::string open_library() { return imitated.library_problem; }
int library_version() { return imitated.version; }
std::string version_text(int version) { return "version " + std::to_string(version); }

struct attention_graphs::state {
  attention_shape shape{};
  std::string engine = "imitated";
};
attention_graphs::attention_graphs() : state_(std::make_unique<state>()) {}
attention_graphs::~attention_graphs() = default;
std::string attention_graphs::make_handle(void *) { return imitated.handle_problem; }
std::string attention_graphs::build(const attention_shape &shape) {
  state_->shape = shape;
  return imitated.build_problem;
}
int64_t attention_graphs::workspace_bytes() const { return imitated.workspace_bytes; }
const std::string &attention_graphs::engine() const { return state_->engine; }
int32_t attention_graphs::native_status() const { return imitated.handle_problem.empty() ? 0 : 1001; }

std::string attention_graphs::run(int32_t batch, const attention_operands &o) {
  if (!imitated.run_problem.empty()) return imitated.run_problem;
  imitated.runs++;
  imitated.batches.push_back(batch);
  std::memset(o.workspace, 0xab, static_cast<size_t>(imitated.workspace_bytes));
  const attention_shape &s = state_->shape;
  const index_layout layout(batch, s.table_width);
  const auto *queries = static_cast<const uint16_t *>(o.queries), *cache = static_cast<const uint16_t *>(o.cache);
  auto *out = static_cast<uint16_t *>(o.out);
  const int32_t d = s.head_size, t = s.page_tokens;
  const int64_t tile = int64_t(t) * d;
  for (int32_t b = 0; b < batch; b++) {
    const int32_t count = o.index[layout.query_lengths + b], keys = o.index[layout.key_lengths + b];
    const int32_t *table = o.index + layout.page_table + int64_t(b) * s.table_width;
    for (int32_t i = 0; i < count; i++) {
      for (int32_t h = 0; h < s.heads; h++) {
        const int64_t row = int64_t(s.heads + 2 * s.kv_heads) * d, group = h / (s.heads / s.kv_heads);
        const auto key_and_value = [&](int32_t j) {
          const uint16_t *key = cache + (int64_t(table[j / t]) * s.kv_heads + group) * 2 * tile + int64_t(j % t) * d;
          return std::make_pair(key, key + tile);
        };
        attend_row(queries + o.index[layout.query_offsets + b] + i * row + h * d, d, keys - count + i + 1,
                   (keys + t - 1) / t * t, key_and_value,
                   out + o.index[layout.out_offsets + b] + int64_t(i) * s.heads * d + h * d);
      }
    }
  }
  return "";
}

}  // namespace retrace::cudnn

namespace {

using namespace retrace::cudnn;

constexpr int32_t heads = 4, kv_heads = 2, head_size = 16, page_tokens = 64, context = 1024, row_elements = 128;
constexpr int64_t tile = page_tokens * head_size;

const retrace_attention_plugin_api &entry() {
  return *retrace_attention_plugin_entry_point(RETRACE_ATTENTION_PLUGIN_ABI);
}

retrace_attention_setup setup() {
  retrace_attention_setup s{};
  s.shape = {64, 128, 1, heads, kv_heads, head_size, 100, context, 1e-5f};
  s.page_tokens = page_tokens;
  return s;
}

// A plug-in, a batch of segments with pages of their own, and memory that ends where it is to end.
struct bench {
  retrace_attention_plugin *plugin = nullptr;
  std::vector<retrace_segment> segments;
  std::vector<int32_t> page_table;
  std::vector<uint16_t> qkv, cache, out;
  std::vector<char> workspace;
  int32_t rows = 0, pages = 0;

  bench() {
    imitated = {};
    retrace_emulator_plant_failure(nullptr, 0, cudaSuccess);
    retrace_emulator_set_device(1, 9, 0, 13000);
    const retrace_attention_setup s = setup();
    char error[320] = "";
    if (entry().open(&s, &plugin, error, sizeof error) != RETRACE_DEVICE_OK) throw check::failure(error);
  }
  ~bench() { entry().close(plugin); }

  void add(int32_t count, int32_t first_position) {
    const int32_t first_page = static_cast<int32_t>(page_table.size());
    for (int32_t p = 0; p * page_tokens < first_position + count; p++) page_table.push_back(pages++);
    segments.push_back({rows, count, first_position, first_page});
    rows += count;
  }
  // Numbers for the queries and what is written of the cache; the rest of the cache is NaN.
  void fill() {
    uint32_t seed = 7;
    const auto number = [&seed] {
      seed = seed * 1664525u + 1013904223u;
      return narrowed((seed >> 8) / double(1 << 24) - 0.5);
    };
    qkv.resize(int64_t(rows) * row_elements);
    for (uint16_t &x : qkv) x = number();
    cache.assign(pages * kv_heads * 2 * tile, 0x7fc0);
    for (const retrace_segment &s : segments) {
      for (int32_t p = 0; p < s.first_position + s.rows; p++) {
        for (int32_t part = 0; part < kv_heads * 2; part++) {
          for (int32_t d = 0; d < head_size; d++) cache[place(s, p, part) + d] = number();
        }
      }
    }
    out.assign(int64_t(rows) * heads * head_size, 0x4242);
    workspace.assign(entry().workspace_bytes(plugin, rows) + 64, 0x5a);
  }
  int64_t place(const retrace_segment &s, int32_t position, int32_t part) const {
    const int64_t page = page_table[s.first_page + position / page_tokens];
    return (page * kv_heads * 2 + part) * tile + int64_t(position % page_tokens) * head_size;
  }
  int use_workspace() { return entry().use_workspace(plugin, rows, workspace.data(), workspace.size() - 64); }
  int attend() {
    retrace_attention_plan plan{};
    plan.host_segments = segments.data();
    plan.host_page_table = page_table.data();
    plan.segment_count = static_cast<int32_t>(segments.size());
    plan.page_table_length = static_cast<int32_t>(page_table.size());
    const retrace_attention_call call{qkv.data(), cache.data(), pages, &plan, out.data()};
    return entry().attend(plugin, &call);
  }
  std::string last_error() const { return entry().last_error(plugin); }

  // From the segments alone, over the keys that are seen and no others.
  void expect_out() const {
    std::vector<uint16_t> expected(heads * head_size);
    for (const retrace_segment &s : segments) {
      for (int32_t i = 0; i < s.rows; i++) {
        const int64_t row = s.first_row + i;
        for (int32_t h = 0; h < heads; h++) {
          const auto key_and_value = [&](int32_t j) {
            const int32_t part = h / (heads / kv_heads) * 2;
            return std::make_pair(cache.data() + place(s, j, part), cache.data() + place(s, j, part + 1));
          };
          const int32_t seen = s.first_position + i + 1;
          attend_row(qkv.data() + row * row_elements + h * head_size, head_size, seen, seen, key_and_value,
                     expected.data() + h * head_size);
        }
        EXPECT(std::equal(expected.begin(), expected.end(), out.begin() + row * heads * head_size));
      }
    }
  }
};

void expect_text(const std::string &text, const std::string &part) {
  if (text.find(part) == std::string::npos) throw check::failure("expected \"" + part + "\" in \"" + text + "\"");
}

void mixed(bench &b) {
  b.add(600, 17);
  b.add(1, 0);
  b.add(64, 64);
  b.add(3, 126);
  b.fill();
  EXPECT_EQUAL(b.use_workspace(), 0);
}

}  // namespace

TEST_CASE("every row sees the keys of its segment up to its own, and NaN behind them reaches nothing") {
  for (const int version : {92801, 91900}) {  // with sequences that have no rows, and without
    bench b;
    imitated.version = version;
    entry().close(b.plugin);
    const retrace_attention_setup s = setup();
    char error[320] = "";
    EXPECT_EQUAL(entry().open(&s, &b.plugin, error, sizeof error), 0);
    mixed(b);
    EXPECT_EQUAL(b.attend(), 0);
    EXPECT_EQUAL(imitated.batches.size(), size_t(1));
    EXPECT_EQUAL(imitated.batches[0], 16);  // five sequences: 600 rows are two
    b.expect_out();
  }
}

TEST_CASE("more than 256 sequences are several calls") {
  bench b;
  for (int32_t i = 0; i < 270; i++) b.add(1 + i % 2, i % 100);
  b.fill();
  EXPECT_EQUAL(b.use_workspace(), 0);
  EXPECT_EQUAL(b.attend(), 0);
  EXPECT(imitated.batches == std::vector<int32_t>({256, 16}));
  b.expect_out();
}

TEST_CASE("what is finite behind the last key stays, as it may be another path's") {
  bench b;
  mixed(b);
  const retrace_segment &s = b.segments[1];
  const int64_t finite = b.place(s, 5, 1), infinite = b.place(s, 5, 2), written = b.place(s, 0, 3);
  b.cache[finite + 3] = 0x3f80;
  b.cache[infinite + 2] = 0xff80;
  b.cache[infinite + 3] = 0x4000;
  b.cache[written + 1] = 0x7fc1;  // of the segment itself: a NaN of the model is to be seen
  EXPECT_EQUAL(b.attend(), 0);
  EXPECT_EQUAL(b.cache[finite + 3], 0x3f80);
  EXPECT_EQUAL(b.cache[finite + 2], 0);
  EXPECT_EQUAL(b.cache[infinite + 2], 0);
  EXPECT_EQUAL(b.cache[infinite + 3], 0x4000);
  EXPECT_EQUAL(b.cache[written + 1], 0x7fc1);
  EXPECT(std::isnan(widened(b.out[(s.first_row * heads + 2) * head_size + 1])));
}

TEST_CASE("nothing is written behind the workspace, and a smaller one is refused with both sizes") {
  bench b;
  mixed(b);
  EXPECT_EQUAL(b.attend(), 0);
  for (size_t i = b.workspace.size() - 64; i < b.workspace.size(); i++) EXPECT_EQUAL(int(b.workspace[i]), 0x5a);
  const size_t wanted = entry().workspace_bytes(b.plugin, b.rows);
  EXPECT_EQUAL(entry().use_workspace(b.plugin, b.rows, b.workspace.data(), wanted - 1),
               int(RETRACE_DEVICE_CALL_FAILED));
  expect_text(b.last_error(), std::to_string(wanted - 1) + " bytes, expected " + std::to_string(wanted));
  EXPECT_EQUAL(b.attend(), int(RETRACE_DEVICE_CALL_FAILED));
  expect_text(b.last_error(), "use_workspace first");
}

TEST_CASE("the layers of one batch upload once, and a failed upload is not taken for one that succeeded") {
  bench b;
  mixed(b);
  EXPECT_EQUAL(b.attend(), 0);
  retrace_emulator_plant_failure("cudaMemcpyAsync", 0, cudaErrorInvalidValue);
  EXPECT_EQUAL(b.attend(), 0);
  EXPECT_EQUAL(retrace_emulator_failed(), 0);
  b.segments[3].rows = 2;
  EXPECT_EQUAL(b.attend(), int(RETRACE_DEVICE_CALL_FAILED));
  EXPECT_EQUAL(retrace_emulator_failed(), 1);
  b.segments[3].rows = 3;  // what was uploaded first; its place may have been written over
  retrace_emulator_plant_failure("cudaMemcpyAsync", 0, cudaErrorInvalidValue);
  EXPECT_EQUAL(b.attend(), int(RETRACE_DEVICE_CALL_FAILED));
  EXPECT_EQUAL(b.attend(), 0);
  b.expect_out();
}

TEST_CASE("segments with other pages are uploaded anew") {
  bench b;
  mixed(b);
  EXPECT_EQUAL(b.attend(), 0);
  std::swap(b.page_table[b.segments[2].first_page], b.page_table[b.segments[2].first_page + 1]);
  EXPECT_EQUAL(b.attend(), 0);
  b.expect_out();
}

TEST_CASE("a failed graph is reported in cuDNN's words, and a lost GPU as lost") {
  bench b;
  mixed(b);
  imitated.run_problem = "CUDNN_STATUS_EXECUTION_FAILED";
  EXPECT_EQUAL(b.attend(), int(RETRACE_DEVICE_CALL_FAILED));
  expect_text(b.last_error(), "Attention failed: CUDNN_STATUS_EXECUTION_FAILED");
  retrace_emulator_plant_failure("cudaStreamSynchronize", 0, cudaErrorIllegalAddress);
  EXPECT_EQUAL(b.attend(), int(RETRACE_DEVICE_IS_LOST));
  EXPECT_EQUAL(entry().last_native_status(b.plugin), 700);
  retrace_emulator_plant_failure(nullptr, 0, cudaSuccess);
}

TEST_CASE("segments beyond the rows, the context or the page table are refused") {
  const auto refuses = [](void (*change)(bench &)) {
    bench b;
    mixed(b);
    change(b);
    EXPECT_EQUAL(b.attend(), int(RETRACE_DEVICE_CALL_FAILED));
    expect_text(b.last_error(), "Segment 2 has rows");
    EXPECT_EQUAL(imitated.runs, 0);
  };
  refuses([](bench &b) { b.segments[2].first_row = b.rows; });
  refuses([](bench &b) {
    b.segments[2].first_position = context - 10;
    b.page_table.resize(100, 0);
  });
  refuses([](bench &b) { b.segments[2].first_page = static_cast<int32_t>(b.page_table.size()) - 1; });
  refuses([](bench &b) { b.segments[2].first_position = -1; });
}

TEST_CASE("batches whose offsets do not fit 32 bits are refused") {
  bench b;
  const int64_t most = INT32_MAX / row_elements;
  const size_t bytes = entry().workspace_bytes(b.plugin, most + 1);
  EXPECT_EQUAL(entry().use_workspace(b.plugin, most, &b, bytes), 0);
  EXPECT_EQUAL(entry().use_workspace(b.plugin, most + 1, &b, bytes), int(RETRACE_DEVICE_UNSUPPORTED));
  expect_text(b.last_error(), "expected up to " + std::to_string(most) + " rows");
}

TEST_CASE("what keeps the plug-in from opening is one line with the next step") {
  const struct {
    void (*change)(retrace_attention_setup &);
    int status;
    const char *text;
  } cases[] = {
      {[](retrace_attention_setup &) { imitated.library_problem = "libcudnn.so.9 was not found."; },
       RETRACE_DEVICE_UNSUPPORTED, "libcudnn.so.9 was not found."},
      {[](retrace_attention_setup &) { imitated.version = 90799; }, RETRACE_DEVICE_UNSUPPORTED,
       "version 90799 is too old: attention over pages and packed rows needs version 90800"},
      {[](retrace_attention_setup &) { imitated.handle_problem = "NOT_INITIALIZED"; }, RETRACE_DEVICE_CALL_FAILED,
       "cannot start on this GPU: NOT_INITIALIZED"},
      {[](retrace_attention_setup &) { imitated.build_problem = "no such mask"; }, RETRACE_DEVICE_UNSUPPORTED,
       "has no such attention: no such mask"},
      {[](retrace_attention_setup &) { retrace_emulator_set_device(0, 9, 0, 13000); }, RETRACE_DEVICE_NONE, "cuda"},
      {[](retrace_attention_setup &s) { s.page_tokens = 100; }, RETRACE_DEVICE_UNSUPPORTED, "pages of 100 tokens"},
      {[](retrace_attention_setup &s) { s.shape.head_size = 20; }, RETRACE_DEVICE_UNSUPPORTED, "head size of 20"},
      {[](retrace_attention_setup &s) { s.shape.kv_heads = 3; }, RETRACE_DEVICE_UNSUPPORTED, "4 heads over 3"},
  };
  for (const auto &c : cases) {
    imitated = {};
    retrace_emulator_set_device(1, 9, 0, 13000);
    retrace_attention_setup s = setup();
    c.change(s);
    auto *plugin = reinterpret_cast<retrace_attention_plugin *>(&s);
    char error[320] = "";
    EXPECT_EQUAL(entry().open(&s, &plugin, error, sizeof error), c.status);
    EXPECT(plugin == nullptr);
    expect_text(error, c.text);
    EXPECT(std::string(error).find('\n') == std::string::npos);
    EXPECT(std::strlen(error) < sizeof error - 1);
  }
  EXPECT(retrace_attention_plugin_entry_point(RETRACE_ATTENTION_PLUGIN_ABI + 1) == nullptr);
}

TEST_CASE("the name has the library's version and the engine once it is open") {
  bench b;
  EXPECT_EQUAL(std::string(entry().name), std::string("cuDNN version 92801 imitated"));
}

TEST_MAIN
