// The CPU reference under the name of the CUDA device, with failures where they are asked for: what the engine and the
// addon make of them can so be tested without a GPU, in milliseconds.
//
// RETRACE_FAIL_AFTER="7 4" in the environment: of the calls from then on the first seven go through, and the eighth fails
// with status 4 of `retrace_device_status`. A device that is lost stays lost; every other failure comes once.
// RETRACE_PROBE_ANSWER is what the probe answers, where it is set: a machine whose GPU cannot be used is so imitated.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include "../device.h"
#include "../reference/reference_device.h"

#define EXPORTED extern "C" __attribute__((visibility("default")))

namespace {

const retrace_device_api &inner() { return *retrace_reference_device(); }

// What was asked for last, and how many calls still go through.
struct plan {
  std::string text;
  int64_t calls_left = -1;
  int status = 0;

  // The status with which the call at hand fails; 0 where it goes through.
  int next() {
    const char *asked = std::getenv("RETRACE_FAIL_AFTER");
    if (text != (asked == nullptr ? "" : asked)) {
      text = asked == nullptr ? "" : asked;
      calls_left = -1;
      char *rest = nullptr;
      if (!text.empty()) calls_left = std::strtoll(text.c_str(), &rest, 10), status = std::atoi(rest);
    }
    return calls_left >= 0 && calls_left-- == 0 ? status : RETRACE_DEVICE_OK;
  }
} planned;

int64_t live_allocations = 0;

struct failing {
  retrace_device *device;
  retrace_device_error error{};
  bool lost = false;
};
failing &state_of(retrace_device *handle) { return *reinterpret_cast<failing *>(handle); }

int tell(retrace_device_error &error, int status) {
  error = {};
  error.status = status;
  error.native_status = 700;
  error.line = 42;
  std::copy_n("failing_device.cc", 18, error.file);
  std::copy_n("A planned failure. Go on.", 26, error.message);
  return status;
}

template <class Call>
int guarded(retrace_device *handle, const Call &call) {
  failing &d = state_of(handle);
  if (d.lost) return RETRACE_DEVICE_IS_LOST;
  if (const int status = planned.next()) {
    d.lost = status == RETRACE_DEVICE_IS_LOST;
    return tell(d.error, status);
  }
  const int status = call(d.device);
  if (status != RETRACE_DEVICE_OK) d.error = *inner().last_error(d.device);
  return status;
}

// The function of the table that calls the reference's of the same name.
template <auto entry>
struct through;
template <class... Arguments, int (*retrace_device_api::*entry)(retrace_device *, Arguments...)>
struct through<entry> {
  static int call(retrace_device *handle, Arguments... arguments) {
    return guarded(handle, [&](retrace_device *device) { return (inner().*entry)(device, arguments...); });
  }
};
template <class... Arguments, size_t (*retrace_device_api::*entry)(retrace_device *, Arguments...)>
struct through<entry> {
  static size_t call(retrace_device *handle, Arguments... arguments) {
    return (inner().*entry)(state_of(handle).device, arguments...);
  }
};

int open(const retrace_device_options *options, retrace_device **handle, retrace_device_error *error) {
  *handle = nullptr;
  if (const int status = planned.next()) return tell(*error, status);
  failing *made = new failing{nullptr};
  const int status = inner().open(options, &made->device, error);
  if (status == RETRACE_DEVICE_OK) {
    *handle = reinterpret_cast<retrace_device *>(made);
    live_allocations++;
  } else {
    delete made;
  }
  return status;
}

void close(retrace_device *handle) {
  if (handle == nullptr) return;
  inner().close(state_of(handle).device);
  delete &state_of(handle);
  live_allocations--;
}

int allocate(retrace_device *handle, size_t bytes, void **memory) {
  const int status = through<&retrace_device_api::allocate>::call(handle, bytes, memory);
  if (status == RETRACE_DEVICE_OK) live_allocations++;
  return status;
}

void release(retrace_device *handle, void *memory) {
  if (memory != nullptr) live_allocations--;
  inner().release(state_of(handle).device, memory);
}

retrace_device_api make_table() {
  using api = retrace_device_api;
  api a{};
  a.abi = RETRACE_DEVICE_ABI;
  a.name = "cuda";
  a.probe = [](char *json, size_t capacity) {
    const char *answer = std::getenv("RETRACE_PROBE_ANSWER");
    if (answer == nullptr) inner().probe(json, capacity);
    else std::snprintf(json, capacity, "%s", answer);
  };
  a.open = open;
  a.close = close;
  a.last_error = [](const retrace_device *handle) -> const retrace_device_error * {
    return &reinterpret_cast<const failing *>(handle)->error;
  };
  a.allocate = allocate;
  a.release = release;
#define THROUGH(name) a.name = through<&api::name>::call;
  THROUGH(facts)
  THROUGH(upload)
  THROUGH(download)
  THROUGH(synchronize)
  THROUGH(cache_bytes)
  THROUGH(make_cache)
  THROUGH(workspace_bytes)
  THROUGH(make_workspace)
  THROUGH(set_rotary)
  THROUGH(weight_bytes)
  THROUGH(write_weight)
  THROUGH(randomize_weight)
  THROUGH(embed)
  THROUGH(rms_norm)
  THROUGH(gemm)
  THROUGH(rope_and_store)
  THROUGH(attention)
  THROUGH(gather_rows)
  THROUGH(store_hidden)
  THROUGH(copy_page_rows)
  THROUGH(head)
#undef THROUGH
  return a;
}

}  // namespace

EXPORTED const retrace_device_api *retrace_device_entry_point(uint32_t abi) {
  static const retrace_device_api table = make_table();
  return abi == RETRACE_DEVICE_ABI ? &table : nullptr;
}

// Devices and pieces of memory that were not given back yet.
EXPORTED int64_t retrace_failing_device_live(void) { return live_allocations; }
