// What the kernels for Hopper say beyond `vocabulary.cuh`: barriers in shared memory that count bytes (mbarrier), bulk
// copies, and the tensor cores' asynchronous products (wgmma). Instructions under nvcc for sm_90a, the model of
// `emulator/hopper.h` under g++.
//
// The one layout of tiles in shared memory here is the 128-byte swizzle. A tile is blocks of [rows][128 bytes], each
// block on a multiple of 1,024 bytes, and the 16-byte chunk c of row r lies at chunk c ^ (r & 7): of an address, bits
// 4-6 are xor-ed with bits 7-9. Bulk tensor copies write it, and wgmma reads it, by the same rule.
//
// Sources: PTX ISA, "Asynchronous Warpgroup Level Matrix Instructions" (matrix descriptor, strides, register fragments)
// and "mbarrier"; the canonical layouts as CUTLASS states them (cute/atom/mma_traits_sm90_gmma.hpp, the comment on
// make_gmma_desc; cute/arch/mma_sm90_desc.hpp for the bits). DeepGEMM (mma/sm90.cuh) and ThunderKittens
// (types/shared/descriptor.cuh) give the same bits.
#pragma once

#include "vocabulary.cuh"

#ifdef RETRACE_EMULATOR
#include "../emulator/hopper.h"
#endif

// Where the kernels have a body: other targets get empty kernels that are never launched.
#if defined(RETRACE_EMULATOR) || defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define RETRACE_HOPPER_CODE 1
#endif

namespace retrace {

#ifdef RETRACE_EMULATOR

inline uint32_t shared_address(const void *address) { return emulator::hopper::address_of(address); }

inline void mbarrier_init(uint64_t *barrier, uint32_t arrivals) { emulator::hopper::init_barrier(barrier, arrivals); }
inline void mbarrier_init_fence() { emulator::hopper::fence_barriers(); }
inline void mbarrier_arrive(uint64_t *barrier) { emulator::hopper::arrive(barrier, 0); }
inline void mbarrier_arrive_and_expect(uint64_t *barrier, uint32_t bytes) { emulator::hopper::arrive(barrier, bytes); }
inline void mbarrier_wait(uint64_t *barrier, uint32_t parity) { emulator::hopper::wait_for_phase(barrier, parity); }

inline void copy_bulk(void *target, const void *source, uint32_t bytes, uint64_t *barrier) {
  emulator::hopper::copy_bulk(target, source, bytes, barrier);
}
inline void copy_tile(void *target, const void *map, int32_t column, int32_t row, uint64_t *barrier) {
  emulator::hopper::copy_tile(target, map, column, row, barrier);
}
inline void prefetch_map(const void *) {}

inline void store_shared(void *target, const uint4 &value) { emulator::hopper::store_shared(target, value); }
inline void fence_async_proxy() { emulator::hopper::fence_async_proxy(); }
inline void named_barrier_sync(int id, int threads) { emulator::wait_at_barrier(id, threads); }
inline void named_barrier_arrive(int id, int threads) { emulator::arrive_at_barrier(id, threads); }
template <int registers>
void release_registers() {
  emulator::hopper::change_registers(registers, false);
}
template <int registers>
void claim_registers() {
  emulator::hopper::change_registers(registers, true);
}

inline void wgmma_fence() { emulator::hopper::fence_products(); }
inline void wgmma_commit() { emulator::hopper::commit_products(); }
template <int newest>
void wgmma_wait() {
  emulator::hopper::wait_for_products(newest);
}
template <int count>
void keep_registers(float (&)[count]) {}

inline void wgmma_n256(float (&d)[128], uint64_t a, uint64_t b, int accumulate) {
  emulator::hopper::multiply(d, 256, nullptr, a, b, false, accumulate);
}
inline void wgmma_n128(float (&d)[64], uint64_t a, uint64_t b, int accumulate) {
  emulator::hopper::multiply(d, 128, nullptr, a, b, false, accumulate);
}
inline void wgmma_n128_transposed(float (&d)[64], const uint32_t (&a)[4], uint64_t b, int accumulate) {
  emulator::hopper::multiply(d, 128, a, 0, b, true, accumulate);
}

#else  // nvcc

// ---- barriers in shared memory: a phase ends when all arrivals and all expected bytes have come -------
__device__ __forceinline__ void mbarrier_init(uint64_t *barrier, uint32_t arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(barrier)), "r"(arrivals) : "memory");
}
// Makes the initialisation known to the copy engine; a barrier of the block makes it known to the other threads.
__device__ __forceinline__ void mbarrier_init_fence() {
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}
__device__ __forceinline__ void mbarrier_arrive(uint64_t *barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(barrier)) : "memory");
}
__device__ __forceinline__ void mbarrier_arrive_and_expect(uint64_t *barrier, uint32_t bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(barrier)), "r"(bytes)
               : "memory");
}
// Until the phase of this parity has ended: a fresh barrier is in phase 0, so parity 1 goes through at once.
__device__ __forceinline__ void mbarrier_wait(uint64_t *barrier, uint32_t parity) {
  asm volatile(
      "{\n"
      ".reg .pred ended;\n"
      "again:\n"
      "mbarrier.try_wait.parity.shared::cta.b64 ended, [%0], %1;\n"
      "@!ended bra again;\n"
      "}" ::"r"(shared_address(barrier)),
      "r"(parity)
      : "memory");
}

// ---- bulk copies to shared memory; the barrier counts their bytes -------------------------------------
// Addresses and `bytes` are multiples of 16.
__device__ __forceinline__ void copy_bulk(void *target, const void *source, uint32_t bytes, uint64_t *barrier) {
  asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(
                   shared_address(target)),
               "l"(source), "r"(bytes), "r"(shared_address(barrier))
               : "memory");
}
// The box of `map` whose first element is (row, column), swizzled; what lies outside of the matrix arrives as zeros and
// is counted with the other bytes.
__device__ __forceinline__ void copy_tile(void *target, const void *map, int32_t column, int32_t row,
                                          uint64_t *barrier) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3}], [%4];" ::"r"(
          shared_address(target)),
      "l"(map), "r"(column), "r"(row), "r"(shared_address(barrier))
      : "memory");
}
__device__ __forceinline__ void prefetch_map(const void *map) {
  asm volatile("prefetch.tensormap [%0];" ::"l"(map) : "memory");
}

// A store that wgmma will read: `fence_async_proxy` in the same thread, then a barrier, must come between.
__device__ __forceinline__ void store_shared(void *target, const uint4 &value) {
  *static_cast<uint4 *>(target) = value;
}
__device__ __forceinline__ void fence_async_proxy() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

__device__ __forceinline__ void named_barrier_sync(int id, int threads) {
  asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory");
}
__device__ __forceinline__ void named_barrier_arrive(int id, int threads) {
  asm volatile("bar.arrive %0, %1;" ::"r"(id), "r"(threads) : "memory");
}
// Gives registers of this warpgroup back, or waits until they can be had; per thread, a multiple of 8.
template <int registers>
__device__ __forceinline__ void release_registers() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(registers));
}
template <int registers>
__device__ __forceinline__ void claim_registers() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(registers));
}

// ---- wgmma: four warps multiply [64, 16] by [16, N]; warp w holds rows 16 w ... of the result -----------
// Before the first product of a group, and after registers of it were touched otherwise.
__device__ __forceinline__ void wgmma_fence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ __forceinline__ void wgmma_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
// Until at most `newest` groups are under way: results can be read, operands overwritten.
template <int newest>
__device__ __forceinline__ void wgmma_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(newest) : "memory");
}
// Keeps the compiler from moving uses of these registers across this point.
template <int count>
__device__ __forceinline__ void keep_registers(float (&d)[count]) {
  RETRACE_UNROLL
  for (int i = 0; i < count; i++) asm volatile("" : "+f"(d[i])::"memory");
}

#define RETRACE_D8(i)                                                                                         \
  "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3]), "+f"(d[i + 4]), "+f"(d[i + 5]), "+f"(d[i + 6]), \
      "+f"(d[i + 7])
#define RETRACE_D64(i)                                                                                              \
  RETRACE_D8(i), RETRACE_D8(i + 8), RETRACE_D8(i + 16), RETRACE_D8(i + 24), RETRACE_D8(i + 32), RETRACE_D8(i + 40), \
      RETRACE_D8(i + 48), RETRACE_D8(i + 56)
#define RETRACE_NAMES64                                                                  \
  "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,"       \
  "%22,%23,%24,%25,%26,%27,%28,%29,%30,%31,%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42," \
  "%43,%44,%45,%46,%47,%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63"
#define RETRACE_NAMES128                                                                          \
  RETRACE_NAMES64                                                                                 \
  ",%64,%65,%66,%67,%68,%69,%70,%71,%72,%73,%74,%75,%76,%77,%78,%79,%80,%81,%82,%83,%84,%85,%86," \
  "%87,%88,%89,%90,%91,%92,%93,%94,%95,%96,%97,%98,%99,%100,%101,%102,%103,%104,%105,%106,%107,"  \
  "%108,%109,%110,%111,%112,%113,%114,%115,%116,%117,%118,%119,%120,%121,%122,%123,%124,%125,%126,%127"

// d[64, 256] (+)= a[64, 16] * b[256, 16] transposed, both of shared memory with 16 consecutive elements a row.
// The last immediates: no negation of a and b; neither is transposed (both K-major).
__device__ __forceinline__ void wgmma_n256(float (&d)[128], uint64_t a, uint64_t b, int accumulate) {
  asm volatile(
      "{\n"
      ".reg .pred p;\n"
      "setp.ne.b32 p, %130, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16 {" RETRACE_NAMES128 "}, %128, %129, p, 1, 1, 0, 0;\n"
      "}"
      : RETRACE_D64(0), RETRACE_D64(64)
      : "l"(a), "l"(b), "r"(accumulate));
}
__device__ __forceinline__ void wgmma_n128(float (&d)[64], uint64_t a, uint64_t b, int accumulate) {
  asm volatile(
      "{\n"
      ".reg .pred p;\n"
      "setp.ne.b32 p, %66, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {" RETRACE_NAMES64 "}, %64, %65, p, 1, 1, 0, 0;\n"
      "}"
      : RETRACE_D64(0)
      : "l"(a), "l"(b), "r"(accumulate));
}
// d[64, 128] (+)= a[64, 16] * b[16, 128]: a in registers, b of shared memory with the 128 elements of a row consecutive
// (N-major: the last immediate).
__device__ __forceinline__ void wgmma_n128_transposed(float (&d)[64], const uint32_t (&a)[4], uint64_t b,
                                                      int accumulate) {
  asm volatile(
      "{\n"
      ".reg .pred p;\n"
      "setp.ne.b32 p, %69, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {" RETRACE_NAMES64
      "}, {%64, %65, %66, %67}, %68, p, 1, 1, 1;\n"
      "}"
      : RETRACE_D64(0)
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(accumulate));
}

#undef RETRACE_D8
#undef RETRACE_D64
#undef RETRACE_NAMES64
#undef RETRACE_NAMES128

#endif

// ---- descriptors of swizzled tiles ------------------------------------------------------------------
// Bits 0-13 the start address / 16, 16-29 the leading byte offset / 16, 32-45 the stride byte offset / 16, 49-51 the
// base offset (0: patterns start on multiples of 1,024 bytes), 62-63 the swizzle (1: 128 bytes).
__device__ __forceinline__ uint64_t matrix_descriptor(uint32_t address, uint32_t leading_bytes, uint32_t stride_bytes) {
  return static_cast<uint64_t>((address & 0x3FFFF) >> 4) | static_cast<uint64_t>(leading_bytes >> 4) << 16 |
         static_cast<uint64_t>(stride_bytes >> 4) << 32 | uint64_t{1} << 62;
}
constexpr uint32_t swizzle_atom_bytes = 8 * 128;  // eight rows

// Rows of a tile are rows of the operand and their 64 elements run along k. Stride: from eight rows to the next eight.
// The leading offset means nothing here (16 elements of k lie within one row of 128 bytes). `address` may be moved by
// 32 bytes to the next 16 elements of k.
__device__ __forceinline__ uint64_t k_major_descriptor(uint32_t address) {
  return matrix_descriptor(address, 16, swizzle_atom_bytes);
}
// Rows of a tile are k and their 64 elements run along n. Stride: from eight k to the next eight. Leading: from a block
// of 64 columns to the next. `address` may be moved by 16 rows to the next 16 of k.
__device__ __forceinline__ uint64_t n_major_descriptor(uint32_t address, uint32_t bytes_per_column_block) {
  return matrix_descriptor(address, bytes_per_column_block, swizzle_atom_bytes);
}
// Byte of the 16-byte chunk `chunk` (of 8) of a row in a block [rows][128 bytes].
__device__ __forceinline__ uint32_t swizzled_chunk(uint32_t row, uint32_t chunk) {
  return row * 128 + ((chunk ^ (row & 7)) << 4);
}

// A place in a ring of shared memory's stages, and the parity of the phase that its barriers are in.
template <int stages>
struct ring_place {
  int stage = 0;
  uint32_t parity = 0;
  __device__ __forceinline__ void advance() {
    if (++stage == stages) stage = 0, parity ^= 1;
  }
};

}  // namespace retrace
