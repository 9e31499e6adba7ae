// The kernels' text, included by one file for each instruction set, inside an unnamed namespace and behind that file's
// `vec` (a vector of `lanes` floats), `ivec`, `block_rows`, `splat` and `fused` (a * b + c).
//
// Nothing of the standard library is used here: a template of it instantiated under a wider instruction set could be
// the copy that the linker keeps for the whole program.

inline vec load(const float *p) {
  vec v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}

inline void store_vec(float *p, vec v) { __builtin_memcpy(p, &v, sizeof v); }

// Fewer than `lanes` floats, with `rest` in the other lanes.
inline vec load_some(const float *p, int64_t count, float rest) {
  float lane[lanes];
  for (int64_t i = 0; i < lanes; i++) lane[i] = i < count ? p[i] : rest;
  return load(lane);
}

inline void store_some(float *p, int64_t count, vec v) {
  float lane[lanes];
  store_vec(lane, v);
  for (int64_t i = 0; i < count; i++) p[i] = lane[i];
}

inline vec larger(vec a, vec b) { return a > b ? a : b; }

// Trees of one shape.
inline float sum_of(vec v) {
  float lane[lanes];
  store_vec(lane, v);
  for (int64_t half = lanes / 2; half > 0; half /= 2)
    for (int64_t i = 0; i < half; i++) lane[i] = lane[i] + lane[i + half];
  return lane[0];
}

inline float largest_of(vec v) {
  float lane[lanes];
  store_vec(lane, v);
  for (int64_t half = lanes / 2; half > 0; half /= 2)
    for (int64_t i = 0; i < half; i++) lane[i] = lane[i] > lane[i + half] ? lane[i] : lane[i + half];
  return lane[0];
}

inline vec round_vec(vec v) {
  uvec bits;
  __builtin_memcpy(&bits, &v, sizeof bits);
  const uvec rounded = bits + 0x7fffu + ((bits >> 16) & 1u);
  const uvec quiet = bits | 0x00400000u;
  bits = ((bits & 0x7fffffffu) > 0x7f800000u ? quiet : rounded) & 0xffff0000u;
  __builtin_memcpy(&v, &bits, sizeof v);
  return v;
}

// exp(x) = 2^n * exp(r), n = round(x / ln 2), |r| <= ln 2 / 2 (and a little). Taylor's series to r^7 leaves
// r^8 / 8! = 5.2e-9, an eighth of a last place. ln 2 is taken off in two parts, of which the first has 9 bits, so that
// n times it is exact without a fused step. 2^n is multiplied in two halves: 2^128 is no float, but exp(88.7) is one.
// Results below the smallest normal float are 0, exactly; a NaN passes through.
inline vec exponential(vec x) {
  const vec magic = splat(12582912.0f);  // 1.5 * 2^23: adding it leaves no room for a fraction
  const vec n = fused(x, splat(1.44269504f), magic) - magic;
  vec r = fused(n, splat(-0.693359375f), x);
  r = fused(n, splat(2.12194440e-4f), r);
  vec series = splat(1.0f / 5040);
  series = fused(series, r, splat(1.0f / 720));
  series = fused(series, r, splat(1.0f / 120));
  series = fused(series, r, splat(1.0f / 24));
  series = fused(series, r, splat(1.0f / 6));
  series = fused(series, r, splat(0.5f));
  series = fused(series, r * r, r) + 1.0f;
  // Outside of these ends the result is chosen below; within, the conversion is defined.
  const vec bounded = n > 200.0f ? splat(200.0f) : (n > -200.0f ? n : splat(-200.0f));
  const ivec whole = __builtin_convertvector(bounded, ivec), half = whole >> 1;
  const ivec first_bits = (half + 127) << 23, second_bits = (whole - half + 127) << 23;
  vec first, second;
  __builtin_memcpy(&first, &first_bits, sizeof first);
  __builtin_memcpy(&second, &second_bits, sizeof second);
  vec result = series * first * second;
  result = x > 88.7228394f ? splat(__builtin_inff()) : result;
  return x < -87.3365448f ? splat(0.0f) : result;
}

// `vectors` vectors of columns; all sums stay in registers.
template <int vectors>
inline void product_strip(const float *a, const float *b, int64_t b_stride, int64_t depth, bool add, float *c,
                          int64_t c_stride) {
  vec sums[block_rows][vectors];
#pragma GCC unroll 16
  for (int i = 0; i < block_rows; i++)
#pragma GCC unroll 4
    for (int j = 0; j < vectors; j++) sums[i][j] = add ? load(c + i * c_stride + j * lanes) : splat(0.0f);
  for (int64_t k = 0; k < depth; k++) {
    vec right[vectors];
#pragma GCC unroll 4
    for (int j = 0; j < vectors; j++) right[j] = load(b + k * b_stride + j * lanes);
#pragma GCC unroll 16
    for (int i = 0; i < block_rows; i++) {
      const vec left = splat(a[i * operand_stride + k]);
#pragma GCC unroll 4
      for (int j = 0; j < vectors; j++) sums[i][j] = fused(left, right[j], sums[i][j]);
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < block_rows; i++)
#pragma GCC unroll 4
    for (int j = 0; j < vectors; j++) store_vec(c + i * c_stride + j * lanes, sums[i][j]);
}

void product(const float *a, const float *b, int64_t b_stride, int64_t depth, bool add, float *c, int64_t c_stride) {
  for (int64_t column = 0; column < panel_columns; column += strip_vectors * lanes)
    product_strip<strip_vectors>(a, b + column, b_stride, depth, add, c + column, c_stride);
}

void add_scaled(const float *source, float factor, int64_t count, float *target) {
  for (int64_t i = 0; i < count; i += lanes)
    store_vec(target + i, fused(splat(factor), load(source + i), load(target + i)));
}

void scale(float factor, int64_t count, float *target) {
  for (int64_t i = 0; i < count; i += lanes) store_vec(target + i, load(target + i) * factor);
}

float softmax_step(float *x, int64_t count, float scale, bool round, float *maximum, float *sum) {
  // What lies behind `count` may be anything: it is replaced, never multiplied by zero.
  const int64_t whole = count / lanes * lanes;
  vec largest = splat(*maximum);
  for (int64_t i = 0; i < whole; i += lanes) largest = larger(load(x + i) * scale, largest);
  if (whole < count) {
    const vec last = load_some(x + whole, count - whole, -__builtin_inff());
    store_vec(x + whole, last);
    largest = larger(last * scale, largest);
  }
  const float before = *maximum, now = largest_of(largest);
  vec sums = splat(0.0f);
  int64_t i = 0;
  for (; i < count; i += lanes) {
    const vec power = exponential(load(x + i) * scale - now);
    sums = sums + power;
    store_vec(x + i, round ? round_vec(power) : power);
  }
  for (const int64_t end = round_up(count, panel_columns); i < end; i += lanes) store_vec(x + i, splat(0.0f));
  float factors[lanes];
  store_vec(factors, exponential(splat(before) - now));
  *maximum = now;
  *sum = *sum * factors[0] + sum_of(sums);
  return factors[0];
}

void rms_norm(const float *x, const float *gain, int64_t n, float epsilon, bool round, float *out) {
  const int64_t whole = n / lanes * lanes, rest = n - whole;
  vec squares = splat(0.0f);
  for (int64_t i = 0; i < whole; i += lanes) squares = fused(load(x + i), load(x + i), squares);
  const vec last = load_some(x + whole, rest, 0.0f);
  if (rest > 0) squares = fused(last, last, squares);
  const float factor = 1.0f / __builtin_sqrtf(sum_of(squares) / static_cast<float>(n) + epsilon);
  for (int64_t i = 0; i < whole; i += lanes) {
    const vec y = load(x + i) * factor * load(gain + i);
    store_vec(out + i, round ? round_vec(y) : y);
  }
  if (rest == 0) return;
  const vec y = last * factor * load_some(gain + whole, rest, 0.0f);
  store_some(out + whole, rest, round ? round_vec(y) : y);
}

void swiglu(const float *x, int64_t n, bool round, float *out) {
  for (int64_t i = 0; i < n; i += 32, out += 16) {
    // 16 gates and 16 ups at a time; the last time perhaps 8.
    const int64_t pairs = n - i < 32 ? 8 : 16;
    float gates[16] = {}, ups[16] = {};
    __builtin_memcpy(gates, x + i, 32);
    __builtin_memcpy(ups, x + i + 8, 32);
    if (pairs == 16) {
      __builtin_memcpy(gates + 8, x + i + 16, 32);
      __builtin_memcpy(ups + 8, x + i + 24, 32);
    }
    for (int64_t j = 0; j < 16; j += lanes) {
      const vec gate = load(gates + j);
      const vec y = gate / (exponential(-gate) + 1.0f) * load(ups + j);
      store_vec(gates + j, round ? round_vec(y) : y);
    }
    if (pairs == 16) __builtin_memcpy(out, gates, 64);
    else __builtin_memcpy(out, gates, 32);
  }
}

void store(const float *x, int64_t n, bool round, float *out) {
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) store_vec(out + i, round ? round_vec(load(x + i)) : load(x + i));
  if (i == n) return;
  const vec last = load_some(x + i, n - i, 0.0f);
  store_some(out + i, n - i, round ? round_vec(last) : last);
}

void add(const float *x, int64_t n, float *out) {
  for (int64_t i = 0; i < n; i++) out[i] = out[i] + x[i];
}

void rotate(float *head, const float *cosines, const float *sines, int64_t half, bool round) {
  for (int64_t i = 0; i < half; i += lanes) {
    const int64_t count = half - i < lanes ? half - i : lanes;
    const vec cosine = load_some(cosines + i, count, 0.0f), sine = load_some(sines + i, count, 0.0f);
    const vec a = load_some(head + i, count, 0.0f), b = load_some(head + half + i, count, 0.0f);
    const vec first = fused(a, cosine, -(b * sine)), second = fused(b, cosine, a * sine);
    store_some(head + i, count, round ? round_vec(first) : first);
    store_some(head + half + i, count, round ? round_vec(second) : second);
  }
}

void exponentials(const float *x, int64_t n, float *out) {
  for (int64_t i = 0; i < n; i += lanes) {
    const int64_t count = n - i < lanes ? n - i : lanes;
    store_some(out + i, count, exponential(load_some(x + i, count, 0.0f)));
  }
}
