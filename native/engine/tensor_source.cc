// Where tensors come from: a folder of safetensors files, or memory of the caller. Both become one table by name.
#include <unistd.h>

#include <cstring>
#include <map>
#include <stdexcept>
#include <utility>

#include "error.h"
#include "json.h"
#include "model.h"
#include "number_formats.h"
#include "printable.h"
#include "safetensors.h"

namespace retrace {

namespace {

struct table_entry {
  std::string dtype;  // as a safetensors file spells it
  std::vector<int64_t> shape;
  const void *data = nullptr;
  bool on_host = true;
  std::string origin;  // of this tensor: the path of its file
};

class tensor_table : public tensor_source {
 public:
  // `origin` is what lacks a tensor that is not there; `advice` is the next step.
  tensor_table(std::string origin, std::string advice) : origin_(std::move(origin)), advice_(std::move(advice)) {}

  tensor_view find(const std::string &name, const std::vector<int64_t> &shape) const override {
    const auto found = entries_.find(name);
    if (found == entries_.end()) invalid(origin_, "it has no tensor " + name + ", which config.json asks for");
    const table_entry &entry = found->second;
    if (entry.shape != shape) {
      invalid(entry.origin,
              "tensor " + name + " has the shape " + printable(entry.shape) + ", expected " + printable(shape));
    }
    tensor_view view;
    if (!dtype_of(entry.dtype, &view.dtype)) {
      const std::string what = "tensor " + name + " is " + entry.dtype;
      throw error(error_code::model_unsupported,
                  entry.origin + " is not supported: " + what + ". Known: F32, F16, BF16.");
    }
    view.name = name;
    view.shape = shape;
    view.data = entry.data;
    view.on_host = entry.on_host;
    return view;
  }

  bool add(const std::string &name, table_entry entry) { return entries_.emplace(name, std::move(entry)).second; }
  // The table keeps the files of its tensors.
  void keep(mapped_file file) { files_.push_back(std::move(file)); }

 private:
  [[noreturn]] void invalid(const std::string &origin, const std::string &why) const {
    throw error(error_code::model_invalid, origin + " does not fit its config: " + why + ". " + advice_);
  }

  std::string origin_, advice_;
  std::map<std::string, table_entry> entries_;
  std::vector<mapped_file> files_;
};

// ---- a folder -----------------------------------------------------------------------------------

using weight_map = std::map<std::string, std::string>;  // tensor -> file

[[noreturn]] void invalid_index(const std::string &path, const std::string &why) {
  throw error(error_code::model_invalid,
              path + " is no index of safetensors files: " + why + ". Fetch the model again.");
}

// A name in the folder itself: an index is data from elsewhere, and may not choose which files are opened.
bool is_plain_name(const std::string &name) {
  const bool has_separator = name.find_first_of(std::string("/\\\0", 3)) != std::string::npos;
  return !name.empty() && name != "." && name != ".." && !has_separator;
}

weight_map read_index(const std::string &path) {
  json_value parsed;
  try {
    parsed = parse_json(read_text_file(path));
  } catch (const std::invalid_argument &cause) {
    invalid_index(path, std::string("it is not JSON (") + cause.what() + ")");
  }
  const json_value *map = parsed.find("weight_map");
  if (map == nullptr || map->type != json_value::kind::object) invalid_index(path, "it has no object weight_map");
  weight_map files;
  for (const auto &[tensor, file] : map->object) {
    const std::string where = "weight_map." + printable(tensor);
    if (file.type != json_value::kind::string) invalid_index(path, where + ": expected the name of a file");
    if (!is_plain_name(file.string)) {
      invalid_index(path, where + ": expected the plain name of a file in the folder, got " + quoted(file.string));
    }
    files.emplace(tensor, file.string);
  }
  return files;
}

void add_file(tensor_table &table, mapped_file file) {
  for (const safetensors_entry &entry : read_safetensors_header(file.bytes(), file.size(), file.path())) {
    table.add(entry.name, {entry.dtype, entry.shape, file.bytes() + entry.start, true, file.path()});
  }
  table.keep(std::move(file));
}

// One shard: it must hold exactly the tensors that the index places there. A tensor that lay in a second file as well
// would otherwise be taken from whichever comes first.
void add_shard(tensor_table &table, const std::string &index_path, const weight_map &index, const std::string &folder,
               const std::string &name) {
  mapped_file file(folder + "/" + name);
  int64_t expected = 0, found = 0;
  for (const auto &[tensor, place] : index) expected += place == name ? 1 : 0;
  for (const safetensors_entry &entry : read_safetensors_header(file.bytes(), file.size(), file.path())) {
    const auto place = index.find(entry.name);
    if (place == index.end() || place->second != name) {
      invalid_index(index_path, name + " holds the tensor " + printable(entry.name) + ", which the index " +
                                    (place == index.end() ? "does not list" : "places in " + printable(place->second)));
    }
    table.add(entry.name, {entry.dtype, entry.shape, file.bytes() + entry.start, true, file.path()});
    ++found;
  }
  if (found != expected) {
    invalid_index(index_path, "it places " + std::to_string(expected) + " tensors in " + printable(name) +
                                  ", which holds " + std::to_string(found) + " of them");
  }
  table.keep(std::move(file));
}

bool exists(const std::string &path) { return ::access(path.c_str(), F_OK) == 0; }

// ---- memory -------------------------------------------------------------------------------------

// Whether the processor can read there. A GPU's memory has an address in the process as well, and reading it would end
// the process; the kernel answers a write from there with EFAULT instead.
class host_memory_probe {
 public:
  host_memory_probe() { open_ = ::pipe(ends_) == 0; }
  ~host_memory_probe() {
    if (open_) ::close(ends_[0]), ::close(ends_[1]);
  }
  host_memory_probe(const host_memory_probe &) = delete;
  host_memory_probe &operator=(const host_memory_probe &) = delete;

  bool can_read(const void *address) {
    char byte;
    return open_ && ::write(ends_[1], address, 1) == 1 && ::read(ends_[0], &byte, 1) == 1;
  }

 private:
  int ends_[2] = {-1, -1};
  bool open_ = false;
};

constexpr const char *given_tensors = "The list of given tensors";

table_entry to_entry(const retrace_tensor &tensor, const std::string &name, host_memory_probe &probe) {
  static const char *const dtypes[] = {"F32", "F16", "BF16"};
  const auto invalid = [&](const std::string &why) {
    throw error(error_code::model_invalid, "The given tensor " + printable(name) + " cannot be used: " + why + ".");
  };
  if (tensor.dtype < 0 || tensor.dtype > 2) {
    throw error(error_code::model_unsupported, "The given tensor " + printable(name) +
                                                   " is not supported: its dtype is " + std::to_string(tensor.dtype) +
                                                   ". Known: 0 (float32), 1 (float16), 2 (bfloat16).");
  }
  if (tensor.rank < 0 || tensor.rank > 4) invalid("its rank is " + std::to_string(tensor.rank) + ", expected 0 to 4");
  table_entry entry{dtypes[tensor.dtype], {tensor.shape, tensor.shape + tensor.rank}, tensor.data, true, given_tensors};
  for (const int64_t size : entry.shape)
    if (size < 0) invalid("its shape is " + printable(entry.shape));
  if (tensor.data == nullptr) invalid("its data is NULL; give its address");
  entry.on_host = probe.can_read(tensor.data);
  return entry;
}

}  // namespace

std::unique_ptr<tensor_source> open_safetensors_folder(const std::string &folder) {
  const std::string single = folder + "/model.safetensors", index_path = single + ".index.json";
  // As Transformers does: the single file first.
  if (exists(single)) {
    auto table = std::make_unique<tensor_table>(single, "Fetch the model again.");
    add_file(*table, mapped_file(single));
    return table;
  }
  if (!exists(index_path)) {
    throw error(error_code::model_missing_file,
                single + " does not exist, nor does model.safetensors.index.json. Give a folder with one of them.");
  }
  auto table = std::make_unique<tensor_table>(index_path, "Fetch the model again.");
  const weight_map index = read_index(index_path);
  std::map<std::string, bool> done;
  for (const auto &[tensor, file] : index)
    if (done.emplace(file, true).second) add_shard(*table, index_path, index, folder, file);
  return table;
}

std::unique_ptr<tensor_source> tensors_in_memory(const retrace_tensor *tensors, int64_t count) {
  auto table = std::make_unique<tensor_table>(given_tensors, "Give every tensor of the model in its shape.");
  host_memory_probe probe;
  for (int64_t i = 0; i < count; ++i) {
    if (tensors[i].name == nullptr) {
      throw error(error_code::model_invalid, "The given tensor " + std::to_string(i) + " has no name. Give it one.");
    }
    const std::string name = tensors[i].name;
    if (!table->add(name, to_entry(tensors[i], name, probe))) {
      throw error(error_code::model_invalid, "The tensor " + printable(name) + " is given twice. Give it once.");
    }
  }
  return table;
}

}  // namespace retrace
