// The JSON reader: what it reads, what it refuses and where, and that no text makes it do anything else.
#include "../engine/json.h"

#include <clocale>
#include <cstdint>

#include "check.h"
#include "random_numbers.h"

using retrace::json_value;
using retrace::parse_json;

namespace {

// The reader's message, or "" where it took the text.
std::string refusal(const std::string &text) {
  try {
    parse_json(text);
  } catch (const std::invalid_argument &error) {
    return error.what();
  }
  return "";
}

bool says(const std::string &text, const std::string &part) { return refusal(text).find(part) != std::string::npos; }

std::string repeated(const std::string &text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

// The value as text again; strings byte for byte but for what has to be escaped.
std::string write_json(const json_value &value) {
  switch (value.type) {
    case json_value::kind::null: return "null";
    case json_value::kind::boolean: return value.boolean ? "true" : "false";
    case json_value::kind::number: {
      char text[40];
      std::snprintf(text, sizeof text, "%.17g", value.number);
      return text;
    }
    case json_value::kind::string: {
      std::string out = "\"";
      for (const char c : value.string) {
        char code[8];
        std::snprintf(code, sizeof code, "\\u%04x", static_cast<unsigned char>(c));
        out += static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\' ? code : std::string(1, c);
      }
      return out + '"';
    }
    case json_value::kind::array: {
      std::string out;
      for (const json_value &element : value.array) out += (out.empty() ? "" : ",") + write_json(element);
      return "[" + out + "]";
    }
    case json_value::kind::object: {
      std::string out;
      for (const auto &[key, member] : value.object) {
        json_value name;
        name.type = json_value::kind::string;
        name.string = key;
        out += (out.empty() ? "" : ",") + write_json(name) + ":" + write_json(member);
      }
      return "{" + out + "}";
    }
  }
  return "";
}

}  // namespace

TEST_CASE("values of every kind are read as what they are") {
  const json_value value = parse_json(" {\"a\": [1, -2.5e3, true, false, null, \"x\"], \"b\": {}, \"c\": []}\r\n\t ");
  EXPECT(value.type == json_value::kind::object);
  EXPECT_EQUAL(value.object.size(), 3u);
  EXPECT_EQUAL(value.object[0].first, "a");
  EXPECT_EQUAL(value.object[2].first, "c");
  const std::vector<json_value> &list = value.find("a")->array;
  EXPECT_EQUAL(list.size(), 6u);
  EXPECT_EQUAL(list[0].number, 1.0);
  EXPECT_EQUAL(list[1].number, -2500.0);
  EXPECT(list[2].type == json_value::kind::boolean && list[2].boolean);
  EXPECT(list[3].type == json_value::kind::boolean && !list[3].boolean);
  EXPECT(list[4].type == json_value::kind::null);
  EXPECT_EQUAL(list[5].string, "x");
  EXPECT(value.find("b")->type == json_value::kind::object && value.find("b")->object.empty());
  EXPECT(value.find("d") == nullptr);
  EXPECT(list[0].find("a") == nullptr);
}

TEST_CASE("whole numbers are those that double and int64 both hold") {
  EXPECT(parse_json("9007199254740991").is_whole());
  EXPECT_EQUAL(parse_json("9007199254740991").whole(), 9007199254740991);
  EXPECT_EQUAL(parse_json("-9007199254740991").whole(), -9007199254740991);
  EXPECT_EQUAL(parse_json("1.5e1").whole(), 15);
  EXPECT_EQUAL(parse_json("0").whole(), 0);
  // 2^53 + 1 is read as 2^53: neither may pass for a whole number, as the text may have meant the other.
  EXPECT(!parse_json("9007199254740992").is_whole());
  EXPECT(!parse_json("9007199254740993").is_whole());
  EXPECT(!parse_json("1e300").is_whole());
  EXPECT(!parse_json("0.5").is_whole());
  EXPECT(!parse_json("\"1\"").is_whole());
}

TEST_CASE("a fraction is read with a point whatever the locale of the process") {
  // Where no locale with a decimal comma is installed this is the plain case.
  for (const char *name : {"de_DE.UTF-8", "de_DE", "fr_FR.UTF-8"})
    if (std::setlocale(LC_NUMERIC, name) != nullptr) break;
  const double value = parse_json("0.5").number;
  std::setlocale(LC_NUMERIC, "C");
  EXPECT_EQUAL(value, 0.5);
}

TEST_CASE("escapes and characters of all lengths become UTF-8") {
  EXPECT_EQUAL(parse_json("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"").string, "\"\\/\b\f\n\r\t");
  EXPECT_EQUAL(parse_json("\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\"").string, "A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
  EXPECT_EQUAL(parse_json("\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\"").string, "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
  EXPECT_EQUAL(parse_json("\"a\\u0000b\"").string.size(), 3u);
}

TEST_CASE("what is no JSON is refused with the byte at fault") {
  EXPECT_EQUAL(refusal("{\"a\": tru}"), "at byte 6: expected a value");
  EXPECT_EQUAL(refusal("[1, 2"), "at byte 5: expected ',' or ']'");
  EXPECT_EQUAL(refusal("{} x"), "at byte 3: expected the end of the text");
  EXPECT_EQUAL(refusal("{\"a\":1,\"b\":2,\"a\":3}"), "at byte 13: a key for the second time in its object");
  // The same key, once spelled with an escape.
  EXPECT(says("{\"a\":1,\"\\u0061\":2}", "second time"));
  for (const char *text : {"",
                           " ",
                           "{",
                           "[",
                           "\"",
                           "nul",
                           "+1",
                           "01",
                           "-",
                           "1.",
                           ".5",
                           "1e",
                           "1e+",
                           "0x1",
                           "NaN",
                           "Infinity",
                           "-Infinity",
                           "[1,]",
                           "{\"a\":1,}",
                           "{a:1}",
                           "{\"a\"}",
                           "{\"a\":}",
                           "'a'",
                           "[1 2]",
                           "//",
                           "\xEF\xBB\xBF{}",
                           "\"\\x\"",
                           "\"\\u12\"",
                           "\"\\u12g4\"",
                           "\"a\nb\"",
                           "1e999",
                           "[]]",
                           "tru e"}) {
    EXPECT(refusal(text) != "");
  }
  EXPECT(refusal(std::string("1\0", 2)) != "");
  EXPECT(refusal(std::string("\0", 1)) != "");
}

TEST_CASE("invalid UTF-8 and halves of surrogate pairs are refused") {
  // Overlong forms, a surrogate, past U+10FFFF, a lone continuation, characters that end too early.
  for (const char *bytes :
       {"\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xF0\x8F\xBF\xBF", "\xED\xA0\x80", "\xF4\x90\x80\x80",
        "\xF5\x80\x80\x80", "\x80", "\xFF", "\xC3", "\xE2\x82", "\xF0\x9F\x98", "\xE2\x28\xA1"}) {
    EXPECT(says(std::string("\"") + bytes + "\"", "invalid UTF-8"));
    EXPECT(says(std::string("\"") + bytes, "invalid UTF-8"));
  }
  EXPECT(says("\"\\ud83d\"", "alone"));
  EXPECT(says("\"\\ud83dx\"", "alone"));
  EXPECT(says("\"\\ud83d\\n\"", "alone"));
  EXPECT(says("\"\\ud83d\\u0041\"", "alone"));
  EXPECT(says("\"\\ude00\"", "alone"));
}

TEST_CASE("nesting is bounded at 64 levels, in lists and in objects") {
  EXPECT_EQUAL(refusal(repeated("[", 64) + repeated("]", 64)), "");
  EXPECT(says(repeated("[", 65) + repeated("]", 65), "deeper than 64"));
  EXPECT(says(repeated("[", 1000000), "deeper than 64"));
  EXPECT_EQUAL(refusal(repeated("{\"a\":", 63) + "{}" + repeated("}", 63)), "");
  EXPECT(says(repeated("{\"a\":", 100000), "deeper than 64"));
}

TEST_CASE("the number of values is bounded, as each takes far more memory than its text") {
  EXPECT(says("[" + repeated("0,", 1 << 22) + "0]", "values"));
}

TEST_CASE("a header of many keys is read in a moment") {
  std::string text = "{";
  for (int i = 0; i < 100000; ++i) text += (i > 0 ? ",\"k" : "\"k") + std::to_string(i) + "\":0";
  EXPECT_EQUAL(parse_json(text + "}").object.size(), 100000u);
}

TEST_CASE("mutated texts are read or refused, and what is read is the same when it is written and read again") {
  const std::vector<std::string> seeds = {
      R"({"__metadata__":{"format":"pt"},"a.weight":{"dtype":"BF16","shape":[4096,256],"data_offsets":[0,2097152]}})",
      R"({"model_type":"llama","rope_parameters":{"rope_type":"llama3","factor":8.0},"x":[true,false,null,-1.5e-3]})",
      "[\"\\u00e9\\ud83d\\ude00\\n\", \"\xC3\xA9\xF0\x9F\x98\x80\", [[[[]]]], {\"\": {}}, 0, -0, 1E+2]"};
  const std::string pieces[] = {"\"",  "\\",      "{",   "}", "[",    "]",    ",", ":",
                                "\\u", "\\ud800", "1e9", "-", "\xF0", "\x80", "0"};
  random_numbers random{20240611};
  int accepted = 0, refused = 0;
  for (int round = 0; round < 60000; ++round) {
    std::string text = seeds[random.below(seeds.size())];
    for (uint64_t changes = 1 + random.below(3); changes > 0; --changes) {
      const size_t at = random.below(text.size() + 1);
      switch (random.below(4)) {
        case 0: text.insert(at, pieces[random.below(std::size(pieces))]); break;
        case 1: text.erase(at, 1 + random.below(4)); break;
        case 2: text.insert(at, text.substr(random.below(text.size() + 1), random.below(12))); break;
        default:
          if (at < text.size()) text[at] = static_cast<char>(random.below(256));
      }
    }
    // A block of its very size, so that a reader past the end is seen by an address sanitizer.
    const std::vector<char> exact(text.begin(), text.end());
    json_value value;
    try {
      value = parse_json({exact.data(), exact.size()});
    } catch (const std::invalid_argument &) {
      ++refused;
      continue;
    }
    ++accepted;
    const std::string written = write_json(value);
    EXPECT_EQUAL(write_json(parse_json(written)), written);
  }
  EXPECT(accepted > 1000);
  EXPECT(refused > 1000);
}

TEST_MAIN
