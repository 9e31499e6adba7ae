// JSON by recursive descent, one function a production of RFC 8259. Bounded: the depth of nesting, since it is the
// depth of the stack, and the number of values, since a value takes some fifty times the memory of its shortest text.
#include "json.h"

#include <charconv>
#include <cmath>
#include <set>
#include <stdexcept>

namespace retrace {

static constexpr int max_depth = 64;
static constexpr int64_t max_values = 1 << 22;

const json_value *json_value::find(std::string_view key) const {
  for (const auto &[name, value] : object)
    if (name == key) return &value;
  return nullptr;
}

bool json_value::is_whole() const {
  // Below 2^53: there, each whole number is a double, and no other text rounds to it.
  return type == kind::number && std::floor(number) == number && std::fabs(number) < 9007199254740992.0;
}

int64_t json_value::whole() const { return static_cast<int64_t>(number); }

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

class reader {
 public:
  explicit reader(std::string_view text) : text_(text) {}

  json_value whole_text() {
    json_value value = read_value(0);
    skip_space();
    if (at_ < text_.size()) fail("expected the end of the text");
    return value;
  }

 private:
  [[noreturn]] void fail(const std::string &what) const { fail_at(at_, what); }
  [[noreturn]] void fail_at(size_t at, const std::string &what) const {
    throw std::invalid_argument("at byte " + std::to_string(at) + ": " + what);
  }

  // The next character, or zero at the end; a real zero fits no production and is refused as any other.
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r'))
      ++at_;
  }

  json_value read_value(int depth) {
    if (++values_ > max_values) fail("more than " + std::to_string(max_values) + " values");
    skip_space();
    json_value value;
    switch (peek()) {
      case '{': read_object(value, depth + 1); break;
      case '[': read_array(value, depth + 1); break;
      case '"':
        value.type = json_value::kind::string;
        value.string = read_string();
        break;
      case 't': read_word("true", value, json_value::kind::boolean); break;
      case 'f': read_word("false", value, json_value::kind::boolean); break;
      case 'n': read_word("null", value, json_value::kind::null); break;
      default: read_number(value);
    }
    return value;
  }

  void read_word(std::string_view word, json_value &value, json_value::kind kind) {
    if (text_.substr(at_, word.size()) != word) fail("expected a value");
    at_ += word.size();
    value.type = kind;
    value.boolean = word == "true";
  }

  void read_object(json_value &value, int depth) {
    if (depth > max_depth) fail("nested deeper than " + std::to_string(max_depth));
    value.type = json_value::kind::object;
    ++at_;
    skip_space();
    if (take('}')) return;
    // A set, as comparing each key with all before it would take hours for a header of a hundred megabytes.
    std::set<std::string> keys;
    do {
      skip_space();
      const size_t key_at = at_;
      if (peek() != '"') fail("expected a key in quotes");
      std::string key = read_string();
      if (!keys.insert(key).second) fail_at(key_at, "a key for the second time in its object");
      skip_space();
      if (!take(':')) fail("expected ':'");
      json_value member = read_value(depth);
      value.object.emplace_back(std::move(key), std::move(member));
      skip_space();
    } while (take(','));
    if (!take('}')) fail("expected ',' or '}'");
  }

  void read_array(json_value &value, int depth) {
    if (depth > max_depth) fail("nested deeper than " + std::to_string(max_depth));
    value.type = json_value::kind::array;
    ++at_;
    skip_space();
    if (take(']')) return;
    do {
      value.array.push_back(read_value(depth));
      skip_space();
    } while (take(','));
    if (!take(']')) fail("expected ',' or ']'");
  }

  void skip_digits() {
    if (!is_digit(peek())) fail("expected a digit");
    while (is_digit(peek())) ++at_;
  }

  void read_number(json_value &value) {
    const size_t start = at_;
    if (peek() != '-' && !is_digit(peek())) fail("expected a value");
    take('-');
    if (!take('0')) skip_digits();  // no digit may follow a leading zero
    if (take('.')) skip_digits();
    if (peek() == 'e' || peek() == 'E') {
      ++at_;
      if (peek() == '+' || peek() == '-') ++at_;
      skip_digits();
    }
    value.type = json_value::kind::number;
    // from_chars knows no locale: under a German one strtod would read 0.5 as 0.
    const auto result = std::from_chars(text_.data() + start, text_.data() + at_, value.number);
    if (result.ec != std::errc() || result.ptr != text_.data() + at_) fail_at(start, "a number that no double holds");
  }

  std::string read_string() {
    std::string out;
    ++at_;
    while (!take('"')) {
      if (at_ >= text_.size()) fail("a string without an end");
      const unsigned char c = static_cast<unsigned char>(text_[at_]);
      if (c < 0x20) fail("a control character in a string");
      if (c == '\\') {
        read_escape(out);
      } else if (c < 0x80) {
        out += text_[at_++];
      } else {
        const size_t length = utf8_length();
        out.append(text_, at_, length);
        at_ += length;
      }
    }
    return out;
  }

  void read_escape(std::string &out) {
    const size_t start = at_++;
    const char c = peek();
    ++at_;
    switch (c) {
      case '"':
      case '\\':
      case '/': out += c; return;
      case 'b': out += '\b'; return;
      case 'f': out += '\f'; return;
      case 'n': out += '\n'; return;
      case 'r': out += '\r'; return;
      case 't': out += '\t'; return;
      case 'u': break;
      default: fail_at(start, "an unknown escape");
    }
    uint32_t point = read_hex();
    if (point >= 0xDC00 && point < 0xE000) fail_at(start, "the second half of a surrogate pair alone");
    if (point >= 0xD800 && point < 0xDC00) {
      const uint32_t second = take('\\') && take('u') ? read_hex() : 0;
      if (second < 0xDC00 || second >= 0xE000) fail_at(start, "the first half of a surrogate pair alone");
      point = 0x10000 + ((point - 0xD800) << 10) + (second - 0xDC00);
    }
    append_utf8(out, point);
  }

  uint32_t read_hex() {
    uint32_t point = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      const char c = peek();
      int digit = -1;
      if (is_digit(c)) digit = c - '0';
      if (c >= 'a' && c <= 'f') digit = c - 'a' + 10;
      if (c >= 'A' && c <= 'F') digit = c - 'A' + 10;
      if (digit < 0) fail("expected four hexadecimal digits");
      point = point << 4 | static_cast<uint32_t>(digit);
    }
    return point;
  }

  static void append_utf8(std::string &out, uint32_t point) {
    const auto add = [&out](uint32_t byte) { out += static_cast<char>(byte); };
    if (point < 0x80) return add(point);
    if (point < 0x800) {
      add(0xC0 | point >> 6);
    } else {
      if (point < 0x10000) {
        add(0xE0 | point >> 12);
      } else {
        add(0xF0 | point >> 18);
        add(0x80 | (point >> 12 & 0x3F));
      }
      add(0x80 | (point >> 6 & 0x3F));
    }
    add(0x80 | (point & 0x3F));
  }

  // Bytes of the character here. The table of the Unicode standard, chapter 3, table 3-7: the second byte's range keeps
  // out overlong forms (E0, F0), surrogates (ED) and what lies past U+10FFFF (F4).
  size_t utf8_length() const {
    const auto byte = [this](size_t i) -> unsigned { return at_ + i < text_.size() ? text_[at_ + i] & 0xFFu : 0u; };
    const unsigned first = byte(0), second = byte(1);
    size_t length = 0;
    unsigned low = 0x80, high = 0xBF;
    if (first >= 0xC2 && first <= 0xDF) length = 2;
    if (first >= 0xE0 && first <= 0xEF) length = 3;
    if (first >= 0xF0 && first <= 0xF4) length = 4;
    if (first == 0xE0) low = 0xA0;
    if (first == 0xED) high = 0x9F;
    if (first == 0xF0) low = 0x90;
    if (first == 0xF4) high = 0x8F;
    bool valid = length > 0 && second >= low && second <= high;
    for (size_t i = 2; i < length; ++i) valid = valid && byte(i) >= 0x80 && byte(i) <= 0xBF;
    if (!valid) fail("invalid UTF-8");
    return length;
  }

  std::string_view text_;
  size_t at_ = 0;
  int64_t values_ = 0;
};

}  // namespace

json_value parse_json(std::string_view text) { return reader(text).whole_text(); }

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;  // one line: what breaks lines becomes a space
  }
  return out + '"';
}

}  // namespace retrace
