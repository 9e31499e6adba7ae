// The prefix tree against a model of it (`tree_model.h`) on random walks, and its rules one by one.
#include "../engine/prefix_tree.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <vector>

#include "check.h"
#include "tree_model.h"

using namespace tree_model;

namespace {

path numbers(uint32_t first, uint32_t count) {
  path tokens(count);
  std::iota(tokens.begin(), tokens.end(), first);
  return tokens;
}

// Makes nodes of one token each out of the node of `count` times the same token below `from`.
void cut_to_single_tokens(prefix_tree &tree, tree_node *from, int32_t count) {
  if (count < 2) return;
  tree_node *middle = find(tree, from, path(count / 2, 7)).node;
  cut_to_single_tokens(tree, from, count / 2);
  cut_to_single_tokens(tree, middle, count - count / 2);
}

}  // namespace

TEST_CASE("any order of opens, splits, removals and evictions keeps each path's rows and accounts for every page") {
  for (const int32_t page_tokens : {1, 2, 3, 4, 8, 16}) {
    // Each kind of event has to have been seen, or the walk proves nothing of it.
    int64_t splits = 0, copies = 0, shared = 0, drops = 0, refusals = 0, split_under_way = 0, removed_under_way = 0;
    for (uint32_t seed = 1; seed <= 12; ++seed) {
      const int32_t pages = std::vector<int32_t>{6, 16, 40, 100}[seed % 4];
      world here(pages, page_tokens, seed * 100 + page_tokens);
      for (int step = 0; step < 2000; ++step) here.step();
      here.finish();
      splits += here.splits, copies += here.copies, shared += here.shared, drops += here.drops;
      refusals += here.refusals, split_under_way += here.split_under_way, removed_under_way += here.removed_under_way;
    }
    EXPECT(splits > 100);
    EXPECT(drops > 100);
    EXPECT(refusals > 10);
    EXPECT(split_under_way > 10);
    EXPECT(removed_under_way > 3);
    EXPECT(page_tokens == 1 ? copies == 0 && shared == 0 : copies > 50 && shared > 50);
  }
}

TEST_CASE("the first child shares its parent's last page, the second copies the rows in front of it") {
  page_pool pool(8);
  prefix_tree tree(pool, 4);
  tree_node *parent = extend(tree, tree.root(), numbers(0, 6)).node;
  EXPECT_EQUAL(pool.free_pages(), 6);

  EXPECT_EQUAL(tree.pages_needed(parent, 2), 0);
  EXPECT_EQUAL(tree.pages_needed(parent, 3), 1);
  const auto first = extend(tree, parent, {10, 11, 12});
  EXPECT(!first.copy);
  EXPECT_EQUAL(first.node->pages.size(), 2u);
  EXPECT_EQUAL(first.node->pages[0], parent->pages[1]);
  EXPECT_EQUAL(pool.references(parent->pages[1]), 2);

  EXPECT_EQUAL(tree.pages_needed(parent, 1), 1);
  const auto second = extend(tree, parent, {20});
  EXPECT(second.copy.has_value());
  EXPECT_EQUAL(second.copy->source_page, parent->pages[1]);
  EXPECT_EQUAL(second.copy->target_page, second.node->pages[0]);
  EXPECT_EQUAL(second.copy->rows, 2);
  EXPECT(tree.page_table(second.node) == (std::vector<int32_t>{parent->pages[0], second.node->pages[0]}));
  EXPECT(tree.page_table(first.node) ==
         (std::vector<int32_t>{parent->pages[0], parent->pages[1], first.node->pages[1]}));
}

TEST_CASE("where a parent ends at a page border nothing is shared and nothing copied") {
  page_pool pool(8);
  prefix_tree tree(pool, 4);
  tree_node *parent = extend(tree, tree.root(), numbers(0, 8)).node;
  for (uint32_t token : {50, 51}) {
    EXPECT_EQUAL(tree.pages_needed(parent, 4), 1);
    EXPECT(!extend(tree, parent, {token, 1, 2, 3}).copy);
  }
  EXPECT_EQUAL(pool.free_pages(), 4);
  EXPECT_EQUAL(tree.pages_needed(parent, 0), 0);
  EXPECT_EQUAL(tree.pages_needed(parent, int64_t(1) << 40), int64_t(1) << 38);
}

TEST_CASE("rows that a removed branch had claimed can be claimed by the next") {
  page_pool pool(2);
  prefix_tree tree(pool, 8);
  tree_node *parent = extend(tree, tree.root(), numbers(0, 3)).node;
  for (uint32_t branch = 0; branch < 5; ++branch) {
    const auto made = extend(tree, parent, {100 + branch, 1, 2});
    EXPECT(!made.copy);
    // While it is there, the next one needs a page of its own.
    const auto beside = extend(tree, parent, {200 + branch});
    EXPECT(beside.copy.has_value());
    tree.remove(made.node);
    tree.audit();
    tree.remove(beside.node);
  }
  EXPECT_EQUAL(pool.free_pages(), 1);
}

TEST_CASE("a split keeps the object at the path's end, with its pins, children and marks") {
  page_pool pool(8);
  prefix_tree tree(pool, 4);
  tree_node *node = extend(tree, tree.root(), numbers(0, 10)).node;
  tree_node *child = extend(tree, node, {77}).node;
  tree.pin(node);
  node->has_hidden[2] = node->has_hidden[9] = 1;
  node->level = 3;
  const std::vector<int32_t> table = tree.page_table(node);

  const auto found = find(tree, tree.root(), {0, 1, 2, 3, 4, 5, 99});
  EXPECT_EQUAL(found.tokens, 6);
  tree_node *upper = found.node;
  EXPECT(upper != node && node->parent == upper && upper->parent == tree.root() && child->parent == node);
  EXPECT_EQUAL(upper->end(), 6);
  EXPECT_EQUAL(node->start, 6);
  EXPECT_EQUAL(node->end(), 10);
  EXPECT_EQUAL(node->pins, 1);
  EXPECT_EQUAL(upper->pins, 0);
  EXPECT_EQUAL(upper->level, 3);
  EXPECT_EQUAL(upper->last_use, node->last_use);
  EXPECT(upper->has_hidden == (std::vector<uint8_t>{0, 0, 1, 0, 0, 0}));
  EXPECT(node->has_hidden == (std::vector<uint8_t>{0, 0, 0, 1}));
  EXPECT(tree.page_table(node) == table);
  EXPECT(tree.page_table(upper) == (std::vector<int32_t>{table[0], table[1]}));
  EXPECT_EQUAL(pool.references(table[1]), 2);
  EXPECT_EQUAL(pool.references(table[0]), 1);
  tree.audit();

  // The same path again: nothing left to split. A cut at a page border shares no page.
  EXPECT(find(tree, tree.root(), numbers(0, 6)).node == upper);
  EXPECT(find(tree, upper, {6, 7, 8, 9, 77}).node == child);
  EXPECT_EQUAL(tree.nodes(), 3);
  find(tree, tree.root(), numbers(0, 8));
  EXPECT_EQUAL(pool.references(table[1]), 2);
  tree.audit();
}

TEST_CASE("a match of nothing is the node that the search began at") {
  page_pool pool(4);
  prefix_tree tree(pool, 4);
  tree_node *node = extend(tree, tree.root(), {1, 2}).node;
  EXPECT(find(tree, tree.root(), {}).node == tree.root());
  EXPECT(find(tree, tree.root(), {9}).node == tree.root());
  EXPECT(find(tree, node, {1}).node == node);
  EXPECT_EQUAL(find(tree, node, {1}).tokens, 0);
}

TEST_CASE("too few pages leave the tree as it was and say how many") {
  page_pool pool(3);
  prefix_tree tree(pool, 4);
  tree_node *parent = extend(tree, tree.root(), numbers(0, 6)).node;
  const error refused = thrown_by([&] { extend(tree, parent, numbers(50, 7)); });
  EXPECT(refused.code == error_code::capacity);
  EXPECT_EQUAL(refused.needed, 2);
  EXPECT_EQUAL(refused.available, 1);
  EXPECT(parent->children.empty());
  EXPECT_EQUAL(pool.free_pages(), 1);
  tree.audit();
  EXPECT(!extend(tree, parent, numbers(50, 6)).copy);  // the claim was not raised
  EXPECT_EQUAL(pool.free_pages(), 0);
}

TEST_CASE("a node of no tokens, and a second child with the same first token, are refused") {
  page_pool pool(4);
  prefix_tree tree(pool, 4);
  extend(tree, tree.root(), {5});
  EXPECT(thrown_by([&] { extend(tree, tree.root(), {}); }).code == error_code::internal);
  EXPECT(thrown_by([&] { extend(tree, tree.root(), {5, 6}); }).code == error_code::internal);
  EXPECT(thrown_by([&] { tree.remove(tree.root()); }).code == error_code::internal);
  EXPECT_EQUAL(pool.free_pages(), 3);
}

TEST_CASE("the least recently used leaf goes first, then what it made a leaf, and pinned paths stay") {
  page_pool pool(10);
  prefix_tree tree(pool, 2);
  tree_node *a = extend(tree, tree.root(), {1, 1}).node;
  tree_node *a1 = extend(tree, a, {1, 1}).node;
  tree_node *b = extend(tree, tree.root(), {2, 2}).node;
  tree_node *c = extend(tree, tree.root(), {3, 3}).node;
  tree_node *c1 = extend(tree, c, {4, 4}).node;
  tree_node *d = extend(tree, tree.root(), {5, 5}).node;
  tree.pin(c1);
  d->level = 0;  // of the call under way
  tree.touch(b);
  EXPECT_EQUAL(pool.free_pages(), 4);
  EXPECT_EQUAL(tree.pages_obtainable(), 7);

  std::vector<const tree_node *> gone;
  const auto note = [&](const tree_node &node) { gone.push_back(&node); };
  EXPECT_EQUAL(tree.evict(4, note), 0);
  EXPECT(gone.empty());
  EXPECT_EQUAL(tree.evict(6, note), 2);
  EXPECT(gone == (std::vector<const tree_node *>{a1, a}));
  EXPECT_EQUAL(tree.evict(10, note), 1);
  EXPECT_EQUAL(gone.size(), 3u);
  EXPECT(gone.back() == b);
  EXPECT_EQUAL(pool.free_pages(), 7);
  tree.unpin(c1);
  d->level = -1;
  EXPECT_EQUAL(tree.evict(10, nullptr), 3);
  EXPECT_EQUAL(pool.free_pages(), 10);
  tree.audit();
}

TEST_CASE("eviction goes on past leaves whose pages are all shared") {
  page_pool pool(2);
  prefix_tree tree(pool, 16);
  tree_node *node = extend(tree, tree.root(), {0}).node;
  for (uint32_t token = 1; token < 10; ++token) node = extend(tree, node, {token}).node;
  EXPECT_EQUAL(pool.free_pages(), 1);
  EXPECT_EQUAL(tree.evict(2, nullptr), 1);
  EXPECT_EQUAL(tree.nodes(), 0);
}

TEST_CASE("a path of 100,000 nodes and a node of 100,000 children are evicted, audited and destroyed") {
  const int32_t count = 100000;
  page_pool pool(3 * count);
  {
    prefix_tree tree(pool, 2);
    extend(tree, tree.root(), path(count, 7));
    cut_to_single_tokens(tree, tree.root(), count);
    EXPECT_EQUAL(tree.nodes(), count);
    for (int32_t token = 0; token < count; ++token) extend(tree, tree.root(), {100u + token});
    tree.audit();
    EXPECT_EQUAL(tree.pages_obtainable(), pool.pages());
    // The path is the older: half of it goes, from its end on.
    tree.evict(pool.free_pages() + count / 4, nullptr);
    EXPECT_EQUAL(tree.nodes(), count + count / 2);
    tree.audit();
  }
  EXPECT_EQUAL(pool.free_pages(), pool.pages());  // a tree gives back what it held
}

TEST_CASE("the hash of a path depends on each token, its place, and on how many there are") {
  std::set<uint64_t> seen;
  const auto add = [&](const path &tokens) {
    uint64_t hash = 0;
    for (uint32_t token : tokens) hash = retrace::hash_token(hash, token);
    EXPECT(seen.insert(hash).second);
  };
  add({});
  for (uint32_t a = 0; a < 40; ++a) {
    add({a});
    for (uint32_t b = 0; b < 40; ++b) {
      add({a, b});
      for (uint32_t c = 0; c < 40; ++c) add({a, b, c});
    }
  }
  add(path(100, 0));
  add({0xffffffffu});
}

TEST_CASE("the audit names each kind of disagreement") {
  struct fault {
    const char *named;
    void (*plant)(page_pool &, tree_node *upper, tree_node *lower);
  };
  // The path [0, 10) split at 6 with T = 4: `upper` lists two pages, `lower` the second of them and one more.
  const std::vector<fault> faults = {
      {"references", [](page_pool &pool, tree_node *upper, tree_node *) { pool.retain(upper->pages[0]); }},
      {"references", [](page_pool &pool, tree_node *, tree_node *) { pool.take(); }},
      {"more often than pinned", [](page_pool &, tree_node *upper, tree_node *) { upper->pins = -1; }},
      {"hidden states", [](page_pool &, tree_node *upper, tree_node *) { upper->has_hidden.pop_back(); }},
      {"hash of another path", [](page_pool &, tree_node *, tree_node *lower) { lower->path_hash ^= 1; }},
      {"hash of another path", [](page_pool &, tree_node *upper, tree_node *) { upper->tokens[3] = 9; }},
      {"does not start", [](page_pool &, tree_node *, tree_node *lower) { lower->start += 1; }},
      {"under token", [](page_pool &, tree_node *, tree_node *lower) { lower->tokens[0] += 1; }},
      {"parent is another", [](page_pool &, tree_node *upper, tree_node *lower) { lower->parent = upper->parent; }},
      {"number of pages", [](page_pool &, tree_node *, tree_node *lower) { lower->pages.pop_back(); }},
      {"not in the pool", [](page_pool &, tree_node *, tree_node *lower) { lower->pages[1] = 100; }},
      {"another path", [](page_pool &, tree_node *upper, tree_node *lower) { lower->pages[1] = upper->pages[0]; }},
      {"rows claimed",
       [](page_pool &, tree_node *, tree_node *lower) {
         lower->tokens.pop_back();
         lower->has_hidden.pop_back();
       }},
      {"later than its parent", [](page_pool &, tree_node *, tree_node *lower) { ++lower->last_use; }},
      {"number of nodes", [](page_pool &, tree_node *upper, tree_node *) { upper->children.clear(); }},
      {"not empty", [](page_pool &, tree_node *upper, tree_node *) { upper->parent->pages.push_back(0); }},
  };
  for (const fault &fault : faults) {
    page_pool pool(8);
    prefix_tree tree(pool, 4);
    tree_node *lower = extend(tree, tree.root(), numbers(0, 10)).node;
    tree_node *upper = find(tree, tree.root(), numbers(0, 6)).node;
    tree.audit();
    fault.plant(pool, upper, lower);
    const error found = thrown_by([&] { tree.audit(); });
    EXPECT(found.code == error_code::internal);
    const std::string message = found.what();
    if (message.find(fault.named) == std::string::npos)
      throw check::failure("expected a message with '" + std::string(fault.named) + "', got '" + message + "'");
  }
}

TEST_MAIN
