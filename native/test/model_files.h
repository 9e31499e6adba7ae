// For tests of model files: the fixtures and their configs, folders that go with the test, changed texts, and a look at
// a file of tensors that uses nothing of the engine's reader.
#pragma once

#include <stdlib.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

#include "../engine/model.h"
#include "check.h"

namespace model_files {

// The repository: RETRACE_ROOT, else the current folder.
inline std::string root() {
  const char *folder = getenv("RETRACE_ROOT");
  return folder == nullptr ? "." : folder;
}
inline std::string fixture(const std::string &name) { return root() + "/test/scoring/fixtures/" + name; }
inline retrace::model_config fixture_config(const std::string &folder) {
  return retrace::parse_model_config(retrace::read_text_file(folder + "/config.json"), folder + "/config.json");
}

inline std::string replaced(std::string text, const std::string &from, const std::string &to) {
  const size_t at = text.find(from);
  if (at == std::string::npos) throw check::failure("the test's own text has no " + from);
  return text.replace(at, from.size(), to);
}

inline std::string read_bytes(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error(path + " cannot be read. Set RETRACE_ROOT to the repository.");
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}
inline void write_bytes(const std::string &path, const std::string &bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

class temporary_folder {
 public:
  temporary_folder() {
    std::string name = std::filesystem::temp_directory_path() / "retrace-model-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no folder can be made in " + name);
    path_ = name;
  }
  ~temporary_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  temporary_folder(const temporary_folder &) = delete;
  temporary_folder &operator=(const temporary_folder &) = delete;
  const std::string &path() const { return path_; }
  std::string file(const std::string &name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

inline std::string little_endian(uint64_t value) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(value >> (8 * i) & 0xFF);
  return bytes;
}
// A safetensors file of that header and data.
inline std::string safetensors(const std::string &header, const std::string &data) {
  return little_endian(header.size()) + header + data;
}

inline uint64_t header_bytes(const std::string &file) {
  uint64_t bytes = 0;
  for (int i = 7; i >= 0; --i) bytes = bytes << 8 | static_cast<unsigned char>(file[static_cast<size_t>(i)]);
  return bytes;
}

// The bytes of one tensor: its offsets are the two numbers behind the next "data_offsets" after its name in quotes.
inline std::string raw_tensor(const std::string &file, const std::string &name) {
  const size_t entry = file.find("\"" + name + "\"");
  if (entry == std::string::npos) throw std::runtime_error("no tensor " + name + " in the fixture");
  const size_t list = file.find('[', file.find("data_offsets", entry));
  const uint64_t start = std::stoull(file.substr(list + 1, 20));
  const uint64_t end = std::stoull(file.substr(file.find(',', list) + 1, 20));
  return file.substr(8 + header_bytes(file) + start, end - start);
}

}  // namespace model_files
