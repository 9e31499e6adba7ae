// Stands in for cuBLASLt over host memory: the functions that the device opens, on a plain product. It holds its caller to
// what the real one asks: layouts that agree, an algorithm that came from the heuristic, enough workspace.
//
// Built three times. With ROWS_DEPEND_ON_THE_BATCH it splits K where M is large, and adds parts that were rounded, as a
// library may that picks its way by the size of the work; with ROWS_DEPEND_ON_THEIR_PLACE it does so for half of the
// rows of each tile of 128.
#include <cstdint>
#include <cstring>
#include <vector>

namespace {

constexpr int success = 0, invalid = 7, failed = 13, unsupported = 15;
constexpr uint64_t mark = 0x726574726163656Cull;  // in each algorithm that the heuristic gave

struct description {
  int transposed_a = 0;
};
struct layout {
  int type;
  uint64_t rows, columns;
  int64_t stride;
};
struct preference {
  uint64_t workspace = 0;
  uint32_t reductions = 7;
};
struct result {
  uint64_t algorithm[8];
  size_t workspace;
  int state;
  float waves;
  int reserved[4];
};

float float_of(uint16_t value) {
  const uint32_t bits = static_cast<uint32_t>(value) << 16;
  float out;
  std::memcpy(&out, &bits, 4);
  return out;
}
uint16_t bf16_of(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  if ((bits & 0x7FFFFFFF) > 0x7F800000) return 0x7FFF;
  return static_cast<uint16_t>((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
}

bool agree(const description *of, const layout *a, const layout *b, const layout *c, const layout *d) {
  return of->transposed_a == 1 && a->type == 14 && b->type == 14 && a->rows == b->rows && d->rows == a->columns &&
         d->columns == b->columns && c->type == d->type && (d->type == 0 || d->type == 14) &&
         d->columns % 128 == 0 &&  // the device's own promise: an algorithm sees whole tiles of rows
         a->stride >= static_cast<int64_t>(a->rows) && b->stride >= static_cast<int64_t>(b->rows) &&
         d->stride >= static_cast<int64_t>(d->rows);
}

}  // namespace

#define EXPORTED extern "C" __attribute__((visibility("default")))

EXPORTED size_t cublasLtGetVersion() { return 130203; }
EXPORTED int cublasLtCreate(void **handle) {
  *handle = new int(0);
  return success;
}
EXPORTED int cublasLtDestroy(void *handle) {
  delete static_cast<int *>(handle);
  return success;
}
EXPORTED int cublasLtMatmulDescCreate(void **out, int compute, int scale) {
  *out = new description;
  return compute == 68 && scale == 0 ? success : unsupported;
}
EXPORTED int cublasLtMatmulDescDestroy(void *d) {
  delete static_cast<description *>(d);
  return success;
}
EXPORTED int cublasLtMatmulDescSetAttribute(void *d, int attribute, const void *value, size_t bytes) {
  if (attribute != 3 || bytes != 4) return invalid;
  std::memcpy(&static_cast<description *>(d)->transposed_a, value, 4);
  return success;
}
EXPORTED int cublasLtMatrixLayoutCreate(void **out, int type, uint64_t rows, uint64_t columns, int64_t stride) {
  *out = new layout{type, rows, columns, stride};
  return success;
}
EXPORTED int cublasLtMatrixLayoutDestroy(void *l) {
  delete static_cast<layout *>(l);
  return success;
}
EXPORTED int cublasLtMatmulPreferenceCreate(void **out) {
  *out = new preference;
  return success;
}
EXPORTED int cublasLtMatmulPreferenceDestroy(void *p) {
  delete static_cast<preference *>(p);
  return success;
}
EXPORTED int cublasLtMatmulPreferenceSetAttribute(void *p, int attribute, const void *value, size_t bytes) {
  if (attribute == 1 && bytes == 8) std::memcpy(&static_cast<preference *>(p)->workspace, value, 8);
  else if (attribute == 3 && bytes == 4) std::memcpy(&static_cast<preference *>(p)->reductions, value, 4);
  else return invalid;
  return success;
}
// For tests: what the next product answers in place of being computed; how many algorithms are found; the number of rows
// that no algorithm can do.
static int planted = success, most_found = 2;
static uint64_t refused_rows = 0;
static uint64_t rows_asked_for = 0;  // the numbers of rows at which algorithms were asked for, added up
EXPORTED void imitation_fails_once_with(int status) { planted = status; }
EXPORTED void imitation_finds(int algorithms) { most_found = algorithms; }
EXPORTED void imitation_refuses(uint64_t rows) { refused_rows = rows; }
EXPORTED uint64_t imitation_rows_asked_for() {
  const uint64_t rows = rows_asked_for;
  rows_asked_for = 0;
  return rows;
}

// The first algorithm splits K, though it was asked not to; only the second may be taken.
EXPORTED int cublasLtMatmulAlgoGetHeuristic(void *, void *of, void *a, void *b, void *c, void *d, void *p, int wanted,
                                            result *results, int *found) {
  *found = 0;
  rows_asked_for += static_cast<layout *>(d)->columns;
  if (!agree(static_cast<description *>(of), static_cast<layout *>(a), static_cast<layout *>(b),
             static_cast<layout *>(c), static_cast<layout *>(d)) ||
      static_cast<preference *>(p)->reductions != 0 || wanted < 2) {
    return unsupported;
  }
  for (uint64_t i = 0; i < 2; i++) {
    results[i] = {};
    results[i].algorithm[0] = mark;
    results[i].algorithm[1] = i == 0 ? 4 : 1;  // parts that K is split into
    results[i].workspace = 1024;
  }
  *found = most_found;
  return success;
}
EXPORTED int cublasLtMatmulAlgoConfigGetAttribute(const uint64_t *algorithm, int attribute, void *value, size_t bytes,
                                                  size_t *written) {
  if (bytes != 4) return invalid;
  const uint32_t answer = attribute == 2 ? static_cast<uint32_t>(algorithm[1]) : 0;
  std::memcpy(value, &answer, 4);
  *written = 4;
  return success;
}
EXPORTED int cublasLtMatmulAlgoCheck(void *, void *of, void *a, void *b, void *c, void *d, const uint64_t *algorithm,
                                     result *out) {
  out->workspace = 1024;
  if (static_cast<layout *>(d)->columns == refused_rows) return unsupported;
  return algorithm[0] == mark && agree(static_cast<description *>(of), static_cast<layout *>(a),
                                       static_cast<layout *>(b), static_cast<layout *>(c), static_cast<layout *>(d))
             ? success
             : unsupported;
}
EXPORTED int cublasLtMatmul(void *, void *of, const void *alpha, const void *a, void *a_layout, const void *b,
                            void *b_layout, const void *beta, const void *c, void *c_layout, void *d, void *d_layout,
                            const uint64_t *algorithm, void *workspace, size_t workspace_bytes, void *) {
  const layout &la = *static_cast<layout *>(a_layout), &lb = *static_cast<layout *>(b_layout),
               &ld = *static_cast<layout *>(d_layout);
  if (const int status = planted; status != success) {
    planted = success;
    return status;
  }
  if (algorithm[1] != 1) return failed;  // nobody may take one that splits K
  if (algorithm[0] != mark || workspace == nullptr || workspace_bytes < 1024 || c != d ||
      *static_cast<const float *>(alpha) != 1 ||
      !agree(static_cast<description *>(of), &la, &lb, static_cast<layout *>(c_layout), &ld)) {
    return invalid;
  }
  std::memset(workspace, 0xEE, 1024);
  const auto *x = static_cast<const uint16_t *>(a);
  const auto *y = static_cast<const uint16_t *>(b);
  const float keep = *static_cast<const float *>(beta);
  for (uint64_t column = 0; column < ld.columns; column++) {
#ifdef ROWS_DEPEND_ON_THE_BATCH
    const uint64_t parts = ld.columns > 128 ? 2 : 1;
#elif defined(ROWS_DEPEND_ON_THEIR_PLACE)
    const uint64_t parts = column % 128 >= 64 ? 2 : 1;
#else
    const uint64_t parts = 1;
#endif
    for (uint64_t row = 0; row < ld.rows; row++) {
      float sum = 0;
      for (uint64_t part = 0; part < parts; part++) {
        float some = 0;
        for (uint64_t k = part * la.rows / parts; k < (part + 1) * la.rows / parts; k++) {
          some += float_of(x[row * la.stride + k]) * float_of(y[column * lb.stride + k]);
        }
        sum += parts > 1 ? float_of(bf16_of(some)) : some;
      }
      const uint64_t at = column * ld.stride + row;
      if (ld.type == 14) {
        static_cast<uint16_t *>(d)[at] = bf16_of(sum);
      } else {
        float &out = static_cast<float *>(d)[at];
        out = (keep == 0 ? 0 : keep * out) + sum;
      }
    }
  }
  return success;
}
