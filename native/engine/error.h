// The one exception of the engine. Its codes are those of the scoring room on the other side of the addon.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

namespace retrace {

enum class error_code {
  model_missing_file,
  model_invalid,
  model_unsupported,
  token_out_of_range,
  invalid_branch,
  empty_target,
  context_too_long,
  prefix_closed,
  not_finite,
  invalid_options,
  capacity,            // the cache cannot hold what was asked for, even when everything that may go is gone
  out_of_memory,       // at load
  device_unavailable,  // no GPU, no driver, one too old, or the library is not there
  device_failed,       // a call of the device failed; the engine lives on
  device_lost,         // a sticky device error: the engine is dead
  aborted,
  internal
};

// The code's name as the other side knows it, such as "MODEL_INVALID".
const char *name_of(error_code code);

class error : public std::runtime_error {
 public:
  error(error_code code, const std::string &message) : std::runtime_error(message), code(code) {}
  error_code code;
  // Figures of `capacity` and `context_too_long`, and -1 where there are none.
  int64_t needed = -1, available = -1;
  // Where a device's call failed, and its own status.
  std::string file;
  int line = 0;
  int native_status = 0;
};

}  // namespace retrace
