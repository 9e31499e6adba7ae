// One engine, the one thread that uses it, and the jobs that wait for it.
//
// Hosts are shared by all scorers of the process that ask for the same model on the same device, whichever JavaScript
// thread they live on. The host's own thread loads the model, and frees it when the last user has gone: no JavaScript
// thread ever waits for another thread, and nothing is joined.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>

#include "job.h"

namespace retrace::addon {

// The engine's options with memory of their own.
struct host_options {
  std::string model_dir, device, kernels;
  std::string identity;  // digest of the model's files: a folder whose files were replaced is another model
  int32_t ordinal = 0, precision = 0, threads = 1, page_tokens = 0;
  int64_t max_batch_rows = 0, cache_bytes = 0;
  int64_t max_queued_jobs = 4096;

  // Equal where one engine can serve both.
  std::string key() const;
};

class engine_host : public std::enable_shared_from_this<engine_host> {
 public:
  // The host for these options, with one user more; its thread is started where there is none yet. Jobs may be posted
  // at once and fail with the reason where the model cannot be loaded. Throws std::system_error where no thread can be
  // started.
  static std::shared_ptr<engine_host> acquire(const host_options &options);

  // Queues the job, or settles it at once with `QUEUE_FULL` or with why the engine can do nothing any more.
  void post(const std::shared_ptr<job> &task);
  // Settles a waiting job at once with `ABORTED`; the one under way ends at the engine's next look at its flag.
  void abort(const std::shared_ptr<job> &task);
  // One user less; after the last one the thread does what is queued, frees the engine and ends. `last_task`, which may
  // be null, is settled when that is done, else when the jobs in front of it are.
  void release(const std::shared_ptr<job> &last_task);

  explicit engine_host(host_options options) : options_(std::move(options)), key_(options_.key()) {}

 private:
  friend struct host_registry;

  void run();
  bool load();
  void serve();
  void perform(const std::shared_ptr<job> &task);
  void die(const retrace_error &why);
  void park();
  void stop_for_exit();

  const host_options options_;
  const std::string key_;
  retrace_engine *engine_ = nullptr;  // the thread's own

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<job>> queue_;
  int64_t bounded_jobs_ = 0;
  std::shared_ptr<job> current_, last_task_;
  bool closing_ = false, exiting_ = false, parked_ = false;
  bool dead_ = false;
  retrace_error why_dead_{};

  // Under the registry's mutex.
  int64_t users_ = 0;
  bool holds_engine_ = false;  // has it, or is about to load it
};

}  // namespace retrace::addon
