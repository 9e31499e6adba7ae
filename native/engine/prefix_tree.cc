// The books of the cache: who holds which rows of which page.
//
// One rule keeps rows apart. The nodes that list one page always lie on one path, each beginning at the row where the
// one in front of it ends: a child joins its parent's last page only while the claim on that page ends where the parent
// ends, a split cuts one link of the chain into two, and only the chain's last link can be a leaf. So no row belongs to
// two nodes, and when a leaf goes, the claim on a page that others still list falls back to the leaf's first row.
//
// T tokens of a page, e.g. T = 4:   position  0 1 2 3 | 4 5 6 7 | 8
//   parent [0, 6)                   a a a a | a a . .         pages 10 11     claimed 4 2
//   first child [6, 9)                          b b | b       pages 11 12     claimed of 11 now 4: shared, no copy
//   second child [6, 7)                   (a a) c .           page 13         copy of rows [0, 2) of 11 to 13
#include "prefix_tree.h"

#include <algorithm>
#include <queue>
#include <string>
#include <utility>

#include "error.h"

namespace retrace {

namespace {

uint64_t hash_tokens(uint64_t path_hash, const std::vector<uint32_t> &tokens) {
  for (const uint32_t token : tokens) path_hash = hash_token(path_hash, token);
  return path_hash;
}

template <class Node>
struct visit {
  Node *node;
  size_t parent;  // where the parent stands in the list
};

// All nodes from the root on, each behind its parent. A list and no recursion: a path of 100,000 nodes would overflow
// the stack.
template <class Node>
std::vector<visit<Node>> parents_first(Node *root) {
  std::vector<visit<Node>> found{{root, 0}};
  for (size_t i = 0; i < found.size(); ++i)
    for (auto &[token, child] : found[i].node->children) found.push_back({child.get(), i});
  return found;
}

// A node of the call under way has a level; evicting it would drop what is about to be read.
bool is_in_use(const tree_node &node) { return node.pins > 0 || node.level >= 0; }
bool is_evictable(const tree_node &node) { return node.parent && node.children.empty() && !is_in_use(node); }

std::string describe(const tree_node &node) {
  return "the node at positions [" + std::to_string(node.start) + ", " + std::to_string(node.end()) + ")";
}

error broken(const tree_node &node, const std::string &what) {
  return error(error_code::internal, "prefix tree: " + describe(node) + " " + what);
}

std::string expected_got(int64_t expected, int64_t got) {
  return ": expected " + std::to_string(expected) + ", got " + std::to_string(got);
}

}  // namespace

// Multiply and shift, ending in MurmurHash3's finalizer: one to one in the path's hash for each token, and in the token
// for each path's hash.
uint64_t hash_token(uint64_t path_hash, uint32_t token) {
  uint64_t hash = path_hash * 0x9e3779b97f4a7c15u + token + 1;
  hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccdu;
  hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53u;
  return hash ^ (hash >> 33);
}

prefix_tree::prefix_tree(page_pool &pool, int32_t page_tokens)
    : pool_(pool), page_tokens_(page_tokens), claimed_rows_(pool.pages(), 0) {
  if (page_tokens < 1)
    throw error(error_code::internal,
                "prefix tree: pages of " + std::to_string(page_tokens) + " tokens, expected 1 or more");
}

// Takes the nodes apart one by one: left to their own destructors, a deep tree would overflow the stack.
prefix_tree::~prefix_tree() {
  std::vector<std::unique_ptr<tree_node>> going;
  const auto take_children = [&](tree_node &node) {
    for (auto &[token, child] : node.children) going.push_back(std::move(child));
    node.children.clear();
  };
  take_children(root_);
  while (!going.empty()) {
    const std::unique_ptr<tree_node> node = std::move(going.back());
    going.pop_back();
    // A destructor must not throw: where the books are broken, they are left alone.
    for (const int32_t page : node->pages)
      if (page >= 0 && page < pool_.pages() && pool_.references(page) > 0) pool_.release(page);
    take_children(*node);
  }
}

// ---- finding and growing -------------------------------------------------------------------------------------------

prefix_tree::match prefix_tree::find(tree_node *from, const uint32_t *tokens, int64_t count) {
  match found{from, 0};
  while (found.tokens < count) {
    const auto entry = found.node->children.find(tokens[found.tokens]);
    if (entry == found.node->children.end()) break;
    tree_node *child = entry->second.get();
    const int64_t length = static_cast<int64_t>(child->tokens.size());
    const int64_t most = std::min(length, count - found.tokens);
    int64_t same = 1;
    while (same < most && child->tokens[same] == tokens[found.tokens + same]) ++same;
    found.tokens += same;
    if (same < length) return {split(child, static_cast<int32_t>(same)), found.tokens};
    found.node = child;
  }
  return found;
}

// Puts a new node with the first `head_tokens` tokens above `node`, and returns it.
tree_node *prefix_tree::split(tree_node *node, int32_t head_tokens) {
  auto made = std::make_unique<tree_node>();
  tree_node *upper = made.get();
  const int32_t cut = node->start + head_tokens, first_page = node->start / page_tokens_;
  upper->parent = node->parent;
  upper->start = node->start;
  upper->tokens.assign(node->tokens.begin(), node->tokens.begin() + head_tokens);
  upper->has_hidden.assign(node->has_hidden.begin(), node->has_hidden.begin() + head_tokens);
  upper->pages.assign(node->pages.begin(), node->pages.begin() + ((cut - 1) / page_tokens_ - first_page + 1));
  upper->last_use = node->last_use;
  upper->level = node->level;
  upper->path_hash = node->path_hash;
  // Of their own sizes: shortened in place, the lower part's would keep the memory of the whole for all their lives.
  std::vector<uint32_t> tokens(node->tokens.begin() + head_tokens, node->tokens.end());
  std::vector<uint8_t> has_hidden(node->has_hidden.begin() + head_tokens, node->has_hidden.end());
  std::vector<int32_t> pages(node->pages.begin() + (cut / page_tokens_ - first_page), node->pages.end());
  std::unique_ptr<tree_node> &place = node->parent->children.find(node->tokens.front())->second;
  std::unique_ptr<tree_node> &below = upper->children[node->tokens[head_tokens]];

  // Nothing throws any more. The page inside which the cut lies is now listed twice; the claim on it stays the lower's.
  if (cut % page_tokens_ != 0) pool_.retain(upper->pages.back());
  node->path_hash = hash_tokens(upper->path_hash, upper->tokens);
  node->tokens = std::move(tokens);
  node->has_hidden = std::move(has_hidden);
  node->pages = std::move(pages);
  node->start = cut;
  node->parent = upper;
  below = std::move(place);
  place = std::move(made);
  ++nodes_;
  return upper;
}

bool prefix_tree::may_share_last_page(const tree_node &parent) const {
  const int32_t rows = parent.end() % page_tokens_;
  return rows != 0 && claimed_rows_[parent.pages.back()] == rows;
}

int64_t prefix_tree::pages_needed(const tree_node *parent, int64_t count) const {
  if (count <= 0) return 0;
  const int64_t first = parent->end() / page_tokens_, last = (parent->end() + count - 1) / page_tokens_;
  return last - first + 1 - (may_share_last_page(*parent) ? 1 : 0);
}

prefix_tree::extension prefix_tree::extend(tree_node *parent, const uint32_t *tokens, int64_t count) {
  if (count < 1) throw broken(*parent, "is extended by " + std::to_string(count) + " tokens, expected 1 or more");
  if (parent->children.count(tokens[0]))
    throw broken(*parent, "is extended by a token that a child begins with already; find comes before extend");
  const int64_t needed = pages_needed(parent, count);
  if (needed > pool_.free_pages()) {
    error missing(error_code::capacity, "the cache lacks pages: " + std::to_string(count) + " more tokens need " +
                                            std::to_string(needed) + " pages, " + std::to_string(pool_.free_pages()) +
                                            " are free; evict first");
    missing.needed = needed;  // pages
    missing.available = pool_.free_pages();
    throw missing;
  }
  auto made = std::make_unique<tree_node>();
  tree_node *node = made.get();
  node->parent = parent;
  node->start = parent->end();
  node->tokens.assign(tokens, tokens + count);
  node->has_hidden.assign(count, 0);
  node->path_hash = hash_tokens(parent->path_hash, parent->tokens);
  node->pages.reserve(needed + 1);
  parent->children[tokens[0]] = std::move(made);
  ++nodes_;

  // Nothing throws any more: the pages were counted.
  extension result{node, std::nullopt};
  const int32_t rows_in_front = node->start % page_tokens_;
  if (may_share_last_page(*parent)) {
    node->pages.push_back(parent->pages.back());
    pool_.retain(node->pages.back());
  } else {
    node->pages.push_back(pool_.take());
    if (rows_in_front != 0) result.copy = retrace_page_copy{parent->pages.back(), node->pages.back(), rows_in_front};
  }
  const int32_t page_count = (node->end() - 1) / page_tokens_ - node->start / page_tokens_ + 1;
  while (static_cast<int32_t>(node->pages.size()) < page_count) node->pages.push_back(pool_.take());
  // Also lowers what an earlier owner of a fresh page had claimed.
  for (int32_t i = 0; i < page_count; ++i) claimed_rows_[node->pages[i]] = rows_in_page(*node, i);
  touch(node);
  return result;
}

// Rows of the node's page `index` up to the node's last token in it, those in front of its first included.
int32_t prefix_tree::rows_in_page(const tree_node &node, int32_t index) const {
  return std::min(page_tokens_, node.end() - (node.start / page_tokens_ + index) * page_tokens_);
}

// ---- going ---------------------------------------------------------------------------------------------------------

void prefix_tree::remove(tree_node *leaf) {
  if (!leaf->parent || !leaf->children.empty() || leaf->pins > 0)
    throw broken(*leaf, "is removed, but it is the root, or has children, or is pinned");
  for (const int32_t page : leaf->pages) {
    pool_.release(page);
    // Others still list it, all of them in front of the leaf: its rows were the last ones claimed. Without this, every
    // later branch of the same prefix would need a page of its own for good, though nobody is in the way.
    if (pool_.references(page) > 0) claimed_rows_[page] = leaf->start % page_tokens_;
  }
  tree_node *parent = leaf->parent;
  const uint32_t first_token = leaf->tokens.front();
  parent->children.erase(first_token);
  --nodes_;
}

void prefix_tree::touch(tree_node *node) {
  ++clock_;
  for (; node; node = node->parent) node->last_use = clock_;
}

int64_t prefix_tree::evict(int64_t pages, const std::function<void(const tree_node &)> &on_drop) {
  const int64_t free_before = pool_.free_pages();
  if (free_before >= pages) return 0;
  // No two leaves have the same `last_use`: `touch` gives each value to one path. So the order is the same in each run.
  const auto is_newer = [](const tree_node *a, const tree_node *b) { return a->last_use > b->last_use; };
  std::priority_queue<tree_node *, std::vector<tree_node *>, decltype(is_newer)> leaves(is_newer);
  for (const auto &[node, parent] : parents_first(&root_))
    if (is_evictable(*node)) leaves.push(node);
  while (pool_.free_pages() < pages && !leaves.empty()) {
    tree_node *leaf = leaves.top(), *parent = leaf->parent;
    leaves.pop();
    if (on_drop) on_drop(*leaf);
    remove(leaf);
    if (is_evictable(*parent)) leaves.push(parent);
  }
  return pool_.free_pages() - free_before;
}

int64_t prefix_tree::pages_obtainable() const {
  const auto nodes = parents_first(&root_);
  std::vector<uint8_t> stays(nodes.size(), 0), page_stays(pool_.pages(), 0);
  // From the last to the first, so that a node knows of all below it before it tells its parent.
  for (size_t i = nodes.size(); i-- > 0;) {
    stays[i] |= is_in_use(*nodes[i].node);
    stays[nodes[i].parent] |= stays[i];
    if (stays[i])
      for (const int32_t page : nodes[i].node->pages) page_stays[page] = 1;
  }
  return std::count(page_stays.begin(), page_stays.end(), 0);
}

// ---- reading -------------------------------------------------------------------------------------------------------

std::vector<int32_t> prefix_tree::page_table(const tree_node *node) const {
  std::vector<int32_t> table((node->end() + page_tokens_ - 1) / page_tokens_, -1);
  // From the end of the path upwards: where a node has a copy of its own of a page, the ancestor's is not this path's.
  for (; node->parent; node = node->parent)
    for (size_t i = 0; i < node->pages.size(); ++i) {
      int32_t &entry = table[node->start / page_tokens_ + i];
      if (entry < 0) entry = node->pages[i];
    }
  return table;
}

int64_t prefix_tree::nodes() const { return nodes_; }

void prefix_tree::audit() const {
  const auto nodes = parents_first(&root_);
  if (static_cast<int64_t>(nodes.size()) - 1 != nodes_)
    throw broken(root_, "has another number of nodes below than was counted" + expected_got(nodes_, nodes.size() - 1));
  std::vector<int32_t> listed(pool_.pages(), 0), rows(pool_.pages(), 0);
  for (const auto &[node, parent] : nodes) {
    audit_node(*node);
    if (node->parent) audit_pages(*node, listed, rows);
  }
  int64_t unused = 0;
  for (int32_t page = 0; page < pool_.pages(); ++page) {
    const std::string name = "prefix tree: page " + std::to_string(page);
    if (pool_.references(page) != listed[page])
      throw error(error_code::internal, name + " has another number of references than nodes that list it" +
                                            expected_got(listed[page], pool_.references(page)));
    if (listed[page] > 0 && claimed_rows_[page] != rows[page])
      throw error(error_code::internal, name + " has another number of rows claimed than nodes list" +
                                            expected_got(rows[page], claimed_rows_[page]));
    unused += listed[page] == 0;
  }
  if (unused != pool_.free_pages())
    throw error(error_code::internal, "prefix tree: the free list has another number of pages than no node lists" +
                                          expected_got(unused, pool_.free_pages()));
}

// The node against its parent and against itself.
void prefix_tree::audit_node(const tree_node &node) const {
  if (node.pins < 0) throw broken(node, "is unpinned more often than pinned: pins " + std::to_string(node.pins));
  if (node.has_hidden.size() != node.tokens.size())
    throw broken(node, "has marks of hidden states for another number of tokens" +
                           expected_got(node.tokens.size(), node.has_hidden.size()));
  for (const auto &[token, child] : node.children) {
    if (!child || child->parent != &node) throw broken(node, "has a child whose parent is another node");
    if (child->tokens.empty() || child->tokens.front() != token)
      throw broken(*child, "is not what its parent has under token " + std::to_string(token));
  }
  if (!node.parent) {
    if (!node.tokens.empty() || !node.pages.empty() || node.start != 0) throw broken(node, "is the root and not empty");
    return;
  }
  if (node.start != node.parent->end())
    throw broken(node, "does not start where its parent ends" + expected_got(node.parent->end(), node.start));
  if (node.path_hash != hash_tokens(node.parent->path_hash, node.parent->tokens))
    throw broken(node, "has a hash of another path");
  if (node.last_use > node.parent->last_use) throw broken(node, "was used later than its parent");
}

// `listed` counts the nodes seen so far that list a page, `rows` how many of its rows they cover or copied.
void prefix_tree::audit_pages(const tree_node &node, std::vector<int32_t> &listed, std::vector<int32_t> &rows) const {
  const int32_t page_count = (node.end() - 1) / page_tokens_ - node.start / page_tokens_ + 1;
  if (static_cast<int32_t>(node.pages.size()) != page_count)
    throw broken(node, "lists another number of pages than it covers" + expected_got(page_count, node.pages.size()));
  for (int32_t i = 0; i < page_count; ++i) {
    const int32_t page = node.pages[i], rows_in_front = i == 0 ? node.start % page_tokens_ : 0;
    const std::string name = "page " + std::to_string(page);
    if (page < 0 || page >= pool_.pages()) throw broken(node, "lists " + name + ", which is not in the pool");
    const bool is_shared = rows_in_front > 0 && node.parent->pages.back() == page;
    if (listed[page] > 0 && !is_shared) throw broken(node, "lists " + name + ", which belongs to another path");
    if (is_shared && rows[page] != rows_in_front)
      throw broken(node, "lists rows of " + name + " from another row on than is free" +
                             expected_got(rows[page], rows_in_front));
    ++listed[page];
    rows[page] = rows_in_page(node, i);
  }
}

}  // namespace retrace
