// config.json in the spelling of Transformers 4 and 5, as far as the numbers depend on it. What would change them and
// is not computed here is refused by its name; the twin of src/scoring/model-config.ts, with the same answers.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "error.h"
#include "json.h"
#include "model.h"
#include "printable.h"

namespace retrace {

// Bounds that no model comes near, below which no product of sizes overflows 64 bits.
static constexpr int64_t max_layers = 1 << 16;
static constexpr int64_t max_matrix_elements = int64_t{1} << 40;
static constexpr int64_t max_text_bytes = 100'000'000;

std::string read_text_file(const std::string &path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) {
    const int cause = errno;
    const std::string why =
        cause == ENOENT ? " does not exist" : " cannot be opened (" + std::string(std::strerror(cause)) + ")";
    throw error(error_code::model_missing_file, path + why + ". Give a model folder that holds it.");
  }
  struct stat facts{};
  std::string text;
  int64_t got = ::fstat(file, &facts) == 0 && S_ISREG(facts.st_mode) ? 0 : -1;
  if (got == 0 && facts.st_size <= max_text_bytes) {
    text.resize(static_cast<size_t>(facts.st_size));
    size_t filled = 0;
    while (filled < text.size() && (got = ::read(file, &text[filled], text.size() - filled)) > 0)
      filled += static_cast<size_t>(got);
    text.resize(filled);  // shorter where the file was cut off in between
  }
  ::close(file);
  if (got < 0) {
    throw error(error_code::model_missing_file, path + " cannot be read. Give a model folder that holds it.");
  }
  if (facts.st_size > max_text_bytes) {
    const std::string size = std::to_string(facts.st_size), most = std::to_string(max_text_bytes);
    throw error(error_code::model_invalid,
                path + " has " + size + " bytes, expected at most " + most + ". Fetch the file again.");
  }
  return text;
}

namespace {

// Keys of one object, with its own place in messages. Messages name the key, what it should be, and what it is.
class fields {
 public:
  fields(const json_value &object, std::string source, std::string prefix = "")
      : object_(object), source_(std::move(source)), prefix_(std::move(prefix)) {}

  [[noreturn]] void invalid(const std::string &why) const {
    throw error(error_code::model_invalid,
                source_ + " cannot be used: " + why + ". Correct the file or fetch it again.");
  }
  [[noreturn]] void unsupported(const std::string &what) const {
    throw error(error_code::model_unsupported,
                source_ + " is not supported: " + what + ". Use a model of the Llama family (model_type \"llama\").");
  }

  const json_value *find(const char *key) const { return object_.find(key); }
  // As `find`, with null as no value.
  const json_value *find_not_null(const char *key) const {
    const json_value *value = find(key);
    return value != nullptr && value->type == json_value::kind::null ? nullptr : value;
  }

  int32_t size(const char *key) const {
    const json_value *value = find(key);
    constexpr int64_t largest = std::numeric_limits<int32_t>::max();
    if (value == nullptr || !value->is_whole() || value->whole() < 1 || value->whole() > largest) {
      wrong(key, "a whole number from 1 to " + std::to_string(largest), value);
    }
    return static_cast<int32_t>(value->whole());
  }
  double positive(const char *key) const {
    const json_value *value = find(key);
    if (value == nullptr || value->type != json_value::kind::number || value->number <= 0) {
      wrong(key, "a number above 0", value);
    }
    return value->number;
  }
  std::string string(const char *key) const {
    const json_value *value = find(key);
    if (value == nullptr || value->type != json_value::kind::string) wrong(key, "a string", value);
    return value->string;
  }
  bool boolean_or_false(const char *key) const {
    const json_value *value = find(key);
    if (value != nullptr && value->type != json_value::kind::boolean) wrong(key, "true or false", value);
    return value != nullptr && value->boolean;
  }
  // The object under the key; a null or none is an empty one.
  fields inner(const char *key) const {
    static const json_value empty = {};
    const json_value *value = find_not_null(key);
    if (value != nullptr && value->type != json_value::kind::object) wrong(key, "an object", value);
    return fields(value == nullptr ? empty : *value, source_, prefix_ + key + ".");
  }

 private:
  [[noreturn]] void wrong(const char *key, const std::string &expected, const json_value *got) const {
    invalid(prefix_ + key + ": expected " + expected + ", got " + text_of(got));
  }
  static std::string text_of(const json_value *value) {
    if (value == nullptr) return "nothing";
    switch (value->type) {
      case json_value::kind::null: return "null";
      case json_value::kind::boolean: return value->boolean ? "true" : "false";
      case json_value::kind::number:
        return value->is_whole() ? std::to_string(value->whole()) : std::to_string(value->number);
      case json_value::kind::string: return quoted(value->string);
      case json_value::kind::array: return "a list";
      case json_value::kind::object: return "an object";
    }
    return "nothing";
  }

  const json_value &object_;
  std::string source_, prefix_;
};

std::string times(int64_t a, int64_t b) { return std::to_string(a) + " x " + std::to_string(b); }

// Each key that is there has to be of its kind, also where nothing uses it.
void check_rope_kinds(const fields &parameters) {
  for (const char *key : {"rope_type", "type"})
    if (parameters.find(key)) parameters.string(key);
  for (const char *key : {"rope_theta", "factor", "low_freq_factor", "high_freq_factor"})
    if (parameters.find(key)) parameters.positive(key);
  if (parameters.find("original_max_position_embeddings")) parameters.size("original_max_position_embeddings");
}

void check_kinds(const fields &file) {
  file.string("model_type");
  if (file.find("hidden_act")) file.string("hidden_act");
  for (const char *key : {"tie_word_embeddings", "attention_bias", "mlp_bias"}) file.boolean_or_false(key);
  if (file.find("rope_theta")) file.positive("rope_theta");
  for (const char *key : {"rope_scaling", "rope_parameters"}) check_rope_kinds(file.inner(key));
}

// The head size is 0 where the file leaves it to be derived.
retrace_shape read_sizes(const fields &file) {
  retrace_shape shape{};
  shape.hidden_size = file.size("hidden_size");
  shape.intermediate_size = file.size("intermediate_size");
  shape.layers = file.size("num_hidden_layers");
  shape.heads = file.size("num_attention_heads");
  shape.kv_heads = file.find_not_null("num_key_value_heads") ? file.size("num_key_value_heads") : shape.heads;
  shape.head_size = file.find_not_null("head_dim") ? file.size("head_dim") : 0;
  shape.vocabulary_size = file.size("vocab_size");
  shape.context_length = file.size("max_position_embeddings");
  shape.norm_epsilon = static_cast<float>(file.positive("rms_norm_eps"));
  return shape;
}

int32_t checked_head_size(const retrace_shape &shape, const fields &file) {
  const std::string heads = "num_attention_heads (" + std::to_string(shape.heads) + ")";
  if (shape.heads % shape.kv_heads != 0) {
    file.invalid(heads + " is no multiple of num_key_value_heads (" + std::to_string(shape.kv_heads) + ")");
  }
  if (shape.head_size > 0) return shape.head_size;
  if (shape.hidden_size % shape.heads != 0) {
    file.invalid("hidden_size (" + std::to_string(shape.hidden_size) + ") is no multiple of " + heads);
  }
  return shape.hidden_size / shape.heads;
}

// A config of a few bytes could otherwise ask for sizes whose products wrap around to small numbers.
void refuse_huge(const retrace_shape &shape, const fields &file) {
  const int64_t hidden = shape.hidden_size, most_rows = std::numeric_limits<int32_t>::max();
  if (shape.layers > max_layers) file.invalid("num_hidden_layers is " + std::to_string(shape.layers));
  const int64_t qkv_rows = (int64_t{shape.heads} + 2 * int64_t{shape.kv_heads}) * shape.head_size;
  if (int64_t{shape.heads} * 3 > most_rows / shape.head_size) {
    file.invalid("its heads are too large (" + times(shape.heads, shape.head_size) + ")");
  }
  for (const int64_t rows : {int64_t{shape.vocabulary_size}, 2 * int64_t{shape.intermediate_size}, qkv_rows}) {
    if (rows > max_matrix_elements / hidden) file.invalid("a matrix of it is too large (" + times(rows, hidden) + ")");
  }
}

void refuse_unsupported(const fields &file, const retrace_shape &shape) {
  const std::string type = file.string("model_type");
  const std::string activation = file.find("hidden_act") ? file.string("hidden_act") : "silu";
  if (type != "llama") file.unsupported("model_type is " + quoted(type));
  if (activation != "silu") file.unsupported("hidden_act is " + quoted(activation));
  if (file.boolean_or_false("attention_bias")) file.unsupported("attention_bias is true");
  if (file.boolean_or_false("mlp_bias")) file.unsupported("mlp_bias is true");
  if (file.find("quantization_config") != nullptr) file.unsupported("it is quantized (quantization_config)");
  // The kernels work in tiles of 16; every published Llama keeps to it.
  if (shape.head_size % 16 != 0) {
    file.unsupported("the head size is " + std::to_string(shape.head_size) + ", and has to be a multiple of 16");
  }
}

// Rotary parameters stand at the top level and in `rope_scaling` (Transformers 4) or in `rope_parameters` (5).
rope_config read_rope(const fields &file, const std::string &source) {
  const fields scaling = file.inner("rope_scaling"), newer = file.inner("rope_parameters");
  const fields &parameters = file.find_not_null("rope_parameters") ? newer : scaling;

  rope_config rope;
  if (file.find("rope_theta")) rope.theta = file.positive("rope_theta");
  if (parameters.find("rope_theta")) rope.theta = parameters.positive("rope_theta");
  const char *type_key = parameters.find("rope_type") ? "rope_type" : "type";
  const std::string type = parameters.find(type_key) ? parameters.string(type_key) : "default";
  if (type == "default") return rope;
  if (type != "llama3") {
    throw error(error_code::model_unsupported,
                source + " is not supported: its rope type is " + quoted(type) + ". Known types: default, llama3.");
  }
  for (const std::string key : {"factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"})
    if (!parameters.find(key.c_str())) file.invalid("its llama3 rope parameters are not complete (no " + key + ")");
  rope.scaled = true;
  rope.factor = parameters.positive("factor");
  rope.low_frequency_factor = parameters.positive("low_freq_factor");
  rope.high_frequency_factor = parameters.positive("high_freq_factor");
  rope.original_context = parameters.size("original_max_position_embeddings");
  return rope;
}

}  // namespace

model_config parse_model_config(const std::string &text, const std::string &source) {
  json_value parsed;
  try {
    parsed = parse_json(text);
  } catch (const std::invalid_argument &cause) {
    fields(parsed, source).invalid(std::string("it is not JSON (") + cause.what() + ")");
  }
  const fields file(parsed, source);
  if (parsed.type != json_value::kind::object) file.invalid("the file: expected an object");
  model_config config;
  // What is wrong in itself is named before what is only not supported.
  check_kinds(file);
  config.shape = read_sizes(file);
  config.shape.head_size = checked_head_size(config.shape, file);
  config.tied_embeddings = file.boolean_or_false("tie_word_embeddings");
  refuse_unsupported(file, config.shape);
  refuse_huge(config.shape, file);
  config.rope = read_rope(file, source);
  return config;
}

}  // namespace retrace
