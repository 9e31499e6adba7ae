// The kernels for any processor, with vectors of 4 floats (SSE2, NEON, or what the compiler makes of them), and the
// choice between all.
#include "kernels.h"

#include <cstring>

#if defined(__FMA__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace retrace::reference {
namespace {

constexpr int64_t lanes = 4;
constexpr int block_rows = 4, strip_vectors = 2;
typedef float vec __attribute__((vector_size(16)));
typedef int32_t ivec __attribute__((vector_size(16)));
typedef uint32_t uvec __attribute__((vector_size(16)));

inline vec splat(float value) { return vec{value, value, value, value}; }

// Always fused or never: where the processor can, a compiler may fuse `a * b + c` in one place and not in another.
inline vec fused(vec a, vec b, vec c) {
#if defined(__FMA__)
  return (vec)_mm_fmadd_ps((__m128)a, (__m128)b, (__m128)c);
#elif defined(__aarch64__)
  return (vec)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#elif defined(__x86_64__)
  return a * b + c;
#else
  for (int64_t i = 0; i < lanes; i++) c[i] = __builtin_fmaf(a[i], b[i], c[i]);
  return c;
#endif
}

#include "kernels_body.h"

bool is_usable() { return true; }

}  // namespace

const kernels baseline_kernels = {"baseline",   "baseline", block_rows, is_usable, product, add_scaled, scale,
                                  softmax_step, rms_norm,   swiglu,     store,     add,     rotate,     exponentials};

const kernels *choose_kernels(const char *option) {
  const bool any = option == nullptr || std::strcmp(option, "auto") == 0;
#if defined(__x86_64__)
  const kernels *const known[] = {&avx512_kernels, &avx2_kernels, &baseline_kernels};
#else
  const kernels *const known[] = {&baseline_kernels};
#endif
  for (const kernels *one : known)
    if ((any || std::strcmp(option, one->option) == 0) && one->is_usable()) return one;
  return nullptr;
}

}  // namespace retrace::reference
