// The engine: open prefixes, the paths that the cache holds, and what has to be computed to answer.
//
// Every call is one story: find what is there, make room for what is not, plan batches, run them, ask the head. What a
// call computed stays in the cache until its pages are needed, so accepting a branch that was scored computes its last
// token alone.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "../device.h"
#include "forward_pass.h"
#include "model.h"
#include "page_pool.h"
#include "planner.h"
#include "prefix_tree.h"
#include "retrace_engine.h"

namespace retrace {

class engine {
 public:
  // Throws what loading a model and opening a device throw, and `out_of_memory` before anything is loaded where the
  // formula says that it will not fit.
  explicit engine(const retrace_engine_options &options);
  ~engine();
  engine(const engine &) = delete;
  engine &operator=(const engine &) = delete;

  uint64_t open_prefix(const uint32_t *tokens, int64_t count, retrace_abort *abort, retrace_counters &counters);
  void score(uint64_t prefix, const retrace_branch *branches, int64_t count, float *log_probs, retrace_abort *abort,
             retrace_counters &counters);
  uint64_t commit(uint64_t prefix, const uint32_t *tokens, int64_t count, retrace_abort *abort,
                  retrace_counters &counters);
  void close_prefix(uint64_t prefix);
  void drop_unpinned();
  void audit() const;
  std::string describe() const;

 private:
  // A path that has to be in the cache: `count` tokens behind `from`, with the final hidden states of some of them.
  struct request {
    tree_node *from;
    const uint32_t *tokens;
    int64_t count;
    std::vector<int64_t> hidden;  // offsets from the first of `tokens`, ascending; -1 is the last token of `from`
    tree_node *end = nullptr;     // the node at whose end the path ends; pinned while the call runs
  };
  struct placed_copies;

  void open_device(const retrace_engine_options &options);
  void size_memory(const retrace_engine_options &options);
  int64_t pages_within(int64_t bytes) const;
  void load(const retrace_engine_options &options, const tensor_source *source);

  uint64_t keep_open(tree_node *end);
  tree_node *node_of(uint64_t prefix) const;
  void check_tokens(const char *what, const uint32_t *tokens, int64_t count) const;
  void check_length(int64_t prefix, int64_t branch) const;
  void check_branch(const retrace_branch &branch, int64_t index, const tree_node *prefix) const;

  // Computes what is missing for as many requests, from `first` on, as the cache can hold at once, and pins their ends.
  // Returns the next one. `computed` counts the tokens.
  size_t ensure(std::vector<request> &requests, size_t first, retrace_abort *abort, retrace_counters &counters,
                int64_t &computed);
  // Finds or makes the nodes of the path; false where the cache has no room left for it now.
  bool place(request &r, bool alone, placed_copies &copies, retrace_counters &counters);
  bool make_room(int64_t pages, retrace_counters &counters);
  void drop(int64_t pages, retrace_counters &counters);
  int32_t level_behind(const tree_node *parent, const std::optional<retrace_page_copy> &copy) const;
  // Calls visit(owner, position, i) for each wanted state i of the request, the last first: `owner` is the node on its path
  // that the position belongs to.
  template <class Visit>
  static void each_state(const request &r, const Visit &visit) {
    tree_node *owner = r.end;
    for (size_t i = r.hidden.size(); i-- > 0;) {
      const int64_t position = r.from->end() + r.hidden[i];
      while (position < owner->start) owner = owner->parent;
      visit(owner, position, i);
    }
  }
  // By node, the offsets whose final hidden state the requests want.
  using wanted_states = std::map<tree_node *, std::set<int32_t>>;
  static wanted_states states_wanted(const std::vector<request> &requests, size_t first, size_t last);
  // Nodes on the requests' paths that are not computed yet, in the order in which they can be.
  static std::vector<tree_node *> fresh_nodes(const std::vector<request> &requests, size_t first);
  std::vector<feed> plan_feeds(const std::vector<tree_node *> &fresh, const wanted_states &wanted,
                               const placed_copies &copies, retrace_counters &counters) const;
  void settle(const std::vector<tree_node *> &fresh, const wanted_states &wanted, retrace_counters &counters);
  int32_t slot_of(const tree_node *owner, int64_t position) const;
  [[noreturn]] void throw_capacity(int64_t needed_pages) const;

  model_config config_;
  const retrace_device_api *api_ = nullptr;
  retrace_device *device_ = nullptr;
  retrace_device_facts facts_{};
  std::string device_reason_;
  int64_t context_length_ = 0, max_rows_ = 0, max_targets_ = 0, max_page_entries_ = 0, pages_ = 0;
  int64_t weight_bytes_ = 0, workspace_bytes_ = 0, buffer_bytes_ = 0, cache_bytes_ = 0;
  bool keep_all_rows_ = false;

  std::unique_ptr<device_weights> weights_;
  std::unique_ptr<forward_pass> forward_;
  std::unique_ptr<page_pool> pool_;
  std::unique_ptr<prefix_tree> tree_;
  std::unordered_map<uint64_t, tree_node *> prefixes_;
  uint64_t next_prefix_ = 1;
  // Hashes of the paths to tokens that were computed and dropped, to count what is computed again. Bounded: past the
  // bound it starts afresh, and the count may then be too low.
  std::unordered_set<uint64_t> dropped_;
};

}  // namespace retrace
