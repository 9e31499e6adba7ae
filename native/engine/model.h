// A Llama as files or tensors: its config checked, its weights found in their shapes, its rotary tables.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "../device.h"
#include "retrace_engine.h"

namespace retrace {

struct rope_config {
  double theta = 10000;
  bool scaled = false;  // Llama 3.1's stretching of the slow frequencies
  double factor = 1, low_frequency_factor = 1, high_frequency_factor = 4, original_context = 8192;
};

struct model_config {
  retrace_shape shape{};
  rope_config rope;
  bool tied_embeddings = false;
};

// `source` names the text in messages. Throws `model_invalid`, `model_unsupported`.
model_config parse_model_config(const std::string &text, const std::string &source);

struct tensor_view {
  std::string name;
  retrace_dtype dtype = RETRACE_F32;
  std::vector<int64_t> shape;
  const void *data = nullptr;  // host memory, or device memory where `on_host` is false
  bool on_host = true;
};

// Where tensors come from. The views stay valid as long as the source.
class tensor_source {
 public:
  virtual ~tensor_source() = default;
  // Throws `model_invalid` where there is none of that name and shape, `model_unsupported` for a dtype that cannot be
  // computed with.
  virtual tensor_view find(const std::string &name, const std::vector<int64_t> &shape) const = 0;
};

// `model.safetensors`, or the shards that `model.safetensors.index.json` lists, mapped into memory and checked: header
// length, offsets, overlaps, gaps, dtypes, shapes, and no name in the index that leaves the folder.
// Throws `model_missing_file`, `model_invalid`.
std::unique_ptr<tensor_source> open_safetensors_folder(const std::string &folder);
std::unique_ptr<tensor_source> tensors_in_memory(const retrace_tensor *tensors, int64_t count);

std::string read_text_file(const std::string &path);  // throws `model_missing_file`

// Cosines and sines, each [positions, head_size / 2]. Frequencies and angles are rounded to single precision in front of
// the cosine, as PyTorch does: exact angles would differ at position 100,000 by some 0.005 rad from the trained ones.
struct rotary_tables {
  std::vector<float> cosines, sines;
};
rotary_tables make_rotary_tables(const rope_config &rope, int32_t head_size, int64_t positions);

// The weights on a device. Releases them with itself; the device must outlive it.
struct layer_weights {
  retrace_weight qkv{}, output{}, gate_up{}, down{};
  float *attention_gain = nullptr, *mlp_gain = nullptr;
};
class device_weights {
 public:
  device_weights(const retrace_device_api &api, retrace_device *device) : api_(api), device_(device) {}
  ~device_weights();
  device_weights(const device_weights &) = delete;
  device_weights &operator=(const device_weights &) = delete;

  // Bytes that `load` or `randomize` will allocate: a closed formula of the config.
  static int64_t bytes(const retrace_device_api &api, retrace_device *device, const model_config &config);
  // Throws what `tensor_source::find` does, `not_finite` (host tensors are looked through), `out_of_memory`.
  void load(const model_config &config, const tensor_source &source);
  // Uniform weights of that standard deviation; gains are 1.
  void randomize(const model_config &config, uint64_t seed, float standard_deviation = 0.02f);

  retrace_weight embedding{}, head{};  // the same memory where they are tied and the device's layout allows it
  std::vector<layer_weights> layers;
  float *final_gain = nullptr;

 private:
  const retrace_device_api &api_;
  retrace_device *device_;
  std::vector<void *> owned_;
};

}  // namespace retrace
