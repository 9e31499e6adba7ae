// What becomes of a CUDA status: one line for people, a class for the engine, and the place in the source.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>

#include "../device.h"

namespace retrace::cuda {

// RETRACE_DEVICE_NONE, .._OUT_OF_MEMORY, .._CALL_FAILED or .._IS_LOST.
retrace_device_status class_of(cudaError_t status);
// What to do about it; a sentence.
const char *next_step(cudaError_t status);
// "13.0" of 13000
struct version_text {
  char text[16];
};
version_text version_of(int version);

// The last failure of one device. Every failing call goes through here, so that none is left behind in the runtime to be
// blamed on the next one.
class failures {
 public:
  // Status 0, or the class of `status` with everything filled in. `call` is source text; its arguments are dropped.
  int check(cudaError_t status, const char *call, const char *file, int line);
  // The same of an allocation: the message has the bytes wanted and free. `what` says what they are for.
  int check_allocation(cudaError_t status, const char *what, size_t bytes, const char *file, int line);
  // A failure that is not CUDA's.
  __attribute__((format(printf, 6, 7))) int fail(retrace_device_status status, int native_status, const char *file,
                                                 int line, const char *format, ...);
  // After a sticky status: nothing more may be asked of CUDA.
  bool is_lost() const { return lost_; }
  const retrace_device_error &last() const { return last_; }

 private:
  retrace_device_error last_{};
  bool lost_ = false;
};

}  // namespace retrace::cuda

// In functions that return a retrace_device_status and have `failures &failures` in sight.
#define RETRACE_CUDA_CHECK(failures, call)                                                                     \
  do {                                                                                                         \
    if (const int retrace_status_ = (failures).check((call), #call, __FILE__, __LINE__); retrace_status_ != 0) \
      return retrace_status_;                                                                                  \
  } while (0)
#define RETRACE_CUDA_FAIL(failures, status, ...) (failures).fail((status), 0, __FILE__, __LINE__, __VA_ARGS__)
// Hands on the status of a function of the same kind.
#define RETRACE_PASS_ON(call)                                                             \
  do {                                                                                    \
    if (const int retrace_status_ = (call); retrace_status_ != 0) return retrace_status_; \
  } while (0)
