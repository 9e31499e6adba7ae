// A model's weights on a device: against bytes of its file that were found another way, and everything that has to be
// refused. The device is a small fake that keeps matrices as plain floats and counts.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "../counter_random.h"
#include "../engine/device_call.h"
#include "../engine/model.h"
#include "../engine/number_formats.h"
#include "check.h"
#include "model_files.h"
#include "thrown.h"

using namespace model_files;
using check::expect_failure;
using check::failure_of;
using check::thrown_by;
using retrace::device_weights;
using retrace::model_config;
using retrace::tensor_view;

namespace {

// ---- numbers, converted by their definition --------------------------------------------------------------------

// Value of the bits of a float16 (5 bits of exponent) or bfloat16 (8).
double value_of_word(uint16_t word, bool is_half) {
  const int fraction_bits = is_half ? 10 : 7, bias = is_half ? 15 : 127, most = is_half ? 31 : 255;
  const int fraction = word & ((1 << fraction_bits) - 1), exponent = (word & 0x7FFF) >> fraction_bits;
  const double sign = (word & 0x8000) != 0 ? -1 : 1;
  if (exponent == most) return fraction != 0 ? std::numeric_limits<double>::quiet_NaN() : sign * HUGE_VAL;
  if (exponent == 0) return sign * std::ldexp(fraction, 1 - bias - fraction_bits);
  return sign * std::ldexp(fraction + (1 << fraction_bits), exponent - bias - fraction_bits);
}

float element(const void *data, retrace_dtype dtype, int64_t index) {
  const char *bytes = static_cast<const char *>(data);
  if (dtype == RETRACE_F32) {
    float value;
    std::memcpy(&value, bytes + 4 * index, 4);
    return value;
  }
  uint16_t word;
  std::memcpy(&word, bytes + 2 * index, 2);
  return static_cast<float>(value_of_word(word, dtype == RETRACE_F16));
}

}  // namespace

// ---- the fake device ----------------------------------------------------------------------------

// What the interface only names: the fake's state.
struct retrace_device {
  std::map<void *, size_t> blocks;
  int64_t allocated = 0;              // bytes, each allocation rounded up to 256
  int allocations = 0, fail_at = -1;  // the allocation of that number fails
  int write_calls = 0, downloads = 0;
  bool misaligned = false;
  std::vector<std::pair<uint64_t, float>> random;  // seed and scale of each matrix
  retrace_device_error error{};
};

namespace {

int fail(retrace_device *d, int status, const char *message) {
  d->error = {status, 2, 41, "fake.cc", ""};
  std::snprintf(d->error.message, sizeof d->error.message, "%s", message);
  return status;
}

// More than the numbers take, so that a formula that guesses the device's layout fails.
size_t fake_weight_bytes(retrace_device *, int64_t rows, int64_t columns) { return 4 * (rows * columns) + 12; }

int fake_allocate(retrace_device *d, size_t bytes, void **memory) {
  if (d->allocations++ == d->fail_at) return fail(d, RETRACE_DEVICE_OUT_OF_MEMORY, "No room for the block.");
  *memory = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
  d->blocks[*memory] = bytes;
  d->allocated += static_cast<int64_t>((bytes + 255) / 256 * 256);
  return RETRACE_DEVICE_OK;
}

void fake_release(retrace_device *d, void *memory) {
  if (d->blocks.erase(memory) == 0) throw check::failure("memory is released that was never allocated");
  std::free(memory);
}

int fake_write(retrace_device *d, retrace_weight *weight, const void *source, retrace_dtype dtype, int64_t count,
               int64_t first_row, int64_t block, int64_t stride) {
  if (reinterpret_cast<uintptr_t>(source) % (dtype == RETRACE_F32 ? 4 : 2) != 0) d->misaligned = true;
  ++d->write_calls;
  float *target = static_cast<float *>(weight->data);
  for (int64_t r = 0; r < count; ++r) {
    const int64_t row = first_row + r / block * stride + r % block;
    if (row < 0 || row >= weight->rows) return fail(d, RETRACE_DEVICE_CALL_FAILED, "a row past the matrix");
    for (int64_t c = 0; c < weight->columns; ++c) {
      target[row * weight->columns + c] = element(source, dtype, r * weight->columns + c);
    }
  }
  return RETRACE_DEVICE_OK;
}

int fake_randomize(retrace_device *d, retrace_weight *, uint64_t seed, float scale) {
  d->random.emplace_back(seed, scale);
  return RETRACE_DEVICE_OK;
}

int fake_copy(retrace_device *, void *target, const void *source, size_t bytes) {
  std::memcpy(target, source, bytes);
  return RETRACE_DEVICE_OK;
}
int fake_download(retrace_device *d, void *target, const void *source, size_t bytes) {
  ++d->downloads;
  return fake_copy(d, target, source, bytes);
}

retrace_device_api make_fake() {
  retrace_device_api api{};
  api.abi = RETRACE_DEVICE_ABI;
  api.name = "fake";
  api.last_error = [](const retrace_device *d) -> const retrace_device_error * { return &d->error; };
  api.allocate = fake_allocate;
  api.release = fake_release;
  api.upload = fake_copy;
  api.download = fake_download;
  api.synchronize = [](retrace_device *) -> int { return RETRACE_DEVICE_OK; };
  api.weight_bytes = fake_weight_bytes;
  api.write_weight = fake_write;
  api.randomize_weight = fake_randomize;
  return api;
}
const retrace_device_api fake = make_fake();

// Rows [first, first + rows) of the loaded matrix are the tensor of the file, row by row from `from` on.
void expect_rows(const retrace_weight &weight, int64_t first, int64_t rows, const std::string &raw, retrace_dtype dtype,
                 int64_t from = 0) {
  const float *data = static_cast<const float *>(weight.data);
  for (int64_t i = 0; i < rows * weight.columns; ++i) {
    EXPECT_EQUAL(data[first * weight.columns + i], element(raw.data(), dtype, from * weight.columns + i));
  }
}

// All of a loaded model against the bytes of its file, which are found without the engine's reader.
void expect_loaded(const device_weights &weights, const model_config &config, const std::string &file,
                   retrace_dtype dtype) {
  const retrace_shape &s = config.shape;
  const int64_t q = s.heads * s.head_size, kv = s.kv_heads * s.head_size;
  const auto expect_gain = [&](const float *gain, const std::string &name) {
    const std::string raw = raw_tensor(file, name);
    for (int64_t i = 0; i < s.hidden_size; ++i) EXPECT_EQUAL(gain[i], element(raw.data(), dtype, i));
  };
  expect_rows(weights.embedding, 0, s.vocabulary_size, raw_tensor(file, "model.embed_tokens.weight"), dtype);
  if (!config.tied_embeddings) {
    expect_rows(weights.head, 0, s.vocabulary_size, raw_tensor(file, "lm_head.weight"), dtype);
  }
  expect_gain(weights.final_gain, "model.norm.weight");
  EXPECT_EQUAL(weights.layers.size(), static_cast<size_t>(s.layers));
  for (int32_t l = 0; l < s.layers; ++l) {
    const retrace::layer_weights &layer = weights.layers[static_cast<size_t>(l)];
    const std::string block = "model.layers." + std::to_string(l);
    expect_gain(layer.attention_gain, block + ".input_layernorm.weight");
    expect_gain(layer.mlp_gain, block + ".post_attention_layernorm.weight");
    EXPECT_EQUAL(layer.qkv.rows, q + 2 * kv);
    expect_rows(layer.qkv, 0, q, raw_tensor(file, block + ".self_attn.q_proj.weight"), dtype);
    expect_rows(layer.qkv, q, kv, raw_tensor(file, block + ".self_attn.k_proj.weight"), dtype);
    expect_rows(layer.qkv, q + kv, kv, raw_tensor(file, block + ".self_attn.v_proj.weight"), dtype);
    EXPECT_EQUAL(layer.output.columns, q);
    expect_rows(layer.output, 0, s.hidden_size, raw_tensor(file, block + ".self_attn.o_proj.weight"), dtype);
    EXPECT_EQUAL(layer.gate_up.rows, 2 * s.intermediate_size);
    const std::string gate = raw_tensor(file, block + ".mlp.gate_proj.weight");
    const std::string up = raw_tensor(file, block + ".mlp.up_proj.weight");
    for (int64_t row = 0; row < s.intermediate_size; row += 8) {
      expect_rows(layer.gate_up, 2 * row, 8, gate, dtype, row);
      expect_rows(layer.gate_up, 2 * row + 8, 8, up, dtype, row);
    }
    EXPECT_EQUAL(layer.down.columns, s.intermediate_size);
    expect_rows(layer.down, 0, s.hidden_size, raw_tensor(file, block + ".mlp.down_proj.weight"), dtype);
  }
}

}  // namespace

// ---- errors -------------------------------------------------------------------------------------

TEST_CASE("a device's status becomes the engine's code, with its place and its own status") {
  const std::pair<int, const char *> codes[] = {
      {RETRACE_DEVICE_NONE, "DEVICE_UNAVAILABLE"},       {RETRACE_DEVICE_OUT_OF_MEMORY, "OUT_OF_MEMORY"},
      {RETRACE_DEVICE_CALL_FAILED, "DEVICE_FAILED"},     {RETRACE_DEVICE_IS_LOST, "DEVICE_LOST"},
      {RETRACE_DEVICE_UNSUPPORTED, "MODEL_UNSUPPORTED"}, {77, "INTERNAL"}};
  for (const auto &[status, code] : codes) {
    const retrace_device_error failure = {status, 719, 12, "gemm.cu", "The launch failed."};
    const retrace::error error = thrown_by([&] { retrace::throw_device_error(failure); });
    EXPECT_EQUAL(std::string(retrace::name_of(error.code)), code);
    EXPECT_EQUAL(std::string(error.what()), "The launch failed. (gemm.cu:12)");
    EXPECT_EQUAL(error.file, "gemm.cu");
    EXPECT_EQUAL(error.line, 12);
    EXPECT_EQUAL(error.native_status, 719);
  }
  retrace_device_error full{};
  full.status = RETRACE_DEVICE_NONE;
  expect_failure([&] { retrace::throw_device_error(full); }, "DEVICE_UNAVAILABLE", "failed with status 1.");
  std::memset(full.message, 'm', sizeof full.message);  // no final zero
  std::memset(full.file, 'f', sizeof full.file);
  expect_failure([&] { retrace::throw_device_error(full); }, "DEVICE_UNAVAILABLE", std::string(400, 'm') + " (fff");
}

// ---- formats ------------------------------------------------------------------------------------

TEST_CASE("every float16 and bfloat16 becomes the float of its definition, at odd addresses too") {
  for (const retrace_dtype dtype : {RETRACE_F16, RETRACE_BF16}) {
    std::string bytes = "x";
    for (uint32_t word = 0; word < 65536; ++word) {
      bytes += static_cast<char>(word & 0xFF);
      bytes += static_cast<char>(word >> 8);
    }
    std::vector<float> floats(65536);
    retrace::to_floats(dtype, bytes.data() + 1, 65536, floats.data());
    for (uint32_t word = 0; word < 65536; ++word) {
      const double expected = value_of_word(static_cast<uint16_t>(word), dtype == RETRACE_F16);
      EXPECT(std::isnan(expected) ? std::isnan(floats[word]) : floats[word] == expected);
      EXPECT(std::isnan(expected) || std::signbit(floats[word]) == std::signbit(expected));
    }
  }
}

TEST_CASE("a NaN or an infinity is found at any place among the largest finite numbers") {
  for (const retrace_dtype dtype : {RETRACE_F16, RETRACE_BF16}) {
    const uint16_t largest = dtype == RETRACE_F16 ? 0xFBFF : 0xFF7F;  // negative: all bits but the exponent's last
    for (uint32_t word = 0; word < 65536; ++word) {
      const size_t count = 1 + word % 613, place = word * 7 % count;
      std::vector<uint16_t> words(count, largest);
      words[place] = static_cast<uint16_t>(word);
      const bool expected = std::isfinite(value_of_word(words[place], dtype == RETRACE_F16));
      EXPECT_EQUAL(retrace::all_finite(dtype, words.data(), static_cast<int64_t>(count)), expected);
    }
  }
  const float most = std::numeric_limits<float>::max(), nan = std::nanf(""), infinity = HUGE_VALF;
  for (size_t count = 1; count < 300; ++count) {
    std::vector<float> values(count, -most);
    EXPECT(retrace::all_finite(RETRACE_F32, values.data(), static_cast<int64_t>(count)));
    for (const float bad : {nan, -nan, infinity, -infinity}) {
      values[count * 5 % 7 % count] = bad;
      EXPECT(!retrace::all_finite(RETRACE_F32, values.data(), static_cast<int64_t>(count)));
    }
  }
  EXPECT(retrace::all_finite(RETRACE_F32, nullptr, 0));
}

// ---- weights ------------------------------------------------------------------------------------

TEST_CASE("each model's weights land in their rows, in as many bytes as the formula says, and are given back") {
  const std::pair<std::string, retrace_dtype> models[] = {{fixture("tiny-llama"), RETRACE_BF16},
                                                          {fixture("tiny-llama3-rope"), RETRACE_F16},
                                                          {root() + "/models/retrace-small", RETRACE_BF16}};
  for (const auto &[folder, dtype] : models) {
    retrace_device device;
    {
      const model_config config = fixture_config(folder);
      const auto source = retrace::open_safetensors_folder(folder);
      device_weights weights(fake, &device);
      weights.load(config, *source);
      expect_loaded(weights, config, read_bytes(folder + "/model.safetensors"), dtype);
      EXPECT_EQUAL(device.allocated, device_weights::bytes(fake, &device, config));
      EXPECT_EQUAL(weights.head.data == weights.embedding.data, config.tied_embeddings);
      EXPECT_EQUAL(weights.head.rows, config.shape.vocabulary_size);
      EXPECT(device.downloads == 0 && !device.misaligned);
    }
    EXPECT(device.blocks.empty());
  }
}

TEST_CASE("weights at odd addresses are loaded all the same, and reach the device at even ones") {
  const std::string file = read_bytes(fixture("tiny-llama") + "/model.safetensors");
  const uint64_t length = header_bytes(file);
  const std::string odd = safetensors(file.substr(8, length) + " ", file.substr(8 + length));
  const temporary_folder folder;
  write_bytes(folder.file("model.safetensors"), odd);
  const model_config config = fixture_config(fixture("tiny-llama"));
  retrace_device device;
  device_weights weights(fake, &device);
  const auto source = retrace::open_safetensors_folder(folder.path());
  EXPECT(reinterpret_cast<uintptr_t>(source->find("model.norm.weight", {64}).data) % 2 == 1);
  weights.load(config, *source);
  expect_loaded(weights, config, odd, RETRACE_BF16);
  EXPECT(!device.misaligned);
}

TEST_CASE("a matrix that is written in several pieces keeps its rows and its turns of gate and up") {
  // One piece is some 32 MiB: rows of 1024 float32 are 4 KiB, so 8192 rows; gate and up have 8 more than that.
  const int64_t c = 1024, f = 8200;
  model_config config;
  config.shape = {static_cast<int32_t>(c), static_cast<int32_t>(f), 1, 1, 1, 16, static_cast<int32_t>(f), 128, 1e-5f};
  config.tied_embeddings = true;
  std::map<std::string, std::vector<float>> data;
  std::vector<retrace_tensor> tensors;
  const auto give = [&](const std::string &name, int64_t rows, int64_t columns, float sign) {
    std::vector<float> &values = data[name];
    for (int64_t i = 0; i < rows * columns; ++i) values.push_back(sign * static_cast<float>(i / columns * 2 + i % 2));
    const auto &[key, stored] = *data.find(name);
    const int32_t rank = rows == 1 ? 1 : 2;
    tensors.push_back({key.c_str(), RETRACE_F32, rank, {rank == 1 ? columns : rows, columns}, stored.data()});
  };
  const std::string block = "model.layers.0.";
  give("model.embed_tokens.weight", f, c, 1);
  give("model.norm.weight", 1, c, 1);
  give(block + "input_layernorm.weight", 1, c, 1);
  give(block + "post_attention_layernorm.weight", 1, c, 1);
  for (const char *name : {"q", "k", "v"}) give(block + "self_attn." + name + "_proj.weight", 16, c, 1);
  give(block + "self_attn.o_proj.weight", c, 16, 1);
  give(block + "mlp.gate_proj.weight", f, c, 1);
  give(block + "mlp.up_proj.weight", f, c, -1);
  give(block + "mlp.down_proj.weight", c, f, 1);

  retrace_device device;
  device_weights weights(fake, &device);
  weights.load(config, *retrace::tensors_in_memory(tensors.data(), static_cast<int64_t>(tensors.size())));
  EXPECT_EQUAL(device.write_calls, 2 + 3 + 1 + 2 + 2 + 2);
  const float *embedding = static_cast<const float *>(weights.embedding.data);
  const float *gate_up = static_cast<const float *>(weights.layers[0].gate_up.data);
  for (int64_t row = 0; row < f; ++row) {
    const int64_t gate_row = row / 8 * 16 + row % 8;
    EXPECT_EQUAL(embedding[row * c + 1], static_cast<float>(2 * row + 1));
    EXPECT_EQUAL(gate_up[gate_row * c + 1], static_cast<float>(2 * row + 1));
    EXPECT_EQUAL(gate_up[(gate_row + 8) * c + 1], -static_cast<float>(2 * row + 1));
  }
}

namespace {

// A source whose tensors are another's copies in memory that only the device may read.
class device_source : public retrace::tensor_source {
 public:
  explicit device_source(std::unique_ptr<retrace::tensor_source> inner) : inner_(std::move(inner)) {}
  tensor_view find(const std::string &name, const std::vector<int64_t> &shape) const override {
    tensor_view view = inner_->find(name, shape);
    view.on_host = false;
    return view;
  }

 private:
  std::unique_ptr<retrace::tensor_source> inner_;
};

// A folder with the tiny model in which one bfloat16 number of a tensor is another.
std::unique_ptr<temporary_folder> with_number(const std::string &tensor, size_t index, uint16_t word) {
  std::string file = read_bytes(fixture("tiny-llama") + "/model.safetensors");
  const std::string raw = raw_tensor(file, tensor);
  const size_t at = file.find(raw, 8 + header_bytes(file)) + 2 * index;
  file[at] = static_cast<char>(word & 0xFF);
  file[at + 1] = static_cast<char>(word >> 8);
  auto folder = std::make_unique<temporary_folder>();
  write_bytes(folder->file("model.safetensors"), file);
  return folder;
}

}  // namespace

TEST_CASE("tensors in device memory are written as they are, and only gains are fetched and looked at") {
  const std::string q = "model.layers.0.self_attn.q_proj.weight";
  const auto folder = with_number(q, 5, 0x7FC0);
  const model_config config = fixture_config(fixture("tiny-llama"));
  retrace_device device;
  device_weights weights(fake, &device);
  weights.load(config, device_source(retrace::open_safetensors_folder(folder->path())));
  EXPECT(std::isnan(static_cast<const float *>(weights.layers[0].qkv.data)[5]));
  EXPECT_EQUAL(device.downloads, 2 * 3 + 1);
  const std::string raw = raw_tensor(read_bytes(fixture("tiny-llama") + "/model.safetensors"), "model.norm.weight");
  for (int64_t i = 0; i < 64; ++i) EXPECT_EQUAL(weights.final_gain[i], element(raw.data(), RETRACE_BF16, i));

  const auto bad_gain = with_number("model.layers.2.input_layernorm.weight", 63, 0x7F80);
  device_weights others(fake, &device);
  expect_failure([&] { others.load(config, device_source(retrace::open_safetensors_folder(bad_gain->path()))); },
                 "NOT_FINITE", "tensor model.layers.2.input_layernorm.weight");
}

TEST_CASE("NaN and infinity in a weight are refused with the tensor's name, before it is written") {
  const model_config config = fixture_config(fixture("tiny-llama"));
  const struct {
    const char *tensor;
    size_t index;
    uint16_t word;
  } cases[] = {{"model.layers.1.mlp.up_proj.weight", 10239, 0x7FC0},
               {"model.layers.0.self_attn.q_proj.weight", 0, 0xFF80},
               {"model.embed_tokens.weight", 777, 0x7F80},
               {"lm_head.weight", 32767, 0xFFFF},
               {"model.norm.weight", 3, 0x7F81}};
  for (const auto &test : cases) {
    const auto folder = with_number(test.tensor, test.index, test.word);
    const auto source = retrace::open_safetensors_folder(folder->path());
    retrace_device device;
    {
      device_weights weights(fake, &device);
      const std::string says = std::string("tensor ") + test.tensor + ": no score";
      expect_failure([&] { weights.load(config, *source); }, "NOT_FINITE", says);
    }
    EXPECT(device.blocks.empty());
  }
  // The first tensor of all is the bad one: nothing was written.
  const auto folder = with_number("model.embed_tokens.weight", 0, 0x7F80);
  retrace_device device;
  device_weights weights(fake, &device);
  EXPECT(failure_of([&] { weights.load(config, *retrace::open_safetensors_folder(folder->path())); }) != "");
  EXPECT_EQUAL(device.write_calls, 0);
}

TEST_CASE("a tensor that is missing is named before any memory is taken") {
  model_config config = fixture_config(fixture("tiny-llama"));
  const auto source = retrace::open_safetensors_folder(fixture("tiny-llama"));
  config.shape.layers = 4;
  retrace_device device;
  device_weights weights(fake, &device);
  expect_failure([&] { weights.load(config, *source); }, "MODEL_INVALID", "it has no tensor model.layers.3.");
  config = fixture_config(fixture("tiny-llama"));
  config.shape.vocabulary_size = 500;
  expect_failure([&] { weights.load(config, *source); }, "MODEL_INVALID", "[512, 64], expected [500, 64]");
  EXPECT_EQUAL(device.allocations, 0);
}

TEST_CASE("a feed-forward width that is no multiple of 8 is not supported, whichever way the weights come") {
  model_config config = fixture_config(fixture("tiny-llama"));
  config.shape.intermediate_size = 164;
  retrace_device device;
  device_weights weights(fake, &device);
  const auto source = retrace::open_safetensors_folder(fixture("tiny-llama"));
  const std::string says = "intermediate_size is 164, and has to be a multiple of 8";
  expect_failure([&] { weights.load(config, *source); }, "MODEL_UNSUPPORTED", says);
  expect_failure([&] { weights.randomize(config, 1); }, "MODEL_UNSUPPORTED", says);
  expect_failure([&] { device_weights::bytes(fake, &device, config); }, "MODEL_UNSUPPORTED", says);
}

TEST_CASE("a device without room for the weights is out of memory at any block, and gets all of them back") {
  const model_config config = fixture_config(fixture("tiny-llama"));
  const auto source = retrace::open_safetensors_folder(fixture("tiny-llama"));
  const int blocks = 3 + 3 * 6;  // embedding, head, gain; four matrices and two gains a layer
  for (int at = 0; at <= blocks; ++at) {
    for (const bool is_random : {false, true}) {
      retrace_device device;
      device.fail_at = at;
      {
        device_weights weights(fake, &device);
        const auto body = [&] { is_random ? weights.randomize(config, 7) : weights.load(config, *source); };
        if (at < blocks) expect_failure(body, "OUT_OF_MEMORY", "No room for the block. (fake.cc:41)");
        else EXPECT_EQUAL(failure_of(body), "");
      }
      EXPECT(device.blocks.empty());
    }
  }
}

TEST_CASE("random weights have a stream of their own in every matrix, and gains of one") {
  for (const bool is_tied : {false, true}) {
    model_config config = fixture_config(fixture("tiny-llama"));
    config.tied_embeddings = is_tied;
    retrace_device device;
    device_weights weights(fake, &device);
    weights.randomize(config, 42, 0.02f);
    EXPECT_EQUAL(device.allocated, device_weights::bytes(fake, &device, config));
    EXPECT_EQUAL(weights.head.data == weights.embedding.data, is_tied);
    EXPECT_EQUAL(device.random.size(), 4u * 3 + (is_tied ? 1 : 2));
    for (int i = 0; i < 64; ++i) EXPECT(weights.final_gain[i] == 1 && weights.layers[2].mlp_gain[i] == 1);
    // The generator counts from its seed in steps of this odd number; dividing a difference of two seeds by it (modulo
    // 2^64, by its inverse: each turn of Newton's doubles the right bits) tells by how many places their streams are
    // the same. It has to be more than any matrix has.
    const uint64_t step = 0x9E3779B97F4A7C15ull;
    uint64_t inverse = step;
    for (int i = 0; i < 6; ++i) inverse *= 2 - step * inverse;
    EXPECT_EQUAL(step * inverse, 1u);
    for (size_t a = 0; a < device.random.size(); ++a) {
      for (size_t b = 0; b < a; ++b) {
        const uint64_t places = (device.random[a].first - device.random[b].first) * inverse;
        EXPECT(std::min(places, 0 - places) > uint64_t{1} << 40);
      }
    }
    // The head of an untied model is a matrix more and moves no other.
    retrace_device again;
    device_weights same(fake, &again);
    model_config untied = config;
    untied.tied_embeddings = false;
    same.randomize(untied, 42, 0.02f);
    EXPECT_EQUAL(again.random.back().first, device.random.back().first);
    EXPECT_EQUAL(again.random.front().first, device.random.front().first);
  }
}

TEST_CASE("random weights have the standard deviation that was asked for") {
  const model_config config = fixture_config(fixture("tiny-llama"));
  retrace_device device;
  device_weights weights(fake, &device);
  weights.randomize(config, 42, 0.02f);
  for (const auto &[seed, scale] : device.random) {
    const int count = 1 << 16;
    double sum = 0, squares = 0;
    for (int i = 0; i < count; ++i) {
      const double value = retrace_counter_random(seed, static_cast<uint64_t>(i), scale);
      sum += value, squares += value * value;
    }
    // Of 65536 uniform numbers the mean has the deviation 0.02 / 256, and the root of the mean square 0.02 * 0.45 / 256
    // (the kurtosis of a uniform number is 9/5); five of each.
    EXPECT(std::fabs(sum / count) < 5 * 0.02 / 256);
    EXPECT(std::fabs(std::sqrt(squares / count) - 0.02) < 5 * 0.02 * 0.45 / 256);
  }
  retrace_device other;
  device_weights others(fake, &other);
  others.randomize(config, 43, 0.02f);
  for (size_t i = 0; i < device.random.size(); ++i) EXPECT(device.random[i].first != other.random[i].first);
}

TEST_MAIN
