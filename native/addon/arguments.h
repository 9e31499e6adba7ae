// JavaScript's values as the engine's, checked: what is not as expected throws a TypeError that says what was expected.
#pragma once

#include <napi.h>

#include <cstdint>
#include <string>
#include <vector>

#include "engine_host.h"
#include "handle.h"

namespace retrace::addon {

template <class T>
std::shared_ptr<T> read_handle(const Napi::CallbackInfo &info, size_t index, const char *what) {
  auto found = open_handle<T>(info.Env(), info[index]);
  if (!found) {
    throw Napi::TypeError::New(info.Env(), "Argument " + std::to_string(index) + " is no " + what + " of this addon.");
  }
  return found;
}

// A copy of a Uint32Array.
std::vector<uint32_t> read_tokens(const Napi::CallbackInfo &info, size_t index, const char *what);
uint64_t read_job_number(const Napi::CallbackInfo &info, size_t index);
host_options read_options(const Napi::CallbackInfo &info, size_t index);

// The branches of one call.
struct branch_list {
  std::vector<uint32_t> tokens;        // of all branches, one after another
  std::vector<uint32_t> token_counts;  // by branch
  std::vector<uint32_t> range_counts;  // by branch
  std::vector<int64_t> ranges;         // of all branches, pairs [start, end) in their branch's tokens
  int64_t targets = 0;                 // tokens in all ranges

  std::vector<retrace_branch> views() const;
};

// Four Uint32Arrays from `index` on, in the order of the fields. Throws a RangeError where counts do not add up, or a
// range is out of order or passes its branch: what the sizes of buffers rest on is checked here.
branch_list read_branches(const Napi::CallbackInfo &info, size_t index);

}  // namespace retrace::addon
