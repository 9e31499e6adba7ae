// Text that comes from a file, as a part of a message of one line: what a file holds can be anything of any length.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace retrace {

// At most some 120 bytes, cut between characters; control characters as \u00XX.
std::string printable(const std::string &text);
// The same between double quotes, with quotes and backslashes escaped.
std::string quoted(const std::string &text);
// The most bytes, at most `limit`, after which a UTF-8 text can be cut without cutting a character. Allocates nothing.
size_t cut_between_characters(const char *text, size_t limit);
// Such as "[512, 64]".
std::string printable(const std::vector<int64_t> &shape);

}  // namespace retrace
