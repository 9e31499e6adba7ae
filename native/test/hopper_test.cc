// The kernels for Hopper, run by the emulator, against float64; the emulator's own model against the documented
// layouts; and what the emulator must notice.
//
// Tolerances. Products of two bfloat16 are exact in float, and a chain of K additions of numbers of like size errs by
// about sqrt(K) * 2^-24 of the result (K <= 256 here: 1e-6); 1e-5 leaves room for the tensor cores' own order.
// Rounding to bfloat16 errs by up to 2^-9 = 2e-3 of each value, sqrt(1/3) of that in the root of the mean square:
// 3e-3 relative L2. Attention rounds the weights as well as the result, sqrt(2) of that and some for the powers of
// two: 4e-3.
#include <algorithm>
#include <cmath>
#include <random>

#include "../kernels/cache_layout.cuh"
#include "../kernels/hopper_attention.cuh"
#include "../kernels/hopper_gemm.cuh"
#include "check.h"

using namespace retrace;
namespace hopper = retrace::emulator::hopper;

namespace {

constexpr uint32_t seeds[] = {0, 1, 2, 3, 4, 5};
constexpr bf16 not_a_number = 0x7FFF;

std::vector<bf16> random_values(size_t count, uint32_t seed, float scale = 1.f) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal(0.f, scale);
  std::vector<bf16> values(count);
  for (bf16 &value : values) value = to_bf16(normal(generator));
  return values;
}

// Relative L2 error; infinite where a value is no number.
template <class Value>
double relative_error(const std::vector<Value> &found, const std::vector<double> &expected) {
  double difference = 0, size = 0;
  for (size_t i = 0; i < expected.size(); i++) {
    double value;
    if constexpr (sizeof(Value) == 2) value = to_float(found[i]);
    else value = found[i];
    if (!std::isfinite(value)) return INFINITY;
    difference += (value - expected[i]) * (value - expected[i]);
    size += expected[i] * expected[i];
  }
  return std::sqrt(difference / size);
}

void expect_success(cudaError_t status) {
  if (status != cudaSuccess) throw check::failure("the launch failed: " + emulator::last_failure());
}
void expect_failure(cudaError_t status, const char *text) {
  if (status != cudaErrorLaunchFailure || emulator::last_failure().find(text) == std::string::npos)
    throw check::failure(std::string("expected a failure that tells \"") + text + "\", got \"" +
                         emulator::last_failure() + "\"");
}

// ---- layouts as CuTe writes them: nested shape and stride, flattened here; the first coordinate runs fastest --------

struct mode {
  uint32_t size, stride;
};
uint32_t evaluate(const std::vector<mode> &modes, uint32_t coordinate) {
  uint32_t offset = 0;
  for (const mode &one : modes) {
    offset += coordinate % one.size * one.stride;
    coordinate /= one.size;
  }
  return offset;
}
// Row + 64 * column of value i of a thread, of sums [64, N] as of an operand A [64, 16]: CuTe's CLayout_64xN and
// ALayout_64x16, Shape<Shape<4,8,4>, Shape<2,2,N/8>>, Stride<Stride<128,1,16>, Stride<64,8,512>>.
uint32_t fragment_element(uint32_t thread, uint32_t i) {
  return evaluate({{4, 128}, {8, 1}, {4, 16}}, thread) + evaluate({{2, 64}, {2, 8}, {32, 512}}, i);
}
// Swizzle<bits, base, shift>: `bits` bits from base + shift on are xor-ed onto those from base on.
uint32_t cute_swizzle(uint32_t bits, uint32_t base, uint32_t shift, uint32_t x) {
  const uint32_t mask = ((1u << bits) - 1) << (base + shift);
  return x ^ ((x & mask) >> shift);
}

// ---- the product ---------------------------------------------------------------------------------------------------

struct gemm_case {
  int64_t m;
  int32_t n, k;
  retrace_epilogue epilogue;
};

template <int columns>
cudaError_t run_gemm(const gemm_case &one, const std::vector<bf16> &a, const std::vector<bf16> &weight, void *out,
                     unsigned blocks) {
  hopper_gemm_operands maps;
  EXPECT_EQUAL(hopper::make_map(maps.a, a.data(), static_cast<int64_t>(a.size()) / one.k, one.k, 128), 0);
  EXPECT_EQUAL(hopper::make_map(maps.weight, weight.data(), one.n, one.k, columns), 0);
  using shape = hopper_gemm_shape<columns>;
  auto launch = [&](auto kernel) {
    return emulator::launch("hopper_gemm_kernel", kernel, dim3(blocks), shape::threads, shape::shared_bytes, maps,
                            one.m, one.n, one.k, out);
  };
  switch (one.epilogue) {
    case RETRACE_STORE: return launch(hopper_gemm_kernel<columns, RETRACE_STORE>);
    case RETRACE_ADD: return launch(hopper_gemm_kernel<columns, RETRACE_ADD>);
    default: return launch(hopper_gemm_kernel<columns, RETRACE_SWIGLU>);
  }
}

std::vector<double> multiply_in_double(const gemm_case &one, const std::vector<bf16> &a,
                                       const std::vector<bf16> &weight) {
  std::vector<double> product(static_cast<size_t>(one.m * one.n));
  for (int64_t i = 0; i < one.m; i++)
    for (int32_t j = 0; j < one.n; j++) {
      double sum = 0;
      for (int32_t p = 0; p < one.k; p++)
        sum += static_cast<double>(to_float(a[static_cast<size_t>(i * one.k + p)])) *
               to_float(weight[static_cast<size_t>(j) * one.k + p]);
      product[static_cast<size_t>(i * one.n + j)] = sum;
    }
  if (one.epilogue != RETRACE_SWIGLU) return product;
  std::vector<double> result;
  for (int64_t i = 0; i < one.m; i++)
    for (int32_t j = 0; j < one.n / 2; j++) {
      const double *row = &product[static_cast<size_t>(i * one.n + j / 8 * 16 + j % 8)];
      result.push_back(row[0] / (1 + std::exp(-row[0])) * row[8]);
    }
  return result;
}

template <int columns>
void check_gemm(const gemm_case &one, uint32_t seed, unsigned blocks) {
  // Rows past M are there, as in a buffer with room for more, and hold NaN.
  std::vector<bf16> a = random_values(static_cast<size_t>(one.m * one.k), 10 + seed);
  a.resize(static_cast<size_t>((one.m + 3) * one.k), not_a_number);
  const std::vector<bf16> weight = random_values(static_cast<size_t>(one.n) * one.k, 20 + seed, 0.1f);
  std::vector<double> expected = multiply_in_double(one, a, weight);
  emulator::set_schedule(seed);
  if (one.epilogue == RETRACE_ADD) {
    std::vector<float> out(expected.size() + 64, 0.5f);
    expect_success(run_gemm<columns>(one, a, weight, out.data(), blocks));
    for (double &value : expected) value += 0.5;
    EXPECT(relative_error(out, expected) < 1e-5);
    for (size_t i = expected.size(); i < out.size(); i++) EXPECT_EQUAL(out[i], 0.5f);
  } else {
    std::vector<bf16> out(expected.size() + 64, not_a_number);
    expect_success(run_gemm<columns>(one, a, weight, out.data(), blocks));
    EXPECT(relative_error(out, expected) < 3e-3);
    for (size_t i = expected.size(); i < out.size(); i++) EXPECT_EQUAL(out[i], not_a_number);
  }
}

// ---- attention -----------------------------------------------------------------------------------------------------

constexpr int32_t T = 128, D = 128;

// Segments over one pool of pages; every position up to a segment's last is written, all else in the cache is NaN.
struct attention_case {
  int32_t heads = 2, kv_heads = 1;
  std::vector<retrace_segment> segments;
  std::vector<retrace_tile> tiles;
  std::vector<int32_t> page_table;
  std::vector<bf16> qkv, cache;
  int32_t rows = 0, pages = 0;

  int64_t query_stride() const { return static_cast<int64_t>(heads + 2 * kv_heads) * D; }
  bf16 &cached(int32_t page, int32_t kv_head, int32_t which, int32_t row, int32_t column) {
    const int64_t tile = (static_cast<int64_t>(page) * kv_heads + kv_head) * 2 + which;
    const int64_t block = column / 64, chunk = (column % 64 / 8) ^ (row & 7);  // kv_layout::swizzled
    return cache[static_cast<size_t>(((tile * 2 + block) * T + row) * 64 + chunk * 8 + column % 8)];
  }
  // A path of its own from position 0 on, whose last `count` positions are queries.
  void add(int32_t first_position, int32_t count, uint32_t content) {
    const int32_t first_page = static_cast<int32_t>(page_table.size());
    segments.push_back({rows, count, first_position, first_page});
    const int32_t used = (first_position + count - 1) / T + 1;
    for (int32_t page = 0; page < used; page++) page_table.push_back(pages + used - 1 - page);  // out of order
    pages += used;
    cache.resize(static_cast<size_t>(pages) * kv_heads * 2 * T * D, not_a_number);
    for (int32_t kv_head = 0; kv_head < kv_heads; kv_head++)
      for (int32_t which = 0; which < 2; which++) {
        const std::vector<bf16> values =
            random_values(static_cast<size_t>(first_position + count) * D, content * 100 + kv_head * 2 + which);
        for (int32_t p = 0; p < first_position + count; p++)
          for (int32_t c = 0; c < D; c++)
            cached(page_table[first_page + p / T], kv_head, which, p % T, c) = values[static_cast<size_t>(p) * D + c];
      }
    // A query's numbers are those of its position in this content, wherever the row stands.
    const std::vector<bf16> queries =
        random_values(static_cast<size_t>((first_position + count) * query_stride()), content * 100 + 50);
    qkv.insert(qkv.end(), queries.begin() + first_position * query_stride(), queries.end());
    rows += count;
  }
  void cut_tiles() {
    for (size_t i = 0; i < segments.size(); i++)
      for (int32_t row = 0; row < segments[i].rows; row += hopper_attention_tile_rows)
        tiles.push_back({static_cast<int32_t>(i), row});
  }
  std::vector<bf16> run(uint32_t seed) {
    emulator::set_schedule(seed);
    std::vector<bf16> out(static_cast<size_t>(rows) * heads * D, not_a_number);
    kv_cache view = {cache.data(), static_cast<int64_t>(cache.size()), T, kv_heads, D, kv_layout::swizzled};
    retrace_attention_plan plan = {};
    plan.segments = segments.data(), plan.tiles = tiles.data(), plan.page_table = page_table.data();
    plan.segment_count = static_cast<int32_t>(segments.size()), plan.tile_count = static_cast<int32_t>(tiles.size());
    expect_success(launch_hopper_attention(nullptr, qkv.data(), view, 0, heads, plan, out.data()));
    return out;
  }
  std::vector<double> in_double() {
    std::vector<double> out;
    for (const retrace_segment &segment : segments)
      for (int32_t i = 0; i < segment.rows; i++)
        for (int32_t head = 0; head < heads; head++) {
          const int32_t seen = segment.first_position + i + 1, kv_head = head / (heads / kv_heads);
          const bf16 *query = &qkv[static_cast<size_t>((segment.first_row + i) * query_stride() + head * D)];
          std::vector<double> weights(static_cast<size_t>(seen)), sums(D);
          double largest = -INFINITY, total = 0;
          for (int32_t p = 0; p < seen; p++) {
            double score = 0;
            for (int32_t c = 0; c < D; c++)
              score += static_cast<double>(to_float(query[c])) *
                       to_float(cached(page_table[segment.first_page + p / T], kv_head, 0, p % T, c));
            weights[p] = score / std::sqrt(static_cast<double>(D));
            largest = std::max(largest, weights[p]);
          }
          for (int32_t p = 0; p < seen; p++) {
            weights[p] = std::exp(weights[p] - largest);
            total += weights[p];
            for (int32_t c = 0; c < D; c++)
              sums[c] += weights[p] * to_float(cached(page_table[segment.first_page + p / T], kv_head, 1, p % T, c));
          }
          for (double sum : sums) out.push_back(sum / total);
        }
    return out;
  }
};

// Rows of one run against the same positions in another.
void expect_same_rows(const std::vector<bf16> &one, int32_t first, const std::vector<bf16> &other, int32_t other_first,
                      int32_t count, int32_t heads) {
  int64_t different = 0;
  for (int64_t i = 0; i < static_cast<int64_t>(count) * heads * D; i++)
    different += one[static_cast<size_t>(static_cast<int64_t>(first) * heads * D + i)] !=
                 other[static_cast<size_t>(static_cast<int64_t>(other_first) * heads * D + i)];
  EXPECT_EQUAL(different, 0);
}

// ---- small kernels: one instruction, or one mistake ----------------------------------------------------------------

void copy_tile_and_dump(const unsigned char *map, int32_t column, int32_t row, unsigned char *out) {
  uint64_t *barrier = reinterpret_cast<uint64_t *>(shared_memory() + 16384);
  if (threadIdx.x == 0) {
    mbarrier_init(barrier, 1);
    mbarrier_init_fence();
    mbarrier_arrive_and_expect(barrier, 16384);
    copy_tile(shared_memory(), map, column, row, barrier);
  }
  __syncthreads();
  mbarrier_wait(barrier, 0);
  if (threadIdx.x == 0) memcpy(out, shared_memory(), 16384);
}

// a [64, 64] and b [128, 64] as K-major tiles, or b [64, 128] as an N-major one; out: each thread's 64 registers.
void multiply_and_dump(const bf16 *a, const bf16 *b, int transposed, int mistake, float *out) {
  char *a_tile = shared_memory(), *b_tile = a_tile + 8192;
  const uint32_t thread = threadIdx.x;
  for (uint32_t i = thread; i < 64 * 8; i += 128)
    store_shared(a_tile + swizzled_chunk(i / 8, i % 8), load<uint4>(a + i * 8));
  for (uint32_t i = thread; i < 128 * 8; i += 128)
    if (transposed)  // two blocks of [64 k][64 columns]
      store_shared(b_tile + i % 16 / 8 * 8192 + swizzled_chunk(i / 16, i % 8), load<uint4>(b + i * 8));
    else store_shared(b_tile + swizzled_chunk(i / 8, i % 8), load<uint4>(b + i * 8));
  if (mistake != 1) fence_async_proxy();
  __syncthreads();
  float sums[64];
  uint32_t left[4][4];
  for (uint32_t step = 0; step < 4; step++)
    for (uint32_t i = 0; i < 4; i++) {
      const uint32_t at = fragment_element(thread, 2 * i);
      left[step][i] = load<uint32_t>(a + at % 64 * 64 + step * 16 + at / 64);
    }
  if (mistake != 2) wgmma_fence();
  for (uint32_t step = 0; step < 4; step++)
    if (transposed)
      wgmma_n128_transposed(sums, left[step], n_major_descriptor(shared_address(b_tile) + step * 2048, 8192), step > 0);
    else
      wgmma_n128(sums, k_major_descriptor(shared_address(a_tile) + step * 32),
                 k_major_descriptor(shared_address(b_tile) + step * 32), step > 0);
  wgmma_commit();
  if (mistake == 3) sums[5] = 1.f;
  if (mistake == 4) left[2][1] = 0;
  if (mistake == 5) store_shared(b_tile + thread * 16, uint4{0, 0, 0, 0});
  if (mistake != 6) wgmma_wait<0>();
  for (uint32_t i = 0; i < 64; i++) out[thread * 64 + i] = sums[i];
}

cudaError_t run_multiply(const std::vector<bf16> &a, const std::vector<bf16> &b, int transposed, int mistake,
                         std::vector<float> &out) {
  return emulator::launch("multiply_and_dump", multiply_and_dump, dim3(1), 128, 8192 + 16384, a.data(), b.data(),
                          transposed, mistake, out.data());
}

// A ring of one stage. Mistake 1: the producer does not wait until it is empty. 2: the consumer waits for the wrong
// parity. 3: the consumer says `empty` before its products are over. 4: too few bytes are expected. 5: no barrier of
// the block after the initialisation.
void copy_and_multiply(const bf16 *source, int mistake, float *out) {
  uint64_t *full = reinterpret_cast<uint64_t *>(shared_memory() + 16384), *empty = full + 1;
  if (threadIdx.x == 0) {
    mbarrier_init(full, 1);
    mbarrier_init(empty, 4);
    mbarrier_init_fence();
  }
  if (mistake != 5) __syncthreads();
  if (threadIdx.x == 128)
    for (uint32_t round = 0; round < 3; round++) {
      if (mistake != 1) mbarrier_wait(empty, round % 2 ^ 1);
      mbarrier_arrive_and_expect(full, mistake == 4 ? 8192 : 16384);
      copy_bulk(shared_memory(), source, 16384, full);
    }
  if (threadIdx.x < 128) {
    float sums[64];
    for (uint32_t round = 0; round < 3; round++) {
      mbarrier_wait(full, mistake == 2 ? round % 2 ^ 1 : round % 2);
      const uint32_t tile = shared_address(shared_memory());
      wgmma_fence();
      wgmma_n128(sums, k_major_descriptor(tile), k_major_descriptor(tile), round > 0);
      wgmma_commit();
      if (mistake == 3 && threadIdx.x % 32 == 0) mbarrier_arrive(empty);
      wgmma_wait<0>();
      if (mistake != 3 && threadIdx.x % 32 == 0) mbarrier_arrive(empty);
    }
    for (uint32_t i = 0; i < 64; i++) out[threadIdx.x * 64 + i] = sums[i];
  }
}

}  // namespace

TEST_CASE("descriptors address the canonical layouts of the 128-byte swizzle") {
  const uint32_t start = 1024 * 7, stride = 1024, leading = 16384;
  for (uint32_t mn = 0; mn < 128; mn++)
    for (uint32_t k = 0; k < 16; k++) {
      // Swizzle<3,4,3> o smem_ptr o ((8,m),(T,2)):((8T,SBO),(1,T)) and ((T,8,m),(8,k)):((1,T,LBO),(8T,SBO)), T = 8
      const uint32_t k_major = evaluate({{8, 64}, {16, stride / 2}}, mn) + evaluate({{8, 1}, {2, 8}}, k);
      const uint32_t mn_major =
          evaluate({{8, 1}, {8, 8}, {2, leading / 2}}, mn) + evaluate({{8, 64}, {2, stride / 2}}, k);
      const hopper::operand a = hopper::decode(k_major_descriptor(start));
      const hopper::operand b = hopper::decode(n_major_descriptor(start, leading));
      EXPECT_EQUAL(hopper::element_address(a, false, mn, k), cute_swizzle(3, 4, 3, start + 2 * k_major));
      EXPECT_EQUAL(hopper::element_address(b, true, mn, k), cute_swizzle(3, 4, 3, start + 2 * mn_major));
    }
}

TEST_CASE("a descriptor moved along k reads the next columns of the same tile") {
  // Layout_K_SW128_Atom and Layout_MN_SW128_Atom tiled: 64 columns of k in a row, or rows of k one below the other
  for (uint32_t step = 0; step < 4; step++)
    for (uint32_t mn = 0; mn < 64; mn++)
      for (uint32_t k = 0; k < 16; k++) {
        const hopper::operand a = hopper::decode(k_major_descriptor(2048 + step * 32));
        const hopper::operand b = hopper::decode(n_major_descriptor(2048 + step * 2048, 8192));
        EXPECT_EQUAL(hopper::element_address(a, false, mn, k) - 2048,
                     cute_swizzle(3, 4, 3, 2 * (mn * 64 + step * 16 + k)));
        EXPECT_EQUAL(hopper::element_address(b, true, mn, k) - 2048,
                     cute_swizzle(3, 4, 3, 2 * ((step * 16 + k) * 64 + mn)));
      }
}

TEST_CASE("a descriptor has its fields at the documented bits") {
  // PTX ISA, matrix-descriptor format; matrix-descriptor-encode(x) = (x & 0x3FFFF) >> 4
  EXPECT_EQUAL(matrix_descriptor(0x12340, 0x4000, 0x400), 0x4000004004001234ull);
  EXPECT_EQUAL(n_major_descriptor(0x400, 16384), 0x4000004004000040ull);
  EXPECT_EQUAL(k_major_descriptor(0x400) & ~0xFFFF0000ull, 0x4000004000000040ull);
}

TEST_CASE("a bulk tensor copy swizzles as the cache does and brings zeros from outside") {
  const int32_t rows = 100, columns = 72;
  const std::vector<bf16> matrix = random_values(rows * columns, 1);
  alignas(64) unsigned char map[128];
  EXPECT_EQUAL(hopper::make_map(map, matrix.data(), rows, columns, 128), 0);
  for (uint32_t seed : seeds) {
    emulator::set_schedule(seed);
    std::vector<bf16> out(8192);
    expect_success(emulator::launch("copy_tile_and_dump", copy_tile_and_dump, dim3(1), 32, 16384 + 8, map, 64, 10,
                                    reinterpret_cast<unsigned char *>(out.data())));
    for (int32_t r = 0; r < 128; r++)
      for (int32_t c = 0; c < 64; c++) {
        const bool inside = r + 10 < rows && c + 64 < columns;
        const bf16 expected = inside ? matrix[static_cast<size_t>((r + 10) * columns + c + 64)] : bf16{0};
        EXPECT_EQUAL(out[static_cast<size_t>(r * 64 + ((c / 8) ^ (r & 7)) * 8 + c % 8)], expected);
      }
  }
}

TEST_CASE("the cache's tiles are what a descriptor expects in shared memory") {
  // A tile of `cache_layout.cuh`, copied as it is: keys [128 tokens][128] are K-major, values N-major.
  for (uint32_t token = 0; token < 128; token++)
    for (uint32_t column = 0; column < 128; column++) {
      const uint32_t in_cache =
          2 * swizzled_offset(128, 128, static_cast<int>(token), static_cast<int>(column / 8)) + 2 * (column % 8);
      const uint32_t block = column / 64 * hopper_attention_shape::page_block_bytes;
      const hopper::operand keys = hopper::decode(k_major_descriptor(1024 + block + column % 64 / 16 * 32));
      const hopper::operand values =
          hopper::decode(n_major_descriptor(1024 + token / 16 * 2048, hopper_attention_shape::page_block_bytes));
      EXPECT_EQUAL(hopper::element_address(keys, false, token, column % 16) - 1024, in_cache);
      EXPECT_EQUAL(hopper::element_address(values, true, column, token % 16) - 1024, in_cache);
    }
}

TEST_CASE("a product leaves its sums in the registers that PTX names") {
  const std::vector<bf16> a = random_values(64 * 64, 1), b = random_values(128 * 64, 2);
  for (int transposed = 0; transposed < 2; transposed++)
    for (uint32_t seed : seeds) {
      emulator::set_schedule(seed);
      std::vector<float> out(128 * 64);
      expect_success(run_multiply(a, b, transposed, 0, out));
      std::vector<double> expected;
      for (uint32_t thread = 0; thread < 128; thread++)
        for (uint32_t i = 0; i < 64; i++) {
          const uint32_t at = fragment_element(thread, i);
          const int row = static_cast<int>(at % 64), column = static_cast<int>(at / 64);
          double sum = 0;
          for (int k = 0; k < 64; k++)
            sum += static_cast<double>(to_float(a[static_cast<size_t>(row * 64 + k)])) *
                   to_float(b[static_cast<size_t>(transposed ? k * 128 + column : column * 64 + k)]);
          expected.push_back(sum);
        }
      EXPECT(relative_error(out, expected) < 1e-5);
    }
}

TEST_CASE("the emulator notices misuse of products") {
  const std::vector<bf16> a = random_values(64 * 64, 1), b = random_values(128 * 64, 2);
  std::vector<float> out(128 * 64);
  emulator::set_schedule(0);
  expect_failure(run_multiply(a, b, 0, 1, out), "without fence.proxy.async");
  expect_failure(run_multiply(a, b, 0, 2, out), "without wgmma.fence");
  expect_failure(run_multiply(a, b, 0, 3, out), "register 5 of a product under way was written");
  expect_failure(run_multiply(a, b, 1, 4, out), "registers of A changed");
  expect_failure(run_multiply(a, b, 0, 5, out), "which a product of warp");
  expect_success(run_multiply(a, b, 0, 6, out));  // read before the wait: no error, but no numbers either
  for (float value : out) EXPECT(std::isnan(value));
}

TEST_CASE("the emulator notices misuse of a ring of stages") {
  const std::vector<bf16> source = random_values(64 * 128, 3);
  std::vector<float> out(128 * 64);
  auto run = [&](int mistake, uint32_t seed) {
    emulator::set_schedule(seed);
    return emulator::launch("copy_and_multiply", copy_and_multiply, dim3(1), 160, 16384 + 16, source.data(), mistake,
                            out.data());
  };
  for (uint32_t seed : seeds) expect_success(run(0, seed));
  expect_failure(run(1, 0), "more than 1 arrivals at the mbarrier");
  expect_failure(run(4, 0), "bytes came to the mbarrier");
  expect_failure(run(2, 0), "byte 0 of shared memory");
  expect_failure(run(5, 0), "met no barrier of the block");
  int noticed = 0;  // an early `empty` shows only where the producer is quicker than the consumer
  for (uint32_t seed = 0; seed < 12; seed++)
    noticed += run(3, seed) != cudaSuccess &&
               emulator::last_failure().find("a bulk copy overwrites byte 0 of shared memory, which a product") !=
                   std::string::npos;
  EXPECT(noticed > 0);
}

TEST_CASE("products of ragged sizes agree with float64 in every epilogue") {
  for (retrace_epilogue epilogue : {RETRACE_STORE, RETRACE_ADD, RETRACE_SWIGLU}) {
    check_gemm<128>({1, 16, 8, epilogue}, 0, 1);
    check_gemm<128>({7, 144, 72, epilogue}, 1, 1);
    check_gemm<128>({130, 80, 200, epilogue}, 2, 2);
    check_gemm<256>({130, 272, 136, epilogue}, 3, 3);
  }
}

TEST_CASE("products do not depend on how blocks, warps and copies are scheduled") {
  for (uint32_t seed : seeds) check_gemm<256>({129, 264, 456, RETRACE_STORE}, seed, 1);  // 8 stages, 4 tiles a block
}

TEST_CASE("a row's bits do not depend on the rows around it, its place or the number of blocks") {
  const int32_t n = 272, k = 264;
  const std::vector<bf16> a = random_values(300 * k, 5), weight = random_values(static_cast<size_t>(n) * k, 6, 0.1f);
  for (retrace_epilogue epilogue : {RETRACE_STORE, RETRACE_SWIGLU}) {
    const int32_t width = epilogue == RETRACE_SWIGLU ? n / 2 : n;
    std::vector<bf16> all(static_cast<size_t>(300 * width));
    emulator::set_schedule(0);
    expect_success(run_gemm<256>({300, n, k, epilogue}, a, weight, all.data(), 3));
    for (int first : {0, 1, 63, 130, 299}) {
      const int count = std::min(300 - first, 70);
      const std::vector<bf16> part(a.begin() + first * k, a.begin() + (first + count) * k);
      std::vector<bf16> out(static_cast<size_t>(count * width));
      emulator::set_schedule(static_cast<uint32_t>(first));
      expect_success(run_gemm<256>({count, n, k, epilogue}, part, weight, out.data(), 1));
      EXPECT(std::equal(out.begin(), out.end(), all.begin() + first * width));
    }
  }
}

TEST_CASE("the launcher of products picks widths by N, and refuses what the kernels do not take") {
  const int64_t m = 9;
  const int32_t n = 2056, k = 64;
  const gemm_case one = {m, n, k, RETRACE_STORE};
  const std::vector<bf16> a = random_values(m * k, 7), weight = random_values(static_cast<size_t>(n) * k, 8);
  hopper_gemm_operands maps;
  EXPECT(hopper_is_built());
  EXPECT_EQUAL(hopper_gemm_maps(a.data(), m, weight.data(), n, k, &maps), 0);
  std::vector<bf16> out(static_cast<size_t>(m) * n);
  expect_success(launch_hopper_gemm(nullptr, maps, m, n, k, RETRACE_STORE, out.data()));
  EXPECT(relative_error(out, multiply_in_double(one, a, weight)) < 3e-3);
  EXPECT_EQUAL(launch_hopper_gemm(nullptr, maps, 0, n, k, RETRACE_STORE, out.data()), cudaSuccess);
  EXPECT_EQUAL(launch_hopper_gemm(nullptr, maps, m, n, k, RETRACE_SWIGLU, out.data()), cudaErrorInvalidValue);
  EXPECT_EQUAL(launch_hopper_gemm(nullptr, maps, m, 12, k, RETRACE_STORE, out.data()), cudaErrorInvalidValue);
  EXPECT(hopper_gemm_maps(a.data(), m, weight.data(), n, 60, &maps) != 0);
}

TEST_CASE("attention agrees with float64 while unwritten rows of the cache are NaN") {
  attention_case one;
  one.heads = 4, one.kv_heads = 2;
  one.add(0, 1, 1);    // one row, one position
  one.add(0, 130, 2);  // a second tile of two rows
  one.add(127, 1, 3);  // the last row of a page
  one.add(128, 2, 4);  // the first of the next
  one.cut_tiles();
  EXPECT(relative_error(one.run(0), one.in_double()) < 4e-3);
}

TEST_CASE("attention does not depend on how blocks, warps and copies are scheduled") {
  attention_case one;
  one.add(300, 150, 5);  // tiles that begin within a page and end in another, four and five pages
  one.cut_tiles();
  const std::vector<double> expected = one.in_double();
  const std::vector<bf16> first = one.run(0);
  EXPECT(relative_error(first, expected) < 4e-3);
  for (uint32_t seed : seeds) EXPECT(one.run(seed) == first);
}

TEST_CASE("attention survives scores far apart") {
  attention_case one;
  one.add(200, 80, 6);
  one.cut_tiles();
  for (bf16 &value : one.qkv) value = to_bf16(to_float(value) * 30.f);  // weights of nearly one-hot rows
  EXPECT(relative_error(one.run(1), one.in_double()) < 4e-3);
}

TEST_CASE("a row's attention has the same bits in any tile, split and batch") {
  attention_case whole;
  whole.add(90, 300, 7);
  whole.cut_tiles();
  const std::vector<bf16> together = whole.run(0);
  for (int32_t cut : {1, 38, 39, 128, 165, 299}) {
    attention_case parts;  // other company before and after, and the rest of the same path as a segment of its own
    parts.add(5, 40, 8);
    parts.add(90, 300, 7);
    const retrace_segment all = parts.segments[1];
    parts.segments[1].rows = cut;
    parts.segments.push_back({all.first_row + cut, all.rows - cut, all.first_position + cut, all.first_page});
    parts.add(1, 3, 9);
    parts.cut_tiles();
    std::reverse(parts.tiles.begin(), parts.tiles.end());
    expect_same_rows(together, 0, parts.run(static_cast<uint32_t>(cut)), all.first_row, 300, whole.heads);
  }
}

TEST_CASE("the launcher of attention refuses what the kernel does not take") {
  attention_case one;
  one.add(0, 4, 1);
  one.cut_tiles();
  std::vector<bf16> out(one.qkv.size());
  retrace_attention_plan plan = {};
  plan.tile_count = 1;
  auto launch = [&](int32_t heads, int32_t tokens, int32_t size, kv_layout layout) {
    const kv_cache cache = {one.cache.data(), 0, tokens, 1, size, layout};
    return launch_hopper_attention(nullptr, one.qkv.data(), cache, 0, heads, plan, out.data());
  };
  EXPECT_EQUAL(launch(2, T, 64, kv_layout::swizzled), cudaErrorInvalidValue);
  EXPECT_EQUAL(launch(2, 64, D, kv_layout::swizzled), cudaErrorInvalidValue);
  EXPECT_EQUAL(launch(2, T, D, kv_layout::rows), cudaErrorInvalidValue);
  plan.tile_count = 0;
  EXPECT_EQUAL(launch(2, T, D, kv_layout::swizzled), cudaSuccess);
}

TEST_MAIN
