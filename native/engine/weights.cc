// A Llama's weights on a device: its tensors, packed the way the forward pass wants them.
//
//   qkv      [(H + 2G) * D, C]  rows of the query, key and value projections one after another: one product for three
//   output   [C, H * D]
//   gate_up  [2F, C]            blocks of 8 rows, gate and up in turn, so that the product's epilogue has both at hand
//   down     [C, F]
//   gains    float [C]
//
// Shapes: C hidden size, F intermediate size, H heads, G key-value heads, D head size, V vocabulary.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "device_call.h"
#include "model.h"
#include "number_formats.h"

namespace retrace {

namespace {

constexpr int64_t interleave_rows = 8;              // of RETRACE_SWIGLU
constexpr int64_t alignment = 256;                  // of a device's allocations, bytes
constexpr int64_t chunk_bytes = int64_t{32} << 20;  // looked through and written at a time, while it is in the cache

int64_t rounded_up(int64_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }

// Rows of one tensor, and where they go: row r becomes first_row + (r / block) * stride + r % block.
struct weight_part {
  std::string tensor;
  int64_t rows, first_row, block, stride;
};
struct weight_layout {
  int64_t rows, columns;
  std::vector<weight_part> parts;
};

weight_layout whole(const std::string &tensor, int64_t rows, int64_t columns) {
  return {rows, columns, {{tensor, rows, 0, rows, rows}}};
}

weight_layout qkv_layout(const retrace_shape &s, const std::string &block) {
  const int64_t q = int64_t{s.heads} * s.head_size, kv = int64_t{s.kv_heads} * s.head_size;
  return {q + 2 * kv,
          s.hidden_size,
          {{block + ".self_attn.q_proj.weight", q, 0, q, q},
           {block + ".self_attn.k_proj.weight", kv, q, kv, kv},
           {block + ".self_attn.v_proj.weight", kv, q + kv, kv, kv}}};
}

weight_layout gate_up_layout(const retrace_shape &s, const std::string &block) {
  const int64_t rows = s.intermediate_size, step = interleave_rows;
  return {2 * rows,
          s.hidden_size,
          {{block + ".mlp.gate_proj.weight", rows, 0, step, 2 * step},
           {block + ".mlp.up_proj.weight", rows, step, step, 2 * step}}};
}

std::string block_name(int32_t layer) { return "model.layers." + std::to_string(layer); }

weight_layout embedding_layout(const retrace_shape &s) {
  return whole("model.embed_tokens.weight", s.vocabulary_size, s.hidden_size);
}
weight_layout head_layout(const retrace_shape &s) { return whole("lm_head.weight", s.vocabulary_size, s.hidden_size); }

// All matrices of one layer, in the order of `weights_of`.
std::vector<weight_layout> layouts_of_layer(const retrace_shape &s, int32_t layer) {
  const std::string block = block_name(layer);
  return {qkv_layout(s, block),
          whole(block + ".self_attn.o_proj.weight", s.hidden_size, int64_t{s.heads} * s.head_size),
          gate_up_layout(s, block), whole(block + ".mlp.down_proj.weight", s.hidden_size, s.intermediate_size)};
}
std::vector<retrace_weight *> weights_of(layer_weights &layer) {
  return {&layer.qkv, &layer.output, &layer.gate_up, &layer.down};
}

constexpr const char *final_gain_name = "model.norm.weight";
std::string attention_gain_name(int32_t layer) { return block_name(layer) + ".input_layernorm.weight"; }
std::string mlp_gain_name(int32_t layer) { return block_name(layer) + ".post_attention_layernorm.weight"; }

// Looks for every tensor before the first is loaded: one that is missing in the last layer is no matter of minutes.
void check_tensors(const model_config &config, const tensor_source &source) {
  const retrace_shape &s = config.shape;
  const auto find = [&](const weight_layout &layout) {
    for (const weight_part &part : layout.parts) source.find(part.tensor, {part.rows, layout.columns});
  };
  find(embedding_layout(s));
  if (!config.tied_embeddings) find(head_layout(s));
  source.find(final_gain_name, {s.hidden_size});
  for (int32_t i = 0; i < s.layers; ++i) {
    source.find(attention_gain_name(i), {s.hidden_size});
    source.find(mlp_gain_name(i), {s.hidden_size});
    for (const weight_layout &layout : layouts_of_layer(s, i)) find(layout);
  }
}

void check_supported(const retrace_shape &s) {
  if (s.intermediate_size % interleave_rows == 0) return;
  throw error(error_code::model_unsupported,
              "The model is not supported: intermediate_size is " + std::to_string(s.intermediate_size) +
                  ", and has to be a multiple of " + std::to_string(interleave_rows) + ". Use another model.");
}

[[noreturn]] void not_finite(const std::string &tensor) {
  throw error(error_code::not_finite, "The model holds NaN or infinity in tensor " + tensor +
                                          ": no score from it would be a number. Use another checkpoint.");
}

// Seed of one matrix. Hashed, as the generator counts on from its seed: seeds that lie near each other would give
// matrices that are the same numbers, moved by some places. (The finalizer of MurmurHash3, Appleby.)
uint64_t seed_of_matrix(uint64_t seed, uint64_t index) {
  uint64_t z = seed ^ (index + 1) * 0xD1B54A32D192ED03ull;
  z = (z ^ (z >> 33)) * 0xFF51AFD7ED558CCDull;
  z = (z ^ (z >> 33)) * 0xC4CEB9FE1A85EC53ull;
  return z ^ (z >> 33);
}

// Allocates on the device and writes there; what it allocates belongs to `owned`.
class weight_writer {
 public:
  weight_writer(const retrace_device_api &api, retrace_device *device, std::vector<void *> &owned)
      : api_(api), device_(device), owned_(owned) {}

  retrace_weight allocate_matrix(int64_t rows, int64_t columns) {
    return {allocate(api_.weight_bytes(device_, rows, columns)), rows, columns};
  }

  retrace_weight load_matrix(const weight_layout &layout, const tensor_source &source) {
    retrace_weight weight = allocate_matrix(layout.rows, layout.columns);
    for (const weight_part &part : layout.parts) {
      write(weight, source.find(part.tensor, {part.rows, layout.columns}), part);
    }
    return weight;
  }

  float *load_gain(const std::string &tensor, int64_t size, const tensor_source &source) {
    const tensor_view view = source.find(tensor, {size});
    const int64_t bytes = size * element_bytes(view.dtype);
    std::vector<char> host;
    const void *data = view.data;
    if (!view.on_host) {
      expect_device_memory(view);
      host.resize(static_cast<size_t>(bytes));
      check(api_.download(device_, host.data(), view.data, host.size()));
      data = host.data();
    }
    if (!all_finite(view.dtype, data, size)) not_finite(tensor);
    std::vector<float> gain(static_cast<size_t>(size));
    to_floats(view.dtype, data, size, gain.data());
    return upload_gain(gain);
  }

  float *upload_gain(const std::vector<float> &gain) {
    const size_t bytes = gain.size() * sizeof(float);
    float *target = static_cast<float *>(allocate(bytes));
    check(api_.upload(device_, target, gain.data(), bytes));
    check(api_.synchronize(device_));  // an upload may still read the vector when it returns
    return target;
  }

  void check(int status) const { check_device(api_, device_, status); }

 private:
  void *allocate(size_t bytes) {
    owned_.push_back(nullptr);  // first, so that no allocation is lost where this throws
    check(api_.allocate(device_, bytes, &owned_.back()));
    return owned_.back();
  }

  void write(retrace_weight &weight, const tensor_view &view, const weight_part &part) {
    const int64_t row_bytes = weight.columns * element_bytes(view.dtype);
    if (!view.on_host) {
      expect_device_memory(view);
      write_rows(weight, view, view.data, part, 0, part.rows);
      return;
    }
    // Whole blocks at a time, or rows of the whole where it is one block: only so the rest goes on in step.
    const bool is_one_block = part.block == part.rows;
    const int64_t unit = is_one_block ? 1 : part.block;
    const int64_t chunk_rows = std::max<int64_t>(1, chunk_bytes / row_bytes / unit) * unit;
    const char *bytes = static_cast<const char *>(view.data);
    const bool is_aligned = reinterpret_cast<uintptr_t>(bytes) % static_cast<uintptr_t>(element_bytes(view.dtype)) == 0;
    std::vector<float> copy;  // of float for its alignment
    for (int64_t row = 0; row < part.rows; row += chunk_rows) {
      const int64_t rows = std::min(chunk_rows, part.rows - row);
      const void *source = bytes + row * row_bytes;
      if (!all_finite(view.dtype, source, rows * weight.columns)) not_finite(view.name);
      if (!is_aligned) {
        // A header of odd length: devices read whole elements, and may trap on half an address.
        copy.resize(static_cast<size_t>(rows * row_bytes + 3) / 4);
        std::memcpy(copy.data(), source, static_cast<size_t>(rows * row_bytes));
        source = copy.data();
      }
      write_rows(weight, view, source, part, row, rows);
      if (!is_aligned) check(api_.synchronize(device_));  // the next chunk overwrites this one
    }
  }

  // The CPU has no memory but the host's: reading a GPU's would end the process.
  void expect_device_memory(const tensor_view &view) const {
    if (std::strcmp(api_.name, "cpu") != 0) return;
    throw error(error_code::model_invalid, "The given tensor " + view.name +
                                               " cannot be used: its data is not in memory that the CPU can read. Give "
                                               "it in host memory, or choose the device that it lies on.");
  }

  // Rows [row, row + rows) of the part, which lie at `source`.
  void write_rows(retrace_weight &weight, const tensor_view &view, const void *source, const weight_part &part,
                  int64_t row, int64_t rows) {
    const bool is_one_block = part.block == part.rows;
    const int64_t first = part.first_row + (is_one_block ? row : row / part.block * part.stride);
    const int64_t block = is_one_block ? rows : part.block, stride = is_one_block ? rows : part.stride;
    check(api_.write_weight(device_, &weight, source, view.dtype, rows, first, block, stride));
  }

  const retrace_device_api &api_;
  retrace_device *device_;
  std::vector<void *> &owned_;
};

}  // namespace

device_weights::~device_weights() {
  for (void *memory : owned_)
    if (memory != nullptr) api_.release(device_, memory);
}

int64_t device_weights::bytes(const retrace_device_api &api, retrace_device *device, const model_config &config) {
  const retrace_shape &s = config.shape;
  check_supported(s);
  const auto matrix = [&](int64_t rows, int64_t columns) {
    return rounded_up(static_cast<int64_t>(api.weight_bytes(device, rows, columns)));
  };
  const int64_t c = s.hidden_size, f = s.intermediate_size, d = s.head_size, v = s.vocabulary_size;
  const int64_t gain = rounded_up(c * static_cast<int64_t>(sizeof(float)));
  const int64_t layer = matrix((s.heads + 2 * int64_t{s.kv_heads}) * d, c) + matrix(c, s.heads * d) + matrix(2 * f, c) +
                        matrix(c, f) + 2 * gain;
  return (config.tied_embeddings ? 1 : 2) * matrix(v, c) + gain + s.layers * layer;
}

void device_weights::load(const model_config &config, const tensor_source &source) {
  const retrace_shape &s = config.shape;
  check_supported(s);
  check_tensors(config, source);
  weight_writer writer(api_, device_, owned_);
  embedding = writer.load_matrix(embedding_layout(s), source);
  head = config.tied_embeddings ? embedding : writer.load_matrix(head_layout(s), source);
  final_gain = writer.load_gain(final_gain_name, s.hidden_size, source);

  layers.resize(static_cast<size_t>(s.layers));
  for (int32_t i = 0; i < s.layers; ++i) {
    layer_weights &layer = layers[static_cast<size_t>(i)];
    layer.attention_gain = writer.load_gain(attention_gain_name(i), s.hidden_size, source);
    layer.mlp_gain = writer.load_gain(mlp_gain_name(i), s.hidden_size, source);
    const std::vector<weight_layout> layouts = layouts_of_layer(s, i);
    const std::vector<retrace_weight *> targets = weights_of(layer);
    for (size_t m = 0; m < targets.size(); ++m) *targets[m] = writer.load_matrix(layouts[m], source);
  }
  writer.check(api_.synchronize(device_));  // the source may go now
}

void device_weights::randomize(const model_config &config, uint64_t seed, float standard_deviation) {
  const retrace_shape &s = config.shape;
  check_supported(s);
  weight_writer writer(api_, device_, owned_);
  // Uniform numbers in [-a, a) have the standard deviation a / sqrt(3).
  const float scale = static_cast<float>(standard_deviation * std::sqrt(3.0));
  // Matrix 0 is the embedding, 1 the head, 2 + 4 * layer + (0 qkv, 1 output, 2 gate_up, 3 down) the layers'.
  const auto random_matrix = [&](uint64_t index, int64_t rows, int64_t columns) {
    retrace_weight weight = writer.allocate_matrix(rows, columns);
    writer.check(api_.randomize_weight(device_, &weight, seed_of_matrix(seed, index), scale));
    return weight;
  };
  const std::vector<float> ones(static_cast<size_t>(s.hidden_size), 1.0f);
  embedding = random_matrix(0, s.vocabulary_size, s.hidden_size);
  head = config.tied_embeddings ? embedding : random_matrix(1, s.vocabulary_size, s.hidden_size);
  final_gain = writer.upload_gain(ones);

  layers.resize(static_cast<size_t>(s.layers));
  for (int32_t i = 0; i < s.layers; ++i) {
    layer_weights &layer = layers[static_cast<size_t>(i)];
    layer.attention_gain = writer.upload_gain(ones);
    layer.mlp_gain = writer.upload_gain(ones);
    const std::vector<weight_layout> layouts = layouts_of_layer(s, i);
    const std::vector<retrace_weight *> targets = weights_of(layer);
    for (size_t m = 0; m < targets.size(); ++m) {
      *targets[m] = random_matrix(2 + targets.size() * static_cast<size_t>(i) + m, layouts[m].rows, layouts[m].columns);
    }
  }
  writer.check(api_.synchronize(device_));
}

}  // namespace retrace
