// From what has to be computed to the batches that compute it: a pure function.
//
// One batch is one forward pass over a packed row of M tokens from any number of branches. There is no mask: a query
// sees the positions up to its own, and sharing is the page table.
#pragma once

#include <cstdint>
#include <vector>

#include "../device.h"

namespace retrace {

// Consecutive tokens of one path that have to be computed.
struct feed {
  std::vector<uint32_t> tokens;
  int32_t first_position = 0;
  std::vector<int32_t> page_table;  // of the path, from page 0 to the page of the last of the tokens
  std::vector<int32_t> hidden;      // offsets into `tokens` whose final hidden state is wanted, ascending
  // Comes in a later batch than all feeds of lower levels: its copies read what they write. Feeds of one level may share
  // a batch, also where one's tokens stand in front of another's, as keys and values are written before they are read.
  int32_t level = 0;
  std::vector<retrace_page_copy> copies;  // before the first of the tokens
};

struct plan_limits {
  int64_t max_rows = 8192;
  int64_t max_page_entries = 1 << 18;
  int32_t page_tokens = 128;
  int32_t tile_rows = 64;
  bool keep_all_rows = false;  // every row's final hidden state is computed and stored
};

struct batch {
  std::vector<retrace_page_copy> copies;       // first of all
  std::vector<int32_t> ids, positions, slots;  // [M]
  std::vector<retrace_segment> segments;
  std::vector<retrace_tile> tiles;
  // The last layer: keys and values for all rows, the rest only for these, packed to [W].
  std::vector<int32_t> hidden_rows;            // [W] rows of the batch
  std::vector<int32_t> hidden_slots;           // [W] where their final hidden states go
  std::vector<retrace_segment> last_segments;  // first_row counts in [W]
  std::vector<retrace_tile> last_tiles;
  std::vector<int32_t> page_table;  // of both kinds of segments
  int32_t longest_position = 0;
};

// Feeds in order of their levels, and in the order given within a level. A feed that is longer than a batch is split,
// at page borders where it can be. A single feed's page table may not exceed `max_page_entries` (throws `capacity`).
std::vector<batch> plan_batches(const std::vector<feed> &feeds, const plan_limits &limits);

}  // namespace retrace
