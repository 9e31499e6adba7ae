#include "printable.h"

#include <cstdio>

namespace retrace {

static constexpr size_t longest = 120;  // bytes; a whole message has some 600

static bool starts_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) != 0x80; }

size_t cut_between_characters(const char *text, size_t limit) {
  size_t length = 0;
  while (length < limit && text[length] != '\0') length++;
  if (text[length] == '\0') return length;
  while (length > 0 && !starts_character(text[length])) length--;
  return length;
}

static std::string escape(const std::string &text, bool quotes) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const unsigned char c = static_cast<unsigned char>(text[i]);
    if (out.size() >= longest && starts_character(text[i])) return out + "...";
    if (c < 0x20 || c == 0x7F) {
      char code[8];
      std::snprintf(code, sizeof code, "\\u%04x", c);
      out += code;
    } else {
      if (quotes && (c == '"' || c == '\\')) out += '\\';
      out += static_cast<char>(c);
    }
  }
  return out;
}

std::string printable(const std::string &text) { return escape(text, false); }
std::string quoted(const std::string &text) { return '"' + escape(text, true) + '"'; }

std::string printable(const std::vector<int64_t> &shape) {
  constexpr size_t most = 8;
  std::string text;
  for (size_t i = 0; i < shape.size() && i < most; ++i) text += (i > 0 ? ", " : "") + std::to_string(shape[i]);
  return "[" + text + (shape.size() > most ? ", ...]" : "]");
}

}  // namespace retrace
