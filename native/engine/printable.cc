#include "printable.h"

#include <cstdio>

namespace retrace {

static constexpr size_t longest = 120;  // bytes; a whole message has some 600

static std::string escape(const std::string &text, bool quotes) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const unsigned char c = static_cast<unsigned char>(text[i]);
    const bool starts_character = (c & 0xC0) != 0x80;
    if (out.size() >= longest && starts_character) return out + "...";
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
