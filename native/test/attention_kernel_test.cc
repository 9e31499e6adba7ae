// The portable attention kernel, its very source, run by the emulator: values against float64, and the same bits for a
// query whatever is computed beside it, wherever its path is split and in whatever pages it lies. Pages are full of NaN
// where nothing was written.
#include <sys/mman.h>

#include <algorithm>

#include "kernel_checks.h"

using namespace retrace;
using namespace oracle;

namespace {

// One token: its query, key and value in each head.
struct token {
  std::vector<bf16> query, key, value;
};

struct attention_world {
  attention_world(int32_t heads_, int32_t kv_heads, int32_t d, int32_t t, kv_layout layout, int32_t pages)
      : random(static_cast<uint32_t>(heads_ * 1000 + d + static_cast<int>(layout))),
        heads(heads_),
        cache(2, pages, t, kv_heads, d, layout) {}

  token make_token() {
    const size_t d = static_cast<size_t>(cache.view.head_size), kv = static_cast<size_t>(cache.view.kv_heads);
    // Longer queries than in a trained model: sharper probabilities.
    return {random.bf16s(heads * d, 2), random.bf16s(kv * d), random.bf16s(kv * d)};
  }
  void put(const token &one, int32_t page, int32_t row) {
    const int32_t d = cache.view.head_size;
    for (int32_t head = 0; head < cache.view.kv_heads; head++)
      for (int32_t i = 0; i < d; i++) {
        cache.at(1, page, head, false, row, i) = one.key[head * d + i];
        cache.at(1, page, head, true, row, i) = one.value[head * d + i];
      }
  }
  // Pages of their own for a path.
  std::vector<int32_t> write(const std::vector<token> &path) {
    const int32_t t = cache.view.page_tokens;
    std::vector<int32_t> pages;
    for (size_t i = 0; i < path.size(); i++) {
      if (i % t == 0) pages.push_back(next_page++);
      put(path[i], pages.back(), static_cast<int32_t>(i) % t);
    }
    return pages;
  }

  numbers random;
  int32_t heads;
  cache_memory cache;
  int32_t next_page = 0;
};

// Positions [first, end) of a path that lies in `pages`.
struct piece {
  const std::vector<token> *path;
  std::vector<int32_t> pages;
  int32_t first, end;
};

// The attention of all pieces in one launch: rows [sum of pieces, H * D].
std::vector<bf16> attend(attention_world &world, const std::vector<piece> &pieces) {
  const int32_t d = world.cache.view.head_size, width = (world.heads + 2 * world.cache.view.kv_heads) * d;
  std::vector<bf16> qkv;
  std::vector<retrace_segment> segments;
  std::vector<retrace_tile> tiles;
  std::vector<int32_t> table;
  int32_t rows = 0;
  for (const piece &one : pieces) {
    const int32_t index = static_cast<int32_t>(segments.size()), count = one.end - one.first;
    segments.push_back({rows, count, one.first, static_cast<int32_t>(table.size())});
    table.insert(table.end(), one.pages.begin(), one.pages.end());
    for (int32_t row = 0; row < count; row += attention_tile_rows) tiles.push_back({index, row});
    for (int32_t position = one.first; position < one.end; position++) {
      const std::vector<bf16> &query = (*one.path)[static_cast<size_t>(position)].query;
      qkv.insert(qkv.end(), query.begin(), query.end());
      qkv.resize(qkv.size() + static_cast<size_t>(width) - query.size(), 0xFFFF);  // keys and values are not read here
    }
    rows += count;
  }
  const array<bf16> device_qkv(qkv);
  const array<retrace_segment> device_segments(segments);
  const array<retrace_tile> device_tiles(tiles);
  const array<int32_t> device_table(table);
  retrace_attention_plan plan{};
  plan.segments = device_segments, plan.tiles = device_tiles, plan.page_table = device_table;
  plan.segment_count = static_cast<int32_t>(segments.size()), plan.tile_count = static_cast<int32_t>(tiles.size());
  plan.page_table_length = static_cast<int32_t>(table.size());
  array<bf16> out(static_cast<size_t>(rows) * world.heads * d);
  expect_ran(launch_attention(stream, device_qkv, world.cache.view, 1, world.heads, plan, out));
  return out.values();
}

// Row `position` of a path in float64, every head.
std::vector<double> attention_oracle(const attention_world &world, const std::vector<token> &path, int32_t position) {
  const int32_t d = world.cache.view.head_size, group = world.heads / world.cache.view.kv_heads;
  std::vector<double> out;
  for (int32_t head = 0; head < world.heads; head++) {
    std::vector<double> scores, sum(static_cast<size_t>(d));
    double largest = -INFINITY, total = 0;
    for (int32_t other = 0; other <= position; other++) {
      double score = 0;
      for (int32_t i = 0; i < d; i++)
        score += value_of(path[position].query[head * d + i]) * value_of(path[other].key[head / group * d + i]);
      scores.push_back(score / std::sqrt(static_cast<double>(d)));
      largest = std::max(largest, scores.back());
    }
    for (int32_t other = 0; other <= position; other++) {
      const double weight = std::exp(scores[other] - largest);
      total += weight;
      for (int32_t i = 0; i < d; i++) sum[i] += weight * value_of(path[other].value[head / group * d + i]);
    }
    for (double value : sum) out.push_back(value / total);
  }
  return out;
}

}  // namespace

TEST_CASE("attention agrees with float64 for every head size, layout and way to share keys, over poisoned pages") {
  struct shape {
    int32_t heads, kv_heads, d, t, length, first;
  };
  for (const shape &one : {shape{4, 2, 16, 128, 70, 0},
                           {3, 3, 32, 128, 131, 60},
                           {6, 2, 64, 64, 150, 0},
                           {4, 2, 128, 128, 260, 190},
                           {2, 1, 64, 128, 200, 63},
                           {3, 1, 128, 128, 129, 64},
                           {4, 1, 32, 64, 65, 0},
                           {1, 1, 16, 128, 1, 0}})
    for (const kv_layout layout : {kv_layout::rows, kv_layout::swizzled}) {
      attention_world world(one.heads, one.kv_heads, one.d, one.t, layout, 6);
      std::vector<token> path;
      for (int32_t i = 0; i < one.length; i++) path.push_back(world.make_token());
      world.next_page = 1;
      const std::vector<bf16> out = attend(world, {{&path, world.write(path), one.first, one.length}});
      const size_t width = static_cast<size_t>(one.heads * one.d);
      relative_l2 error;
      for (int32_t position = one.first; position < one.length; position++) {
        const std::vector<double> expected = attention_oracle(world, path, position);
        for (size_t i = 0; i < width; i++) error.add(value_of(out[(position - one.first) * width + i]), expected[i]);
      }
      expect_within(error.value(), attention_tolerance,
                    "H = " + std::to_string(one.heads) + ", D = " + std::to_string(one.d));
    }
}

TEST_CASE("attention over shared pages, copied pages, any split and any company has the bits of the path alone") {
  for (const kv_layout layout : {kv_layout::rows, kv_layout::swizzled}) {
    attention_world world(4, 2, 64, 128, layout, 24);
    const int32_t prefix_length = 150, lengths[] = {220, 183, 279};
    std::vector<token> prefix;
    for (int32_t i = 0; i < prefix_length; i++) prefix.push_back(world.make_token());
    const std::vector<int32_t> shared = world.write(prefix);

    std::vector<std::vector<token>> paths;
    std::vector<piece> branches;
    std::vector<std::vector<bf16>> alone;
    for (const int32_t length : lengths) {
      paths.push_back(prefix);
      while (static_cast<int32_t>(paths.back().size()) < length) paths.back().push_back(world.make_token());
    }
    for (const std::vector<token> &path : paths) {
      const int32_t length = static_cast<int32_t>(path.size());
      alone.push_back(attend(world, {{&path, world.write(path), 0, length}}));  // pages of its own, cold
      // The first page shared; the second, partly filled by the prefix, copied; what follows its own.
      std::vector<int32_t> pages = world.write(path);
      pages[0] = shared[0];
      branches.push_back({&path, pages, prefix_length, length});
    }

    const size_t width = 4 * 64;
    const auto expect_rows = [&](const std::vector<piece> &pieces, const std::vector<size_t> &path_of,
                                 const char *what) {
      const std::vector<bf16> found = attend(world, pieces);
      size_t row = 0;
      for (size_t i = 0; i < pieces.size(); i++) {
        const size_t count = static_cast<size_t>(pieces[i].end - pieces[i].first);
        expect_same_bits(&found[row * width], &alone[path_of[i]][pieces[i].first * width], count * width, what);
        row += count;
      }
    };
    expect_rows(branches, {0, 1, 2}, "all branches at once");
    expect_rows({branches[2], branches[0]}, {2, 0}, "two, in another order");
    expect_rows({branches[1]}, {1}, "one by itself");
    for (const int32_t cut : {151, 191, 192, 256, 278}) {
      piece head = branches[2], tail = branches[2];
      head.end = tail.first = cut;
      expect_rows({tail, branches[0], head}, {2, 0, 2}, "cut");
    }
  }
}

TEST_CASE("attention has the same bits under every schedule of its warps and copies") {
  for (const int32_t heads : {3, 4}) {
    attention_world world(heads, heads == 3 ? 3 : 2, 32, 64, kv_layout::swizzled, 8);
    std::vector<token> path;
    for (int32_t i = 0; i < 330; i++) path.push_back(world.make_token());
    const std::vector<int32_t> pages = world.write(path);
    expect_same_under_all_schedules<bf16>(
        "attention", [&] { return attend(world, {{&path, pages, 250, 330}, {&path, pages, 3, 40}}); });
  }
}

TEST_CASE("pages behind the first 2^31 elements of a cache are written and read where they lie") {
  const int32_t t = 128, d = 128, kv_heads = 8, page = 10000;
  const int64_t page_elements = int64_t{kv_heads} * 2 * t * d, elements = (page + 1) * page_elements;
  EXPECT(page * page_elements > int64_t{1} << 31);
  // Of these gigabytes the system gives only what is touched.
  void *const memory = mmap(nullptr, elements * sizeof(bf16), PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw check::skipped("the system gives no 5 GB of addresses");
  const kv_cache cache{static_cast<bf16 *>(memory), elements, t, kv_heads, d, kv_layout::rows};
  numbers random(31);
  array<bf16> qkv(random.bf16s((8 + 2 * kv_heads) * d)), out(8 * d);
  const array<float> angles(std::vector<float>(d / 2, 0.5f));
  expect_ran(launch_rope_and_store(stream, qkv, angles, angles, array<int32_t>(std::vector<int32_t>{0}),
                                   array<int32_t>(std::vector<int32_t>{page * t}), 1, 8, cache, 0));
  const array<retrace_segment> segments(std::vector<retrace_segment>{{0, 1, 0, 0}});
  const array<retrace_tile> tiles(std::vector<retrace_tile>{{0, 0}});
  const array<int32_t> pages(std::vector<int32_t>{page});
  retrace_attention_plan plan{};
  plan.segments = segments, plan.tiles = tiles, plan.page_table = pages;
  plan.segment_count = plan.tile_count = plan.page_table_length = 1;
  expect_ran(launch_attention(stream, qkv, cache, 0, 8, plan, out));
  for (int32_t head = 0; head < kv_heads; head++) {
    const bf16 *const value = qkv + (8 + kv_heads + head) * d;
    const int64_t place = page * page_elements + (head * 2 + 1) * t * d;
    expect_same_bits(cache.data + place, value, d, "value");
    expect_same_bits<bf16>(out + head * d, value, d, "attention to one position");
  }
  munmap(memory, elements * sizeof(bf16));
}

int main(int argc, char **argv) {
  tell_of_walls();
  return check::run(argc, argv);
}
