#include "safetensors.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "error.h"
#include "json.h"
#include "printable.h"

namespace retrace {

static constexpr int64_t length_bytes = 8;
static constexpr uint64_t max_header_bytes = 100'000'000;

[[noreturn]] static void invalid(const std::string &path, const std::string &why) {
  throw error(error_code::model_invalid, path + " is no whole safetensors file: " + why + ". Fetch the file again.");
}

// ---- the header ---------------------------------------------------------------------------------

// Zero where the format has no such dtype.
static int64_t bytes_per_element(const std::string &dtype) {
  static const std::pair<const char *, int64_t> sizes[] = {{"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2},
                                                           {"I64", 8}, {"I32", 4}, {"I16", 2}, {"I8", 1},
                                                           {"U8", 1},  {"BOOL", 1}};
  for (const auto &[name, bytes] : sizes)
    if (dtype == name) return bytes;
  return 0;
}

// Bytes of the shape, or -1 where int64 does not hold them: a product that wraps around could fit the offsets.
static int64_t bytes_of_shape(const std::vector<int64_t> &shape, int64_t element_bytes) {
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return 0;
  int64_t bytes = element_bytes;
  for (int64_t size : shape)
    if (__builtin_mul_overflow(bytes, size, &bytes)) return -1;
  return bytes;
}

static bool is_whole_from_zero(const json_value &value) { return value.is_whole() && value.number >= 0; }

static bool is_list_of_sizes(const json_value *value) {
  return value != nullptr && value->type == json_value::kind::array &&
         std::all_of(value->array.begin(), value->array.end(), is_whole_from_zero);
}

static safetensors_entry to_entry(const std::string &name, const json_value &value, int64_t data_start,
                                  const std::string &path) {
  const std::string tensor = "tensor " + printable(name);
  const json_value *dtype = value.find("dtype"), *shape = value.find("shape"), *offsets = value.find("data_offsets");
  const auto described_wrongly = [&](const char *what) {
    invalid(path, tensor + " is described wrongly (" + what + ")");
  };
  if (value.type != json_value::kind::object) described_wrongly("expected an object");
  if (dtype == nullptr || dtype->type != json_value::kind::string) described_wrongly("dtype: expected a string");
  if (!is_list_of_sizes(shape)) described_wrongly("shape: expected whole numbers from 0");
  if (!is_list_of_sizes(offsets) || offsets->array.size() != 2) {
    described_wrongly("data_offsets: expected two whole numbers from 0");
  }
  const int64_t element_bytes = bytes_per_element(dtype->string);
  if (element_bytes == 0) invalid(path, tensor + " has the unknown dtype " + printable(dtype->string));

  safetensors_entry entry{name, dtype->string, {}, 0, 0};
  for (const json_value &size : shape->array) entry.shape.push_back(size.whole());
  // Both are below 2^53, so neither their difference nor the sum with the start can overflow.
  const int64_t start = offsets->array[0].whole(), end = offsets->array[1].whole();
  const int64_t bytes = bytes_of_shape(entry.shape, element_bytes);
  if (end - start != bytes) {
    invalid(path, tensor + " is " + entry.dtype + printable(entry.shape) + ", which takes " +
                      (bytes < 0 ? "more than 2^63" : std::to_string(bytes)) + " bytes, and has " +
                      std::to_string(end - start));
  }
  entry.start = data_start + start;
  entry.end = data_start + end;
  return entry;
}

// The tensors must fill the rest of the file: no overlap, no gap, nothing past the end.
static void check_coverage(const std::vector<safetensors_entry> &sorted, int64_t data_start, int64_t size,
                           const std::string &path) {
  int64_t reached = data_start;
  for (const safetensors_entry &entry : sorted) {
    if (entry.start != reached) {
      const char *what = entry.start < reached ? " overlaps the tensor before it" : " leaves a gap before it";
      invalid(path, "tensor " + printable(entry.name) + what + " (starts at byte " + std::to_string(entry.start) +
                        ", expected " + std::to_string(reached) + ")");
    }
    reached = entry.end;
  }
  if (reached != size) {
    invalid(path, "its tensors end at byte " + std::to_string(reached) + " and the file has " + std::to_string(size) +
                      (reached > size ? ": it is cut off" : ""));
  }
}

static uint64_t read_little_endian(const char *bytes) {
  uint64_t value = 0;
  for (int i = 7; i >= 0; --i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

std::vector<safetensors_entry> read_safetensors_header(const char *bytes, int64_t size, const std::string &path) {
  if (size < length_bytes) invalid(path, "it is cut off at " + std::to_string(size) + " bytes");
  const uint64_t header_bytes = read_little_endian(bytes);
  if (header_bytes > max_header_bytes || header_bytes > static_cast<uint64_t>(size - length_bytes)) {
    invalid(path, "its header should have " + std::to_string(header_bytes) + " bytes and the file has " +
                      std::to_string(size));
  }
  json_value header;
  try {
    header = parse_json({bytes + length_bytes, static_cast<size_t>(header_bytes)});
  } catch (const std::invalid_argument &cause) {
    invalid(path, std::string("its header is not JSON (") + cause.what() + ")");
  }
  if (header.type != json_value::kind::object) invalid(path, "its header is no object");

  const int64_t data_start = length_bytes + static_cast<int64_t>(header_bytes);
  std::vector<safetensors_entry> entries;
  for (const auto &[name, value] : header.object)
    if (name != "__metadata__") entries.push_back(to_entry(name, value, data_start, path));
  std::sort(entries.begin(), entries.end(), [](const safetensors_entry &a, const safetensors_entry &b) {
    return a.start != b.start ? a.start < b.start : a.end < b.end;
  });
  check_coverage(entries, data_start, size, path);
  return entries;
}

// ---- the mapping --------------------------------------------------------------------------------

mapped_file::mapped_file(const std::string &path) : path_(path) {
  // O_NONBLOCK: opening a pipe of that name would otherwise wait for a writer for ever.
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) {
    throw error(error_code::model_missing_file,
                path + " cannot be opened (" + std::strerror(errno) + "). Give a model folder that holds it.");
  }
  struct stat facts{};
  const bool is_file = ::fstat(file, &facts) == 0 && S_ISREG(facts.st_mode);
  size_ = is_file ? static_cast<int64_t>(facts.st_size) : 0;
  void *memory = nullptr;  // an empty file has nothing to map
  int cause = 0;
  if (size_ > 0) {
    memory = ::mmap(nullptr, static_cast<size_t>(size_), PROT_READ, MAP_PRIVATE, file, 0);
    cause = errno;
  }
  ::close(file);  // the mapping stays
  if (!is_file) invalid(path, "it is no regular file");
  if (memory == MAP_FAILED) {
    throw error(error_code::out_of_memory, path + " cannot be mapped into memory (" + std::to_string(size_) +
                                               " bytes, " + std::strerror(cause) +
                                               "). Raise the limit of address space.");
  }
  bytes_ = static_cast<const char *>(memory);
  if (memory != nullptr) ::madvise(memory, static_cast<size_t>(size_), MADV_SEQUENTIAL);  // reads ahead; may fail
}

mapped_file::mapped_file(mapped_file &&other) noexcept
    : path_(std::move(other.path_)),
      bytes_(std::exchange(other.bytes_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

mapped_file::~mapped_file() {
  if (bytes_ != nullptr) ::munmap(const_cast<char *>(bytes_), static_cast<size_t>(size_));
}

}  // namespace retrace
