// Shapes: M rows of the batch, W of them wanted in the end, C hidden size, F intermediate size, H heads, G key-value
// heads, D head size.
//
// In the last layer only keys and values are needed of all rows; the W rows whose hidden state predicts something are
// packed together and go on alone. As each row's bits depend on that row alone, leaving out the others changes nothing.
#include "forward_pass.h"

#include <algorithm>
#include <cmath>

#include "device_call.h"

namespace retrace {
namespace {

int64_t rounded_up(int64_t value, int64_t multiple) { return (value + multiple - 1) / multiple * multiple; }

// Elements of one row of each buffer, and of the integer arrays for the largest batch.
struct sizes {
  int64_t rows, residual, narrow, qkv, wide, arrays;

  sizes(const retrace_device_facts &facts, const retrace_shape &s, int64_t max_rows, int64_t max_page_entries) {
    const int64_t attention = static_cast<int64_t>(s.heads) * s.head_size;
    rows = rounded_up(max_rows, std::max<int64_t>(1, facts.row_multiple));
    residual = rows * s.hidden_size * 4;
    narrow = rows * std::max<int64_t>(s.hidden_size, attention) * facts.activation_bytes;
    qkv = rows * (attention + 2ll * s.kv_heads * s.head_size) * facts.activation_bytes;
    // As scratch it holds a row of the residual stream or of qkv, whichever is longer.
    wide = std::max({rows * s.intermediate_size * facts.activation_bytes, residual, qkv});
    // ids, positions, slots, hidden rows, hidden slots; two kinds of segments (4) and of tiles (2); alignment of each
    arrays = (5 + 2 * 4 + 2 * 2) * max_rows + max_page_entries + 16 * 64;
  }
};

// Another thread may be setting it.
void throw_if_aborted(retrace_abort *abort) {
  if (abort != nullptr && __atomic_load_n(abort, __ATOMIC_RELAXED) != 0)
    throw error(error_code::aborted, "Scoring was aborted.");
}

}  // namespace

struct forward_pass::uploaded {
  const int32_t *ids, *positions, *slots, *hidden_rows, *hidden_slots;
  retrace_attention_plan all, last;
};

forward_pass::forward_pass(const retrace_device_api &api, retrace_device *device, const retrace_device_facts &facts,
                           const model_config &config, const device_weights &weights, int64_t max_rows,
                           int64_t max_targets, int64_t max_page_entries)
    : api_(api),
      device_(device),
      facts_(facts),
      config_(config),
      weights_(weights),
      max_rows_(max_rows),
      max_targets_(max_targets),
      max_page_entries_(max_page_entries) {
  try {
    allocate();
  } catch (...) {
    release();
    throw;
  }
}

forward_pass::~forward_pass() { release(); }

void forward_pass::release() {
  for (void *memory : owned_)
    if (memory != nullptr) api_.release(device_, memory);
}

int64_t forward_pass::bytes(const retrace_device_facts &facts, const retrace_shape &shape, int64_t max_rows,
                            int64_t max_targets, int64_t max_page_entries) {
  const sizes s(facts, shape, max_rows, max_page_entries);
  return s.residual + s.narrow + s.qkv + s.wide + 4 * (s.arrays + max_rows + 3 * max_targets);
}

void forward_pass::allocate() {
  const sizes s(facts_, config_.shape, max_rows_, max_page_entries_);
  const auto take = [this](int64_t bytes) {
    owned_.push_back(nullptr);  // first, so that no allocation is lost where this throws
    check(api_.allocate(device_, static_cast<size_t>(bytes), &owned_.back()));
    return owned_.back();
  };
  residual_ = static_cast<float *>(take(s.residual));
  narrow_ = take(s.narrow);
  qkv_ = take(s.qkv);
  wide_ = take(s.wide);
  arrays_ = static_cast<int32_t *>(take(4 * s.arrays));
  identity_ = static_cast<int32_t *>(take(4 * max_rows_));
  head_arrays_ = static_cast<int32_t *>(take(4 * 2 * max_targets_));
  log_probs_ = static_cast<float *>(take(4 * max_targets_));
  staging_.reserve(static_cast<size_t>(s.arrays));
  answers_.resize(static_cast<size_t>(max_targets_));

  std::vector<int32_t> counting(static_cast<size_t>(max_rows_));
  for (size_t i = 0; i < counting.size(); i++) counting[i] = static_cast<int32_t>(i);
  check(api_.upload(device_, identity_, counting.data(), 4 * counting.size()));
}

void forward_pass::check(int status) const { check_device(api_, device_, status); }

// All arrays of the batch cross in one copy.
forward_pass::uploaded forward_pass::upload(const batch &b) {
  staging_.clear();
  const auto place = [this](const void *data, size_t integers) {
    const size_t at = static_cast<size_t>(rounded_up(static_cast<int64_t>(staging_.size()), 64));
    staging_.resize(at + integers);
    if (integers > 0) std::copy_n(static_cast<const int32_t *>(data), integers, staging_.begin() + at);
    return arrays_ + at;
  };
  uploaded u{};
  u.ids = place(b.ids.data(), b.ids.size());
  u.positions = place(b.positions.data(), b.positions.size());
  u.slots = place(b.slots.data(), b.slots.size());
  u.hidden_rows = place(b.hidden_rows.data(), b.hidden_rows.size());
  u.hidden_slots = place(b.hidden_slots.data(), b.hidden_slots.size());
  const int32_t *table = place(b.page_table.data(), b.page_table.size());
  const auto plan = [&](const std::vector<retrace_segment> &segments, const std::vector<retrace_tile> &tiles) {
    retrace_attention_plan p{};
    p.segments = reinterpret_cast<const retrace_segment *>(place(segments.data(), segments.size() * 4));
    p.tiles = reinterpret_cast<const retrace_tile *>(place(tiles.data(), tiles.size() * 2));
    p.page_table = table;
    p.host_segments = segments.data();
    p.host_page_table = b.page_table.data();
    p.segment_count = static_cast<int32_t>(segments.size());
    p.tile_count = static_cast<int32_t>(tiles.size());
    p.page_table_length = static_cast<int32_t>(b.page_table.size());
    p.longest_position = b.longest_position;
    return p;
  };
  u.all = plan(b.segments, b.tiles);
  u.last = plan(b.last_segments, b.last_tiles);
  check(api_.upload(device_, arrays_, staging_.data(), 4 * staging_.size()));
  return u;
}

// Rows of the residual stream and of the queries to the front. The rows move through scratch, since a row's target may
// still be another's source.
void forward_pass::compact(const int32_t *rows, int64_t count) {
  const retrace_shape &s = config_.shape;
  const int64_t residual_bytes = 4ll * s.hidden_size;
  const int64_t qkv_bytes = static_cast<int64_t>(s.heads + 2 * s.kv_heads) * s.head_size * facts_.activation_bytes;
  check(api_.gather_rows(device_, residual_, rows, count, residual_bytes, wide_));
  check(api_.gather_rows(device_, wide_, identity_, count, residual_bytes, residual_));
  check(api_.gather_rows(device_, qkv_, rows, count, qkv_bytes, wide_));
  check(api_.gather_rows(device_, wide_, identity_, count, qkv_bytes, qkv_));
}

void forward_pass::run(const batch &b, retrace_abort *abort) {
  if (!b.copies.empty()) {
    check(api_.copy_page_rows(device_, b.copies.data(), static_cast<int64_t>(b.copies.size())));
  }
  const uploaded u = upload(b);
  int64_t rows = static_cast<int64_t>(b.ids.size());
  const int64_t wanted = static_cast<int64_t>(b.hidden_rows.size());
  check(api_.embed(device_, &weights_.embedding, u.ids, rows, residual_));

  const int32_t layers = config_.shape.layers;
  for (int32_t layer = 0; layer < layers; layer++) {
    // A GPU is given work far faster than it does it: waiting now and then lets an abort end what is under way.
    if (abort != nullptr && layer % 8 == 7) check(api_.synchronize(device_));
    throw_if_aborted(abort);
    const layer_weights &w = weights_.layers[static_cast<size_t>(layer)];
    const bool last = layer == layers - 1;

    // attention
    check(api_.rms_norm(device_, residual_, w.attention_gain, rows, narrow_));
    check(api_.gemm(device_, &w.qkv, narrow_, rows, RETRACE_STORE, qkv_));
    check(api_.rope_and_store(device_, qkv_, u.positions, u.slots, rows, layer));
    if (last && wanted == 0) break;
    if (last && wanted < rows) {
      compact(u.hidden_rows, wanted);
      rows = wanted;
    }
    check(api_.attention(device_, qkv_, last ? &u.last : &u.all, layer, narrow_));
    check(api_.gemm(device_, &w.output, narrow_, rows, RETRACE_ADD, residual_));

    // feed-forward
    check(api_.rms_norm(device_, residual_, w.mlp_gain, rows, narrow_));
    check(api_.gemm(device_, &w.gate_up, narrow_, rows, RETRACE_SWIGLU, wide_));
    check(api_.gemm(device_, &w.down, wide_, rows, RETRACE_ADD, residual_));
  }
  if (wanted > 0) check(api_.store_hidden(device_, residual_, weights_.final_gain, u.hidden_slots, wanted));
  // The batch's arrays on the host may be gone after this, and a failure belongs to this call.
  check(api_.synchronize(device_));
}

void forward_pass::score(const std::vector<target> &targets, float *log_probs, retrace_abort *abort) {
  for (size_t first = 0; first < targets.size(); first += static_cast<size_t>(max_targets_)) {
    throw_if_aborted(abort);
    const size_t count = std::min(targets.size() - first, static_cast<size_t>(max_targets_));
    staging_.resize(2 * count);
    for (size_t i = 0; i < count; i++) {
      staging_[i] = targets[first + i].slot;
      staging_[count + i] = targets[first + i].token;
    }
    check(api_.upload(device_, head_arrays_, staging_.data(), 4 * staging_.size()));
    check(api_.head(device_, &weights_.head, head_arrays_, head_arrays_ + count, static_cast<int64_t>(count),
                    log_probs_));
    check(api_.download(device_, answers_.data(), log_probs_, 4 * count));
    for (size_t i = 0; i < count; i++) {
      if (!std::isfinite(answers_[i])) {
        throw error(error_code::not_finite,
                    "The model gave a log-probability that is not a finite number. Check its weights.");
      }
      // The rounding of the last bit must not make a probability larger than one.
      log_probs[targets[first + i].index] = std::min(answers_[i], 0.0f);
    }
  }
}

}  // namespace retrace
