// The few names of the CUDA runtime that the CUDA device uses, over host memory: found in place of NVIDIA's header when
// the sources are compiled for the CPU. Streams run at once. Failures can be planted, so that error paths are tested
// without a GPU that fails.
#pragma once

#include <cstddef>
#include <cstdint>

typedef enum cudaError {  // numbers as in CUDA
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInsufficientDriver = 35,
  cudaErrorNoDevice = 100,
  cudaErrorInvalidDevice = 101,
  cudaErrorECCUncorrectable = 214,
  cudaErrorNotReady = 600,
  cudaErrorIllegalAddress = 700,
  cudaErrorLaunchOutOfResources = 701,
  cudaErrorLaunchTimeout = 702,
  cudaErrorAssert = 710,
  cudaErrorHardwareStackError = 714,
  cudaErrorIllegalInstruction = 715,
  cudaErrorMisalignedAddress = 716,
  cudaErrorLaunchFailure = 719,
  cudaErrorNotSupported = 801,
  cudaErrorUnknown = 999
} cudaError_t;

typedef struct retrace_emulated_stream *cudaStream_t;
typedef struct retrace_emulated_event *cudaEvent_t;
typedef enum cudaMemcpyKind {
  cudaMemcpyHostToDevice = 1,
  cudaMemcpyDeviceToHost = 2,
  cudaMemcpyDeviceToDevice = 3,
  cudaMemcpyDefault = 4
} cudaMemcpyKind;
enum cudaMemoryType {
  cudaMemoryTypeUnregistered = 0,
  cudaMemoryTypeHost = 1,
  cudaMemoryTypeDevice = 2,
  cudaMemoryTypeManaged = 3
};
#define cudaHostAllocDefault 0u
#define cudaEventDisableTiming 2u

struct cudaDeviceProp {
  char name[256];
  size_t totalGlobalMem, sharedMemPerBlockOptin;
  int major, minor, multiProcessorCount;
};
struct cudaPointerAttributes {
  enum cudaMemoryType type;
  int device;
  void *devicePointer, *hostPointer;
};

// What the tests reach through the shared library.
#define RETRACE_EMULATOR_API __attribute__((visibility("default")))

#ifdef __cplusplus
extern "C" {
#endif
cudaError_t cudaGetDeviceCount(int *count);
cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *properties, int device);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaDriverGetVersion(int *version);
cudaError_t cudaRuntimeGetVersion(int *version);
cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total_bytes);
cudaError_t cudaMalloc(void **memory, size_t bytes);
cudaError_t cudaFree(void *memory);
cudaError_t cudaMemcpyAsync(void *target, const void *source, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream);
cudaError_t cudaMemsetAsync(void *target, int value, size_t bytes, cudaStream_t stream);
cudaError_t cudaHostAlloc(void **memory, size_t bytes, unsigned int flags);
cudaError_t cudaFreeHost(void *memory);
cudaError_t cudaPointerGetAttributes(struct cudaPointerAttributes *attributes, const void *memory);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned int flags);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream);
cudaError_t cudaEventSynchronize(cudaEvent_t event);
cudaError_t cudaEventDestroy(cudaEvent_t event);
cudaError_t cudaStreamCreate(cudaStream_t *stream);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaGetLastError(void);
cudaError_t cudaPeekAtLastError(void);
const char *cudaGetErrorName(cudaError_t error);
const char *cudaGetErrorString(cudaError_t error);

// ---- of the emulator alone ---------------------------------------------------------------------
// The call after `calls` more calls of `what` (a function's name, "launch", or NULL for any) answers `status`. A status
// that CUDA never recovers from (700, 719 and their kind) is answered by every call from then on, until this is called
// with cudaSuccess, which then stands for a new process: what was allocated is gone.
RETRACE_EMULATOR_API void retrace_emulator_plant_failure(const char *what, int calls, cudaError_t status);
// 1 where the planted failure has been answered.
RETRACE_EMULATOR_API int retrace_emulator_failed(void);
// What a kernel launch answers before it runs.
RETRACE_EMULATOR_API cudaError_t retrace_emulator_before_launch(const char *kernel);
// Memory that cudaMalloc can give in all; 0 stands for 1 GiB.
RETRACE_EMULATOR_API void retrace_emulator_set_memory(size_t bytes);
// The GPU that is found: how many, their compute capability, and the driver's version (0: there is no driver).
RETRACE_EMULATOR_API void retrace_emulator_set_device(int count, int major, int minor, int driver_version);
// Bytes that are allocated now, pinned host memory included; a stream and an event count as one each.
RETRACE_EMULATOR_API size_t retrace_emulator_allocated(void);
// Kernels launched, and bytes ever asked of cudaMalloc and cudaHostAlloc, so far.
RETRACE_EMULATOR_API int64_t retrace_emulator_launches(void);
// Kernels whose names hold this text succeed without running, as those without a body for the GPU's architecture do; NULL
// for none. And what a launch asks.
RETRACE_EMULATOR_API void retrace_emulator_empty_kernels(const char *name);
RETRACE_EMULATOR_API int retrace_emulator_is_empty(const char *kernel);
RETRACE_EMULATOR_API int64_t retrace_emulator_requested(void);
#ifdef __cplusplus
}
#endif
