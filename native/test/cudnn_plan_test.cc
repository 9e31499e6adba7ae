// How segments become the calls of cuDNN's attention graphs. The graphs themselves need a GPU; what is checked here is
// that every row of a batch is asked for once, sees the keys that it is to see, and finds them in its pages.
#include "../kernels/cudnn_sequences.h"

#include <map>
#include <set>
#include <utility>

#include "check.h"

using namespace retrace::cudnn;

namespace {

constexpr int32_t page_tokens = 128, width = 16;
constexpr index_rules rules = {page_tokens, width, 96, 64, true};
constexpr index_rules old_rules = {page_tokens, width, 96, 64, false};

// A batch of segments behind each other, each with pages of its own: segment i has pages 100 * i, 100 * i + 1, ...
struct batch {
  std::vector<retrace_segment> segments;
  std::vector<int32_t> page_table;
  int32_t rows = 0;

  void add(int32_t count, int32_t first_position) {
    const int32_t pages = (first_position + count + page_tokens - 1) / page_tokens;
    const int32_t first_page = static_cast<int32_t>(page_table.size());
    for (int32_t p = 0; p < pages; p++) page_table.push_back(100 * static_cast<int32_t>(segments.size()) + p);
    segments.push_back({rows, count, first_position, first_page});
    rows += count;
  }
  index_tensors tensors(const index_rules &r) const {
    return make_index_tensors(cut_segments(segments.data(), static_cast<int32_t>(segments.size())), page_table.data(),
                              r);
  }
};

struct seen_row {
  int32_t keys, page_of_last_key, times;
};

// What the graphs would compute, read from the tensors as cuDNN's documentation says: query i of n sees the keys up to
// keys - n + i.
std::map<int32_t, seen_row> rows_of(const index_tensors &t, const index_rules &r) {
  std::map<int32_t, seen_row> out;
  for (const index_tensors::call &call : t.calls) {
    const index_layout layout(call.batch, r.table_width);
    const int32_t *v = t.values.data() + call.start;
    for (int32_t b = 0; b < call.batch; b++) {
      const int32_t count = v[layout.query_lengths + b], keys = v[layout.key_lengths + b];
      for (int32_t i = 0; i < count; i++) {
        const int32_t row = static_cast<int32_t>(v[layout.query_offsets + b] / r.query_stride) + i;
        const int32_t visible = keys - count + i + 1;
        const int32_t page = v[layout.page_table + int64_t(b) * r.table_width + (visible - 1) / r.page_tokens];
        seen_row &seen = out[row];
        if (seen.times > 0) {
          EXPECT_EQUAL(seen.keys, visible);
          EXPECT_EQUAL(seen.page_of_last_key, page);
        }
        seen = {visible, page, seen.times + 1};
        EXPECT_EQUAL(v[layout.out_offsets + b] / r.out_stride + i, int64_t(row));
      }
    }
  }
  return out;
}

void expect_all_rows(const batch &b, const index_tensors &t, const index_rules &r, bool once) {
  const auto found = rows_of(t, r);
  EXPECT_EQUAL(found.size(), size_t(b.rows));
  for (size_t i = 0; i < b.segments.size(); i++) {
    const retrace_segment &s = b.segments[i];
    for (int32_t row = 0; row < s.rows; row++) {
      const seen_row &seen = found.at(s.first_row + row);
      const int32_t position = s.first_position + row;
      EXPECT_EQUAL(seen.keys, position + 1);
      EXPECT_EQUAL(seen.page_of_last_key, 100 * int32_t(i) + position / page_tokens);
      EXPECT(once ? seen.times == 1 : seen.times >= 1);
    }
  }
}

// One long segment, short ones, and ones that start and end at pages' and sequences' edges.
batch mixed_batch() {
  batch b;
  b.add(1300, 17);
  b.add(1, 0);
  b.add(512, 512);
  b.add(513, 127);
  b.add(128, 128);
  b.add(3, 2045);
  return b;
}

}  // namespace

TEST_CASE("every row of a batch is asked for once, with its keys and their pages") {
  const batch b = mixed_batch();
  expect_all_rows(b, b.tensors(rules), rules, true);
}

TEST_CASE("a cuDNN that knows no empty sequences is given rows of the batch again, with the same keys") {
  const batch b = mixed_batch();
  const index_tensors t = b.tensors(old_rules);
  expect_all_rows(b, t, old_rules, false);
  for (const index_tensors::call &call : t.calls) {
    const index_layout layout(call.batch, width);
    for (int32_t i = 0; i < call.batch; i++) {
      EXPECT(t.values[call.start + layout.query_lengths + i] > 0);
      EXPECT(t.values[call.start + layout.key_lengths + i] > 0);
    }
  }
}

TEST_CASE("what fills a batch up is as cheap as the batch allows") {
  batch b;
  b.add(5, 1000);
  b.add(2, 6);
  const index_tensors t = b.tensors(old_rules);
  EXPECT_EQUAL(t.calls.size(), size_t(1));
  const index_layout layout(t.calls[0].batch, width);
  // The first row of the second segment sees 7 keys; every other row sees more.
  EXPECT_EQUAL(t.values[layout.query_lengths + 2], 1);
  EXPECT_EQUAL(t.values[layout.key_lengths + 2], 7);
  EXPECT_EQUAL(t.values[layout.query_offsets + 2], 5 * 96);
  EXPECT_EQUAL(t.values[layout.page_table + 2 * width], 100);
}

TEST_CASE("more sequences than the largest batch become several calls") {
  batch b;
  for (int32_t i = 0; i < 300; i++) b.add(1 + i % 3, i);
  const index_tensors t = b.tensors(rules);
  EXPECT_EQUAL(t.calls.size(), size_t(2));
  EXPECT_EQUAL(t.calls[0].batch, 256);
  EXPECT_EQUAL(t.calls[1].batch, 64);  // 44 are left
  expect_all_rows(b, t, rules, true);
}

TEST_CASE("offsets grow to the end of the rows, also where segments come in another order") {
  batch b = mixed_batch();
  std::swap(b.segments[0], b.segments[3]);
  const index_tensors t = b.tensors(rules);
  const index_layout layout(t.calls[0].batch, width);
  const int32_t *offsets = t.values.data() + layout.query_offsets;
  for (int32_t i = 0; i < t.calls[0].batch; i++) EXPECT(offsets[i] <= offsets[i + 1]);
  EXPECT_EQUAL(offsets[t.calls[0].batch], b.rows * 96);
  EXPECT_EQUAL(t.values[layout.out_offsets + t.calls[0].batch], b.rows * 64);
}

TEST_CASE("batch sizes are the next of four") {
  for (const auto &[count, size] :
       std::vector<std::pair<int32_t, int32_t>>{{1, 4}, {4, 4}, {5, 16}, {16, 16}, {17, 64}, {65, 256}, {256, 256}}) {
    EXPECT_EQUAL(batch_size_for(count), size);
  }
}

TEST_CASE("a page table names pages of its own segment alone, to its full width") {
  const batch b = mixed_batch();
  const index_tensors t = b.tensors(rules);
  const std::set<int32_t> known(b.page_table.begin(), b.page_table.end());
  const index_layout layout(t.calls[0].batch, width);
  for (int32_t i = 0; i < t.calls[0].batch * width; i++) EXPECT(known.count(t.values[layout.page_table + i]) == 1);
  // The second segment, one row at position 0, is the fourth sequence: 1300 rows are three. It has one page, 100.
  for (int32_t p = 0; p < width; p++) EXPECT_EQUAL(t.values[layout.page_table + 3 * width + p], 100);
}

TEST_CASE("the closed formula covers batches of the most sequences") {
  for (const int32_t rows : {1, 4, 5, 255, 256, 257, 1000}) {
    batch b;
    for (int32_t i = 0; i < rows; i++) b.add(1, i % 2000);
    EXPECT(int64_t(b.tensors(rules).values.size()) <= largest_index_size(rows, width));
  }
}

TEST_CASE("index tensors start at multiples of 256 bytes and do not overlap") {
  for (const int32_t size : batch_sizes) {
    const index_layout l(size, width);
    const int64_t starts[] = {l.query_lengths, l.key_lengths, l.query_offsets, l.out_offsets, l.page_table, l.size};
    const int64_t lengths[] = {size, size, size + 1, size + 1, int64_t(size) * width};
    for (int i = 0; i < 5; i++) {
      EXPECT_EQUAL(starts[i] % 64, int64_t(0));
      EXPECT(starts[i] + lengths[i] <= starts[i + 1]);
    }
  }
}

TEST_CASE("tails are what no segment of the batch has written in a last page") {
  // Page 7 is the last one of two segments, 10 and 30 rows of it; page 9 is full.
  const std::vector<int32_t> table = {3, 7, 3, 7, 9};
  const std::vector<retrace_segment> segments = {{0, 10, 128, 0}, {10, 20, 138, 2}, {30, 128, 0, 4}, {0, 0, 5, 0}};
  const auto tails = unwritten_tails(segments.data(), 4, table.data(), page_tokens);
  EXPECT_EQUAL(tails.size(), size_t(1));
  EXPECT_EQUAL(tails[0].page, 7);
  EXPECT_EQUAL(tails[0].row, 30);
}

TEST_MAIN
