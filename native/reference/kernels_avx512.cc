// The kernels for AVX-512: blocks of 12 rows and 2 vectors, 24 sums in 32 registers.
#include "kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

// Behind the includes, so that nothing of theirs is compiled for it.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), \
                             apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")
#endif

namespace retrace::reference {
namespace {

constexpr int64_t lanes = 16;
constexpr int block_rows = 12, strip_vectors = 2;
typedef float vec __attribute__((vector_size(64)));
typedef int32_t ivec __attribute__((vector_size(64)));
typedef uint32_t uvec __attribute__((vector_size(64)));

inline vec splat(float value) { return (vec)_mm512_set1_ps(value); }
inline vec fused(vec a, vec b, vec c) { return (vec)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c); }

#include "kernels_body.h"

}  // namespace

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

namespace {
bool is_usable() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx2") &&
         __builtin_cpu_supports("fma");
}
}  // namespace

const kernels avx512_kernels = {"AVX-512",    "avx512", block_rows, is_usable, product, add_scaled, scale,
                                softmax_step, rms_norm, swiglu,     store,     add,     rotate,     exponentials};

}  // namespace retrace::reference
#endif
