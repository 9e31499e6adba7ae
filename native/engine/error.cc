// Names of the error codes, and a device's status as an exception.
#include "error.h"

#include <cstring>

#include "device_call.h"

namespace retrace {

const char *name_of(error_code code) {
  // No default: the compiler then names a code that is missing here.
  switch (code) {
    case error_code::model_missing_file: return "MODEL_MISSING_FILE";
    case error_code::model_invalid: return "MODEL_INVALID";
    case error_code::model_unsupported: return "MODEL_UNSUPPORTED";
    case error_code::token_out_of_range: return "TOKEN_OUT_OF_RANGE";
    case error_code::invalid_branch: return "INVALID_BRANCH";
    case error_code::empty_target: return "EMPTY_TARGET";
    case error_code::context_too_long: return "CONTEXT_TOO_LONG";
    case error_code::prefix_closed: return "PREFIX_CLOSED";
    case error_code::not_finite: return "NOT_FINITE";
    case error_code::invalid_options: return "INVALID_OPTIONS";
    case error_code::capacity: return "CAPACITY";
    case error_code::out_of_memory: return "OUT_OF_MEMORY";
    case error_code::device_unavailable: return "DEVICE_UNAVAILABLE";
    case error_code::device_failed: return "DEVICE_FAILED";
    case error_code::device_lost: return "DEVICE_LOST";
    case error_code::aborted: return "ABORTED";
    case error_code::internal: return "INTERNAL";
  }
  return "INTERNAL";
}

static error_code code_of(int32_t status) {
  switch (status) {
    case RETRACE_DEVICE_NONE: return error_code::device_unavailable;
    case RETRACE_DEVICE_OUT_OF_MEMORY: return error_code::out_of_memory;
    case RETRACE_DEVICE_CALL_FAILED: return error_code::device_failed;
    case RETRACE_DEVICE_IS_LOST: return error_code::device_lost;
    case RETRACE_DEVICE_UNSUPPORTED: return error_code::model_unsupported;
    default: return error_code::internal;
  }
}

// A device is another library: its text may fill the field without a final zero.
template <size_t N>
static std::string text_of(const char (&field)[N]) {
  return std::string(field, strnlen(field, N));
}

void throw_device_error(const retrace_device_error &failure) {
  const std::string file = text_of(failure.file);
  std::string message = text_of(failure.message);
  if (message.empty()) message = "The device failed with status " + std::to_string(failure.status) + ".";
  if (!file.empty()) message += " (" + file + ":" + std::to_string(failure.line) + ")";
  error thrown(code_of(failure.status), message);
  thrown.file = file;
  thrown.line = failure.line;
  thrown.native_status = failure.native_status;
  throw thrown;
}

}  // namespace retrace
