// How the paths of a call come into the cache, in four steps: `place` finds or makes the nodes of every path (evicting
// what nobody holds), `plan_feeds` lists what they lack, the planner makes batches of it, the forward pass runs them. A
// branch whose pages do not fit beside the others' comes in a later wave; its scores are the same bits.
#include <algorithm>
#include <utility>

#include "engine.h"

namespace retrace {

static constexpr size_t max_dropped = 1 << 22;

// By the page that is copied to. Where the node is split before it is computed, the copy goes with the part that starts
// in front of which the rows lie.
struct engine::placed_copies {
  std::map<int32_t, retrace_page_copy> by_target;

  const retrace_page_copy *of(const tree_node &node, int32_t page_tokens) const {
    const int32_t rows = node.start % page_tokens;
    if (rows == 0) return nullptr;
    const auto found = by_target.find(node.pages.front());
    return found != by_target.end() && found->second.rows == rows ? &found->second : nullptr;
  }
};

size_t engine::ensure(std::vector<request> &requests, size_t first, retrace_abort *abort, retrace_counters &counters,
                      int64_t &computed) {
  int64_t largest = 0;
  for (size_t i = first; i < requests.size(); i++) {
    largest = std::max(largest, tree_->pages_needed(requests[i].from, requests[i].count));
  }
  // Before any work: a path that does not even fit alone. (One page less may do: with its siblings gone, a branch can
  // begin in its prefix's own last page.)
  if (largest > pool_->free_pages() && largest - 1 > tree_->pages_obtainable()) throw_capacity(largest);

  placed_copies copies;
  size_t last = first;
  try {
    while (last < requests.size() && place(requests[last], last == first, copies, counters)) last++;
    if (last == first) throw_capacity(tree_->pages_needed(requests[first].from, requests[first].count));

    const std::vector<tree_node *> fresh = fresh_nodes(requests, first);
    const wanted_states wanted = states_wanted(requests, first, last);
    const std::vector<feed> feeds = plan_feeds(fresh, wanted, copies, counters);
    plan_limits limits;
    limits.max_rows = max_rows_;
    limits.max_page_entries = max_page_entries_;
    limits.page_tokens = facts_.page_tokens;
    limits.tile_rows = facts_.attention_tile_rows;
    limits.keep_all_rows = keep_all_rows_;
    for (const batch &b : plan_batches(feeds, limits)) {
      forward_->run(b, abort);
      counters.forward_passes++;
      computed += static_cast<int64_t>(b.ids.size());
    }
    settle(fresh, wanted, counters);
    for (size_t i = first; i < last; i++) tree_->touch(requests[i].end);
    return last;
  } catch (...) {
    // What was placed and not computed must not be found by a later call. Nothing is allocated here: there may be no
    // memory, and what failed here would stay for good. A path that others end on is still pinned by them.
    for (size_t i = first; i < requests.size(); i++) {
      tree_node *node = requests[i].end;
      if (node == nullptr) continue;
      tree_->unpin(node);
      while (node->level >= 0 && node->children.empty() && node->pins == 0) {
        tree_node *const parent = node->parent;
        tree_->remove(node);
        node = parent;
      }
    }
    throw;
  }
}

bool engine::place(request &r, bool alone, placed_copies &copies, retrace_counters &counters) {
  // The call's cleanup knows the path by its end, so that end is pinned from the moment it is known.
  const auto hold = [&](tree_node *node) {
    if (node != nullptr) tree_->pin(node);
    if (r.end != nullptr) tree_->unpin(r.end);
    r.end = node;
  };
  prefix_tree::match found = tree_->find(r.from, r.tokens, r.count);
  hold(found.node);
  int64_t pages = tree_->pages_needed(found.node, r.count - found.tokens);
  bool fits = make_room(pages, counters);
  if (!fits && alone) {
    // What matched may itself stand in the way, such as a page that would have to be there twice: do without it.
    hold(nullptr);
    drop(pool_->pages(), counters);
    found = tree_->find(r.from, r.tokens, r.count);
    hold(found.node);
    pages = tree_->pages_needed(found.node, r.count - found.tokens);
    fits = pages <= pool_->free_pages();
  }
  if (!fits) {
    hold(nullptr);
    return false;
  }
  if (found.tokens == r.count) return true;

  const prefix_tree::extension added = tree_->extend(found.node, r.tokens + found.tokens, r.count - found.tokens);
  added.node->level = level_behind(found.node, added.copy);
  hold(added.node);
  if (added.copy) copies.by_target[added.copy->target_page] = *added.copy;
  return true;
}

bool engine::make_room(int64_t pages, retrace_counters &counters) {
  if (pages <= pool_->free_pages()) return true;
  if (pages > tree_->pages_obtainable()) return false;
  // A little ahead, as each eviction looks through the whole tree: of a full cache with 18,000 paths, every branch of
  // every call would.
  drop(pages + pool_->pages() / 64, counters);
  return pages <= pool_->free_pages();
}

// The least recently used of what nobody holds, until so many pages are free.
void engine::drop(int64_t pages, retrace_counters &counters) {
  counters.pages_evicted += tree_->evict(pages, [this](const tree_node &node) {
    if (dropped_.size() > max_dropped) dropped_.clear();
    uint64_t hash = node.path_hash;
    for (const uint32_t token : node.tokens) dropped_.insert(hash = hash_token(hash, token));
  });
}

// Keys and values of a parent may come with the same batch, as they are written before they are read. Rows that are
// copied have to be whole before: they come a level earlier.
int32_t engine::level_behind(const tree_node *parent, const std::optional<retrace_page_copy> &copy) const {
  int32_t level = std::max(parent->level, 0);
  if (!copy) return level;
  const int32_t copied_from = parent->end() - copy->rows;
  for (const tree_node *node = parent; node->parent != nullptr && node->end() > copied_from; node = node->parent) {
    if (node->level >= 0) level = std::max(level, node->level + 1);
  }
  return level;
}

std::vector<tree_node *> engine::fresh_nodes(const std::vector<request> &requests, size_t first) {
  std::set<tree_node *> seen;
  for (size_t i = first; i < requests.size(); i++) {
    for (tree_node *node = requests[i].end; node != nullptr && node->level >= 0; node = node->parent) seen.insert(node);
  }
  // Pointers have no order that is the same in every run; positions and tokens have.
  std::vector<tree_node *> fresh(seen.begin(), seen.end());
  std::sort(fresh.begin(), fresh.end(), [](const tree_node *a, const tree_node *b) {
    if (a->level != b->level) return a->level < b->level;
    if (a->start != b->start) return a->start < b->start;
    return a->path_hash != b->path_hash ? a->path_hash < b->path_hash : a->tokens < b->tokens;
  });
  return fresh;
}

engine::wanted_states engine::states_wanted(const std::vector<request> &requests, size_t first, size_t last) {
  wanted_states wanted;
  for (size_t i = first; i < last; i++) {
    each_state(requests[i], [&](tree_node *owner, int64_t position, size_t) {
      wanted[owner].insert(static_cast<int32_t>(position - owner->start));
    });
  }
  return wanted;
}

std::vector<feed> engine::plan_feeds(const std::vector<tree_node *> &fresh, const wanted_states &wanted,
                                     const placed_copies &copies, retrace_counters &counters) const {
  std::vector<feed> feeds;
  for (tree_node *node : fresh) {
    feed f;
    f.tokens = node->tokens;
    f.first_position = node->start;
    f.page_table = tree_->page_table(node);
    f.level = node->level;
    const auto states = wanted.find(node);
    if (states != wanted.end()) f.hidden.assign(states->second.begin(), states->second.end());
    if (const retrace_page_copy *copy = copies.of(*node, facts_.page_tokens)) f.copies.push_back(*copy);
    feeds.push_back(std::move(f));
  }
  // Tokens whose keys and values are there, but not their final hidden states: these rows are computed once more, and
  // write the same bits to where they stand.
  for (const auto &[node, states] : wanted) {
    if (node->level >= 0) continue;
    feed hole;
    const auto finish = [&] {
      if (hole.tokens.empty()) return;
      const int32_t end = hole.first_position + static_cast<int32_t>(hole.tokens.size());
      hole.page_table = tree_->page_table(node);
      hole.page_table.resize(static_cast<size_t>((end - 1) / facts_.page_tokens + 1));
      counters.tokens_recomputed += static_cast<int64_t>(hole.tokens.size());
      feeds.push_back(std::move(hole));
      hole = feed();
    };
    for (const int32_t offset : states) {
      if (node->has_hidden[static_cast<size_t>(offset)]) continue;
      const int32_t position = node->start + offset;
      if (position != hole.first_position + static_cast<int32_t>(hole.tokens.size())) finish();
      if (hole.tokens.empty()) hole.first_position = position;
      hole.hidden.push_back(static_cast<int32_t>(hole.tokens.size()));
      hole.tokens.push_back(node->tokens[static_cast<size_t>(offset)]);
    }
    finish();
  }
  return feeds;
}

// Only now are they in the cache.
void engine::settle(const std::vector<tree_node *> &fresh, const wanted_states &wanted, retrace_counters &counters) {
  for (tree_node *node : fresh) {
    uint64_t hash = node->path_hash;
    for (const uint32_t token : node->tokens) {
      hash = hash_token(hash, token);
      counters.tokens_recomputed += static_cast<int64_t>(dropped_.erase(hash));
    }
    node->level = -1;
    if (keep_all_rows_) std::fill(node->has_hidden.begin(), node->has_hidden.end(), uint8_t{1});
  }
  for (const auto &[node, states] : wanted) {
    for (const int32_t offset : states) node->has_hidden[static_cast<size_t>(offset)] = 1;
  }
}

// The hidden state of a position lies with the node that the position belongs to; copies of its page may lack it.
int32_t engine::slot_of(const tree_node *owner, int64_t position) const {
  const int32_t page_tokens = facts_.page_tokens;
  const int32_t page = owner->pages[static_cast<size_t>(position / page_tokens - owner->start / page_tokens)];
  return page * page_tokens + static_cast<int32_t>(position % page_tokens);
}

}  // namespace retrace
