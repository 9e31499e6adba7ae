// The kernels for AVX2 with FMA: blocks of 6 rows and 2 vectors, 12 sums in 16 registers.
#include "kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

// Behind the includes, so that nothing of theirs is compiled for it.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif

namespace retrace::reference {
namespace {

constexpr int64_t lanes = 8;
constexpr int block_rows = 6, strip_vectors = 2;
typedef float vec __attribute__((vector_size(32)));
typedef int32_t ivec __attribute__((vector_size(32)));
typedef uint32_t uvec __attribute__((vector_size(32)));

inline vec splat(float value) { return (vec)_mm256_set1_ps(value); }
inline vec fused(vec a, vec b, vec c) { return (vec)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c); }

#include "kernels_body.h"

}  // namespace

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

namespace {
bool is_usable() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
}  // namespace

const kernels avx2_kernels = {"AVX2",       "avx2",   block_rows, is_usable, product, add_scaled, scale,
                              softmax_step, rms_norm, swiglu,     store,     add,     rotate,     exponentials};

}  // namespace retrace::reference
#endif
