// A model's config.json: what is read, what is filled in, and everything that has to be refused.
#include <string>
#include <utility>

#include "../engine/model.h"
#include "check.h"
#include "model_files.h"
#include "thrown.h"

using namespace model_files;
using check::expect_failure;
using retrace::model_config;
using retrace::parse_model_config;

namespace {

const std::string plain_config = R"({"model_type":"llama","hidden_size":64,"intermediate_size":160,)"
                                 R"("num_hidden_layers":3,"num_attention_heads":4,"vocab_size":512,)"
                                 R"("max_position_embeddings":2048,"rms_norm_eps":1e-05,"x":0})";
// The same with more keys, or the same keys in another way.
std::string with(const std::string &keys) { return replaced(plain_config, "\"x\":0", keys); }

}  // namespace

TEST_CASE("the configs of the fixtures and of the shipped model are read") {
  const model_config tiny = fixture_config(fixture("tiny-llama"));
  EXPECT_EQUAL(tiny.shape.hidden_size, 64);
  EXPECT_EQUAL(tiny.shape.intermediate_size, 160);
  EXPECT_EQUAL(tiny.shape.layers, 3);
  EXPECT_EQUAL(tiny.shape.heads, 4);
  EXPECT_EQUAL(tiny.shape.kv_heads, 2);
  EXPECT_EQUAL(tiny.shape.head_size, 16);
  EXPECT_EQUAL(tiny.shape.vocabulary_size, 512);
  EXPECT_EQUAL(tiny.shape.context_length, 2048);
  EXPECT_EQUAL(tiny.shape.norm_epsilon, 1e-5f);
  EXPECT_EQUAL(tiny.rope.theta, 500000.0);
  EXPECT(!tiny.rope.scaled && !tiny.tied_embeddings);

  const model_config scaled = fixture_config(fixture("tiny-llama3-rope"));
  EXPECT_EQUAL(scaled.shape.head_size, 32);
  EXPECT(scaled.rope.scaled && scaled.tied_embeddings);
  EXPECT_EQUAL(scaled.rope.theta, 500000.0);
  EXPECT_EQUAL(scaled.rope.factor, 8.0);
  EXPECT_EQUAL(scaled.rope.low_frequency_factor, 1.0);
  EXPECT_EQUAL(scaled.rope.high_frequency_factor, 4.0);
  EXPECT_EQUAL(scaled.rope.original_context, 64.0);

  const model_config shipped = fixture_config(root() + "/models/retrace-small");
  EXPECT_EQUAL(shipped.shape.vocabulary_size, 4096);
  EXPECT_EQUAL(shipped.rope.theta, 10000.0);  // at the top level there
  EXPECT(shipped.tied_embeddings);
}

TEST_CASE("what a config leaves out has the defaults of Transformers") {
  for (const std::string keys : {R"("x":0)", R"("head_dim":null,"num_key_value_heads":null,"rope_scaling":null)",
                                 R"("rope_scaling":{"type":"default"})", R"("mlp_bias":false,"hidden_act":"silu")"}) {
    const model_config config = parse_model_config(with(keys), "c");
    EXPECT_EQUAL(config.shape.head_size, 16);
    EXPECT_EQUAL(config.shape.kv_heads, 4);
    EXPECT_EQUAL(config.rope.theta, 10000.0);
    EXPECT(!config.rope.scaled && !config.tied_embeddings);
  }
  EXPECT_EQUAL(parse_model_config(with("\"head_dim\":48"), "c").shape.head_size, 48);
}

TEST_CASE("rotary parameters are found wherever Transformers has put them") {
  const auto theta = [](const std::string &keys) { return parse_model_config(with(keys), "c").rope.theta; };
  EXPECT_EQUAL(theta(R"("rope_theta":5e5)"), 5e5);
  EXPECT_EQUAL(theta(R"("rope_parameters":{"rope_theta":7e5})"), 7e5);
  EXPECT_EQUAL(theta(R"("rope_theta":5e5,"rope_parameters":{"rope_theta":7e5,"rope_type":"default"})"), 7e5);
  EXPECT_EQUAL(theta(R"("rope_theta":5e5,"rope_parameters":{},"rope_scaling":{"rope_theta":1})"), 5e5);
  const std::string llama3 = R"({"rope_type":"llama3","factor":8,"low_freq_factor":1,"high_freq_factor":4,)"
                             R"("original_max_position_embeddings":8192})";
  const retrace::rope_config rope = parse_model_config(with(R"("rope_theta":5e5,"rope_scaling":)" + llama3), "c").rope;
  EXPECT(rope.scaled);
  EXPECT_EQUAL(rope.theta, 5e5);
  EXPECT_EQUAL(rope.original_context, 8192.0);
  EXPECT(parse_model_config(with("\"rope_scaling\":" + replaced(llama3, "rope_type", "type")), "c").rope.scaled);
}

TEST_CASE("a config that cannot be, or asks for what is not computed, is refused by what is wrong") {
  const struct {
    std::string keys;
    const char *code, *says;
  } cases[] = {
      {"\"head_dim\":24", "MODEL_UNSUPPORTED", "the head size is 24, and has to be a multiple of 16"},
      {"\"num_key_value_heads\":3", "MODEL_INVALID", "heads (4) is no multiple of num_key_value_heads (3)"},
      {"\"num_key_value_heads\":0", "MODEL_INVALID", "num_key_value_heads: expected a whole number from 1"},
      {"\"hidden_act\":\"gelu\"", "MODEL_UNSUPPORTED", "hidden_act is \"gelu\""},
      {"\"hidden_act\":null", "MODEL_INVALID", "hidden_act: expected a string, got null"},
      {"\"attention_bias\":true", "MODEL_UNSUPPORTED", "attention_bias is true"},
      {"\"attention_bias\":1", "MODEL_INVALID", "attention_bias: expected true or false, got 1"},
      {"\"mlp_bias\":true", "MODEL_UNSUPPORTED", "mlp_bias is true"},
      {"\"tie_word_embeddings\":\"yes\"", "MODEL_INVALID", "tie_word_embeddings: expected true or false, got \"yes\""},
      {"\"quantization_config\":{}", "MODEL_UNSUPPORTED", "quantized"},
      {"\"rope_theta\":-1", "MODEL_INVALID", "rope_theta: expected a number above 0, got -1"},
      {"\"rope_parameters\":[]", "MODEL_INVALID", "rope_parameters: expected an object, got a list"},
      {"\"rope_parameters\":{\"factor\":0}", "MODEL_INVALID", "rope_parameters.factor: expected a number above 0"},
      {"\"rope_parameters\":{\"rope_type\":\"yarn\"}", "MODEL_UNSUPPORTED", "its rope type is \"yarn\""},
      {"\"rope_scaling\":{\"type\":\"linear\",\"factor\":2}", "MODEL_UNSUPPORTED", "its rope type is \"linear\""},
      {"\"rope_parameters\":{\"rope_type\":\"llama3\",\"factor\":8}", "MODEL_INVALID", "complete (no low_freq_factor)"},
      {"\"x\":0,\"x\":1", "MODEL_INVALID", "not JSON (at byte"},
  };
  for (const auto &test : cases) {
    expect_failure([&] { parse_model_config(with(test.keys), "c/config.json"); }, test.code, test.says);
    expect_failure([&] { parse_model_config(with(test.keys), "c/config.json"); }, test.code, "c/config.json ");
  }
  const std::pair<const char *, const char *> changes[] = {{"\"hidden_size\":64,", ""},
                                                           {"\"hidden_size\":64", "\"hidden_size\":\"64\""},
                                                           {"\"hidden_size\":64", "\"hidden_size\":64.5"},
                                                           {"\"hidden_size\":64", "\"hidden_size\":-64"},
                                                           {"\"hidden_size\":64", "\"hidden_size\":66"},
                                                           {"\"rms_norm_eps\":1e-05", "\"rms_norm_eps\":0"},
                                                           {"\"model_type\":\"llama\",", ""},
                                                           {"\"vocab_size\":512", "\"vocab_size\":3000000000"}};
  for (const auto &[from, to] : changes) {
    expect_failure([&] { parse_model_config(replaced(plain_config, from, to), "c"); }, "MODEL_INVALID", "c cannot be");
  }
  const std::string other = replaced(plain_config, "\"llama\"", "\"qwen2\"");
  expect_failure([&] { parse_model_config(other, "c"); }, "MODEL_UNSUPPORTED", "model_type is \"qwen2\"");
  for (const char *text : {"", "{", "[]", "7", "null", "{\"model_type\":\"llama\"}"}) {
    expect_failure([&] { parse_model_config(text, "c"); }, "MODEL_INVALID", "c cannot be used");
  }
}

TEST_CASE("sizes whose products would not fit 64 bits are refused in the config") {
  const std::string most = "2147483647";
  for (const std::string from : {"\"vocab_size\":512", "\"intermediate_size\":160", "\"num_hidden_layers\":3"}) {
    std::string text = replaced(plain_config, from, from.substr(0, from.find(':') + 1) + most);
    text = replaced(text, "\"hidden_size\":64", "\"hidden_size\":2147483632");
    text = replaced(text, "\"x\":0", "\"head_dim\":16");
    expect_failure([&] { parse_model_config(text, "c"); }, "MODEL_INVALID", "c cannot be used");
  }
  expect_failure([] { parse_model_config(with("\"head_dim\":2147483632"), "c"); }, "MODEL_INVALID", "are too large");
}

TEST_CASE("a config that is not there is a missing file") {
  expect_failure([] { retrace::read_text_file("/nowhere/config.json"); }, "MODEL_MISSING_FILE",
                 "/nowhere/config.json does not exist. Give a model folder that holds it.");
  expect_failure([] { retrace::read_text_file(root()); }, "MODEL_MISSING_FILE", "cannot be read");
}

TEST_MAIN
