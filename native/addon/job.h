// One call on its way from a JavaScript thread to the engine's thread and back.
#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "../engine/retrace_engine.h"

namespace retrace::addon {

// What a job came to: an error, or of the rest what the job is for.
struct outcome {
  bool failed = false;
  retrace_error error{};
  uint64_t prefix = 0;
  std::vector<float> log_probs;
  std::string text;
};

struct job {
  virtual ~job() = default;

  // On the engine's thread. May be empty: such a job waits for those in front of it.
  std::function<void(retrace_engine *, job &)> work;
  // Once, when the outcome stands, from any thread. May be empty.
  std::function<void(const std::shared_ptr<job> &)> settle;
  // Set from any thread; the engine looks at it between layers.
  retrace_abort aborted = 0;
  // Counts towards the bound of the queue. Closing and disposing do not: they must not fail.
  bool bounded = true;
  outcome result;

  bool is_aborted() const { return __atomic_load_n(&aborted, __ATOMIC_RELAXED) != 0; }
  void set_aborted() { __atomic_store_n(&aborted, 1, __ATOMIC_RELAXED); }
};

inline retrace_error make_error(const char *code, const std::string &message) {
  retrace_error error{};
  std::snprintf(error.code, sizeof error.code, "%s", code);
  std::snprintf(error.message, sizeof error.message, "%s", message.c_str());
  error.needed = error.available = -1;
  return error;
}

inline void fail(outcome &result, const retrace_error &error) {
  result = outcome{};
  result.failed = true;
  result.error = error;
}

inline void settle(const std::shared_ptr<job> &task) {
  if (task->settle) task->settle(task);
}

inline retrace_error aborted_error() { return make_error("ABORTED", "Scoring was aborted."); }

}  // namespace retrace::addon
