// What the tests of the whole engine share: a small model's config, the program's own folder, and the engine's numbers.
#pragma once

#include <cstdint>
#include <sstream>
#include <string>
#include <vector>

#include <libgen.h>
#include <unistd.h>

#include "../device.h"
#include "../engine/retrace_engine.h"

namespace engine_case {

using ids = std::vector<uint32_t>;

// The config.json of a Llama of that shape.
inline std::string config_of(const retrace_shape &shape, bool is_tied) {
  std::ostringstream text;
  text << R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu")"
       << R"(, "hidden_size": )" << shape.hidden_size << R"(, "intermediate_size": )" << shape.intermediate_size
       << R"(, "num_hidden_layers": )" << shape.layers << R"(, "num_attention_heads": )" << shape.heads
       << R"(, "num_key_value_heads": )" << shape.kv_heads << R"(, "head_dim": )" << shape.head_size
       << R"(, "vocab_size": )" << shape.vocabulary_size << R"(, "max_position_embeddings": )" << shape.context_length
       << R"(, "rope_theta": 10000.0, "rms_norm_eps": )" << shape.norm_epsilon << R"(, "tie_word_embeddings": )"
       << (is_tied ? "true" : "false") << "}";
  return text.str();
}

// The folder that this program lies in.
inline std::string program_folder() {
  char path[4096];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
  path[length > 0 ? length : 0] = '\0';
  return dirname(path);
}

// One number of the engine's description.
inline int64_t number_in(const retrace_engine *engine, const std::string &field) {
  const std::string text = retrace_engine_describe(engine), key = "\"" + field + "\": ";
  return std::stoll(text.substr(text.find(key) + key.size()));
}

}  // namespace engine_case
