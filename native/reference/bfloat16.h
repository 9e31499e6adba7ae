// Rounding of floats to bfloat16 that stays in floats, and the two 16-bit formats that weights come in.
#pragma once

#include <cstdint>
#include <cstring>

namespace retrace::reference {

inline uint32_t bits_of(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

inline float float_of(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// To the nearest, ties to even. A NaN stays one: its lower half alone could hold all its bits, so one above is set.
inline float to_bfloat16(float value) {
  const uint32_t bits = bits_of(value);
  const uint32_t rounded = bits + 0x7fffu + ((bits >> 16) & 1u);
  const uint32_t quiet = bits | 0x00400000u;
  return float_of(((bits & 0x7fffffffu) > 0x7f800000u ? quiet : rounded) & 0xffff0000u);
}

inline float from_bfloat16(uint16_t bits) { return float_of(static_cast<uint32_t>(bits) << 16); }

// Exact for every half. The exponent is moved by a product, which also makes subnormal halves normal floats.
inline float from_half(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  const uint32_t magnitude = static_cast<uint32_t>(half & 0x7fffu) << 13;
  if (magnitude >= 0x0f800000u) return float_of(sign | 0x70000000u | magnitude);  // infinity and NaN
  return float_of(sign | bits_of(float_of(magnitude) * 0x1p112f));
}

}  // namespace retrace::reference
