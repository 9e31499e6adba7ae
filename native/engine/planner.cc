// Packs feeds into batches, first fit in the order given: M rows of a batch, W of them with a wanted hidden state,
// T tokens of a page.
//
// The trick is what is missing: nothing here decides what a row's result is. A row sees the positions up to its own
// through its path's page table, so a feed may be cut anywhere and packed with anyone; batches only have to keep the
// order. Cuts are made at page borders where one is within reach, as a page that is written in one piece is read whole.
#include "planner.h"

#include <algorithm>
#include <numeric>
#include <string>

#include "error.h"

namespace retrace {

namespace {

// Tokens [begin, end) of a feed, all of one batch.
struct part {
  const feed &of;
  int64_t begin, end;

  int32_t position(int64_t offset) const { return of.first_position + static_cast<int32_t>(offset); }
};

int64_t pages_up_to(int64_t position, int32_t page_tokens) { return position / page_tokens + 1; }

void check_limits(const plan_limits &limits) {
  if (limits.max_rows < 1 || limits.page_tokens < 1 || limits.tile_rows < 1 || limits.max_page_entries < 1)
    throw error(error_code::invalid_options,
                "planner: rows of a batch, tokens of a page, rows of a tile, entries of a page table: expected 1 or "
                "more of each, got " +
                    std::to_string(limits.max_rows) + ", " + std::to_string(limits.page_tokens) + ", " +
                    std::to_string(limits.tile_rows) + ", " + std::to_string(limits.max_page_entries));
}

void check_feed(const feed &feed, const plan_limits &limits) {
  const auto broken = [](const std::string &what) { return error(error_code::internal, "planner: " + what); };
  const int64_t count = static_cast<int64_t>(feed.tokens.size());
  if (count == 0) {
    // Skipped otherwise, and the copies with it.
    if (!feed.copies.empty()) throw broken("a feed has page copies but no tokens");
    return;
  }
  if (feed.first_position < 0) throw broken("a feed begins at position " + std::to_string(feed.first_position));
  const int64_t needed = pages_up_to(feed.first_position + count - 1, limits.page_tokens);
  if (static_cast<int64_t>(feed.page_table.size()) < needed)
    throw broken("a feed's page table is too short: expected " + std::to_string(needed) + " pages, got " +
                 std::to_string(feed.page_table.size()));
  for (size_t i = 0; i < feed.hidden.size(); ++i)
    if (feed.hidden[i] < 0 || feed.hidden[i] >= count || (i > 0 && feed.hidden[i] <= feed.hidden[i - 1]))
      throw broken("wanted hidden states are not ascending offsets into the tokens, at offset " +
                   std::to_string(feed.hidden[i]));
  if (needed > limits.max_page_entries) {
    error too_long(error_code::capacity, "a path of " + std::to_string(feed.first_position + count) +
                                             " tokens needs a page table of " + std::to_string(needed) +
                                             " entries, a batch has " + std::to_string(limits.max_page_entries) +
                                             "; shorten the context or raise the limit");
    too_long.needed = needed;
    too_long.available = limits.max_page_entries;
    throw too_long;
  }
}

// How many of `left` tokens from `position` on go into a batch with that much room; 0: none, close it first.
int64_t rows_that_fit(int64_t left, int64_t position, int64_t room, bool is_empty, int32_t page_tokens) {
  if (left <= room) return left;
  const int64_t to_border = page_tokens - position % page_tokens;
  if (to_border <= room) return to_border + (room - to_border) / page_tokens * page_tokens;
  // A whole batch does not reach the next border: cut where it is full, or the plan would never end.
  return is_empty ? room : 0;
}

// Tiles in the order of their segments and ascending. Which of them start first is the device's affair, as it knows how
// many it runs at a time.
void add_segment(const retrace_segment &segment, int32_t tile_rows, std::vector<retrace_segment> &segments,
                 std::vector<retrace_tile> &tiles) {
  for (int32_t row = 0; row < segment.rows; row += tile_rows)
    tiles.push_back({static_cast<int32_t>(segments.size()), row});
  segments.push_back(segment);
}

// The rows whose final hidden state is wanted, packed, and their maximal runs of consecutive positions as segments.
void add_last_layer(const part &part, const retrace_segment &whole, const plan_limits &limits, batch &batch) {
  std::vector<int32_t> wanted;  // rows of the segment
  if (limits.keep_all_rows) {
    wanted.resize(whole.rows);
    std::iota(wanted.begin(), wanted.end(), 0);
  } else {
    const std::vector<int32_t> &hidden = part.of.hidden;
    for (auto offset = std::lower_bound(hidden.begin(), hidden.end(), part.begin);
         offset != hidden.end() && *offset < part.end; ++offset)
      wanted.push_back(static_cast<int32_t>(*offset - part.begin));
  }
  for (size_t first = 0, next = 0; first < wanted.size(); first = next) {
    const int32_t packed_row = static_cast<int32_t>(batch.hidden_rows.size());
    do {
      const int32_t row = whole.first_row + wanted[next++];
      batch.hidden_rows.push_back(row);
      batch.hidden_slots.push_back(batch.slots[row]);
    } while (next < wanted.size() && wanted[next] == wanted[next - 1] + 1);
    const int32_t rows = static_cast<int32_t>(next - first), position = whole.first_position + wanted[first];
    add_segment({packed_row, rows, position, whole.first_page}, limits.tile_rows, batch.last_segments,
                batch.last_tiles);
  }
}

void add_part(const part &part, const plan_limits &limits, batch &batch) {
  const feed &feed = part.of;
  // With the first part, whose first token reads them already, and with no other.
  if (part.begin == 0) batch.copies.insert(batch.copies.end(), feed.copies.begin(), feed.copies.end());

  const retrace_segment segment{static_cast<int32_t>(batch.ids.size()), static_cast<int32_t>(part.end - part.begin),
                                part.position(part.begin), static_cast<int32_t>(batch.page_table.size())};
  for (int64_t offset = part.begin; offset < part.end; ++offset) {
    const int32_t position = part.position(offset);
    const int32_t page = feed.page_table[position / limits.page_tokens];
    batch.ids.push_back(static_cast<int32_t>(feed.tokens[offset]));
    batch.positions.push_back(position);
    batch.slots.push_back(page * limits.page_tokens + position % limits.page_tokens);
  }
  const int32_t last_position = part.position(part.end - 1);
  batch.longest_position = std::max(batch.longest_position, last_position);
  batch.page_table.insert(batch.page_table.end(), feed.page_table.begin(),
                          feed.page_table.begin() + pages_up_to(last_position, limits.page_tokens));
  add_segment(segment, limits.tile_rows, batch.segments, batch.tiles);
  add_last_layer(part, segment, limits, batch);
}

}  // namespace

std::vector<batch> plan_batches(const std::vector<feed> &feeds, const plan_limits &limits) {
  check_limits(limits);
  for (const feed &feed : feeds) check_feed(feed, limits);
  std::vector<const feed *> in_order;
  for (const feed &feed : feeds) in_order.push_back(&feed);
  std::stable_sort(in_order.begin(), in_order.end(), [](const feed *a, const feed *b) { return a->level < b->level; });

  std::vector<batch> batches;
  int32_t open_level = 0;  // of the feeds in the last batch
  const auto open_batch = [&](int32_t level) {
    batches.emplace_back();
    open_level = level;
  };
  for (const feed *feed : in_order) {
    const int64_t count = static_cast<int64_t>(feed->tokens.size());
    // A batch is never left empty: a new one is opened by the part that could not go into the last.
    if (count > 0 && (batches.empty() || open_level != feed->level)) open_batch(feed->level);
    for (int64_t begin = 0; begin < count;) {
      const batch &last = batches.back();
      const int64_t position = feed->first_position + begin;
      const int64_t room = limits.max_rows - static_cast<int64_t>(last.ids.size());
      const int64_t rows = rows_that_fit(count - begin, position, room, last.ids.empty(), limits.page_tokens);
      const int64_t entries = pages_up_to(position + rows - 1, limits.page_tokens);
      if (rows == 0 || static_cast<int64_t>(last.page_table.size()) + entries > limits.max_page_entries) {
        open_batch(feed->level);
        continue;
      }
      add_part({*feed, begin, begin + rows}, limits, batches.back());
      begin += rows;
    }
  }
  return batches;
}

}  // namespace retrace
