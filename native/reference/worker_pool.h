// A few threads that share out the tasks of one call. Which thread takes a task never decides what the task computes.
//
// Threads sleep between calls. With one thread there is no other than the caller's.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace retrace::reference {

class worker_pool {
 public:
  // Throws std::system_error where the system gives no thread.
  explicit worker_pool(int32_t threads);
  ~worker_pool();
  worker_pool(const worker_pool &) = delete;
  worker_pool &operator=(const worker_pool &) = delete;

  int32_t threads() const { return static_cast<int32_t>(workers_.size()) + 1; }

  // body(task, thread) for tasks [0, count), threads [0, threads()); returns when all are done. The body must not
  // throw.
  template <class Body>
  void run(int64_t count, const Body &body) {
    run_all(
        count,
        [](const void *context, int64_t task, int32_t thread) { (*static_cast<const Body *>(context))(task, thread); },
        &body);
  }

 private:
  using call = void (*)(const void *context, int64_t task, int32_t thread);
  void run_all(int64_t count, call function, const void *context);
  void take_tasks(int32_t thread);
  void work(int32_t thread);
  void stop();

  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable started_, finished_;
  uint64_t generation_ = 0;  // of calls; with the next four, under the mutex
  int32_t busy_ = 0;
  bool stopping_ = false;
  call function_ = nullptr;
  const void *context_ = nullptr;
  int64_t count_ = 0;
  std::atomic<int64_t> next_{0};
};

}  // namespace retrace::reference
