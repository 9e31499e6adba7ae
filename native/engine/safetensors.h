// One safetensors file: mapped, its header checked. Every rule of the format that a reader can rely on is looked at
// before anything is read by it, as the file may be cut off, or lie.
//
// Layout: header length (u64, little endian), header (JSON), then the tensors back to back.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace retrace {

struct safetensors_entry {
  std::string name;
  std::string dtype;  // as the file spells it, one of the format's own
  std::vector<int64_t> shape;
  int64_t start = 0, end = 0;  // bytes [start, end) of the file
};

// The tensors of a file in memory, in the order of their bytes; `path` names it in messages. Throws `model_invalid`.
std::vector<safetensors_entry> read_safetensors_header(const char *bytes, int64_t size, const std::string &path);

// A whole file, mapped to be read. Throws `model_missing_file`, `model_invalid`, `out_of_memory`.
//
// The size is read once, when the file is opened. Accepted: a program that later cuts off the very file (instead of
// putting another in its place by a rename, as downloaders do) ends this process by SIGBUS at the next read of it.
// Reading everything into memory of our own would cost a second copy of the weights.
class mapped_file {
 public:
  explicit mapped_file(const std::string &path);
  ~mapped_file();
  mapped_file(mapped_file &&other) noexcept;
  mapped_file(const mapped_file &) = delete;
  mapped_file &operator=(const mapped_file &) = delete;

  const char *bytes() const { return bytes_; }
  int64_t size() const { return size_; }
  const std::string &path() const { return path_; }

 private:
  std::string path_;
  const char *bytes_ = nullptr;
  int64_t size_ = 0;
};

}  // namespace retrace
