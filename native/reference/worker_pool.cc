#include "worker_pool.h"

namespace retrace::reference {

worker_pool::worker_pool(int32_t threads) {
  try {
    for (int32_t thread = 1; thread < threads; thread++) workers_.emplace_back([this, thread] { work(thread); });
  } catch (...) {
    stop();  // a std::thread that is destroyed while it runs ends the process
    throw;
  }
}

worker_pool::~worker_pool() { stop(); }

void worker_pool::stop() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  started_.notify_all();
  for (std::thread &worker : workers_) worker.join();
  workers_.clear();
}

void worker_pool::run_all(int64_t count, call function, const void *context) {
  if (workers_.empty() || count <= 1) {
    for (int64_t task = 0; task < count; task++) function(context, task, 0);
    return;
  }
  {
    std::lock_guard<std::mutex> lock(mutex_);
    function_ = function;
    context_ = context;
    count_ = count;
    next_.store(0, std::memory_order_relaxed);
    busy_ = static_cast<int32_t>(workers_.size());
    generation_++;
  }
  started_.notify_all();
  take_tasks(0);
  // Every worker has been through this call before it returns: none can wake late and meet the next call's tasks.
  std::unique_lock<std::mutex> lock(mutex_);
  finished_.wait(lock, [this] { return busy_ == 0; });
}

void worker_pool::take_tasks(int32_t thread) {
  for (int64_t task; (task = next_.fetch_add(1, std::memory_order_relaxed)) < count_;)
    function_(context_, task, thread);
}

void worker_pool::work(int32_t thread) {
  uint64_t seen = 0;
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    started_.wait(lock, [&] { return stopping_ || generation_ != seen; });
    if (stopping_) return;
    seen = generation_;
    lock.unlock();
    take_tasks(thread);
    lock.lock();
    if (--busy_ == 0) finished_.notify_one();
  }
}

}  // namespace retrace::reference
