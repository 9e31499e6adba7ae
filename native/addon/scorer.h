// One scorer's share of an engine that others may use as well: its open prefixes, its calls under way, its counters.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <set>
#include <unordered_map>

#include "engine_host.h"

namespace retrace::addon {

// What the engine's thread notes down for a scorer. Jobs hold it, so that it outlives the scorer where they do.
struct scorer_books {
  std::mutex mutex;
  retrace_counters counters{};
  std::set<uint64_t> prefixes;  // open in the engine

  void add(const retrace_counters &more);
  retrace_counters total();
};

class scorer {
 public:
  explicit scorer(std::shared_ptr<engine_host> host) : host_(std::move(host)) {}
  // As `dispose`; nothing of it is under way then, as its jobs hold it.
  ~scorer();
  scorer(const scorer &) = delete;
  scorer &operator=(const scorer &) = delete;

  // Posts a job and gives the number to abort it by.
  uint64_t submit(const std::shared_ptr<job> &task);
  void abort(uint64_t number);
  // In the engine's order: behind the jobs that were submitted before.
  void close_prefix(uint64_t prefix);
  // Aborts the calls under way, closes the prefixes and leaves the engine; twice is nothing.
  // See `engine_host::release`.
  void dispose(const std::shared_ptr<job> &last_task);
  bool is_disposed();

  scorer_books &books() { return *books_; }

 private:
  const std::shared_ptr<engine_host> host_;
  const std::shared_ptr<scorer_books> books_ = std::make_shared<scorer_books>();
  std::mutex mutex_;
  std::unordered_map<uint64_t, std::weak_ptr<job>> jobs_;
  size_t jobs_to_look_through_ = 64;
  uint64_t next_number_ = 1;
  bool disposed_ = false;
};

// A prefix that JavaScript holds. Closes itself when it is forgotten and no job needs it any more.
struct prefix {
  prefix(std::shared_ptr<scorer> owner, uint64_t id) : owner(std::move(owner)), id(id) {}
  ~prefix() { close(); }
  prefix(const prefix &) = delete;
  prefix &operator=(const prefix &) = delete;

  void close() {
    if (!closed.exchange(true)) owner->close_prefix(id);
  }

  const std::shared_ptr<scorer> owner;
  const uint64_t id;
  std::atomic<bool> closed{false};
};

}  // namespace retrace::addon
