// Text of files and paths as a part of a message: it stays UTF-8 and on one line wherever it is cut.
#include <string>

#include "../engine/json.h"
#include "../engine/printable.h"
#include "../engine/retrace_engine.h"
#include "check.h"

using retrace::printable;

namespace {

// The JSON reader refuses invalid UTF-8 with the byte at fault.
void expect_utf8(const std::string &text) { retrace::parse_json(retrace::json_string(text)); }

std::string repeated(const std::string &part, size_t count) {
  std::string text;
  for (size_t i = 0; i < count; i++) text += part;
  return text;
}

// Characters of two, three and four bytes.
const char *const wide_characters[] = {"\u00e9", "\u4f60", "\U0001f389"};

}  // namespace

TEST_CASE("the test's own check finds a cut character") {
  bool is_refused = false;
  try {
    expect_utf8(std::string(wide_characters[1]).substr(0, 2));
  } catch (const std::invalid_argument &) {
    is_refused = true;
  }
  EXPECT(is_refused);
}

TEST_CASE("a long text is cut between characters, whatever their length and wherever they stand") {
  for (const std::string character : wide_characters) {
    for (size_t shift = 0; shift < 5; shift++) {
      const std::string text = std::string(shift, 'a') + repeated(character, 100);
      const std::string shown = printable(text);
      expect_utf8(shown);
      EXPECT(shown.size() < text.size());
      EXPECT(shown.size() >= 120 && shown.size() < 120 + character.size() + 3);
      EXPECT_EQUAL(shown.substr(shown.size() - 3), "...");
      EXPECT_EQUAL(text.compare(0, shown.size() - 3, shown, 0, shown.size() - 3), 0);
    }
  }
}

TEST_CASE("a text that fits is whole") {
  EXPECT_EQUAL(printable("caf\u00e9"), "caf\u00e9");
  const std::string full = repeated(wide_characters[1], 40);
  EXPECT_EQUAL(printable(full), full);
}

TEST_CASE("control characters are escaped, and quotes where the text is quoted") {
  EXPECT_EQUAL(printable("a\nb\x7f"), "a\\u000ab\\u007f");
  EXPECT_EQUAL(retrace::quoted("a\"\\"), "\"a\\\"\\\\\"");
}

TEST_CASE("a limit is moved to the start of the character that it would cut") {
  const std::string text = repeated(wide_characters[2], 3);
  EXPECT_EQUAL(retrace::cut_between_characters(text.c_str(), 11), 8u);
  EXPECT_EQUAL(retrace::cut_between_characters(text.c_str(), 8), 8u);
  EXPECT_EQUAL(retrace::cut_between_characters(text.c_str(), 12), 12u);
  EXPECT_EQUAL(retrace::cut_between_characters(text.c_str(), 600), 12u);
  EXPECT_EQUAL(retrace::cut_between_characters(text.c_str(), 3), 0u);
}

TEST_CASE("a message that is longer than its field is cut between characters") {
  for (const std::string character : wide_characters) {
    for (size_t shift = 0; shift < 5; shift++) {
      const std::string folder = "/" + std::string(shift, 'a') + repeated(character, 400);
      retrace_engine_options options{};
      options.struct_bytes = sizeof options;
      options.model_dir = folder.c_str();
      retrace_engine *engine = nullptr;
      retrace_error error{};
      EXPECT(retrace_engine_open(&options, &engine, &error) != 0);
      const std::string message = error.message;
      expect_utf8(message);
      EXPECT(message.size() + character.size() >= sizeof error.message);
    }
  }
}

TEST_MAIN
