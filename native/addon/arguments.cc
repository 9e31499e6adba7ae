#include "arguments.h"

#include <climits>
#include <cmath>
#include <cstdlib>
#include <limits>

namespace retrace::addon {
namespace {

constexpr double kLargestWhole = 9007199254740991.0;  // of those that a double holds exactly

[[noreturn]] void refuse(Napi::Env env, const std::string &why) { throw Napi::TypeError::New(env, why); }
[[noreturn]] void refuse_range(Napi::Env env, const std::string &why) { throw Napi::RangeError::New(env, why); }

std::string read_text(Napi::Env env, const Napi::Object &object, const char *name, const std::string &otherwise) {
  const Napi::Value value = object.Get(name);
  if (value.IsUndefined()) return otherwise;
  if (!value.IsString()) refuse(env, std::string("options.") + name + " is no string.");
  const std::string text = value.As<Napi::String>().Utf8Value();
  if (text.find('\0') != std::string::npos) refuse(env, std::string("options.") + name + " holds a zero byte.");
  return text;
}

int64_t read_whole(Napi::Env env, const Napi::Object &object, const char *name, int64_t otherwise, int64_t least,
                   int64_t most) {
  const Napi::Value value = object.Get(name);
  if (value.IsUndefined()) return otherwise;
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : std::nan("");
  // Written so that a NaN is refused as well.
  if (!(number >= static_cast<double>(least) && number <= static_cast<double>(most)) || std::floor(number) != number) {
    refuse(env, std::string("options.") + name + " is no whole number in [" + std::to_string(least) + ", " +
                    std::to_string(most) + "].");
  }
  return static_cast<int64_t>(number);
}

// One name for one folder, so that scorers find each other; a path that leads nowhere is left for the engine to refuse.
std::string real_path(const std::string &path) {
  char *found = realpath(path.c_str(), nullptr);
  if (found == nullptr) return path;
  std::string real = found;
  std::free(found);
  return real;
}

}  // namespace

std::vector<uint32_t> read_tokens(const Napi::CallbackInfo &info, size_t index, const char *what) {
  napi_typedarray_type type;
  size_t length = 0;
  void *data = nullptr;
  bool is_array = false;
  if (napi_is_typedarray(info.Env(), info[index], &is_array) != napi_ok || !is_array ||
      napi_get_typedarray_info(info.Env(), info[index], &type, &length, &data, nullptr, nullptr) != napi_ok ||
      type != napi_uint32_array) {
    refuse(info.Env(), std::string("The ") + what + " (argument " + std::to_string(index) + ") are no Uint32Array.");
  }
  const auto *first = static_cast<const uint32_t *>(data);
  if (length == 0 || data == nullptr) return {};
  return std::vector<uint32_t>(first, first + length);
}

uint64_t read_job_number(const Napi::CallbackInfo &info, size_t index) {
  const double number = info[index].IsNumber() ? info[index].As<Napi::Number>().DoubleValue() : -1;
  if (!(number >= 0 && number <= kLargestWhole)) refuse(info.Env(), "The job's number is none.");
  return static_cast<uint64_t>(number);
}

host_options read_options(const Napi::CallbackInfo &info, size_t index) {
  const Napi::Env env = info.Env();
  if (!info[index].IsObject()) refuse(env, "The options are no object.");
  const Napi::Object object = info[index].As<Napi::Object>();
  host_options options;
  options.model_dir = read_text(env, object, "modelDir", "");
  if (options.model_dir.empty()) refuse(env, "options.modelDir is missing.");
  options.model_dir = real_path(options.model_dir);
  options.identity = read_text(env, object, "identity", "");
  options.device = read_text(env, object, "device", "auto");
  options.kernels = read_text(env, object, "kernels", "");
  options.ordinal = static_cast<int32_t>(read_whole(env, object, "gpu", 0, 0, INT_MAX));
  options.precision = static_cast<int32_t>(read_whole(env, object, "precision", 0, 0, 2));
  options.threads = static_cast<int32_t>(read_whole(env, object, "threads", 1, 1, 4096));
  options.page_tokens = static_cast<int32_t>(read_whole(env, object, "pageTokens", 0, 0, 1 << 20));
  options.max_batch_rows = read_whole(env, object, "maxBatchRows", 0, 0, INT_MAX);
  options.cache_bytes = read_whole(env, object, "cacheBytes", 0, 0, static_cast<int64_t>(kLargestWhole));
  options.max_queued_jobs = read_whole(env, object, "maxQueuedJobs", options.max_queued_jobs, 1, INT_MAX);
  return options;
}

branch_list read_branches(const Napi::CallbackInfo &info, size_t index) {
  const Napi::Env env = info.Env();
  branch_list list;
  list.tokens = read_tokens(info, index, "tokens");
  list.token_counts = read_tokens(info, index + 1, "token counts");
  list.range_counts = read_tokens(info, index + 2, "range counts");
  const std::vector<uint32_t> ranges = read_tokens(info, index + 3, "ranges");
  if (list.token_counts.size() != list.range_counts.size()) {
    refuse_range(env, "There are as many token counts as branches, and as many range counts.");
  }
  uint64_t tokens = 0, pairs = 0;
  for (const uint32_t count : list.token_counts) tokens += count;
  for (const uint32_t count : list.range_counts) pairs += count;
  if (tokens != list.tokens.size()) refuse_range(env, "The token counts do not add up to the tokens.");
  if (2 * pairs != ranges.size()) refuse_range(env, "The range counts do not add up to the ranges.");

  list.ranges.assign(ranges.begin(), ranges.end());
  const int64_t *range = list.ranges.data();
  for (size_t branch = 0; branch < list.token_counts.size(); branch++) {
    int64_t reached = 0;
    for (uint32_t i = 0; i < list.range_counts[branch]; i++, range += 2) {
      if (range[0] < reached || range[1] <= range[0] || range[1] > list.token_counts[branch]) {
        refuse_range(env, "A range of branch " + std::to_string(branch) + " is empty, out of order or past its end.");
      }
      reached = range[1];
      list.targets += range[1] - range[0];
    }
  }
  return list;
}

std::vector<retrace_branch> branch_list::views() const {
  std::vector<retrace_branch> branches;
  branches.reserve(token_counts.size());
  const uint32_t *token = tokens.data();
  const int64_t *range = ranges.data();
  for (size_t i = 0; i < token_counts.size(); i++) {
    branches.push_back({token, token_counts[i], range, range_counts[i]});
    token += token_counts[i];
    range += 2 * static_cast<size_t>(range_counts[i]);
  }
  return branches;
}

}  // namespace retrace::addon
