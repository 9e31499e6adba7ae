// Rotary tables: against the formula in long double, and against numbers that were got with NumPy.
#include <cmath>

#include "../engine/model.h"
#include "check.h"

namespace {

// Radians per position of pair i without any rounding to float.
long double exact_frequency(const retrace::rope_config &rope, int i, int head_size) {
  const long double pi = 3.14159265358979323846L;
  const long double plain = std::pow(static_cast<long double>(rope.theta), -2.0L * i / head_size);
  if (!rope.scaled) return plain;
  const long double wavelength = 2 * pi / plain;
  const long double low = rope.original_context / rope.low_frequency_factor;
  const long double high = rope.original_context / rope.high_frequency_factor;
  if (wavelength < high) return plain;
  if (wavelength > low) return plain / rope.factor;
  const long double smooth = (rope.original_context / wavelength - rope.low_frequency_factor) /
                             (rope.high_frequency_factor - rope.low_frequency_factor);
  return (1 - smooth) * plain / rope.factor + smooth * plain;
}

void expect_rotary(const retrace::rope_config &rope, int head_size, int positions) {
  const retrace::rotary_tables tables = retrace::make_rotary_tables(rope, head_size, positions);
  const int half = head_size / 2;
  EXPECT_EQUAL(tables.cosines.size(), static_cast<size_t>(positions * half));
  EXPECT_EQUAL(tables.sines.size(), static_cast<size_t>(positions * half));
  // Relative error of an angle, in units of 2^-24, half a step of float: the exponent's rounding comes in with
  // ln(theta), as d(theta^e) = theta^e ln(theta) de and e < 1; power, reciprocal and angle add 1 each. Scaling adds a
  // division, and in the smooth part (between 1 and 4 turns, factor 8) an error of the plain frequency is up to
  // 1 + (4 / 3) / (1 / 8) = 12 times as large. A cosine changes by at most what its angle does, and is rounded itself.
  const double step = std::ldexp(1.0, -24);
  const double relative = (rope.scaled ? 12 * (std::log(rope.theta) + 3) + 2 : std::log(rope.theta) + 3) * step;
  for (int position = 0; position < positions; ++position) {
    for (int i = 0; i < half; ++i) {
      const long double angle = position * exact_frequency(rope, i, head_size);
      const double tolerance = static_cast<double>(angle) * relative + step;
      const size_t at = static_cast<size_t>(position * half + i);
      EXPECT(std::fabs(static_cast<double>(std::cos(angle)) - tables.cosines[at]) <= tolerance);
      EXPECT(std::fabs(static_cast<double>(std::sin(angle)) - tables.sines[at]) <= tolerance);
    }
  }
}

}  // namespace

TEST_CASE("rotary tables agree with the formula in long double") {
  expect_rotary({10000, false, 1, 1, 4, 8192}, 64, 3000);
  expect_rotary({500000, false, 1, 1, 4, 8192}, 128, 3000);
  expect_rotary({500000, true, 8, 1, 4, 8192}, 128, 3000);
  expect_rotary({500000, true, 8, 1, 4, 64}, 32, 3000);
}

TEST_CASE("the scaling of Llama 3.1 leaves fast pairs, slows slow ones, and is continuous at both borders") {
  // theta = 2^16 and D = 16: the plain frequency of pair i is 2^(-2i), exact in every format. Pair 2 turns every
  // 32 pi positions; the contexts below put its number of turns right beside the borders 4 and 1.
  const double pi = 3.141592653589793, wavelength = 32 * pi;
  const auto frequency_of_pair_2 = [&](double turns) {
    const retrace::rope_config rope = {65536, true, 8, 1, 4, turns * wavelength};
    return std::asin(static_cast<double>(retrace::make_rotary_tables(rope, 16, 2).sines[8 + 2]));
  };
  const double plain = 1.0 / 16, one_step = 1e-7;  // of a float near 1/16, through sine and arcsine: below 1e-8
  EXPECT(std::fabs(frequency_of_pair_2(4.001) - plain) < one_step);
  EXPECT(std::fabs(frequency_of_pair_2(40) - plain) < one_step);
  EXPECT(std::fabs(frequency_of_pair_2(0.999) - plain / 8) < one_step);
  EXPECT(std::fabs(frequency_of_pair_2(0.01) - plain / 8) < one_step);
  // Half way between 1 and 4 turns half of both.
  EXPECT(std::fabs(frequency_of_pair_2(2.5) - (plain / 8 + plain) / 2) < one_step);
  // The slope is plain * (7 / 8) / 3 a turn: 0.001 turns inside of a border it has moved by 1.8e-5.
  EXPECT(std::fabs(frequency_of_pair_2(3.999) - (plain - 0.001 * plain * 7 / 24)) < one_step);
  EXPECT(std::fabs(frequency_of_pair_2(1.001) - (plain / 8 + 0.001 * plain * 7 / 24)) < one_step);
}

TEST_CASE("far positions have the angles that PyTorch's single precision gives them") {
  // float32 in NumPy, step for step as Transformers computes: 1 / theta^(2i/D), times the position; pairs whose power
  // NumPy rounds correctly. Without the rounding to float the first cosine would be 0.97460.
  const struct {
    double theta;
    int head_size, pair, position;
    float cosine, sine;
  } cases[] = {{500000, 128, 1, 100000, 0.9756256f, 0.21944192f},
               {500000, 128, 5, 100000, -0.67997056f, 0.7332394f},
               {500000, 128, 20, 131071, -0.9696459f, 0.24451335f},
               {10000, 64, 1, 100000, 0.9230865f, -0.38459238f},
               {10000, 64, 20, 131071, 0.9785861f, -0.20583814f}};
  for (const auto &test : cases) {
    const retrace::rope_config rope = {test.theta, false, 1, 1, 4, 8192};
    const retrace::rotary_tables tables = retrace::make_rotary_tables(rope, test.head_size, test.position + 1);
    const size_t at = static_cast<size_t>(test.position) * test.head_size / 2 + test.pair;
    EXPECT(std::fabs(tables.cosines[at] - test.cosine) <= std::ldexp(1.0, -23));
    EXPECT(std::fabs(tables.sines[at] - test.sine) <= std::ldexp(1.0, -23));
  }
}

TEST_MAIN
