// The paths that the cache holds, as a radix tree over token ids.
//
// A node covers positions [start, start + tokens) of its path and lists the pages that hold them. Pages lie on one grid
// of absolute positions (page i of a path holds positions [i * T, (i + 1) * T)), whoever computes them and however the
// path was cut into nodes; that is why scores do not depend on it. Where a node starts inside a page, that first page
// also holds the rows of its ancestors in front: shared with the parent where nobody has written behind the parent's
// end yet, else a page of its own into which those rows are copied.
//
// The tree only keeps books. Copying and computing is the engine's.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "../device.h"
#include "page_pool.h"

namespace retrace {

struct tree_node {
  tree_node *parent = nullptr;  // null for the root alone, which covers nothing
  int32_t start = 0;            // first position
  std::vector<uint32_t> tokens;
  // By page of the path, from start / T to (end - 1) / T.
  std::vector<int32_t> pages;
  std::map<uint32_t, std::unique_ptr<tree_node>> children;  // by first token
  int32_t pins = 0;
  uint64_t last_use = 0;
  // 1 where the token's final hidden state is in the cache.
  std::vector<uint8_t> has_hidden;
  // Of the call under way: its tokens come with that level of batches; -1 once they are computed.
  int32_t level = -1;
  // Hash of the tokens of the path in front of the node, see `hash_token`.
  uint64_t path_hash = 0;

  int32_t end() const { return start + static_cast<int32_t>(tokens.size()); }
};

// Hash of a path with one more token.
uint64_t hash_token(uint64_t path_hash, uint32_t token);

class prefix_tree {
 public:
  prefix_tree(page_pool &pool, int32_t page_tokens);
  ~prefix_tree();
  prefix_tree(const prefix_tree &) = delete;
  prefix_tree &operator=(const prefix_tree &) = delete;

  tree_node *root() { return &root_; }

  struct match {
    tree_node *node;  // its end is where the agreement ends
    int64_t tokens;   // how many of those given agree
  };
  // Walks down from the end of `from` as far as the tokens agree. Where they part inside a node, that node is split:
  // the object that was there stays the lower part (handles to its end stay true), a new one becomes its parent.
  match find(tree_node *from, const uint32_t *tokens, int64_t count);

  // Pages that `extend` would take.
  int64_t pages_needed(const tree_node *parent, int64_t count) const;

  struct extension {
    tree_node *node;
    std::optional<retrace_page_copy> copy;  // to be done before the node's first token is computed
  };
  // A new child of `parent`; no child of it may begin with the same token. Its level is the caller's to set.
  // Throws `capacity` where pages are missing; the tree is then as it was.
  extension extend(tree_node *parent, const uint32_t *tokens, int64_t count);

  // A leaf that nobody pins; its pages are released, and the rows that it claimed of a shared one can be claimed again.
  void remove(tree_node *leaf);

  void pin(tree_node *node) { ++node->pins; }
  void unpin(tree_node *node) { --node->pins; }
  // Makes the node, and with it its ancestors, the last to be evicted.
  void touch(tree_node *node);

  // Removes unpinned leaves, the least recently used first, until `pages` are free or none is left; `on_drop` sees each
  // before it goes. Returns how many pages came free. Does nothing where so many are free already.
  int64_t evict(int64_t pages, const std::function<void(const tree_node &)> &on_drop);
  // Pages that would be free if all were removed that nobody pins (nor pins something below).
  int64_t pages_obtainable() const;

  // Pages of the whole path up to the node's end, by page index from 0.
  std::vector<int32_t> page_table(const tree_node *node) const;

  int32_t page_tokens() const { return page_tokens_; }
  int64_t nodes() const;  // without the root

  // Throws `internal` that names the first disagreement: a page's references against the nodes that list it, free pages,
  // ranges of pages, starts and ends, children's first tokens, path hashes.
  void audit() const;

 private:
  bool may_share_last_page(const tree_node &parent) const;
  tree_node *split(tree_node *node, int32_t head_tokens);
  int32_t rows_in_page(const tree_node &node, int32_t index) const;
  void audit_node(const tree_node &node) const;
  void audit_pages(const tree_node &node, std::vector<int32_t> &listed, std::vector<int32_t> &rows) const;

  page_pool &pool_;
  int32_t page_tokens_;
  tree_node root_;
  int64_t nodes_ = 0;
  uint64_t clock_ = 0;
  // By page: rows from its first that some node has claimed. A child shares its parent's last page only where the
  // claim ends at the parent's end. Of a page in use it is the most that a node lists.
  std::vector<int32_t> claimed_rows_;
};

}  // namespace retrace
