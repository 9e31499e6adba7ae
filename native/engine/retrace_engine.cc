// The C interface over the engine: exceptions become error records, and nothing else is decided here.
#include "retrace_engine.h"

#include <cstring>
#include <new>
#include <string>

#include "device_choice.h"
#include "engine.h"
#include "error.h"

struct retrace_engine {
  explicit retrace_engine(const retrace_engine_options &options) : engine(options) {}
  retrace::engine engine;
  mutable std::string description;
};

namespace {

template <size_t size>
void copy_text(char (&target)[size], const std::string &text) {
  const size_t length = text.size() < size ? text.size() : size - 1;
  std::memcpy(target, text.data(), length);
  target[length] = '\0';
}

int fill(retrace_error *out, retrace::error_code code, const char *message) {
  if (out != nullptr) {
    std::memset(out, 0, sizeof *out);
    out->needed = out->available = -1;
    copy_text(out->code, retrace::name_of(code));
    copy_text(out->message, message);
  }
  return static_cast<int>(code) + 1;
}

// Runs the work; whatever it throws becomes the answer.
template <class Work>
int guarded(retrace_error *out, const Work &work) {
  try {
    work();
    return 0;
  } catch (const retrace::error &failure) {
    const int status = fill(out, failure.code, failure.what());
    if (out != nullptr) {
      copy_text(out->file, failure.file);
      out->line = failure.line;
      out->native_status = failure.native_status;
      out->needed = failure.needed;
      out->available = failure.available;
    }
    return status;
  } catch (const std::bad_alloc &) {
    return fill(out, retrace::error_code::out_of_memory, "The machine has no memory left. Free some, or use less at once.");
  } catch (const std::exception &failure) {
    return fill(out, retrace::error_code::internal, failure.what());
  } catch (...) {
    return fill(out, retrace::error_code::internal, "Something that is no exception was thrown.");
  }
}

retrace_counters &or_spare(retrace_counters *counters, retrace_counters &spare) {
  return counters != nullptr ? *counters : spare;
}

}  // namespace

uint32_t retrace_abi(void) { return RETRACE_ENGINE_ABI; }

void retrace_probe(const char *device_folder, char *json, size_t capacity) {
  if (capacity == 0) return;
  std::string text = "{}";
  guarded(nullptr, [&] { text = retrace::probe_devices(device_folder == nullptr ? "" : device_folder); });
  // Half an answer would be no JSON.
  if (text.size() >= capacity) text = capacity > 2 ? "{}" : "";
  std::memcpy(json, text.c_str(), text.size() + 1);
}

int retrace_engine_open(const retrace_engine_options *options, retrace_engine **engine, retrace_error *error) {
  if (engine != nullptr) *engine = nullptr;
  return guarded(error, [&] {
    if (options == nullptr || engine == nullptr || options->struct_bytes != sizeof(retrace_engine_options)) {
      throw retrace::error(retrace::error_code::invalid_options,
                           "The options are of another version. Build the caller against this library's header.");
    }
    *engine = new retrace_engine(*options);
  });
}

void retrace_engine_close(retrace_engine *engine) { delete engine; }

const char *retrace_engine_describe(const retrace_engine *engine) {
  guarded(nullptr, [&] { engine->description = engine->engine.describe(); });
  return engine->description.c_str();
}

int retrace_prefix_open(retrace_engine *engine, const uint32_t *tokens, int64_t count, retrace_abort *abort,
                        uint64_t *prefix, retrace_counters *counters, retrace_error *error) {
  retrace_counters spare{};
  return guarded(error, [&] { *prefix = engine->engine.open_prefix(tokens, count, abort, or_spare(counters, spare)); });
}

int retrace_score(retrace_engine *engine, uint64_t prefix, const retrace_branch *branches, int64_t count,
                  float *log_probs, retrace_abort *abort, retrace_counters *counters, retrace_error *error) {
  retrace_counters spare{};
  return guarded(error, [&] {
    engine->engine.score(prefix, branches, count, log_probs, abort, or_spare(counters, spare));
  });
}

int retrace_commit(retrace_engine *engine, uint64_t prefix, const uint32_t *tokens, int64_t count, retrace_abort *abort,
                   uint64_t *committed, retrace_counters *counters, retrace_error *error) {
  retrace_counters spare{};
  return guarded(error, [&] {
    *committed = engine->engine.commit(prefix, tokens, count, abort, or_spare(counters, spare));
  });
}

void retrace_prefix_close(retrace_engine *engine, uint64_t prefix) {
  guarded(nullptr, [&] { engine->engine.close_prefix(prefix); });
}

void retrace_drop_unpinned(retrace_engine *engine) {
  guarded(nullptr, [&] { engine->engine.drop_unpinned(); });
}

int retrace_audit(const retrace_engine *engine, retrace_error *error) {
  return guarded(error, [&] { engine->engine.audit(); });
}
