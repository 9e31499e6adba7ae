// Which CUDA statuses end the process's use of the GPU: those of which the runtime's documentation says "This leaves the
// process in an inconsistent state and any further CUDA work will return the same error" (226, 700, 702, 710, 714 to
// 719, 721, 810, 911), and three of which it does not say so, but after which results cannot be trusted: uncorrectable
// ECC (214) and NVLink (220) errors, and "unknown" (999).
#include "cuda_error.h"

#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace retrace::cuda {
namespace {

bool is_sticky(int status) {
  switch (status) {
    case 214:
    case 220:
    case 226:
    case 700:
    case 702:
    case 710:
    case 714:
    case 715:
    case 716:
    case 717:
    case 718:
    case 719:
    case 721:
    case 810:
    case 911:
    case 999: return true;
    default: return false;
  }
}

// "cudaMalloc" of "cudaMalloc(&memory, bytes)"
int name_length(const char *call) { return static_cast<int>(std::strcspn(call, "( ")); }

}  // namespace

retrace_device_status class_of(cudaError_t status) {
  if (status == cudaSuccess) return RETRACE_DEVICE_OK;
  if (is_sticky(status)) return RETRACE_DEVICE_IS_LOST;
  switch (static_cast<int>(status)) {
    case 2: return RETRACE_DEVICE_OUT_OF_MEMORY;
    // Driver too old or none, a stub of one, busy, no GPU, no such GPU, system not ready, parts that do not match.
    case 35:
    case 34:
    case 46:
    case 100:
    case 101:
    case 802:
    case 803:
    case 804: return RETRACE_DEVICE_NONE;
    default: return RETRACE_DEVICE_CALL_FAILED;
  }
}

const char *next_step(cudaError_t status) {
  switch (static_cast<int>(status)) {
    case 2: return "Lower cacheBytes or maxBatchRows, or free memory of the GPU (nvidia-smi shows who holds it).";
    case 34:
    case 35: return "Install or update the NVIDIA driver, or use the device cpu.";
    case 46: return "Another process holds the GPU for itself (nvidia-smi -q -d COMPUTE): wait, or choose another.";
    case 100: return "Check that the GPU is visible (nvidia-smi, CUDA_VISIBLE_DEVICES), or use the device cpu.";
    case 101: return "Choose an ordinal that the probe lists.";
    case 214:
    case 220: return "The hardware reported an uncorrectable error: look at nvidia-smi -q and the system log.";
    case 209:
    case 200:
    case 218:
    case 222:
      return "The kernels do not fit this GPU or driver: build with its architecture in CUDA_ARCHS, or update the driver.";
    case 802:
    case 803:
    case 804: return "Check the installation of the driver and its services (nvidia-smi).";
    default:
      return is_sticky(status) ? "Start a new process; if it comes again, run under compute-sanitizer and report it."
                               : "Try again; if it comes again, report it with this line.";
  }
}

version_text version_of(int version) {
  version_text out{};
  std::snprintf(out.text, sizeof out.text, "%d.%d", version / 1000, version % 1000 / 10);
  return out;
}

int failures::check(cudaError_t status, const char *call, const char *file, int line) {
  if (status == cudaSuccess) return RETRACE_DEVICE_OK;
  const retrace_device_status kind = class_of(status);
  return fail(kind, status, file, line, "%.*s: %s (%s).%s %s", name_length(call), call, cudaGetErrorName(status),
              cudaGetErrorString(status), kind == RETRACE_DEVICE_IS_LOST ? " The device is lost to this process." : "",
              next_step(status));
}

int failures::check_allocation(cudaError_t status, const char *what, size_t bytes, const char *file, int line) {
  if (status != cudaErrorMemoryAllocation) return check(status, what, file, line);
  size_t free_bytes = 0, total_bytes = 0;
  const bool known = cudaMemGetInfo(&free_bytes, &total_bytes) == cudaSuccess;
  return fail(RETRACE_DEVICE_OUT_OF_MEMORY, status, file, line, "%s: %zu bytes wanted, %s%zu bytes free (%s). %s", what,
              bytes, known ? "" : "unknown, last ", free_bytes, cudaGetErrorName(status), next_step(status));
}

int failures::fail(retrace_device_status status, int native_status, const char *file, int line, const char *format,
                   ...) {
  if (lost_) return RETRACE_DEVICE_IS_LOST;  // the first cause stays to be read
  last_ = {};
  last_.status = status;
  last_.native_status = native_status;
  last_.line = line;
  const char *slash = std::strrchr(file, '/');
  std::snprintf(last_.file, sizeof last_.file, "%s", slash == nullptr ? file : slash + 1);
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(last_.message, sizeof last_.message, format, arguments);
  va_end(arguments);
  lost_ = status == RETRACE_DEVICE_IS_LOST;
  // The runtime keeps a failure until it is asked for; the next launch would report it as its own.
  if (!lost_) (void)cudaGetLastError();
  return status;
}

}  // namespace retrace::cuda
