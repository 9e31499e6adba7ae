#include "engine_host.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <map>
#include <set>
#include <thread>
#include <utility>
#include <vector>

namespace retrace::addon {

// All hosts of the process. Leaked on purpose: threads may still use it while static objects are destroyed.
struct host_registry {
  std::mutex mutex;
  std::condition_variable closed;
  std::map<std::string, std::shared_ptr<engine_host>> open;  // by key: those that new users may join
  std::set<engine_host *> running;                           // all whose thread has not ended
  std::set<engine_host *> closing;                           // of these, those that are about to free an engine

  static host_registry &get() {
    static host_registry *registry = new host_registry;
    return *registry;
  }

  // With the mutex held.
  void forget(engine_host *host) {
    const auto found = open.find(host->key_);
    if (found != open.end() && found->second.get() == host) open.erase(found);
  }

  static void stop_all_for_exit();
};

namespace {

constexpr auto kWaitForMemory = std::chrono::seconds(30);
constexpr auto kWaitAtExit = std::chrono::seconds(2);

bool is_code(const retrace_error &error, const char *code) { return std::strcmp(error.code, code) == 0; }

}  // namespace

std::string host_options::key() const {
  std::string key;
  for (const std::string &text : {model_dir, identity, device, kernels}) key += text + '\n';
  for (const int64_t number : {int64_t{ordinal}, int64_t{precision}, int64_t{threads}, int64_t{page_tokens},
                               max_batch_rows, cache_bytes, max_queued_jobs}) {
    key += std::to_string(number) + '\n';
  }
  return key;
}

// ---- for any thread ------------------------------------------------------------------------------

std::shared_ptr<engine_host> engine_host::acquire(const host_options &options) {
  host_registry &registry = host_registry::get();
  std::lock_guard<std::mutex> lock(registry.mutex);
  const std::string key = options.key();
  const auto found = registry.open.find(key);
  if (found != registry.open.end()) {
    found->second->users_++;
    return found->second;
  }
  auto host = std::make_shared<engine_host>(options);
  std::thread([host] { host->run(); }).detach();
  registry.running.insert(host.get());
  host->users_ = 1;
  registry.open.emplace(key, host);
  return host;
}

void engine_host::post(const std::shared_ptr<job> &task) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (dead_) {
      // Closing and disposing are done with a dead engine.
      if (task->bounded) fail(task->result, why_dead_);
    } else if (task->bounded && bounded_jobs_ >= options_.max_queued_jobs) {
      fail(task->result, make_error("QUEUE_FULL", std::to_string(bounded_jobs_) +
                                                      " calls wait for this model already. Await earlier calls before "
                                                      "making more."));
      task->result.error.needed = bounded_jobs_ + 1;
      task->result.error.available = options_.max_queued_jobs;
    } else {
      if (task->bounded) bounded_jobs_++;
      queue_.push_back(task);
      changed_.notify_all();
      return;
    }
  }
  settle(task);
}

void engine_host::abort(const std::shared_ptr<job> &task) {
  task->set_aborted();
  {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto found = std::find(queue_.begin(), queue_.end(), task);
    if (found == queue_.end()) return;
    queue_.erase(found);
    if (task->bounded) bounded_jobs_--;
    fail(task->result, aborted_error());
  }
  settle(task);
}

void engine_host::release(const std::shared_ptr<job> &last_task) {
  host_registry &registry = host_registry::get();
  std::unique_lock<std::mutex> lock(registry.mutex);
  if (--users_ > 0) {
    lock.unlock();
    if (last_task) post(last_task);
    return;
  }
  registry.forget(this);
  if (holds_engine_) registry.closing.insert(this);
  std::lock_guard<std::mutex> own(mutex_);
  closing_ = true;
  last_task_ = last_task;
  changed_.notify_all();
}

// ---- on the host's thread ------------------------------------------------------------------------

void engine_host::run() {
  if (load()) serve();
  host_registry &registry = host_registry::get();
  {
    // Where loading failed, or the device was lost, users are still to go.
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return closing_ || exiting_; });
    if (exiting_) {
      lock.unlock();
      park();
      return;
    }
  }
  if (engine_ != nullptr) retrace_engine_close(engine_);
  engine_ = nullptr;
  {
    std::lock_guard<std::mutex> lock(registry.mutex);
    registry.running.erase(this);
    registry.closing.erase(this);
    registry.closed.notify_all();
  }
  if (last_task_) settle(std::exchange(last_task_, nullptr));
}

bool engine_host::load() {
  host_registry &registry = host_registry::get();
  {
    // Memory that is about to be freed may be what this model needs. Who waits here holds none, so no two wait for each
    // other.
    std::unique_lock<std::mutex> lock(registry.mutex);
    registry.closed.wait_for(lock, kWaitForMemory, [&] { return registry.closing.empty() || users_ == 0; });
    if (users_ > 0) holds_engine_ = true;
  }
  if (!holds_engine_) {
    die(aborted_error());
    return false;
  }
  retrace_engine_options options{};
  options.struct_bytes = sizeof options;
  options.model_dir = options_.model_dir.c_str();
  options.device = options_.device.c_str();
  options.kernels = options_.kernels.empty() ? nullptr : options_.kernels.c_str();
  options.ordinal = options_.ordinal;
  options.precision = options_.precision;
  options.threads = options_.threads;
  options.page_tokens = options_.page_tokens;
  options.max_batch_rows = options_.max_batch_rows;
  options.cache_bytes = options_.cache_bytes;
  retrace_error error{};
  if (retrace_engine_open(&options, &engine_, &error) != 0) {
    die(error);
    return false;
  }
  // After the device's library was opened, so that this runs before that library's own end.
  std::atexit(host_registry::stop_all_for_exit);
  return true;
}

void engine_host::serve() {
  for (;;) {
    std::shared_ptr<job> task;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      changed_.wait(lock, [&] { return !queue_.empty() || closing_ || exiting_ || dead_; });
      if (exiting_ || dead_ || queue_.empty()) return;
      task = queue_.front();
      queue_.pop_front();
      if (task->bounded) bounded_jobs_--;
      current_ = task;
    }
    perform(task);
    {
      std::lock_guard<std::mutex> lock(mutex_);
      current_ = nullptr;
      if (exiting_) return;
    }
    const bool lost = task->result.failed && is_code(task->result.error, "DEVICE_LOST");
    if (lost) die(task->result.error);
    settle(task);
  }
}

void engine_host::perform(const std::shared_ptr<job> &task) {
  try {
    if (task->work) task->work(engine_, *task);
  } catch (const std::bad_alloc &) {
    fail(task->result, make_error("OUT_OF_MEMORY",
                                  "There is not enough memory on the host for this call. Score fewer "
                                  "branches at once."));
  } catch (const std::exception &error) {
    fail(task->result, make_error("INTERNAL", std::string("The native engine failed: ") + error.what() + "."));
  } catch (...) {
    fail(task->result, make_error("INTERNAL", "The native engine failed with an unknown exception."));
  }
  if (!task->is_aborted() || task->result.failed) return;
  if (task->result.prefix != 0) retrace_prefix_close(engine_, task->result.prefix);
  fail(task->result, aborted_error());
}

// No job can be done from now on. The next scorer that asks for the model gets a host of its own, which tries anew.
void engine_host::die(const retrace_error &why) {
  host_registry &registry = host_registry::get();
  {
    std::lock_guard<std::mutex> lock(registry.mutex);
    registry.forget(this);
  }
  std::deque<std::shared_ptr<job>> left;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    dead_ = true;
    why_dead_ = why;
    left.swap(queue_);
    bounded_jobs_ = 0;
  }
  for (const auto &task : left) {
    if (task->bounded) fail(task->result, why);
    settle(task);
  }
}

// ---- the end of the process ------------------------------------------------------------------------

// Devices' libraries take themselves apart when the process ends; nothing may run in them then.
void host_registry::stop_all_for_exit() {
  host_registry &registry = host_registry::get();
  std::vector<std::shared_ptr<engine_host>> hosts;
  {
    std::lock_guard<std::mutex> lock(registry.mutex);
    for (engine_host *host : registry.running) hosts.push_back(host->shared_from_this());
  }
  for (const auto &host : hosts) host->stop_for_exit();
}

// The thread ends here and the engine stays as it is: the operating system takes all of it back.
void engine_host::park() {
  host_registry &registry = host_registry::get();
  {
    std::lock_guard<std::mutex> lock(registry.mutex);
    registry.running.erase(this);
  }
  std::lock_guard<std::mutex> lock(mutex_);
  parked_ = true;
  changed_.notify_all();
}

void engine_host::stop_for_exit() {
  std::unique_lock<std::mutex> lock(mutex_);
  exiting_ = true;
  if (current_) current_->set_aborted();
  changed_.notify_all();
  changed_.wait_for(lock, kWaitAtExit, [&] { return parked_; });
}

}  // namespace retrace::addon
