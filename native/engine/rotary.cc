// The tables of the rotary embedding (Su et al., RoFormer, section 3.4.2), D head size: pair i of D/2 turns by
// theta^(-2i/D) radians a position. The same arithmetic, step for step, as src/scoring/rotary.ts.
#include <cmath>

#include "model.h"

namespace retrace {

static constexpr double two_pi = 2 * 3.141592653589793;

// Radians per position of pair `i`. The scaling is Llama 3.1's: fast pairs stay, slow ones are slowed, smooth between.
static float frequency(const rope_config &rope, int32_t i, int32_t head_size) {
  const double exponent = static_cast<float>(2.0 * i / head_size);
  const float plain = static_cast<float>(1.0 / static_cast<float>(std::pow(rope.theta, exponent)));
  if (!rope.scaled) return plain;
  const double turns = rope.original_context / (two_pi / plain);
  if (turns > rope.high_frequency_factor) return plain;
  if (turns < rope.low_frequency_factor) return static_cast<float>(plain / rope.factor);
  const double smooth = (turns - rope.low_frequency_factor) / (rope.high_frequency_factor - rope.low_frequency_factor);
  return static_cast<float>((1 - smooth) * plain / rope.factor + smooth * plain);
}

rotary_tables make_rotary_tables(const rope_config &rope, int32_t head_size, int64_t positions) {
  const int32_t half = head_size / 2;
  std::vector<double> frequencies;
  for (int32_t i = 0; i < half; ++i) frequencies.push_back(frequency(rope, i, head_size));

  rotary_tables tables;
  tables.cosines.reserve(static_cast<size_t>(positions * half));
  tables.sines.reserve(static_cast<size_t>(positions * half));
  for (int64_t position = 0; position < positions; ++position) {
    for (const double f : frequencies) {
      const double angle = static_cast<float>(static_cast<double>(position) * f);
      tables.cosines.push_back(static_cast<float>(std::cos(angle)));
      tables.sines.push_back(static_cast<float>(std::sin(angle)));
    }
  }
  return tables;
}

}  // namespace retrace
