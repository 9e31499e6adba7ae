// Whether the attention of sm_90a may be used is found out by trial when the device is opened: it has to agree with the
// portable kernel, and to give a query the same bits alone, in a part of its segment, and beside another segment.
//
// Keys and values are random numbers that are put into the pages as they lie: both kernels read them in one layout.
// Shapes: H heads, G key-value heads, D head size.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "cuda_device.h"

namespace retrace::cuda {

#ifdef RETRACE_WITH_HOPPER
namespace {

// The last query's position is in the last page, and there are pages enough for the ring of stages to be filled anew.
constexpr int32_t trial_pages = 8, rows = 256, first_position = 684;
// As in `product_trial.cc`; probabilities are rounded too, at the same places in both kernels.
constexpr double largest_difference = 1e-2;

float float_of(bf16 value) {
  const uint32_t bits = static_cast<uint32_t>(value) << 16;
  float out;
  std::memcpy(&out, &bits, sizeof out);
  return out;
}

double distance(const std::vector<bf16> &a, const std::vector<bf16> &b) {
  double difference = 0, size = 0;
  for (size_t i = 0; i < a.size(); i++) {
    const double x = float_of(a[i]), y = float_of(b[i]);
    difference += (x - y) * (x - y);
    size += y * y;
  }
  return std::sqrt(difference / size);
}

class trial {
 public:
  explicit trial(cuda_device &d) : d_(d), width_((d.shape.heads + 2 * d.shape.kv_heads) * d.shape.head_size) {
    cache_.page_tokens = page_tokens;
    cache_.kv_heads = d.shape.kv_heads;
    cache_.head_size = d.shape.head_size;
    cache_.layout = kv_layout::swizzled;
    cache_.layer_elements = int64_t(trial_pages) * d.shape.kv_heads * 2 * page_tokens * d.shape.head_size;
  }
  ~trial() {
    give_back(d_, cache_.data);
    for (void **memory : {&qkv_, &out_, &lists_}) give_back(d_, *memory);
  }

  int prepare() {
    const char *what = "trial of the attention (given back after it)";
    void *keys = nullptr;
    RETRACE_PASS_ON(take(d_, what, static_cast<size_t>(cache_.layer_elements) * sizeof(bf16), &keys));
    cache_.data = static_cast<bf16 *>(keys);
    RETRACE_PASS_ON(take(d_, what, size_t(rows) * width_ * sizeof(bf16), &qkv_));
    RETRACE_PASS_ON(take(d_, what, size_t(rows) * row_elements() * sizeof(bf16), &out_));
    RETRACE_PASS_ON(take(d_, what, list_bytes * 3, &lists_));
    RETRACE_CUDA_CHECK(d_.errors, launch_randomize(d_.stream, cache_.data, cache_.layer_elements, 3, 1.0f));
    // Larger queries, so that few keys matter to each.
    RETRACE_CUDA_CHECK(d_.errors,
                       launch_randomize(d_.stream, static_cast<bf16 *>(qkv_), int64_t(rows) * width_, 4, 4.0f));
    return RETRACE_DEVICE_OK;
  }

  // The rows of these segments, all on one path; the output of row r is at r.
  int attend(bool by_hopper, const std::vector<retrace_segment> &segments, std::vector<bf16> *out) {
    const int32_t tile_rows = by_hopper ? hopper_attention_tile_rows : attention_tile_rows;
    std::vector<retrace_tile> tiles;
    const std::vector<int32_t> pages = {5, 2, 7, 0, 3, 6, 1, 4};
    for (size_t i = 0; i < segments.size(); i++) {
      for (int32_t row = 0; row < segments[i].rows; row += tile_rows) tiles.push_back({static_cast<int32_t>(i), row});
    }
    char *lists = static_cast<char *>(lists_);
    RETRACE_PASS_ON(upload(d_, lists, segments.data(), segments.size() * sizeof segments[0]));
    RETRACE_PASS_ON(upload(d_, lists + list_bytes, tiles.data(), tiles.size() * sizeof tiles[0]));
    RETRACE_PASS_ON(upload(d_, lists + 2 * list_bytes, pages.data(), pages.size() * sizeof pages[0]));
    retrace_attention_plan plan{};
    plan.segments = reinterpret_cast<const retrace_segment *>(lists);
    plan.tiles = reinterpret_cast<const retrace_tile *>(lists + list_bytes);
    plan.page_table = reinterpret_cast<const int32_t *>(lists + 2 * list_bytes);
    plan.host_segments = segments.data();
    plan.host_page_table = pages.data();
    plan.segment_count = static_cast<int32_t>(segments.size());
    plan.tile_count = static_cast<int32_t>(tiles.size());
    plan.page_table_length = trial_pages;
    plan.longest_position = first_position + rows - 1;
    // NaN: what a launch leaves out must not pass for the answer of the launch before it.
    RETRACE_CUDA_CHECK(d_.errors, cudaMemsetAsync(out_, 0xFF, size_t(rows) * row_elements() * sizeof(bf16), d_.stream));
    const auto launch = by_hopper ? launch_hopper_attention : launch_attention;
    RETRACE_CUDA_CHECK(d_.errors, launch(d_.stream, static_cast<const bf16 *>(qkv_), cache_, 0, d_.shape.heads, plan,
                                         static_cast<bf16 *>(out_)));
    out->resize(size_t(rows) * row_elements());
    return download(d_, out->data(), out_, out->size() * sizeof(bf16));
  }

  size_t row_elements() const { return static_cast<size_t>(d_.shape.heads) * d_.shape.head_size; }

 private:
  static constexpr size_t list_bytes = 1024;  // of segments, of tiles, of pages
  cuda_device &d_;
  size_t width_;
  kv_cache cache_{};
  void *qkv_ = nullptr, *out_ = nullptr, *lists_ = nullptr;
};

}  // namespace

int choose_attention(cuda_device &d) {
  if (d.choice.attention != attention_kind::hopper) return RETRACE_DEVICE_OK;
  trial t(d);
  RETRACE_PASS_ON(t.prepare());
  const retrace_segment whole = {0, rows, first_position, 0};
  std::vector<bf16> expected, found, parts, alone;
  RETRACE_PASS_ON(t.attend(false, {whole}, &expected));
  RETRACE_PASS_ON(t.attend(true, {whole}, &found));
  const int32_t cut = 101;  // in no kernel's grid of rows
  RETRACE_PASS_ON(t.attend(true, {{0, cut, first_position, 0}, {cut, rows - cut, first_position + cut, 0}}, &parts));
  RETRACE_PASS_ON(t.attend(true, {{rows - 1, 1, first_position + rows - 1, 0}}, &alone));
  const size_t last = (rows - 1) * t.row_elements();
  const char *refused = nullptr;
  if (!std::equal(alone.begin() + last, alone.end(), found.begin() + last)) refused = "a row depends on the batch";
  if (parts != found) refused = "a row depends on the batch";
  // Written so that a NaN is refused.
  if (!(distance(found, expected) <= largest_difference)) refused = "it disagrees with mma.sync";
  if (refused != nullptr) {
    d.choice.attention = attention_kind::portable;
    d.attention_refused = refused;
  }
  return RETRACE_DEVICE_OK;
}
#else
int choose_attention(cuda_device &) { return RETRACE_DEVICE_OK; }
#endif

}  // namespace retrace::cuda
