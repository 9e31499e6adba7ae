#include "scorer.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

namespace retrace::addon {

void scorer_books::add(const retrace_counters &more) {
  std::lock_guard<std::mutex> lock(mutex);
  counters.prefix_tokens_computed += more.prefix_tokens_computed;
  counters.branch_tokens_computed += more.branch_tokens_computed;
  counters.tokens_recomputed += more.tokens_recomputed;
  counters.prefix_tokens_reused += more.prefix_tokens_reused;
  counters.forward_passes += more.forward_passes;
  counters.pages_evicted += more.pages_evicted;
}

retrace_counters scorer_books::total() {
  std::lock_guard<std::mutex> lock(mutex);
  return counters;
}

scorer::~scorer() { dispose(nullptr); }

uint64_t scorer::submit(const std::shared_ptr<job> &task) {
  uint64_t number;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    number = next_number_++;
    jobs_.emplace(number, task);
    // Those that have ended are dropped when as many have come again as were left the last time.
    if (jobs_.size() > jobs_to_look_through_) {
      for (auto i = jobs_.begin(); i != jobs_.end();) i = i->second.expired() ? jobs_.erase(i) : std::next(i);
      jobs_to_look_through_ = std::max<size_t>(64, 2 * jobs_.size());
    }
  }
  host_->post(task);
  return number;
}

void scorer::abort(uint64_t number) {
  std::shared_ptr<job> task;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto found = jobs_.find(number);
    if (found != jobs_.end()) task = found->second.lock();
  }
  if (task) host_->abort(task);
}

void scorer::close_prefix(uint64_t prefix) {
  auto closing = std::make_shared<job>();
  closing->bounded = false;
  closing->work = [books = books_, prefix](retrace_engine *engine, job &) {
    retrace_prefix_close(engine, prefix);
    std::lock_guard<std::mutex> lock(books->mutex);
    books->prefixes.erase(prefix);
  };
  host_->post(closing);
}

void scorer::dispose(const std::shared_ptr<job> &last_task) {
  std::vector<std::shared_ptr<job>> under_way;
  bool first;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    first = !std::exchange(disposed_, true);
    for (const auto &[number, task] : jobs_) {
      if (auto held = task.lock()) under_way.push_back(std::move(held));
    }
    jobs_.clear();
  }
  if (!first) {
    if (last_task) settle(last_task);
    return;
  }
  for (const auto &task : under_way) host_->abort(task);

  auto closing = std::make_shared<job>();
  closing->bounded = false;
  closing->work = [books = books_](retrace_engine *engine, job &) {
    std::lock_guard<std::mutex> lock(books->mutex);
    for (const uint64_t prefix : books->prefixes) retrace_prefix_close(engine, prefix);
    books->prefixes.clear();
  };
  host_->post(closing);
  host_->release(last_task);
}

bool scorer::is_disposed() {
  std::lock_guard<std::mutex> lock(mutex_);
  return disposed_;
}

}  // namespace retrace::addon
