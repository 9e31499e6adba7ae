// How a batch of segments becomes the calls of one attention graph of cuDNN, as plain numbers.
//
// A graph has fixed dimensions: a batch of B sequences of up to `sequence_rows` queries each. So segments are cut into
// sequences of at most that many rows (a cut changes no row: each sequence sees the keys up to its own last row, aligned
// at the bottom right), the sequences are dealt out to calls of up to 256, and a call takes the next of four batch sizes.
// That makes four plans for a model, all of them made at load; nothing is planned for a batch.
//
// Shapes: B sequences of a call, T tokens of a page, W pages of the longest context (the width of a page table).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "../device.h"

namespace retrace::cudnn {

// Long enough for several tiles of queries, so that no plan is one of cuDNN's for a single query.
constexpr int32_t sequence_rows = 512;
constexpr int32_t batch_sizes[] = {4, 16, 64, 256};
constexpr int32_t batch_size_count = 4, largest_batch = 256;

// Rows [first_row, first_row + rows) of the queries; the last of them sees `keys` keys, the one in front of it one less.
struct sequence {
  int32_t first_row, rows, keys, first_page;
};

inline int64_t round_up(int64_t value, int64_t step) { return (value + step - 1) / step * step; }

// The smallest batch size for `count` sequences, up to the largest.
inline int32_t batch_size_for(int32_t count) {
  for (const int32_t size : batch_sizes) {
    if (count <= size) return size;
  }
  return largest_batch;
}

// In the order of their rows: cuDNN's documentation has offsets that grow.
inline std::vector<sequence> cut_segments(const retrace_segment *segments, int32_t count) {
  std::vector<sequence> out;
  for (int32_t i = 0; i < count; i++) {
    const retrace_segment &s = segments[i];
    for (int32_t row = 0; row < s.rows; row += sequence_rows) {
      const int32_t rows = std::min(sequence_rows, s.rows - row);
      out.push_back({s.first_row + row, rows, s.first_position + row + rows, s.first_page});
    }
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const sequence &a, const sequence &b) { return a.first_row < b.first_row; });
  return out;
}

// Where the five index tensors of a call lie, in 32-bit numbers from its start. Each starts at a multiple of 256 bytes.
struct index_layout {
  int64_t query_lengths, key_lengths, query_offsets, out_offsets, page_table, size;

  index_layout(int32_t batch, int32_t table_width) {
    const int64_t lengths = round_up(batch, 64), offsets = round_up(batch + 1, 64);
    query_lengths = 0;
    key_lengths = query_lengths + lengths;
    query_offsets = key_lengths + lengths;
    out_offsets = query_offsets + offsets;
    page_table = out_offsets + offsets;
    size = page_table + round_up(int64_t(batch) * table_width, 64);
  }
};

// What stays the same from batch to batch.
struct index_rules {
  int32_t page_tokens, table_width;
  int64_t query_stride, out_stride;  // elements from row to row of the queries and of the output
  // Whether cuDNN takes a sequence without rows. Where it does not, a batch is filled up with one row that is in the
  // batch anyway: it is computed again, to the same bits, into the same place.
  bool takes_empty;
};

// Calls and their index tensors for one batch of segments.
struct index_tensors {
  struct call {
    int32_t batch;
    int64_t start;  // in `values`
  };
  std::vector<call> calls;
  std::vector<int32_t> values;
};

// Most 32-bit numbers for a batch of `rows` rows: no sequence has fewer than one.
inline int64_t largest_index_size(int64_t rows, int32_t table_width) {
  const int64_t calls = (std::max<int64_t>(rows, 1) + largest_batch - 1) / largest_batch;
  return calls * index_layout(largest_batch, table_width).size;
}

// Sequence `b` of a call.
inline void put_sequence(const sequence &s, int32_t b, const index_layout &layout, const index_rules &rules,
                         const int32_t *page_table, int32_t *call) {
  call[layout.query_lengths + b] = s.rows;
  call[layout.key_lengths + b] = s.keys;
  call[layout.query_offsets + b] = static_cast<int32_t>(s.first_row * rules.query_stride);
  call[layout.out_offsets + b] = static_cast<int32_t>(s.first_row * rules.out_stride);
  int32_t *table = call + layout.page_table + int64_t(b) * rules.table_width;
  // Behind the last page it is repeated: a kernel whose tile is longer than a page reads rows that it can read.
  const int32_t pages = static_cast<int32_t>(round_up(std::max(s.keys, 1), rules.page_tokens) / rules.page_tokens);
  for (int32_t p = 0; p < rules.table_width; p++) table[p] = page_table[s.first_page + std::min(p, pages - 1)];
}

// The sequence that fills a batch up.
inline sequence filler_of(const std::vector<sequence> &sequences, size_t begin, size_t end, bool takes_empty) {
  const sequence &last = sequences[end - 1];
  if (takes_empty) return {last.first_row + last.rows, 0, 0, last.first_page};
  // The first row of a sequence has its fewest keys.
  const auto fewer = [](const sequence &a, const sequence &b) { return a.keys - a.rows < b.keys - b.rows; };
  const sequence s = *std::min_element(sequences.begin() + begin, sequences.begin() + end, fewer);
  return {s.first_row, 1, s.keys - s.rows + 1, s.first_page};
}

inline index_tensors make_index_tensors(const std::vector<sequence> &sequences, const int32_t *page_table,
                                        const index_rules &rules) {
  index_tensors out;
  for (size_t begin = 0; begin < sequences.size(); begin += largest_batch) {
    const size_t end = std::min(sequences.size(), begin + largest_batch);
    const int32_t count = static_cast<int32_t>(end - begin), batch = batch_size_for(count);
    const index_layout layout(batch, rules.table_width);
    const int64_t start = static_cast<int64_t>(out.values.size());
    out.calls.push_back({batch, start});
    out.values.resize(start + layout.size, 0);
    int32_t *call = out.values.data() + start;
    const sequence filler = filler_of(sequences, begin, end, rules.takes_empty);
    for (int32_t b = 0; b < batch; b++) {
      put_sequence(b < count ? sequences[begin + b] : filler, b, layout, rules, page_table, call);
    }
    const sequence &last = sequences[end - 1];
    call[layout.query_offsets + batch] = static_cast<int32_t>((last.first_row + last.rows) * rules.query_stride);
    call[layout.out_offsets + batch] = static_cast<int32_t>((last.first_row + last.rows) * rules.out_stride);
  }
  return out;
}

// Rows [row, T) of a page, which no segment of the batch has written.
struct page_tail {
  int32_t page, row;
};

inline std::vector<page_tail> unwritten_tails(const retrace_segment *segments, int32_t count, const int32_t *page_table,
                                              int32_t page_tokens) {
  // A page can be the last one of several segments.
  std::unordered_map<int32_t, int32_t> written;
  for (int32_t i = 0; i < count; i++) {
    const retrace_segment &s = segments[i];
    if (s.rows < 1) continue;
    const int32_t last = s.first_position + s.rows - 1;
    int32_t &rows = written[page_table[s.first_page + last / page_tokens]];
    rows = std::max(rows, last % page_tokens + 1);
  }
  std::vector<page_tail> out;
  for (const auto &[page, rows] : written) {
    if (rows < page_tokens) out.push_back({page, rows});
  }
  return out;
}

}  // namespace retrace::cudnn
