// The words in which the kernels are written, with two meanings: instructions under nvcc, the emulator's functions
// under g++ (RETRACE_EMULATOR). `threadIdx`, `blockIdx`, `gridDim`, `__syncthreads`, `__syncwarp`, `__shfl_sync`,
// `__shfl_xor_sync` and `__any_sync` are CUDA's own names in both.
//
// Shared memory is dynamic alone: `shared_memory()`, aligned to 1,024 bytes.
#pragma once

#include <cstdint>

#ifdef RETRACE_EMULATOR
#include "../emulator/instructions.h"
#elif !defined(__CUDACC_RTC__)
#include <cuda_runtime_api.h>
#endif

#ifdef RETRACE_EMULATOR
#define RETRACE_UNROLL
#define RETRACE_UNROLL_BY(count)
#else
#define RETRACE_PRAGMA(text) _Pragma(#text)
#define RETRACE_UNROLL _Pragma("unroll")
#define RETRACE_UNROLL_BY(count) RETRACE_PRAGMA(unroll count)
#endif

namespace retrace {

using bf16 = uint16_t;
constexpr unsigned whole_warp = 0xFFFFFFFFu;

#ifdef RETRACE_EMULATOR

inline char *shared_memory() { return emulator::grid.shared; }
inline int thread_read_anew() { return static_cast<int>(threadIdx.x); }

inline float to_float(bf16 bits) { return emulator::widen(bits); }
inline bf16 to_bf16(float value) { return emulator::narrow(value); }
// Two values as one register of a fragment, the first in the low half.
inline uint32_t pack_bf16(float low, float high) { return to_bf16(low) | static_cast<uint32_t>(to_bf16(high)) << 16; }

inline float float_of_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, 4);
  return value;
}
inline uint32_t bits_of_float(float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  return bits;
}

inline void multiply_accumulate(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  const uint32_t b[2] = {b0, b1};
  emulator::multiply_accumulate(c, a, b);
}
inline void load_matrices(uint32_t (&registers)[4], const void *row) {
  emulator::load_matrix_rows<false>(registers, row);
}
inline void load_matrices_transposed(uint32_t (&registers)[4], const void *row) {
  emulator::load_matrix_rows<true>(registers, row);
}

inline void copy_async(void *target, const void *source, bool inside) {
  emulator::start_copy(target, source, inside ? 16 : 0);
}
inline void commit_copies() { emulator::commit_copy_group(); }
template <int newest>
void wait_copies() {
  emulator::wait_for_copy_groups(newest);
}

inline float fast_exp2(float x) { return std::exp2(x); }
inline float fast_reciprocal(float x) { return 1.f / x; }

template <class T>
T load(const void *address) {
  emulator::check_aligned(static_cast<const T *>(address));
  return *static_cast<const T *>(address);
}
template <class T>
void store(void *address, const T &value) {
  emulator::check_aligned(static_cast<T *>(address));
  *static_cast<T *>(address) = value;
}

#else  // nvcc

extern __shared__ __align__(1024) char retrace_shared_memory[];
__device__ __forceinline__ char *shared_memory() { return retrace_shared_memory; }

// threadIdx.x, but what follows from it is worked out anew at each use: for loops that have no register to keep it in.
__device__ __forceinline__ int thread_read_anew() {
  int thread;
  asm volatile("mov.u32 %0, %%tid.x;" : "=r"(thread));
  return thread;
}

__device__ __forceinline__ float float_of_bits(uint32_t bits) { return __uint_as_float(bits); }
__device__ __forceinline__ uint32_t bits_of_float(float value) { return __float_as_uint(value); }
__device__ __forceinline__ float to_float(bf16 bits) { return __uint_as_float(static_cast<uint32_t>(bits) << 16); }
__device__ __forceinline__ uint32_t pack_bf16(float low, float high) {
  uint32_t pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
}
__device__ __forceinline__ bf16 to_bf16(float value) {
  bf16 bits;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(value));
  return bits;
}

__device__ __forceinline__ uint32_t shared_address(const void *address) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(address));
}

// c[16, 8] += a[16, 16] * b[16, 8]
__device__ __forceinline__ void multiply_accumulate(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
__device__ __forceinline__ void load_matrices(uint32_t (&registers)[4], const void *row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(registers[0]), "=r"(registers[1]), "=r"(registers[2]), "=r"(registers[3])
               : "r"(shared_address(row))
               : "memory");
}
__device__ __forceinline__ void load_matrices_transposed(uint32_t (&registers)[4], const void *row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(registers[0]), "=r"(registers[1]), "=r"(registers[2]), "=r"(registers[3])
               : "r"(shared_address(row))
               : "memory");
}

// 16 bytes to shared memory, zeros where `inside` is false (the source is not read then).
__device__ __forceinline__ void copy_async(void *target, const void *source, bool inside) {
  asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;" ::"r"(shared_address(target)), "l"(source),
               "r"(inside ? 16 : 0)
               : "memory");
}
__device__ __forceinline__ void commit_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
// Until at most `newest` groups of this thread are under way.
template <int newest>
__device__ __forceinline__ void wait_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(newest) : "memory");
}

__device__ __forceinline__ float fast_exp2(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

// At most 1 ulp off (PTX ISA, rcp.approx); a true division is ten times as long.
__device__ __forceinline__ float fast_reciprocal(float x) {
  float y;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

// An access of the whole T at once; the address must be a multiple of its size.
template <class T>
__device__ __forceinline__ T load(const void *address) {
  return *static_cast<const T *>(address);
}
template <class T>
__device__ __forceinline__ void store(void *address, const T &value) {
  *static_cast<T *>(address) = value;
}

#endif

constexpr float log2_of_e = 1.4426950408889634f;

__host__ __device__ constexpr int64_t blocks_of(int64_t count, int64_t size) { return (count + size - 1) / size; }

__device__ inline float low_float(uint32_t pair) { return float_of_bits(pair << 16); }
__device__ inline float high_float(uint32_t pair) { return float_of_bits(pair & 0xFFFF0000u); }

// silu(gate) * up = gate / (1 + exp(-gate)) * up. For a very negative gate the exponential is infinite and the reciprocal
// zero. The one SwiGLU of all kernels; the CPU reference has its own, as the twin that they are held against.
__device__ __forceinline__ float swiglu(float gate, float up) {
  return gate * fast_reciprocal(1.0f + fast_exp2(-log2_of_e * gate)) * up;
}

#ifndef __CUDACC_RTC__
// ---- launches -------------------------------------------------------------------------------------

#ifdef RETRACE_EMULATOR
template <class... Parameters, class... Arguments>
cudaError_t launch_kernel(const char *name, void (*kernel)(Parameters...), dim3 grid, int threads, size_t shared_bytes,
                          cudaStream_t, Arguments... arguments) {
  if (const cudaError_t planted = retrace_emulator_before_launch(name)) return planted;
  if (retrace_emulator_is_empty(name)) return cudaSuccess;
  return emulator::launch(name, kernel, grid, threads, shared_bytes, arguments...);
}
#else
template <class... Parameters, class... Arguments>
cudaError_t launch_kernel(const char *, void (*kernel)(Parameters...), dim3 grid, int threads, size_t shared_bytes,
                          cudaStream_t stream, Arguments... arguments) {
  // More than 48 KiB has to be asked for, on each device anew: cheap enough to ask at every launch.
  if (shared_bytes > 48 * 1024) {
    const cudaError_t status =
        cudaFuncSetAttribute(reinterpret_cast<const void *>(kernel), cudaFuncAttributeMaxDynamicSharedMemorySize,
                             static_cast<int>(shared_bytes));
    if (status != cudaSuccess) return status;
  }
  kernel<<<grid, static_cast<unsigned>(threads), shared_bytes, stream>>>(arguments...);
  return cudaGetLastError();
}
#endif

// Blocks of a grid along x as CUDA takes them; 0, which no launch takes, where there are too many.
inline unsigned grid_size(int64_t blocks) { return blocks < (int64_t{1} << 31) ? static_cast<unsigned>(blocks) : 0; }
#endif  // __CUDACC_RTC__

}  // namespace retrace

// RETRACE_LAUNCH((kernel<128>), grid, threads, shared_bytes, stream, arguments...) -> cudaError_t
#define RETRACE_LAUNCH(kernel, grid, threads, shared_bytes, stream, ...) \
  ::retrace::launch_kernel(#kernel, kernel, grid, threads, shared_bytes, stream, __VA_ARGS__)
