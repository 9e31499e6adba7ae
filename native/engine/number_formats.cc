#include "number_formats.h"

#include <cstring>

#include "../reference/bfloat16.h"

namespace retrace {

int64_t element_bytes(retrace_dtype dtype) { return dtype == RETRACE_F32 ? 4 : 2; }

bool dtype_of(const std::string &name, retrace_dtype *dtype) {
  if (name == "F32") *dtype = RETRACE_F32;
  else if (name == "F16") *dtype = RETRACE_F16;
  else if (name == "BF16") *dtype = RETRACE_BF16;
  else return false;
  return true;
}

void to_floats(retrace_dtype dtype, const void *source, int64_t count, float *target) {
  if (count == 0) return;
  if (dtype == RETRACE_F32) {
    std::memcpy(target, source, static_cast<size_t>(count) * sizeof(float));
    return;
  }
  const char *bytes = static_cast<const char *>(source);
  for (int64_t i = 0; i < count; ++i) {
    uint16_t word;
    std::memcpy(&word, bytes + 2 * i, sizeof word);
    target[i] = dtype == RETRACE_BF16 ? reference::from_bfloat16(word) : reference::from_half(word);
  }
}

// NaN and infinity are the numbers whose exponent bits are all set. Masked and increased by the lowest exponent bit,
// such an exponent, and no other, carries into the bit of the sign and no further: so one 64-bit addition looks at two
// or four numbers, and the loop has no branch, so that the compiler makes vectors of it.
bool all_finite(retrace_dtype dtype, const void *source, int64_t count) {
  const uint64_t lanes = dtype == RETRACE_F32 ? 0x0000000100000001ull : 0x0001000100010001ull;
  const uint64_t exponent = lanes * (dtype == RETRACE_F32 ? 0x7F800000u : dtype == RETRACE_F16 ? 0x7C00u : 0x7F80u);
  const uint64_t lowest = lanes * (dtype == RETRACE_F32 ? 0x00800000u : dtype == RETRACE_F16 ? 0x0400u : 0x0080u);
  const uint64_t sign = lanes * (dtype == RETRACE_F32 ? 0x80000000u : 0x8000u);

  constexpr int64_t words = 64;  // of one turn: the compiler unrolls a known number
  constexpr int64_t turn_bytes = words * 8;
  const char *bytes = static_cast<const char *>(source);
  const int64_t size = count * element_bytes(dtype);
  uint64_t carries = 0;
  int64_t at = 0;
  for (; at + turn_bytes <= size; at += turn_bytes) {
    uint64_t block[words];
    std::memcpy(block, bytes + at, turn_bytes);
    for (int64_t i = 0; i < words; ++i) carries |= (block[i] & exponent) + lowest;
    if ((carries & sign) != 0) return false;
  }
  uint64_t rest[words] = {};
  if (at < size) std::memcpy(rest, bytes + at, static_cast<size_t>(size - at));
  for (int64_t i = 0; i < words; ++i) carries |= (rest[i] & exponent) + lowest;
  return (carries & sign) == 0;
}

}  // namespace retrace
