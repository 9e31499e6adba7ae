// The CUDA runtime's names over host memory. Streams run at once, so what a launch leaves behind is there when it
// returns. New memory is filled with 0xFF, which is NaN in bfloat16 and float: a read of what nobody wrote shows. Each
// allocation ends in a guard; a kernel that wrote into it is reported as an illegal address at the next wait, as a GPU
// would.
#include "cuda_runtime_api.h"

#include <cstdlib>
#include <cstring>
#include <map>
#include <string>

namespace {

constexpr size_t guard_bytes = 256;
constexpr unsigned char guard_value = 0xA5;

struct block {
  size_t bytes;
  bool on_host;  // pinned host memory
};

struct emulated_gpu {
  std::map<char *, block> blocks;  // by address
  size_t limit = size_t(1) << 30, device_bytes = 0, host_bytes = 0, handles = 0;
  int64_t launches = 0, requested = 0;
  int count = 1, major = 9, minor = 0, driver = 13000;
  cudaError_t last = cudaSuccess;
  cudaError_t sticky = cudaSuccess;
  // the planted failure
  std::string what;
  bool of_any = false, planted = false, answered = false;
  int calls_left = 0;
  cudaError_t status = cudaSuccess;
} gpu;

bool is_sticky(cudaError_t status) {
  const int s = status;
  return s == 214 || s == 220 || s == 226 || s == 700 || s == 702 || s == 710 || (s >= 714 && s <= 719) || s == 721 ||
         s == 810 || s == 911 || s == 999;
}

cudaError_t answer(cudaError_t status) {
  if (status != cudaSuccess) gpu.last = status;
  if (is_sticky(status)) gpu.sticky = status;
  return status;
}

// What stands in front of every call: a sticky error, and the planted one.
cudaError_t before(const char *name) {
  if (gpu.sticky != cudaSuccess) return gpu.sticky;
  if (!gpu.planted || (!gpu.of_any && gpu.what != name)) return cudaSuccess;
  if (gpu.calls_left-- > 0) return cudaSuccess;
  gpu.planted = false;
  gpu.answered = true;
  return answer(gpu.status);
}

cudaError_t found_driver() {
  if (gpu.driver < 13000) return answer(cudaErrorInsufficientDriver);
  return gpu.count > 0 ? cudaSuccess : answer(cudaErrorNoDevice);
}

// The block that an address lies in, or end().
std::map<char *, block>::iterator block_of(const void *memory) {
  char *address = static_cast<char *>(const_cast<void *>(memory));
  auto next = gpu.blocks.upper_bound(address);
  if (next == gpu.blocks.begin()) return gpu.blocks.end();
  --next;
  return address < next->first + next->second.bytes ? next : gpu.blocks.end();
}

// False where a range begins in an allocation and leaves it.
bool fits(const void *memory, size_t bytes) {
  const auto found = block_of(memory);
  if (found == gpu.blocks.end()) return true;
  const char *end = found->first + found->second.bytes;
  return bytes <= static_cast<size_t>(end - static_cast<const char *>(memory));
}

bool guard_is_whole(const char *memory, const block &b) {
  for (size_t i = 0; i < guard_bytes; i++) {
    if (static_cast<unsigned char>(memory[b.bytes + i]) != guard_value) return false;
  }
  return true;
}

cudaError_t check_guards() {
  for (const auto &[memory, b] : gpu.blocks) {
    if (!guard_is_whole(memory, b)) return answer(cudaErrorIllegalAddress);
  }
  return cudaSuccess;
}

cudaError_t take(void **memory, size_t bytes, bool on_host) {
  *memory = nullptr;
  gpu.requested += static_cast<int64_t>(bytes);
  if (!on_host && bytes > gpu.limit - gpu.device_bytes) return answer(cudaErrorMemoryAllocation);
  const size_t whole = (bytes + guard_bytes + 255) / 256 * 256;
  char *block_memory = static_cast<char *>(std::aligned_alloc(256, whole));
  if (block_memory == nullptr) return answer(cudaErrorMemoryAllocation);
  if (!on_host) std::memset(block_memory, 0xFF, bytes);  // pinned memory is left as it is: it is large
  std::memset(block_memory + bytes, guard_value, guard_bytes);
  (on_host ? gpu.host_bytes : gpu.device_bytes) += bytes;
  gpu.blocks[block_memory] = {bytes, on_host};
  *memory = block_memory;
  return cudaSuccess;
}

cudaError_t give_back(void *memory, bool on_host) {
  if (memory == nullptr) return cudaSuccess;
  const auto found = gpu.blocks.find(static_cast<char *>(memory));
  if (found == gpu.blocks.end() || found->second.on_host != on_host) return answer(cudaErrorInvalidValue);
  const bool whole = guard_is_whole(found->first, found->second);
  (on_host ? gpu.host_bytes : gpu.device_bytes) -= found->second.bytes;
  std::free(found->first);
  gpu.blocks.erase(found);
  return whole ? cudaSuccess : answer(cudaErrorIllegalAddress);
}

template <class Handle>
cudaError_t make_handle(Handle *handle) {
  *handle = reinterpret_cast<Handle>(std::malloc(1));
  gpu.handles++;
  return cudaSuccess;
}

void drop_handle(void *handle) {
  std::free(handle);
  gpu.handles--;
}

void drop_everything() {
  for (const auto &[memory, b] : gpu.blocks) std::free(memory);
  gpu.blocks.clear();
  gpu.device_bytes = gpu.host_bytes = gpu.handles = 0;
}

}  // namespace

#define RETRACE_BEFORE \
  if (const cudaError_t planted = before(__func__); planted != cudaSuccess) return planted

extern "C" {

cudaError_t cudaGetDeviceCount(int *count) {
  *count = 0;
  RETRACE_BEFORE;
  if (const cudaError_t status = found_driver(); status != cudaSuccess) return status;
  *count = gpu.count;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp *properties, int device) {
  RETRACE_BEFORE;
  if (device < 0 || device >= gpu.count) return answer(cudaErrorInvalidDevice);
  *properties = {};
  std::strcpy(properties->name, "Emulated GPU");
  properties->totalGlobalMem = gpu.limit;
  properties->sharedMemPerBlockOptin = 232448;
  properties->major = gpu.major;
  properties->minor = gpu.minor;
  properties->multiProcessorCount = 4;
  return cudaSuccess;
}

cudaError_t cudaSetDevice(int device) {
  RETRACE_BEFORE;
  return device < 0 || device >= gpu.count ? answer(cudaErrorInvalidDevice) : cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int *version) {
  *version = 0;
  RETRACE_BEFORE;
  *version = gpu.driver;
  return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int *version) {
  *version = 0;
  RETRACE_BEFORE;
  *version = 13020;
  return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total_bytes) {
  RETRACE_BEFORE;
  *total_bytes = gpu.limit;
  *free_bytes = gpu.limit - gpu.device_bytes;
  return cudaSuccess;
}

cudaError_t cudaMalloc(void **memory, size_t bytes) {
  *memory = nullptr;
  RETRACE_BEFORE;
  return take(memory, bytes, false);
}

cudaError_t cudaHostAlloc(void **memory, size_t bytes, unsigned int) {
  *memory = nullptr;
  RETRACE_BEFORE;
  return take(memory, bytes, true);
}

// Freeing happens also where it answers a failure: that is then one of earlier work.
cudaError_t cudaFree(void *memory) {
  const cudaError_t planted = before(__func__);
  const cudaError_t status = gpu.sticky == cudaSuccess ? give_back(memory, false) : gpu.sticky;
  return planted != cudaSuccess ? planted : status;
}

cudaError_t cudaFreeHost(void *memory) {
  const cudaError_t planted = before(__func__);
  const cudaError_t status = gpu.sticky == cudaSuccess ? give_back(memory, true) : gpu.sticky;
  return planted != cudaSuccess ? planted : status;
}

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes *attributes, const void *memory) {
  *attributes = {};
  RETRACE_BEFORE;
  const auto found = block_of(memory);
  if (found != gpu.blocks.end()) attributes->type = found->second.on_host ? cudaMemoryTypeHost : cudaMemoryTypeDevice;
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void *target, const void *source, size_t bytes, cudaMemcpyKind, cudaStream_t) {
  RETRACE_BEFORE;
  if (bytes > 0 && (target == nullptr || source == nullptr)) return answer(cudaErrorInvalidValue);
  if (!fits(target, bytes) || !fits(source, bytes)) return answer(cudaErrorInvalidValue);
  std::memmove(target, source, bytes);
  return cudaSuccess;
}

cudaError_t cudaMemsetAsync(void *target, int value, size_t bytes, cudaStream_t) {
  RETRACE_BEFORE;
  if (block_of(target) == gpu.blocks.end() || !fits(target, bytes)) return answer(cudaErrorInvalidValue);
  std::memset(target, value, bytes);
  return cudaSuccess;
}

cudaError_t cudaStreamCreate(cudaStream_t *stream) {
  *stream = nullptr;
  RETRACE_BEFORE;
  return make_handle(stream);
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  const cudaError_t planted = before(__func__);
  if (gpu.sticky == cudaSuccess) drop_handle(stream);
  return planted;
}

cudaError_t cudaStreamSynchronize(cudaStream_t) {
  RETRACE_BEFORE;
  return check_guards();
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned int) {
  *event = nullptr;
  RETRACE_BEFORE;
  return make_handle(event);
}

cudaError_t cudaEventRecord(cudaEvent_t, cudaStream_t) {
  RETRACE_BEFORE;
  return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t) {
  RETRACE_BEFORE;
  return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  const cudaError_t planted = before(__func__);
  if (gpu.sticky == cudaSuccess) drop_handle(event);
  return planted;
}

// The last failure, which is then forgotten; a sticky one is not. No failure can be planted here, as it would be one
// that nothing caused.
cudaError_t cudaGetLastError(void) {
  if (gpu.sticky != cudaSuccess) return gpu.sticky;
  const cudaError_t last = gpu.last;
  gpu.last = cudaSuccess;
  return last;
}

cudaError_t cudaPeekAtLastError(void) { return gpu.sticky != cudaSuccess ? gpu.sticky : gpu.last; }

const char *cudaGetErrorName(cudaError_t error) {
  switch (error) {
    case cudaSuccess: return "cudaSuccess";
    case cudaErrorInvalidValue: return "cudaErrorInvalidValue";
    case cudaErrorMemoryAllocation: return "cudaErrorMemoryAllocation";
    case cudaErrorInsufficientDriver: return "cudaErrorInsufficientDriver";
    case cudaErrorNoDevice: return "cudaErrorNoDevice";
    case cudaErrorInvalidDevice: return "cudaErrorInvalidDevice";
    case cudaErrorECCUncorrectable: return "cudaErrorECCUncorrectable";
    case cudaErrorNotReady: return "cudaErrorNotReady";
    case cudaErrorIllegalAddress: return "cudaErrorIllegalAddress";
    case cudaErrorLaunchOutOfResources: return "cudaErrorLaunchOutOfResources";
    case cudaErrorLaunchTimeout: return "cudaErrorLaunchTimeout";
    case cudaErrorAssert: return "cudaErrorAssert";
    case cudaErrorHardwareStackError: return "cudaErrorHardwareStackError";
    case cudaErrorIllegalInstruction: return "cudaErrorIllegalInstruction";
    case cudaErrorMisalignedAddress: return "cudaErrorMisalignedAddress";
    case cudaErrorLaunchFailure: return "cudaErrorLaunchFailure";
    case cudaErrorNotSupported: return "cudaErrorNotSupported";
    case cudaErrorUnknown: return "cudaErrorUnknown";
  }
  return "unrecognized error code";
}

const char *cudaGetErrorString(cudaError_t) { return "emulated"; }

// ---- of the emulator alone ---------------------------------------------------------------------
void retrace_emulator_plant_failure(const char *what, int calls, cudaError_t status) {
  if (status == cudaSuccess) {
    if (gpu.sticky != cudaSuccess) drop_everything();
    gpu.planted = gpu.answered = false;
    gpu.last = gpu.sticky = cudaSuccess;
    return;
  }
  gpu.what = what == nullptr ? "" : what;
  gpu.of_any = what == nullptr;
  gpu.planted = true;
  gpu.answered = false;
  gpu.calls_left = calls;
  gpu.status = status;
}

int retrace_emulator_failed(void) { return gpu.answered ? 1 : 0; }

cudaError_t retrace_emulator_before_launch(const char *kernel) {
  (void)kernel;
  gpu.launches++;
  return before("launch");
}

void retrace_emulator_set_memory(size_t bytes) { gpu.limit = bytes == 0 ? size_t(1) << 30 : bytes; }

void retrace_emulator_set_device(int count, int major, int minor, int driver_version) {
  gpu.count = count;
  gpu.major = major;
  gpu.minor = minor;
  gpu.driver = driver_version;
}

size_t retrace_emulator_allocated(void) { return gpu.device_bytes + gpu.host_bytes + gpu.handles; }
int64_t retrace_emulator_launches(void) { return gpu.launches; }

static const char *empty_kernels = nullptr;
void retrace_emulator_empty_kernels(const char *name) { empty_kernels = name; }
int retrace_emulator_is_empty(const char *kernel) {
  return empty_kernels != nullptr && std::strstr(kernel, empty_kernels) != nullptr;
}
int64_t retrace_emulator_requested(void) { return gpu.requested; }

}  // extern "C"
