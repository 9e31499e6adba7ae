// A model of the prefix tree for its tests, the plainest there is: a list of live paths, and a memory whose every row
// holds the hash of the path whose token was stored there. A row that is shared wrongly, copied too short, freed too
// early or written by two shows as another path's hash.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <set>
#include <vector>

#include "../engine/prefix_tree.h"
#include "check.h"
#include "thrown.h"

namespace tree_model {

using check::thrown_by;
using retrace::error;
using retrace::error_code;
using retrace::page_pool;
using retrace::prefix_tree;
using retrace::tree_node;

using path = std::vector<uint32_t>;

// Of the first `count` tokens; another function than the tree's own. Never 0, which marks a row that nobody wrote.
inline uint64_t hash_of(const path &tokens, size_t count) {
  uint64_t hash = 1;
  for (size_t i = 0; i < count; ++i) hash = hash * 1000003 + tokens[i] + 17;
  return hash;
}

inline bool begins_with(const path &whole, const path &head) {
  return head.size() <= whole.size() && std::equal(head.begin(), head.end(), whole.begin());
}

inline prefix_tree::extension extend(prefix_tree &tree, tree_node *parent, const path &tokens) {
  return tree.extend(parent, tokens.data(), static_cast<int64_t>(tokens.size()));
}
inline prefix_tree::match find(prefix_tree &tree, tree_node *from, const path &tokens) {
  return tree.find(from, tokens.data(), static_cast<int64_t>(tokens.size()));
}

// What the tests know of one node without asking it.
struct entry {
  tree_node *node;
  path tokens;  // of the whole path, from position 0
  int32_t start;
  int32_t pins = 0;
  uint64_t last_use = 0;
  int32_t level = -1;
  int32_t end() const { return static_cast<int32_t>(tokens.size()); }
};

class world {
 public:
  world(int32_t pages, int32_t page_tokens, uint32_t seed)
      : t(page_tokens),
        pool(pages),
        tree(pool, page_tokens),
        random(seed),
        memory(pages, std::vector<uint64_t>(page_tokens, 0)) {
    live.push_back({tree.root(), {}, 0});
  }

  void step() {
    switch (below(12)) {
      case 0:
      case 1:
      case 2:
      case 3: open(); break;
      case 4: find_alone(); break;
      case 5: pin(); break;
      case 6: unpin(); break;
      case 7: remove(); break;
      case 8: evict(below(pool.pages() + 1)); break;
      case 9: touch(); break;
      case 10: mark_hidden(); break;
      case 11: compute(); break;
    }
    // Calls of one path and calls of many: the latter leave nodes that are not computed while others are made.
    if (below(3) == 0) compute();
    verify();
  }

  void finish() {
    compute();
    for (entry &e : live)
      for (; e.pins > 0; --e.pins) tree.unpin(e.node);
    evict(pool.pages());
    verify();
    EXPECT_EQUAL(pool.free_pages(), pool.pages());
    EXPECT_EQUAL(tree.nodes(), 0);
  }

  int64_t splits = 0, copies = 0, shared = 0, drops = 0, refusals = 0, split_under_way = 0, removed_under_way = 0;

 private:
  uint32_t below(uint32_t limit) { return random() % limit; }

  path random_tokens() {
    path tokens(1 + below(3 * t + 4));
    for (uint32_t &token : tokens) token = below(8) == 0 ? 1 : 0;
    return tokens;
  }

  entry &entry_of(const tree_node *node) {
    for (entry &e : live)
      if (e.node == node) return e;
    throw check::failure("the tree returned a node that nobody knows");
  }

  bool is_leaf(const entry &e) const {
    return std::none_of(live.begin(), live.end(),
                        [&](const entry &o) { return o.end() > e.end() && begins_with(o.tokens, e.tokens); });
  }
  bool may_go(const entry &e) const { return e.end() > 0 && is_leaf(e) && e.pins == 0 && e.level < 0; }

  // ---- operations, each with what the model expects ----

  tree_node *find_checked(tree_node *from, const path &tokens) {
    const path head = entry_of(from).tokens;
    path whole = head;
    whole.insert(whole.end(), tokens.begin(), tokens.end());
    size_t longest = head.size();
    for (const entry &e : live) {
      size_t same = 0;
      while (same < whole.size() && same < e.tokens.size() && whole[same] == e.tokens[same]) ++same;
      longest = std::max(longest, same);
    }
    const prefix_tree::match found = find(tree, from, tokens);
    EXPECT_EQUAL(found.tokens, static_cast<int64_t>(longest - head.size()));
    whole.resize(longest);
    for (const entry &e : live)
      if (e.tokens == whole) {
        EXPECT(found.node == e.node);  // no node but this one ends here
        return found.node;
      }
    for (entry &lower : live)
      if (lower.start < static_cast<int32_t>(longest) && lower.end() > static_cast<int32_t>(longest) &&
          begins_with(lower.tokens, whole)) {
        EXPECT(lower.node->parent == found.node);
        entry upper{found.node, whole, lower.start, 0, lower.last_use, lower.level};
        lower.start = static_cast<int32_t>(longest);
        ++splits;
        split_under_way += lower.level >= 0;
        live.push_back(upper);
        return found.node;
      }
    throw check::failure("found an end that no path has");
  }

  void find_alone() { find_checked(live[below(live.size())].node, random_tokens()); }

  // Is there a node with rows of that page from row `rows` on?
  bool is_written_behind(int32_t page, int32_t rows) const {
    for (const entry &e : live)
      for (size_t i = 0; i < e.node->pages.size(); ++i)
        if (e.node->pages[i] == page && e.end() - (e.start / t + static_cast<int32_t>(i)) * t > rows) return true;
    return false;
  }

  void open() {
    tree_node *from = below(4) ? tree.root() : live[below(live.size())].node;
    const path wanted = random_tokens();
    tree_node *parent = find_checked(from, wanted);
    const path rest(wanted.begin() + (entry_of(parent).end() - entry_of(from).end()), wanted.end());
    if (rest.empty()) return;

    const int32_t end = entry_of(parent).end(), rows = end % t, new_end = end + static_cast<int32_t>(rest.size());
    const int32_t last_page = rows ? tree.page_table(parent).back() : -1;
    const bool must_copy = rows != 0 && is_written_behind(last_page, rows);
    const int64_t needed = (new_end - 1) / t - end / t + 1 - (rows != 0 && !must_copy);
    EXPECT_EQUAL(tree.pages_needed(parent, rest.size()), needed);
    if (needed > pool.free_pages() && below(2)) {
      pin_one(parent);
      evict(needed);
      unpin_one(parent);
      if (rows && must_copy != is_written_behind(last_page, rows)) return;  // what stood behind the parent is gone
    }
    const int64_t nodes = tree.nodes(), free_pages = pool.free_pages();
    if (needed > free_pages) {
      const error refused = thrown_by([&] { extend(tree, parent, rest); });
      EXPECT(refused.code == error_code::capacity);
      EXPECT_EQUAL(refused.needed, needed);
      EXPECT_EQUAL(refused.available, free_pages);
      EXPECT_EQUAL(tree.nodes(), nodes);
      EXPECT_EQUAL(pool.free_pages(), free_pages);
      ++refusals;
      return;
    }
    const prefix_tree::extension made = extend(tree, parent, rest);
    EXPECT_EQUAL(free_pages - pool.free_pages(), needed);
    EXPECT_EQUAL(made.copy.has_value(), must_copy);
    entry child{made.node, entry_of(parent).tokens, end};
    child.tokens.insert(child.tokens.end(), rest.begin(), rest.end());
    child.level = std::max(entry_of(parent).level, 0);
    for (const int32_t page : made.node->pages)
      if (pool.references(page) == 1) std::fill(memory[page].begin(), memory[page].end(), 0);
    if (must_copy) {
      EXPECT_EQUAL(made.copy->source_page, last_page);
      EXPECT_EQUAL(made.copy->target_page, made.node->pages.front());
      EXPECT_EQUAL(made.copy->rows, rows);
      // It reads what the parent's level writes.
      if (entry_of(parent).level >= 0) ++child.level;
      copies_due.push_back({*made.copy, child.level});
      ++copies;
    } else {
      shared += rows != 0;
    }
    made.node->level = child.level;
    live.push_back(child);
    use(made.node);
  }

  void pin_one(tree_node *node) {
    tree.pin(node);
    ++entry_of(node).pins;
  }
  void unpin_one(tree_node *node) {
    tree.unpin(node);
    --entry_of(node).pins;
  }
  void pin() { pin_one(live[below(live.size())].node); }
  void unpin() {
    for (int tries = 0; tries < 4; ++tries) {
      const entry &e = live[below(live.size())];
      if (e.pins > 0) return unpin_one(e.node);
    }
  }

  void use(const tree_node *node) {
    ++clock;
    const path tokens = entry_of(node).tokens;
    for (entry &e : live)
      if (begins_with(tokens, e.tokens)) e.last_use = clock;
  }
  void touch() {
    tree_node *node = live[below(live.size())].node;
    tree.touch(node);
    use(node);
  }

  void forget(const tree_node *node) {
    const entry gone = entry_of(node);
    for (int32_t end = gone.start + 1; end <= gone.end(); ++end) hidden.erase(hash_of(gone.tokens, end));
    live.erase(std::find_if(live.begin(), live.end(), [&](const entry &e) { return e.node == node; }));
  }
  // A copy into a page that nobody has any more must not be done: the page may be someone else's by then.
  void drop_dead_copies() {
    copies_due.erase(std::remove_if(copies_due.begin(), copies_due.end(),
                                    [&](const due &d) { return pool.references(d.copy.target_page) == 0; }),
                     copies_due.end());
  }

  void remove() {
    const entry chosen = live[below(live.size())];
    if (chosen.end() == 0 || !is_leaf(chosen) || chosen.pins > 0) {
      EXPECT(thrown_by([&] { tree.remove(chosen.node); }).code == error_code::internal);
      return;
    }
    removed_under_way += chosen.level >= 0;
    forget(chosen.node);
    tree.remove(chosen.node);
    drop_dead_copies();
  }

  void evict(int64_t pages) {
    const int64_t before = pool.free_pages(), obtainable = tree.pages_obtainable();
    const int64_t came_free = tree.evict(pages, [&](const tree_node &node) {
      EXPECT(pool.free_pages() < pages);
      const entry &going = entry_of(&node);
      EXPECT(may_go(going));
      for (const entry &e : live)
        if (may_go(e)) EXPECT(e.last_use >= going.last_use);
      forget(&node);
      ++drops;
    });
    EXPECT_EQUAL(came_free, pool.free_pages() - before);
    // As many as asked for, where so many can be had; else all that can.
    EXPECT(pool.free_pages() >= std::min(pages, obtainable));
    if (pages >= obtainable && before < pages) EXPECT_EQUAL(pool.free_pages(), obtainable);
    drop_dead_copies();
  }

  void mark_hidden() {
    const entry &e = live[below(live.size())];
    if (e.end() == 0) return;
    const int32_t offset = below(e.end() - e.start);
    e.node->has_hidden[offset] = 1;
    hidden.insert(hash_of(e.tokens, e.start + offset + 1));
  }

  // The call under way: level by level, copies first.
  void compute() {
    int32_t highest = -1;
    for (const entry &e : live) highest = std::max(highest, e.level);
    for (int32_t level = 0; level <= highest; ++level) {
      for (const due &d : copies_due)
        if (d.level == level)
          std::copy_n(memory[d.copy.source_page].begin(), d.copy.rows, memory[d.copy.target_page].begin());
      for (entry &e : live) {
        if (e.level != level) continue;
        const std::vector<int32_t> table = tree.page_table(e.node);
        for (int32_t p = e.start; p < e.end(); ++p) memory[table[p / t]][p % t] = hash_of(e.tokens, p + 1);
      }
    }
    for (entry &e : live) e.node->level = e.level = -1;
    copies_due.clear();
  }

  // ---- everything, after each step ----

  void verify() {
    tree.audit();
    EXPECT_EQUAL(tree.nodes(), static_cast<int64_t>(live.size()) - 1);
    std::vector<int32_t> listed(pool.pages(), 0);
    std::set<int32_t> held;
    for (const entry &e : live) {
      const tree_node &node = *e.node;
      EXPECT_EQUAL(node.start, e.start);
      EXPECT_EQUAL(node.pins, e.pins);
      EXPECT_EQUAL(node.level, e.level);
      EXPECT(node.tokens == path(e.tokens.begin() + e.start, e.tokens.end()));
      for (const int32_t page : node.pages) ++listed[page];
      const bool stays = std::any_of(live.begin(), live.end(), [&](const entry &o) {
        return (o.pins > 0 || o.level >= 0) && begins_with(o.tokens, e.tokens);
      });
      if (stays) held.insert(node.pages.begin(), node.pages.end());
      verify_rows(e);
    }
    for (int32_t page = 0; page < pool.pages(); ++page) EXPECT_EQUAL(pool.references(page), listed[page]);
    EXPECT_EQUAL(pool.free_pages(), std::count(listed.begin(), listed.end(), 0));
    EXPECT_EQUAL(tree.pages_obtainable(), pool.pages() - static_cast<int64_t>(held.size()));
  }

  void verify_rows(const entry &e) {
    const std::vector<int32_t> table = tree.page_table(e.node);
    EXPECT_EQUAL(static_cast<int32_t>(table.size()), (e.end() + t - 1) / t);
    for (int32_t p = 0; p < e.end(); ++p) {
      const uint64_t hash = hash_of(e.tokens, p + 1);
      if (e.level < 0) EXPECT_EQUAL(memory.at(table[p / t])[p % t], hash);
      if (p >= e.start) EXPECT_EQUAL(e.node->has_hidden[p - e.start] == 1, hidden.count(hash) == 1);
    }
  }

  const int32_t t;
  page_pool pool;
  prefix_tree tree;
  std::mt19937 random;
  struct due {
    retrace_page_copy copy;
    int32_t level;
  };
  std::vector<entry> live;
  std::vector<due> copies_due;
  std::vector<std::vector<uint64_t>> memory;  // [page][row]
  std::set<uint64_t> hidden;                  // paths whose last token's hidden state is marked
  uint64_t clock = 0;
};

}  // namespace tree_model
