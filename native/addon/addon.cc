// The functions of the addon for JavaScript. `addon-types.ts` of the native backend mirrors them, and a test compares the
// two (test/native/abi-mirrors.test.ts).
//
// Every function checks its arguments and throws on wrong ones. Work is a job for the engine's thread and a promise
// here; JavaScript's thread never waits.
#include <napi.h>

#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "arguments.h"
#include "channel.h"
#include "scorer.h"

namespace retrace::addon {
namespace {

// Raised with every change of what is exported here.
constexpr uint32_t kAddonAbi = 1;

// The state of one JavaScript environment.
struct environment {
  std::shared_ptr<channel> back = std::make_shared<channel>();
  std::vector<std::weak_ptr<scorer>> scorers;

  void track(const std::shared_ptr<scorer> &made) {
    std::vector<std::weak_ptr<scorer>> alive{made};
    for (auto &tracked : scorers)
      if (!tracked.expired()) alive.push_back(std::move(tracked));
    scorers.swap(alive);
  }
  // The environment ends, perhaps during work: the results are dropped and the prefixes closed.
  void close() {
    back->close();
    for (auto &tracked : scorers)
      if (auto alive = tracked.lock()) alive->dispose(nullptr);
    scorers.clear();
  }
};

environment &environment_of(const Napi::CallbackInfo &info) { return *info.Env().GetInstanceData<environment>(); }

Napi::Value begin(const Napi::CallbackInfo &info, const std::shared_ptr<js_job> &task) {
  napi_value promise;
  if (environment_of(info).back->begin(info.Env(), task, &promise) != napi_ok) {
    throw Napi::Error::New(info.Env(), "This JavaScript environment is ending; nothing can be computed for it.");
  }
  return Napi::Value(info.Env(), promise);
}

void reject(const std::shared_ptr<js_job> &task, const char *code, const char *message) {
  fail(task->result, make_error(code, message));
  settle(task);
}

// Begins and submits a job; answers `{ promise, job }`, the number for `abort`.
Napi::Value start(const Napi::CallbackInfo &info, const std::shared_ptr<scorer> &by,
                  const std::shared_ptr<js_job> &task, const prefix *needs = nullptr) {
  Napi::Object answer = Napi::Object::New(info.Env());
  answer["promise"] = begin(info, task);
  uint64_t number = 0;
  if (by->is_disposed()) {
    reject(task, "BACKEND_DIED", "The scorer was disposed. Make a new one.");
  } else if (needs != nullptr && (needs->closed || needs->owner != by)) {
    reject(task, "PREFIX_CLOSED", "The prefix is closed, or of another scorer. Open it again.");
  } else {
    number = by->submit(task);
  }
  answer["job"] = Napi::Number::New(info.Env(), static_cast<double>(number));
  return answer;
}

// ---- jobs ------------------------------------------------------------------------------------------

// Runs a call of the engine, adds its counters, and keeps its error where it has one.
template <class Call>
bool perform(scorer &by, job &task, const Call &call) {
  retrace_counters counters{};
  retrace_error error{};
  const int status = call(&counters, &error);
  by.books().add(counters);
  if (status != 0) fail(task.result, error);
  return status == 0;
}

std::shared_ptr<js_job> prefix_job(const std::shared_ptr<scorer> &by) {
  auto task = std::make_shared<js_job>();
  task->to_js = [by](napi_env env, outcome &result, napi_value *out) {
    return make_handle(env, std::make_shared<prefix>(by, result.prefix), out);
  };
  return task;
}

void keep_prefix(scorer &by, job &task, uint64_t opened) {
  task.result.prefix = opened;
  std::lock_guard<std::mutex> lock(by.books().mutex);
  by.books().prefixes.insert(opened);
}

// open(scorer, tokens)
Napi::Value open(const Napi::CallbackInfo &info) {
  const auto by = read_handle<scorer>(info, 0, "scorer");
  auto task = prefix_job(by);
  task->work = [by, tokens = read_tokens(info, 1, "tokens")](retrace_engine *engine, job &own) {
    uint64_t opened = 0;
    const bool done = perform(*by, own, [&](retrace_counters *counters, retrace_error *error) {
      return retrace_prefix_open(engine, tokens.data(), tokens.size(), &own.aborted, &opened, counters, error);
    });
    if (done) keep_prefix(*by, own, opened);
  };
  return start(info, by, task);
}

// commit(scorer, prefix, tokens)
Napi::Value commit(const Napi::CallbackInfo &info) {
  const auto by = read_handle<scorer>(info, 0, "scorer");
  const auto from = read_handle<prefix>(info, 1, "prefix");
  auto task = prefix_job(by);
  task->work = [by, from, tokens = read_tokens(info, 2, "tokens")](retrace_engine *engine, job &own) {
    uint64_t opened = 0;
    const bool done = perform(*by, own, [&](retrace_counters *counters, retrace_error *error) {
      return retrace_commit(engine, from->id, tokens.data(), tokens.size(), &own.aborted, &opened, counters, error);
    });
    if (done) keep_prefix(*by, own, opened);
  };
  return start(info, by, task, from.get());
}

napi_status to_float_array(napi_env env, outcome &result, napi_value *out) {
  const size_t count = result.log_probs.size();
  void *data = nullptr;
  napi_value buffer;
  const napi_status status = napi_create_arraybuffer(env, count * sizeof(float), &data, &buffer);
  if (status != napi_ok) return status;
  if (count > 0) std::memcpy(data, result.log_probs.data(), count * sizeof(float));
  return napi_create_typedarray(env, napi_float32_array, count, buffer, 0, out);
}

// score(scorer, prefix, tokens, tokenCounts, rangeCounts, ranges)
Napi::Value score(const Napi::CallbackInfo &info) {
  const auto by = read_handle<scorer>(info, 0, "scorer");
  const auto behind = read_handle<prefix>(info, 1, "prefix");
  auto task = std::make_shared<js_job>();
  task->to_js = to_float_array;
  task->work = [by, behind, list = read_branches(info, 2)](retrace_engine *engine, job &own) {
    const std::vector<retrace_branch> branches = list.views();
    std::vector<float> log_probs(list.targets);
    const bool done = perform(*by, own, [&](retrace_counters *counters, retrace_error *error) {
      return retrace_score(engine, behind->id, branches.data(), branches.size(), log_probs.data(), &own.aborted,
                           counters, error);
    });
    if (done) own.result.log_probs = std::move(log_probs);
  };
  return start(info, by, task, behind.get());
}

napi_status to_text(napi_env env, outcome &result, napi_value *out) {
  return napi_create_string_utf8(env, result.text.data(), result.text.size(), out);
}

// describe(scorer): JSON
Napi::Value describe(const Napi::CallbackInfo &info) {
  auto task = std::make_shared<js_job>();
  task->to_js = to_text;
  task->work = [](retrace_engine *engine, job &own) { own.result.text = retrace_engine_describe(engine); };
  return start(info, read_handle<scorer>(info, 0, "scorer"), task);
}

// audit(scorer): rejects with the first disagreement
Napi::Value audit(const Napi::CallbackInfo &info) {
  auto task = std::make_shared<js_job>();
  task->work = [](retrace_engine *engine, job &own) {
    retrace_error error{};
    if (retrace_audit(engine, &error) != 0) fail(own.result, error);
  };
  return start(info, read_handle<scorer>(info, 0, "scorer"), task);
}

// dropUnpinned(scorer)
Napi::Value drop_unpinned(const Napi::CallbackInfo &info) {
  auto task = std::make_shared<js_job>();
  task->work = [](retrace_engine *engine, job &) { retrace_drop_unpinned(engine); };
  return start(info, read_handle<scorer>(info, 0, "scorer"), task);
}

// ---- at once ---------------------------------------------------------------------------------------

// abort(scorer, job)
Napi::Value abort(const Napi::CallbackInfo &info) {
  const auto by = read_handle<scorer>(info, 0, "scorer");
  by->abort(read_job_number(info, 1));
  return info.Env().Undefined();
}

// close(prefix)
Napi::Value close(const Napi::CallbackInfo &info) {
  read_handle<prefix>(info, 0, "prefix")->close();
  return info.Env().Undefined();
}

// counters(scorer)
Napi::Value counters(const Napi::CallbackInfo &info) {
  const retrace_counters total = read_handle<scorer>(info, 0, "scorer")->books().total();
  const std::pair<const char *, int64_t> all[] = {
      {"prefixTokensComputed", total.prefix_tokens_computed},
      {"branchTokensComputed", total.branch_tokens_computed},
      {"tokensRecomputed", total.tokens_recomputed},
      {"prefixTokensReused", total.prefix_tokens_reused},
      {"forwardPasses", total.forward_passes},
      {"pagesEvicted", total.pages_evicted},
  };
  Napi::Object answer = Napi::Object::New(info.Env());
  for (const auto &[name, value] : all) answer[name] = Napi::Number::New(info.Env(), static_cast<double>(value));
  return answer;
}

// ---- loading and disposing ---------------------------------------------------------------------------

// load(options): a promise of a scorer, whose engine is loaded where no scorer has one with the same options
Napi::Value load(const Napi::CallbackInfo &info) {
  const host_options options = read_options(info, 0);
  auto task = std::make_shared<js_job>();
  auto loaded = std::make_shared<scorer>(engine_host::acquire(options));
  environment_of(info).track(loaded);
  task->to_js = [loaded](napi_env env, outcome &, napi_value *out) { return make_handle(env, loaded, out); };
  const Napi::Value promise = begin(info, task);
  loaded->submit(task);
  return promise;
}

// dispose(scorer): a promise that is kept when its prefixes are closed and, were it the last one, the engine is freed
Napi::Value dispose(const Napi::CallbackInfo &info) {
  const auto by = read_handle<scorer>(info, 0, "scorer");
  auto last_task = std::make_shared<js_job>();
  last_task->bounded = false;
  const Napi::Value promise = begin(info, last_task);
  by->dispose(last_task);
  return promise;
}

// probe(): a promise of JSON. On a thread of its own: a driver may take its time, and must not do so on JavaScript's.
Napi::Value probe(const Napi::CallbackInfo &info) {
  auto task = std::make_shared<js_job>();
  task->to_js = to_text;
  const Napi::Value promise = begin(info, task);
  std::thread([task] {
    std::vector<char> json(1 << 17);
    retrace_probe(nullptr, json.data(), json.size());
    task->result.text = json.data();
    settle(task);
  }).detach();
  return promise;
}

// ---- the module --------------------------------------------------------------------------------------

// No exception but Napi's own leaves a function: any other would end the process.
template <Napi::Value (*body)(const Napi::CallbackInfo &)>
Napi::Value guarded(const Napi::CallbackInfo &info) {
  const auto failed = [&](const char *code, const std::string &message) {
    Napi::Error error = Napi::Error::New(info.Env(), message);
    error.Set("code", Napi::String::New(info.Env(), code));
    return error;
  };
  try {
    return body(info);
  } catch (const Napi::Error &) {
    throw;
  } catch (const std::bad_alloc &) {
    throw failed("OUT_OF_MEMORY", "There is not enough memory on the host for this call.");
  } catch (const std::system_error &error) {
    throw failed("OUT_OF_MEMORY", std::string("The engine's thread cannot be started: ") + error.what() + ".");
  } catch (const std::exception &error) {
    throw failed("INTERNAL", std::string("The addon failed: ") + error.what() + ".");
  }
}

template <Napi::Value (*body)(const Napi::CallbackInfo &)>
void offer(Napi::Object &exports, const char *name) {
  exports[name] = Napi::Function::New(exports.Env(), guarded<body>, name);
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  auto *own = new environment;
  env.SetInstanceData(own);
  env.AddCleanupHook([](environment *ending) { ending->close(); }, own);

  exports["abi"] = Napi::Number::New(env, kAddonAbi);
  offer<probe>(exports, "probe");
  offer<load>(exports, "load");
  offer<open>(exports, "open");
  offer<score>(exports, "score");
  offer<commit>(exports, "commit");
  offer<close>(exports, "close");
  offer<abort>(exports, "abort");
  offer<counters>(exports, "counters");
  offer<describe>(exports, "describe");
  offer<audit>(exports, "audit");
  offer<drop_unpinned>(exports, "dropUnpinned");
  offer<dispose>(exports, "dispose");
  return exports;
}

}  // namespace

NODE_API_MODULE(retrace, init)

}  // namespace retrace::addon
