// How fast the CPU reference is: products, attention, and the forward pass of a small Llama (hidden 256, 4 layers) over
// a prefix of 2,048 tokens and 8 branches of 256, on random weights. Prints figures; asserts nothing.
//
//   reference_bench [threads] [kernels]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "../reference/reference_device.h"

namespace {

const retrace_device_api &api = *retrace_reference_device();
retrace_device *device;

void must(int status) {
  if (status == RETRACE_DEVICE_OK) return;
  std::fprintf(stderr, "%s\n", api.last_error(device)->message);
  std::exit(1);
}

// Median seconds of some runs.
template <class Body>
double seconds(int runs, const Body &body) {
  std::vector<double> all;
  for (int i = 0; i < runs; i++) {
    const auto start = std::chrono::steady_clock::now();
    body();
    all.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  std::sort(all.begin(), all.end());
  return all[all.size() / 2];
}

retrace_weight random_weight(int64_t rows, int64_t columns, float scale = 0.05f) {
  retrace_weight weight{nullptr, rows, columns};
  must(api.allocate(device, api.weight_bytes(device, rows, columns), &weight.data));
  must(api.randomize_weight(device, &weight, static_cast<uint64_t>(rows * 31 + columns), scale));
  return weight;
}

struct layer {
  retrace_weight qkv, output, gate_up, down;
};

constexpr int64_t hidden = 256, intermediate = 640, heads = 4, kv_heads = 2, head_size = 64, vocabulary = 4096;
constexpr int32_t layers = 4, page_tokens = 128, prefix = 2048, branches = 8, branch = 256;

// Runs of new tokens: segments over pages that the caller has laid out.
struct batch {
  std::vector<int32_t> ids, positions, slots, page_table;
  std::vector<retrace_segment> segments;
  std::vector<retrace_tile> tiles;

  void add(int32_t first_position, int32_t tokens, const std::vector<int32_t> &pages, int32_t tile_rows) {
    const int32_t first_row = static_cast<int32_t>(ids.size()), segment = static_cast<int32_t>(segments.size());
    segments.push_back({first_row, tokens, first_position, static_cast<int32_t>(page_table.size())});
    page_table.insert(page_table.end(), pages.begin(), pages.end());
    for (int32_t row = 0; row < tokens; row += tile_rows) tiles.push_back({segment, row});
    for (int32_t i = 0; i < tokens; i++) {
      const int32_t position = first_position + i;
      ids.push_back(static_cast<int32_t>((position * 2654435761u) % vocabulary));
      positions.push_back(position);
      slots.push_back(pages[static_cast<size_t>(position / page_tokens)] * page_tokens + position % page_tokens);
    }
  }
  int64_t rows() const { return static_cast<int64_t>(ids.size()); }
};

struct buffers {
  std::vector<float> x, normed, qkv, attended, activated;
  explicit buffers(int64_t m)
      : x(m * hidden),
        normed(m * hidden),
        qkv(m * (heads + 2 * kv_heads) * head_size),
        attended(m * heads * head_size),
        activated(m * intermediate) {}
};

double attention_seconds = 0;

void forward(const batch &b, const std::vector<layer> &model, const retrace_weight &embedding,
             const std::vector<float> &gain, buffers &t) {
  const int64_t m = b.rows();
  const retrace_attention_plan plan{b.segments.data(),
                                    b.tiles.data(),
                                    b.page_table.data(),
                                    b.segments.data(),
                                    b.page_table.data(),
                                    static_cast<int32_t>(b.segments.size()),
                                    static_cast<int32_t>(b.tiles.size()),
                                    static_cast<int32_t>(b.page_table.size()),
                                    prefix + branch};
  must(api.embed(device, &embedding, b.ids.data(), m, t.x.data()));
  for (int32_t i = 0; i < layers; i++) {
    must(api.rms_norm(device, t.x.data(), gain.data(), m, t.normed.data()));
    must(api.gemm(device, &model[i].qkv, t.normed.data(), m, RETRACE_STORE, t.qkv.data()));
    must(api.rope_and_store(device, t.qkv.data(), b.positions.data(), b.slots.data(), m, i));
    attention_seconds += seconds(1, [&] { must(api.attention(device, t.qkv.data(), &plan, i, t.attended.data())); });
    must(api.gemm(device, &model[i].output, t.attended.data(), m, RETRACE_ADD, t.x.data()));
    must(api.rms_norm(device, t.x.data(), gain.data(), m, t.normed.data()));
    must(api.gemm(device, &model[i].gate_up, t.normed.data(), m, RETRACE_SWIGLU, t.activated.data()));
    must(api.gemm(device, &model[i].down, t.activated.data(), m, RETRACE_ADD, t.x.data()));
  }
  must(api.store_hidden(device, t.x.data(), gain.data(), b.slots.data(), m));
}

void print_products() {
  const int64_t sizes[][3] = {
      {2048, 512, 256}, {2048, 256, 256}, {2048, 1280, 256}, {2048, 256, 640}, {256, 4096, 4096}};
  for (const auto &[m, n, k] : sizes) {
    const retrace_weight weight = random_weight(n, k);
    std::vector<float> a(m * k, 0.5f), out(m * n);
    const double time = seconds(7, [&] { must(api.gemm(device, &weight, a.data(), m, RETRACE_STORE, out.data())); });
    std::printf("gemm M %5lld  N %5lld  K %5lld  %8.2f ms  %7.1f GFLOP/s\n", static_cast<long long>(m),
                static_cast<long long>(n), static_cast<long long>(k), time * 1e3, 2e-9 * m * n * k / time);
    api.release(device, weight.data);
  }
}

void print_forward() {
  std::vector<layer> model;
  for (int32_t i = 0; i < layers; i++)
    model.push_back({random_weight((heads + 2 * kv_heads) * head_size, hidden),
                     random_weight(hidden, heads * head_size), random_weight(2 * intermediate, hidden),
                     random_weight(hidden, intermediate)});
  const retrace_weight embedding = random_weight(vocabulary, hidden, 1.0f);
  const std::vector<float> gain(hidden, 1.0f);
  retrace_device_facts facts;
  must(api.facts(device, &facts));

  std::vector<int32_t> path;
  for (int32_t page = 0; page < prefix / page_tokens; page++) path.push_back(page);
  batch first, second;
  first.add(0, prefix, path, facts.attention_tile_rows);
  int32_t next_page = prefix / page_tokens;
  for (int32_t i = 0; i < branches; i++) {
    std::vector<int32_t> pages = path;
    for (int32_t j = 0; j < branch / page_tokens; j++) pages.push_back(next_page++);
    second.add(prefix, branch, pages, facts.attention_tile_rows);
  }
  must(api.make_cache(device, next_page));
  must(api.make_workspace(device, prefix, branches * branch));
  buffers scratch(std::max(first.rows(), second.rows()));
  std::vector<float> log_probs(second.ids.size());

  const int runs = 5;
  const double prefix_time = seconds(runs, [&] { forward(first, model, embedding, gain, scratch); });
  attention_seconds = 0;
  const double branch_time = seconds(runs, [&] { forward(second, model, embedding, gain, scratch); });
  const double attention_time = attention_seconds / runs;
  const double head_time = seconds(runs, [&] {
    must(api.head(device, &embedding, second.slots.data(), second.ids.data(), second.rows(), log_probs.data()));
  });
  const double seen = prefix + (branch + 1) / 2.0;
  const double attention_flops = 4.0 * second.rows() * seen * heads * head_size * layers;
  std::printf("prefix of %d tokens       %8.2f ms\n", prefix, prefix_time * 1e3);
  std::printf("%d branches of %d tokens  %8.2f ms, of it attention %.2f ms = %.1f GFLOP/s\n", branches, branch,
              branch_time * 1e3, attention_time * 1e3, attention_flops / attention_time * 1e-9);
  std::printf("head of %d targets        %8.2f ms, %.1f GFLOP/s\n", static_cast<int>(second.rows()), head_time * 1e3,
              2e-9 * second.rows() * vocabulary * hidden / head_time);
}

}  // namespace

int main(int argc, char **argv) {
  retrace_device_options options{};
  options.threads = argc > 1 ? std::atoi(argv[1]) : 1;
  options.kernels = argc > 2 ? argv[2] : nullptr;
  options.page_tokens = page_tokens;
  options.shape = {hidden, intermediate, layers, heads, kv_heads, head_size, vocabulary, prefix + branch, 1e-5f};
  retrace_device_error error{};
  if (api.open(&options, &device, &error) != RETRACE_DEVICE_OK) {
    std::fprintf(stderr, "%s\n", error.message);
    return 1;
  }
  const std::vector<float> table((prefix + branch) * head_size / 2, 0.7071f);
  must(api.set_rotary(device, table.data(), table.data()));
  retrace_device_facts facts;
  must(api.facts(device, &facts));
  std::printf("%s, %d threads\n", facts.name, options.threads);
  print_products();
  print_forward();
  api.close(device);
  return 0;
}
