// The way back into one JavaScript environment (the main thread's, or a worker's): settles the promises of jobs.
//
// One threadsafe function per environment, made with the first job, and keeping the event loop alive only while jobs
// are under way. Completion is plain C calls whose failures are let go: in an environment that is being torn down every
// one of them may fail, and an exception there would end the process.
#pragma once

#include <node_api.h>

#include <functional>
#include <memory>
#include <mutex>

#include "job.h"

namespace retrace::addon {

class channel;

// A job with a promise behind it.
struct js_job : job {
  std::shared_ptr<channel> to;
  napi_deferred deferred = nullptr;
  // The value of a job that did not fail; undefined where this is empty.
  std::function<napi_status(napi_env, outcome &, napi_value *)> to_js;
};

class channel : public std::enable_shared_from_this<channel> {
 public:
  // Makes the job's promise; from here on it has to be settled. JavaScript's thread.
  napi_status begin(napi_env env, const std::shared_ptr<js_job> &task, napi_value *promise);
  // Any thread. Dropped where the environment is gone.
  void deliver(const std::shared_ptr<js_job> &task);
  // The environment is going away; nothing is delivered any more.
  void close();

 private:
  napi_status open(napi_env env);
  static void on_delivered(napi_env env, napi_value, void *, void *data);
  static void on_closed(napi_env, void *data, void *);

  std::mutex mutex_;
  napi_threadsafe_function function_ = nullptr;
  bool closed_ = false;
  int64_t under_way_ = 0;  // JavaScript's thread only
};

}  // namespace retrace::addon
