// The C interface over the engine: exceptions become error records, and nothing else is decided here.
#include "retrace_engine.h"

#include <cstring>
#include <new>
#include <string>

#include "device_choice.h"
#include "engine.h"
#include "error.h"
#include "printable.h"

struct retrace_engine {
  explicit retrace_engine(const retrace_engine_options &options) : engine(options) {}
  retrace::engine engine;
  mutable std::string description;
};

namespace {

// Allocates nothing, as the failure may be that there is no memory.
template <size_t size>
void copy_text(char (&target)[size], const char *text) {
  const size_t length = retrace::cut_between_characters(text, size - 1);
  std::memcpy(target, text, length);
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
      copy_text(out->file, failure.file.c_str());
      out->line = failure.line;
      out->native_status = failure.native_status;
      out->needed = failure.needed;
      out->available = failure.available;
    }
    return status;
  } catch (const std::bad_alloc &) {
    return fill(out, retrace::error_code::out_of_memory,
                "The machine has no memory left. Free some, or use less at once.");
  } catch (const std::exception &failure) {
    return fill(out, retrace::error_code::internal, failure.what());
  } catch (...) {
    return fill(out, retrace::error_code::internal, "Something that is no exception was thrown.");
  }
}

// Callers in other languages pass what no compiler looked at.
void expect_given(bool is_given, const char *what) {
  if (is_given) return;
  throw retrace::error(retrace::error_code::invalid_options,
                       std::string(what) + " cannot be read: give the address, and how many there are.");
}
void expect_branches(const retrace_branch *branches, int64_t count) {
  expect_given(count == 0 || (count > 0 && branches != nullptr), "The list of branches");
  for (int64_t i = 0; i < count; i++) {
    const retrace_branch &b = branches[i];
    expect_given(b.token_count == 0 || (b.token_count > 0 && b.tokens != nullptr), "The tokens of a branch");
    expect_given(b.range_count == 0 || (b.range_count > 0 && b.ranges != nullptr), "The ranges of a branch");
  }
}
void expect_tokens(const uint32_t *tokens, int64_t count) {
  expect_given(count == 0 || (count > 0 && tokens != nullptr), "The list of tokens");
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
    expect_given(options->tensor_count == 0 || (options->tensor_count > 0 && options->tensors != nullptr),
                 "The list of tensors");
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
  return guarded(error, [&] {
    expect_given(engine != nullptr && prefix != nullptr, "The engine, or the place for the prefix,");
    expect_tokens(tokens, count);
    *prefix = engine->engine.open_prefix(tokens, count, abort, or_spare(counters, spare));
  });
}

int retrace_score(retrace_engine *engine, uint64_t prefix, const retrace_branch *branches, int64_t count,
                  float *log_probs, retrace_abort *abort, retrace_counters *counters, retrace_error *error) {
  retrace_counters spare{};
  return guarded(error, [&] {
    expect_given(engine != nullptr && (log_probs != nullptr || count == 0), "The engine, or the place for the scores,");
    expect_branches(branches, count);
    engine->engine.score(prefix, branches, count, log_probs, abort, or_spare(counters, spare));
  });
}

int retrace_commit(retrace_engine *engine, uint64_t prefix, const uint32_t *tokens, int64_t count, retrace_abort *abort,
                   uint64_t *committed, retrace_counters *counters, retrace_error *error) {
  retrace_counters spare{};
  return guarded(error, [&] {
    expect_given(engine != nullptr && committed != nullptr, "The engine, or the place for the prefix,");
    expect_tokens(tokens, count);
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
