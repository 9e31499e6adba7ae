// Plans are checked against the feeds that they were made of. `planned_calls_test.cc` does them.
#include "../engine/planner.h"

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "check.h"
#include "thrown.h"

using check::thrown_by;
using retrace::batch;
using retrace::error;
using retrace::error_code;
using retrace::feed;
using retrace::plan_batches;
using retrace::plan_limits;

namespace {

// ---- a plan against its feeds -----------------------------------------------------------------------

// One token of one feed. The feeds of a check have ids that are all different, so an id says where it is from.
struct origin {
  size_t feed;
  int32_t offset;
};
using origins = std::map<int32_t, origin>;

origins origins_of(const std::vector<feed> &feeds) {
  origins all;
  for (size_t f = 0; f < feeds.size(); ++f)
    for (size_t i = 0; i < feeds[f].tokens.size(); ++i)
      EXPECT(all.insert({static_cast<int32_t>(feeds[f].tokens[i]), {f, static_cast<int32_t>(i)}}).second);
  return all;
}

// Segments have rows [0, rows) in order without a gap, and tiles cover each from its first row on.
void check_cover(const std::vector<retrace_segment> &segments, const std::vector<retrace_tile> &tiles, size_t rows,
                 int32_t tile_rows) {
  int32_t next_row = 0;
  size_t next_tile = 0;
  for (size_t s = 0; s < segments.size(); ++s) {
    EXPECT_EQUAL(segments[s].first_row, next_row);
    EXPECT(segments[s].rows > 0);
    next_row += segments[s].rows;
    for (int32_t covered = 0; covered < segments[s].rows; covered += tile_rows, ++next_tile) {
      EXPECT(next_tile < tiles.size());
      EXPECT_EQUAL(tiles[next_tile].segment, static_cast<int32_t>(s));
      EXPECT_EQUAL(tiles[next_tile].row, covered);
    }
  }
  EXPECT_EQUAL(next_row, static_cast<int32_t>(rows));
  EXPECT_EQUAL(next_tile, tiles.size());
}

void check_table(const batch &made, const retrace_segment &segment, const feed &from, int32_t t) {
  const int32_t pages = (segment.first_position + segment.rows - 1) / t + 1;
  EXPECT(segment.first_page >= 0 && segment.first_page + pages <= static_cast<int32_t>(made.page_table.size()));
  for (int32_t i = 0; i < pages; ++i) EXPECT_EQUAL(made.page_table[segment.first_page + i], from.page_table[i]);
}

void check_hidden(const batch &made, const std::vector<feed> &feeds, const origins &from, const plan_limits &limits) {
  std::vector<int32_t> rows, slots;
  for (size_t row = 0; row < made.ids.size(); ++row) {
    const origin &o = from.at(made.ids[row]);
    const std::vector<int32_t> &wanted = feeds[o.feed].hidden;
    if (!limits.keep_all_rows && std::find(wanted.begin(), wanted.end(), o.offset) == wanted.end()) continue;
    rows.push_back(static_cast<int32_t>(row));
    slots.push_back(made.slots[row]);
  }
  EXPECT(made.hidden_rows == rows);
  EXPECT(made.hidden_slots == slots);
  check_cover(made.last_segments, made.last_tiles, rows.size(), limits.tile_rows);
  for (const retrace_segment &segment : made.last_segments) {
    const origin &first = from.at(made.ids[rows[segment.first_row]]);
    for (int32_t i = 0; i < segment.rows; ++i) {
      const int32_t row = rows[segment.first_row + i];
      EXPECT_EQUAL(made.positions[row], segment.first_position + i);
      EXPECT_EQUAL(from.at(made.ids[row]).feed, first.feed);
    }
    check_table(made, segment, feeds[first.feed], limits.page_tokens);
    // Maximal: the row behind the run is of another feed or of a later position.
    const size_t behind = segment.first_row + segment.rows;
    if (behind < rows.size()) {
      const origin &next = from.at(made.ids[rows[behind]]);
      EXPECT(next.feed != first.feed || next.offset > first.offset + segment.rows);
    }
  }
}

// A part ends inside a feed only where it had to, and there at a page border if one was within reach.
void check_cut(const batch &made, const retrace_segment &segment, int64_t tokens_left, const plan_limits &limits) {
  if (tokens_left == 0) return;
  const int32_t t = limits.page_tokens, begin = segment.first_position, end = begin + segment.rows;
  if (end % t == 0) return;
  EXPECT_EQUAL(made.segments.size(), 1u);
  EXPECT_EQUAL(static_cast<int64_t>(segment.rows), limits.max_rows);
  EXPECT_EQUAL(begin / t, end / t);
}

// The first part of a batch could not have gone into the one in front.
void check_closed(const batch &before, const batch &made, const feed &next, const plan_limits &limits) {
  const int64_t t = limits.page_tokens, room = limits.max_rows - static_cast<int64_t>(before.ids.size());
  const int64_t begin = made.segments[0].first_position;
  const int64_t left = next.first_position + static_cast<int64_t>(next.tokens.size()) - begin;
  const int64_t to_border = t - begin % t;
  if (left > room && to_border > room) return;
  const int64_t fits = left <= room ? left : to_border + (room - to_border) / t * t;
  const int64_t entries = (begin + fits - 1) / t + 1;
  EXPECT(static_cast<int64_t>(before.page_table.size()) + entries > limits.max_page_entries);
}

void check_plan(const std::vector<feed> &feeds, const plan_limits &limits, const std::vector<batch> &plan) {
  const int32_t t = limits.page_tokens;
  const origins from = origins_of(feeds);
  std::vector<int32_t> done(feeds.size(), 0);  // tokens of each feed so far
  std::set<int32_t> copied;                    // by target page, each of which the feeds have once
  size_t copies = 0;
  for (const feed &f : feeds) copies += f.copies.size();
  std::pair<int32_t, size_t> last{-1000, 0};  // level and place of the feed of the last row
  for (size_t b = 0; b < plan.size(); ++b) {
    const batch &made = plan[b];
    const size_t m = made.ids.size();
    EXPECT(m >= 1 && static_cast<int64_t>(m) <= limits.max_rows);
    EXPECT_EQUAL(made.positions.size(), m);
    EXPECT_EQUAL(made.slots.size(), m);
    EXPECT(static_cast<int64_t>(made.page_table.size()) <= limits.max_page_entries);
    EXPECT_EQUAL(made.longest_position, *std::max_element(made.positions.begin(), made.positions.end()));
    check_cover(made.segments, made.tiles, m, limits.tile_rows);
    check_hidden(made, feeds, from, limits);

    const int32_t level = feeds[from.at(made.ids[0]).feed].level;
    std::vector<int32_t> copies_due;
    for (const retrace_segment &segment : made.segments) {
      const size_t f = from.at(made.ids[segment.first_row]).feed;
      const feed &source = feeds[f];
      EXPECT_EQUAL(source.level, level);
      EXPECT(std::make_pair(level, f) >= last);
      last = {level, f};
      if (done[f] == 0)
        for (const retrace_page_copy &copy : source.copies) copies_due.push_back(copy.target_page);
      EXPECT_EQUAL(segment.first_position, source.first_position + done[f]);
      for (int32_t i = 0; i < segment.rows; ++i, ++done[f]) {
        const int32_t row = segment.first_row + i, position = source.first_position + done[f];
        EXPECT_EQUAL(made.ids[row], static_cast<int32_t>(source.tokens.at(done[f])));
        EXPECT_EQUAL(made.positions[row], position);
        EXPECT_EQUAL(made.slots[row], source.page_table[position / t] * t + position % t);
      }
      check_table(made, segment, source, t);
      check_cut(made, segment, static_cast<int64_t>(source.tokens.size()) - done[f], limits);
    }
    std::vector<int32_t> copies_made;
    for (const retrace_page_copy &copy : made.copies) {
      copies_made.push_back(copy.target_page);
      EXPECT(copied.insert(copy.target_page).second);
    }
    EXPECT(copies_made == copies_due);
    if (b > 0 && feeds[from.at(plan[b - 1].ids[0]).feed].level == level)
      check_closed(plan[b - 1], made, feeds[from.at(made.ids[0]).feed], limits);
  }
  for (size_t f = 0; f < feeds.size(); ++f) EXPECT_EQUAL(static_cast<size_t>(done[f]), feeds[f].tokens.size());
  EXPECT_EQUAL(copied.size(), copies);
}

// ---- feeds ----------------------------------------------------------------------------------------------

// Tokens and pages that no other feed has are counted on from `next_token` and `next_page`.
feed make_feed(int32_t first_position, int32_t count, int32_t page_tokens, uint32_t &next_token, int32_t &next_page) {
  feed made;
  for (int32_t i = 0; i < count; ++i) made.tokens.push_back(next_token++);
  made.first_position = first_position;
  for (int32_t i = 0; i <= (first_position + count - 1) / page_tokens; ++i) made.page_table.push_back(next_page++);
  return made;
}

std::vector<feed> random_feeds(std::mt19937 &random, int32_t page_tokens) {
  std::vector<feed> feeds;
  uint32_t next_token = 0;
  int32_t next_page = 0;
  const int32_t levels = 1 + random() % 4;
  for (uint32_t left = random() % 9; left > 0; --left) {
    const int32_t count = 1 + random() % (random() % 3 ? 8 : 60);
    feed made = make_feed(random() % 50, count, page_tokens, next_token, next_page);
    made.level = random() % levels;
    const uint32_t share = random() % 5;
    for (int32_t i = 0; i < count; ++i)
      if (random() % 4 < share) made.hidden.push_back(i);
    if (random() % 2) made.copies.push_back({1000000 + next_page, next_page, 1});
    if (random() % 8 == 0) made.copies.push_back({1000001 + next_page, 500000 + next_page, 2});
    next_page += 1;
    feeds.push_back(made);
  }
  return feeds;
}

plan_limits small_limits(int64_t max_rows, int32_t page_tokens) {
  plan_limits limits;
  limits.max_rows = max_rows;
  limits.page_tokens = page_tokens;
  limits.tile_rows = 4;
  return limits;
}

std::vector<int64_t> rows_of(const std::vector<batch> &plan) {
  std::vector<int64_t> rows;
  for (const batch &made : plan) rows.push_back(static_cast<int64_t>(made.ids.size()));
  return rows;
}

}  // namespace

TEST_CASE("every token is computed once, in order, in its place, whatever the limits") {
  std::mt19937 random(11);
  int64_t plans = 0, cut = 0;
  for (int run = 0; run < 3000; ++run) {
    const int32_t page_tokens = std::vector<int32_t>{1, 2, 3, 4, 8, 16}[random() % 6];
    const std::vector<feed> feeds = random_feeds(random, page_tokens);
    for (int variant = 0; variant < 4; ++variant) {
      plan_limits limits = small_limits(1 + random() % (variant ? 40 : 400), page_tokens);
      limits.tile_rows = 1 + random() % 9;
      limits.keep_all_rows = random() % 4 == 0;
      // At least what the longest path needs: 110 positions.
      if (random() % 2) limits.max_page_entries = 110 / page_tokens + 1 + random() % 30;
      const std::vector<batch> plan = plan_batches(feeds, limits);
      check_plan(feeds, limits, plan);
      ++plans;
      cut += plan.size() > feeds.size();
    }
  }
  EXPECT(plans == 12000 && cut > 1000);
}

TEST_CASE("a feed is cut at the last page border that fits, and packed behind what is there") {
  uint32_t token = 0;
  int32_t page = 0;
  std::vector<feed> feeds{make_feed(0, 3, 4, token, page), make_feed(2, 20, 4, token, page)};
  // Room 7 behind the first: the borders 4 and 8 are 2 and 6 rows away, then 7 would be none. Then 8, 8, 6 - 2.
  const std::vector<batch> plan = plan_batches(feeds, small_limits(10, 4));
  EXPECT(rows_of(plan) == (std::vector<int64_t>{9, 8, 6}));
  EXPECT_EQUAL(plan[0].segments.size(), 2u);
  EXPECT_EQUAL(plan[1].segments[0].first_position, 8);
  EXPECT_EQUAL(plan[2].segments[0].first_position, 16);
  EXPECT_EQUAL(plan[2].longest_position, 21);
  // Tables up to the page of a part's last token: one page and [2, 8) two, then 4 and 6.
  EXPECT_EQUAL(plan[0].page_table.size(), 3u);
  EXPECT_EQUAL(plan[1].page_table.size(), 4u);
  EXPECT_EQUAL(plan[2].page_table.size(), 6u);
}

TEST_CASE("where no border is within reach a feed begins in a fresh batch, and is cut anywhere if that is too small") {
  uint32_t token = 0;
  int32_t page = 0;
  std::vector<feed> feeds{make_feed(0, 8, 16, token, page), make_feed(1, 12, 16, token, page)};
  EXPECT(rows_of(plan_batches(feeds, small_limits(12, 16))) == (std::vector<int64_t>{8, 12}));
  EXPECT(rows_of(plan_batches({feeds[1]}, small_limits(5, 16))) == (std::vector<int64_t>{5, 5, 2}));
}

TEST_CASE("feeds of different levels are never in one batch, and come in the order of levels") {
  uint32_t token = 0;
  int32_t page = 0;
  std::vector<feed> feeds;
  for (const int32_t level : {2, 0, 1, 0, 2}) {
    feeds.push_back(make_feed(0, 2, 4, token, page));
    feeds.back().level = level;
  }
  const std::vector<batch> plan = plan_batches(feeds, small_limits(100, 4));
  EXPECT_EQUAL(plan.size(), 3u);
  EXPECT(plan[0].ids == (std::vector<int32_t>{2, 3, 6, 7}));
  EXPECT(plan[1].ids == (std::vector<int32_t>{4, 5}));
  EXPECT(plan[2].ids == (std::vector<int32_t>{0, 1, 8, 9}));
}

TEST_CASE("copies go with the first part of a feed that is cut") {
  uint32_t token = 0;
  int32_t page = 0;
  feed one = make_feed(2, 12, 4, token, page);
  one.copies = {{9, 0, 2}};
  const std::vector<batch> plan = plan_batches({one}, small_limits(6, 4));
  EXPECT(rows_of(plan) == (std::vector<int64_t>{6, 6}));
  EXPECT_EQUAL(plan[0].copies.size(), 1u);
  EXPECT(plan[1].copies.empty());
}

TEST_CASE("the last layer has runs of the wanted rows, in packed rows and with true positions") {
  uint32_t token = 0;
  int32_t page = 0;
  std::vector<feed> feeds{make_feed(0, 3, 4, token, page), make_feed(5, 8, 4, token, page)};
  feeds[0].hidden = {2};
  feeds[1].hidden = {1, 2, 3, 6};
  const batch made = plan_batches(feeds, small_limits(100, 4)).at(0);
  EXPECT(made.hidden_rows == (std::vector<int32_t>{2, 4, 5, 6, 9}));
  // Pages 1 to 4 are the second feed's: position 6 is row 2 of its second page, 2.
  EXPECT(made.hidden_slots == (std::vector<int32_t>{2, 10, 11, 12, 15}));
  EXPECT_EQUAL(made.last_segments.size(), 3u);
  EXPECT_EQUAL(made.last_segments[1].first_row, 1);
  EXPECT_EQUAL(made.last_segments[1].rows, 3);
  EXPECT_EQUAL(made.last_segments[1].first_position, 6);
  EXPECT_EQUAL(made.last_segments[1].first_page, 1);
  EXPECT_EQUAL(made.last_segments[2].first_row, 4);
  EXPECT_EQUAL(made.last_segments[2].first_position, 11);
}

TEST_CASE("a batch is closed where its page table is full, and a path that no batch can hold is refused") {
  uint32_t token = 0;
  int32_t page = 0;
  std::vector<feed> feeds;
  for (int i = 0; i < 5; ++i) feeds.push_back(make_feed(12, 4, 4, token, page));  // 4 pages each
  plan_limits limits = small_limits(100, 4);
  limits.max_page_entries = 8;
  EXPECT(rows_of(plan_batches(feeds, limits)) == (std::vector<int64_t>{8, 8, 4}));
  limits.max_page_entries = 3;
  const error refused = thrown_by([&] { plan_batches(feeds, limits); });
  EXPECT(refused.code == error_code::capacity);
  EXPECT_EQUAL(refused.needed, 4);
  EXPECT_EQUAL(refused.available, 3);
}

TEST_CASE("no feeds and empty feeds give no batches; feeds and limits that contradict themselves are refused") {
  EXPECT(plan_batches({}, {}).empty());
  EXPECT(plan_batches({feed{}, feed{}}, {}).empty());
  uint32_t token = 0;
  int32_t page = 0;
  const feed good = make_feed(3, 5, 4, token, page);
  const plan_limits limits = small_limits(10, 4);
  const auto code_with = [&](auto change) {
    feed changed = good;
    change(changed);
    return thrown_by([&] { plan_batches({changed}, limits); }).code;
  };
  EXPECT(code_with([](feed &f) { f.page_table.pop_back(); }) == error_code::internal);
  EXPECT(code_with([](feed &f) { f.hidden = {5}; }) == error_code::internal);
  EXPECT(code_with([](feed &f) { f.hidden = {2, 2}; }) == error_code::internal);
  EXPECT(code_with([](feed &f) { f.hidden = {-1}; }) == error_code::internal);
  EXPECT(code_with([](feed &f) { f.first_position = -1; }) == error_code::internal);
  EXPECT(code_with([](feed &f) { f.tokens.clear(), f.copies.push_back({0, 1, 1}); }) == error_code::internal);
  EXPECT(thrown_by([&] { plan_batches({good}, small_limits(0, 4)); }).code == error_code::invalid_options);
  EXPECT(thrown_by([&] { plan_batches({good}, small_limits(4, 0)); }).code == error_code::invalid_options);
}

TEST_MAIN
