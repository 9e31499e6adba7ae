// Tree and planner together: plans of calls are done on a memory whose rows hold path hashes, the way a device does
// them (copies, then all rows written, then each row reads every position up to its own).
#include <algorithm>
#include <random>
#include <vector>

#include "../engine/planner.h"
#include "../engine/prefix_tree.h"
#include "check.h"

using retrace::batch;
using retrace::feed;
using retrace::plan_limits;
using retrace::tree_node;

namespace {

using path = std::vector<uint32_t>;

uint64_t hash_after(uint64_t hash, uint32_t token) { return hash * 1000003 + token + 17; }

path tokens_of(const tree_node *node) {
  path tokens;
  for (; node->parent; node = node->parent) tokens.insert(tokens.begin(), node->tokens.begin(), node->tokens.end());
  return tokens;
}

// By position: hash of the path up to and with its token.
std::vector<uint64_t> hashes_of(const path &tokens) {
  std::vector<uint64_t> hashes;
  uint64_t hash = 1;
  for (const uint32_t token : tokens) hashes.push_back(hash = hash_after(hash, token));
  return hashes;
}

std::vector<tree_node *> parents_first(tree_node *root) {
  std::vector<tree_node *> found{root};
  for (size_t i = 0; i < found.size(); ++i)
    for (auto &[token, child] : found[i]->children) found.push_back(child.get());
  return found;
}

// A call of the engine in the least code: paths are opened below pinned ones, what is new becomes feeds, the plan is
// done on the memory. `memory[slot]` is the hash of the path whose token's key and value lie there.
class small_engine {
 public:
  small_engine(int32_t pages, int32_t page_tokens)
      : t(page_tokens), pool(pages), tree(pool, page_tokens), memory(pages * page_tokens, 0) {}

  void open(const path &tokens) {
    const auto found = tree.find(tree.root(), tokens.data(), tokens.size());
    const int64_t rest = static_cast<int64_t>(tokens.size()) - found.tokens;
    if (rest == 0) return;
    tree.pin(found.node);
    tree.evict(tree.pages_needed(found.node, rest), nullptr);
    tree.unpin(found.node);
    if (tree.pages_needed(found.node, rest) > pool.free_pages()) return;
    const auto made = tree.extend(found.node, tokens.data() + found.tokens, rest);
    made.node->level = std::max(found.node->level, 0);
    // What an earlier path left in a page must not pass for what has to be computed.
    for (const int32_t page : made.node->pages)
      if (pool.references(page) == 1) std::fill_n(memory.begin() + page * t, t, 0);
    if (!made.copy) return;
    made.node->level = found.node->level + 1;
    copies.push_back(*made.copy);
  }

  void compute(const plan_limits &limits) {
    std::vector<feed> feeds;
    for (const tree_node *node : parents_first(tree.root()))
      if (node->level >= 0) feeds.push_back(feed_of(*node));
    for (const batch &made : retrace::plan_batches(feeds, limits)) run(made);
    for (tree_node *node : parents_first(tree.root())) node->level = -1;
    copies.clear();
    tree.audit();
  }

  // Every row of every path, through its own page table.
  void verify() const {
    for (const tree_node *node : parents_first(const_cast<retrace::prefix_tree &>(tree).root())) {
      const std::vector<uint64_t> hashes = hashes_of(tokens_of(node));
      const std::vector<int32_t> table = tree.page_table(node);
      for (size_t p = 0; p < hashes.size(); ++p) EXPECT_EQUAL(memory[table[p / t] * t + p % t], hashes[p]);
    }
  }

  int64_t batches = 0, reads = 0, copied = 0;

 private:
  feed feed_of(const tree_node &node) {
    feed made;
    made.tokens = node.tokens;
    made.first_position = node.start;
    made.page_table = tree.page_table(&node);
    made.level = node.level;
    // After a split the copy is the upper part's: that is the one which starts where the copied rows end.
    for (const retrace_page_copy &copy : copies)
      if (copy.target_page == node.pages.front() && copy.rows == node.start % t) made.copies.push_back(copy);
    return made;
  }

  void run(const batch &made) {
    ++batches;
    for (const retrace_page_copy &copy : made.copies) {
      ++copied;
      // A device does them at once: none may read what another writes.
      for (const retrace_page_copy &other : made.copies) EXPECT(other.target_page != copy.source_page);
      std::copy_n(memory.begin() + copy.source_page * t, copy.rows, memory.begin() + copy.target_page * t);
    }
    // A row's hash follows from the one in front of it alone, as its keys do in a model: rows are taken in the order of
    // positions, so that feeds of one batch may stand in front of each other.
    std::vector<std::pair<int32_t, const retrace_segment *>> order;
    for (const retrace_segment &segment : made.segments) order.push_back({segment.first_position, &segment});
    std::stable_sort(order.begin(), order.end(), [](const auto &a, const auto &b) { return a.first < b.first; });
    for (const auto &[position, segment] : order)
      for (int32_t i = 0; i < segment->rows; ++i) {
        const uint64_t before = position + i == 0 ? 1 : at(made, *segment, position + i - 1);
        memory[made.slots[segment->first_row + i]] =
            hash_after(before, static_cast<uint32_t>(made.ids[segment->first_row + i]));
      }
    for (const retrace_segment &segment : made.segments) check_reads(made, segment);
  }

  uint64_t at(const batch &made, const retrace_segment &segment, int32_t position) const {
    return memory.at(made.page_table.at(segment.first_page + position / t) * t + position % t);
  }

  // Attention of the segment's last row: what it sees in front of it must be one path.
  void check_reads(const batch &made, const retrace_segment &segment) {
    uint64_t hash = 1;
    for (int32_t p = 0; p < segment.first_position + segment.rows; ++p, ++reads) {
      const uint64_t found = at(made, segment, p);
      EXPECT(found == hash_after(hash, 0) || found == hash_after(hash, 1));
      hash = found;
    }
  }

  const int32_t t;
  retrace::page_pool pool;
  retrace::prefix_tree tree;
  std::vector<uint64_t> memory;
  std::vector<retrace_page_copy> copies;
};

}  // namespace

TEST_CASE("calls of many overlapping paths, planned with any limits, read and leave the rows of their own paths") {
  int64_t batches = 0, copied = 0, reads = 0;
  for (uint32_t seed = 1; seed <= 60; ++seed) {
    std::mt19937 random(seed);
    const int32_t t = std::vector<int32_t>{1, 2, 3, 4, 8, 16}[seed % 6];
    small_engine engine(10 + random() % 40, t);
    for (int call = 0; call < 20; ++call) {
      for (uint32_t paths = 1 + random() % 8; paths > 0; --paths) {
        path tokens(1 + random() % (4 * t + 4));
        for (uint32_t &token : tokens) token = random() % 7 == 0;
        engine.open(tokens);
      }
      plan_limits limits;
      limits.max_rows = 1 + random() % (random() % 2 ? 3 * t : 200);
      limits.page_tokens = t;
      if (random() % 2) limits.max_page_entries = 10 + random() % 10;  // the longest path has 8 pages
      engine.compute(limits);
      engine.verify();
    }
    batches += engine.batches, copied += engine.copied, reads += engine.reads;
  }
  EXPECT(batches > 3000 && copied > 300 && reads > 50000);
}

TEST_MAIN
