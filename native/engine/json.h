// A strict JSON reader for config.json and the headers of safetensors files: what a hostile file can do to it is bounded.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace retrace {

class json_value {
 public:
  enum class kind { null, boolean, number, string, array, object };
  kind type = kind::null;
  bool boolean = false;
  double number = 0;
  std::string string;
  std::vector<json_value> array;
  std::vector<std::pair<std::string, json_value>> object;  // in the file's order; no key twice

  // Null where this is no object or has no such key.
  const json_value *find(std::string_view key) const;
  bool is_whole() const;  // a number without a fraction that int64 and double both hold exactly
  int64_t whole() const;  // such a number
};

// Throws std::invalid_argument with the byte at fault: not JSON, a key twice, deeper than 64, invalid UTF-8, rest behind.
json_value parse_json(std::string_view text);

// The text as a JSON string, quotes included.
std::string json_string(std::string_view text);

}  // namespace retrace
