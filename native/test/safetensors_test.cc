// Safetensors files and folders of them: cut off anywhere, lying in any field, split into shards.
#include "../engine/safetensors.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <cstring>
#include <functional>

#include "../engine/error.h"
#include "../engine/model.h"
#include "check.h"
#include "model_files.h"
#include "random_numbers.h"
#include "thrown.h"

using namespace model_files;
using check::expect_failure;
using check::failure_of;
using retrace::error_code;
using retrace::open_safetensors_folder;
using retrace::read_safetensors_header;
using retrace::safetensors_entry;

namespace {

const std::string q0 = "model.layers.0.self_attn.q_proj.weight";

// Read from a block of its very size, so that a reader past the end is seen by an address sanitizer.
std::vector<safetensors_entry> read_header(const std::string &file) {
  const std::vector<char> exact(file.begin(), file.end());
  return read_safetensors_header(exact.data(), static_cast<int64_t>(exact.size()), "F");
}

const std::string small_header =
    R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
    R"("b":{"dtype":"BF16","shape":[4],"data_offsets":[24,32]},)"
    R"("none":{"dtype":"I64","shape":[0,9],"data_offsets":[32,32]}})";
const std::string small_file = safetensors(small_header, std::string(32, 'x'));

// A folder with one file of weights.
void with_weights(const std::string &bytes, const std::function<void(const std::string &folder)> &body) {
  const temporary_folder folder;
  write_bytes(folder.file("model.safetensors"), bytes);
  body(folder.path());
}

}  // namespace

TEST_CASE("a header gives each tensor's dtype, shape and bytes") {
  const std::vector<safetensors_entry> entries = read_header(small_file);
  const int64_t data = 8 + static_cast<int64_t>(small_header.size());
  EXPECT_EQUAL(entries.size(), 3u);
  EXPECT_EQUAL(entries[0].name, "a");
  EXPECT_EQUAL(entries[0].dtype, "F32");
  EXPECT(entries[0].shape == (std::vector<int64_t>{2, 3}));
  EXPECT_EQUAL(entries[0].start, data);
  EXPECT_EQUAL(entries[0].end, data + 24);
  EXPECT_EQUAL(entries[1].start, data + 24);
  EXPECT_EQUAL(entries[2].end, data + 32);
}

TEST_CASE("a file that is cut off at any byte is refused") {
  for (size_t size = 0; size < small_file.size(); ++size) {
    expect_failure([&] { read_header(small_file.substr(0, size)); }, "MODEL_INVALID", "F is no whole safetensors file");
  }
  expect_failure([] { read_header(small_file.substr(0, 5)); }, "MODEL_INVALID", "cut off at 5 bytes");
  expect_failure([] { read_header(small_file.substr(0, 100)); }, "MODEL_INVALID", "the file has 100");
  expect_failure([] { read_header(small_file.substr(0, small_file.size() - 1)); }, "MODEL_INVALID", "it is cut off");
  expect_failure([] { read_header(small_file + "x"); }, "MODEL_INVALID", "tensors end at byte");
}

TEST_CASE("a real model that is cut off is refused, as a folder") {
  const std::string bytes = read_bytes(fixture("tiny-llama") + "/model.safetensors");
  for (const size_t size : {size_t{0}, size_t{5}, size_t{100}, size_t{4000}, bytes.size() / 2, bytes.size() - 1}) {
    with_weights(bytes.substr(0, size), [](const std::string &folder) {
      expect_failure([&] { open_safetensors_folder(folder); }, "MODEL_INVALID", folder + "/model.safetensors");
    });
  }
  with_weights(bytes.substr(0, bytes.size() - 1), [](const std::string &folder) {
    expect_failure([&] { open_safetensors_folder(folder); }, "MODEL_INVALID", "it is cut off");
  });
}

TEST_CASE("a lie in any field of the header is refused by what is wrong") {
  const struct {
    const char *from, *to, *says;
  } lies[] = {
      {"\"F32\"", "\"Q4\"", "tensor a has the unknown dtype Q4"},
      {"\"F32\"", "\"I16\"", "I16[2, 3], which takes 12 bytes, and has 24"},
      {"\"F32\"", "7", "dtype: expected a string"},
      {"\"dtype\"", "\"type\"", "dtype: expected a string"},
      {"[2,3]", "[2,3,2]", "F32[2, 3, 2], which takes 48 bytes, and has 24"},
      {"[2,3]", "[2,-3]", "shape: expected whole numbers"},
      {"[2,3]", "[2,2.5]", "shape: expected whole numbers"},
      {"[2,3]", "{}", "shape: expected whole numbers"},
      {"[2,3]", "[2,\"3\"]", "shape: expected whole numbers"},
      // 4829 * 3819992560304318 is 4 * 2^62 + 6: in 64 bits that many elements of 4 bytes are just the tensor's 24.
      {"[2,3]", "[4829,3819992560304318]", "more than 2^63 bytes"},
      {"[2,3]", "[1,9007199254740992]", "shape: expected whole numbers"},
      {"[2,3]", "[4503599627370496,4503599627370496,4503599627370496]", "more than 2^63 bytes"},
      {"[2,3]", "[4294967296,1073741824,2]", "more than 2^63 bytes"},
      {"[2,3]", "[0,4503599627370496,4503599627370496]", "which takes 0 bytes, and has 24"},
      {"[0,24]", "[24,0]", "which takes 24 bytes, and has -24"},
      {"[0,24]", "[0,24,24]", "data_offsets: expected two"},
      {"[0,24]", "[0]", "data_offsets: expected two"},
      {"[0,24]", "[-24,0]", "data_offsets: expected two"},
      {"[0,24]", "[0.5,24.5]", "data_offsets: expected two"},
      {"[0,24]", "null", "data_offsets: expected two"},
      {"[0,24]", "[0,25]", "which takes 24 bytes, and has 25"},
      {"[0,24]", "[8,32]", "gap"},
      {"[0,24]", "[9007199254740000,9007199254740024]", "gap"},
      {"[24,32]", "[16,24]", "tensor b overlaps the tensor before it"},
      {"[24,32]", "[32,40]", "tensor none leaves a gap before it"},
      {"{\"dtype\":\"BF16\",\"shape\":[4],\"data_offsets\":[24,32]}", "[]", "tensor b is described wrongly"},
      {"\"b\"", "\"a\"", "for the second time"},
      {"\"b\"", "\"\xFF\"", "invalid UTF-8"},
      {"{\"__meta", "[{\"__meta", "its header is not JSON"},
  };
  for (const auto &lie : lies) {
    const std::string header = replaced(small_header, lie.from, lie.to);
    expect_failure([&] { read_header(safetensors(header, std::string(32, 'x'))); }, "MODEL_INVALID", lie.says);
  }
  expect_failure([] { read_header(safetensors("[]", "")); }, "MODEL_INVALID", "its header is no object");
  expect_failure([] { read_header(std::string(5000, '\xA7')); }, "MODEL_INVALID", "its header should have");
  expect_failure([] { read_header(little_endian(100'000'001) + small_header); }, "MODEL_INVALID", "100000001 bytes");
  expect_failure([] { read_header(little_endian(UINT64_MAX) + small_header); }, "MODEL_INVALID", "709551615 bytes");
}

TEST_CASE("a long or strange name from a file stays one short line in the message") {
  const std::string name = "line\\nbreak" + std::string(5000, 'n');
  const std::string header = replaced(replaced(small_header, "\"a\"", "\"" + name + "\""), "F32", "Q4");
  const std::string failure = failure_of([&] { read_header(safetensors(header, std::string(32, 'x'))); });
  EXPECT(failure.find("line\\u000abreak") != std::string::npos);
  EXPECT(failure.find('\n') == std::string::npos);
  EXPECT(failure.size() < 400);
}

TEST_CASE("mutated files are refused, or every tensor of them lies in the file in its size") {
  random_numbers random{77};
  const std::string pieces[] = {"0", "9", "-1", "[", "]", ",", "\"", "F64", "e9", "18446744073709551616", "{}", "1.0"};
  int accepted = 0, refused = 0;
  for (int round = 0; round < 40000; ++round) {
    std::string header = small_header, data(32, 'x');
    for (uint64_t changes = 1 + random.below(2); changes > 0; --changes) {
      const size_t at = random.below(header.size());
      switch (random.below(4)) {
        case 0: header.insert(at, pieces[random.below(std::size(pieces))]); break;
        case 1: header.erase(at, 1 + random.below(3)); break;
        case 2: header[at] = static_cast<char>('0' + random.below(10)); break;
        default: header[at] = static_cast<char>(random.below(256));
      }
    }
    std::string file = safetensors(header, data);
    if (random.below(8) == 0) file[random.below(8)] = static_cast<char>(random.below(256));
    std::vector<safetensors_entry> entries;
    const std::string failure = failure_of([&] { entries = read_header(file); });
    failure.empty() ? ++accepted : ++refused;
    if (!failure.empty()) EXPECT(failure.rfind("MODEL_INVALID: F is no whole safetensors file: ", 0) == 0);
    for (const safetensors_entry &entry : entries) {
      const bool is_wide = entry.dtype == "F64" || entry.dtype == "I64";
      const bool is_word = entry.dtype == "F32" || entry.dtype == "I32";
      const bool is_byte = entry.dtype == "I8" || entry.dtype == "U8" || entry.dtype == "BOOL";
      double bytes = is_wide ? 8 : is_word ? 4 : is_byte ? 1 : 2;
      for (const int64_t size : entry.shape) bytes *= static_cast<double>(size);
      EXPECT_EQUAL(static_cast<double>(entry.end - entry.start), bytes);
      EXPECT(entry.start >= 8 && entry.end <= static_cast<int64_t>(file.size()));
    }
  }
  EXPECT(accepted > 100);
  EXPECT(refused > 1000);
}

TEST_CASE("the tensors of the fixtures are the bytes of their files") {
  for (const std::string name : {"tiny-llama", "tiny-llama3-rope"}) {
    const std::string file = read_bytes(fixture(name) + "/model.safetensors");
    const auto source = open_safetensors_folder(fixture(name));
    const auto agrees = [&](const std::string &tensor, const std::vector<int64_t> &shape) {
      const retrace::tensor_view view = source->find(tensor, shape);
      const std::string raw = raw_tensor(file, tensor);
      EXPECT(view.on_host);
      EXPECT_EQUAL(view.name, tensor);
      EXPECT(view.dtype == (name == "tiny-llama" ? RETRACE_BF16 : RETRACE_F16));
      EXPECT(raw.size() > 0 && std::memcmp(view.data, raw.data(), raw.size()) == 0);
    };
    const int64_t head = name == "tiny-llama" ? 16 : 32;
    agrees("model.embed_tokens.weight", {512, 64});
    agrees("model.norm.weight", {64});
    agrees("model.layers.0.self_attn.k_proj.weight", {2 * head, 64});
    agrees("model.layers.0.mlp.down_proj.weight", {64, 160});
  }
}

TEST_CASE("a tensor that is asked for has to be there, in its shape and a dtype that can be computed with") {
  const auto source = open_safetensors_folder(fixture("tiny-llama"));
  expect_failure([&] { source->find("model.nothing", {64}); }, "MODEL_INVALID",
                 "/model.safetensors does not fit its config: it has no tensor model.nothing, which config.json asks");
  expect_failure([&] { source->find(q0, {64, 65}); }, "MODEL_INVALID", "has the shape [64, 64], expected [64, 65]");
  expect_failure([&] { source->find(q0, {4096}); }, "MODEL_INVALID", "has the shape [64, 64], expected [4096]");

  const std::string header = R"({"f":{"dtype":"F64","shape":[2],"data_offsets":[0,16]},)"
                             R"("i":{"dtype":"I16","shape":[2],"data_offsets":[16,20]},)"
                             R"("g":{"dtype":"F16","shape":[2],"data_offsets":[20,24]}})";
  with_weights(safetensors(header, std::string(24, 'x')), [](const std::string &folder) {
    const auto source = open_safetensors_folder(folder);
    EXPECT(source->find("g", {2}).dtype == RETRACE_F16);
    expect_failure([&] { source->find("f", {2}); }, "MODEL_UNSUPPORTED", "tensor f is F64. Known: F32, F16, BF16.");
    expect_failure([&] { source->find("i", {2}); }, "MODEL_UNSUPPORTED", "tensor i is I16");
  });
}

TEST_CASE("what is no file of weights at all is refused, and nothing waits for it") {
  expect_failure([] { open_safetensors_folder("/nowhere/at/all"); }, "MODEL_MISSING_FILE", "does not exist");
  const temporary_folder folder;
  expect_failure([&] { open_safetensors_folder(folder.path()); }, "MODEL_MISSING_FILE", "model.safetensors.index.json");
  std::filesystem::create_directory(folder.file("model.safetensors"));
  expect_failure([&] { open_safetensors_folder(folder.path()); }, "MODEL_INVALID", "no regular file");
  std::filesystem::remove(folder.file("model.safetensors"));
  EXPECT_EQUAL(mkfifo(folder.file("model.safetensors").c_str(), 0600), 0);
  expect_failure([&] { open_safetensors_folder(folder.path()); }, "MODEL_INVALID", "no regular file");
}

// ---- shards -------------------------------------------------------------------------------------

namespace {

const std::string shard_one = safetensors(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                                          R"("b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
                                          "aaaabbbb");
const std::string shard_two = safetensors(R"({"c":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", "cccc");

// A folder of two shards with that weight_map.
void with_shards(const std::string &map, const std::function<void(const temporary_folder &)> &body) {
  const temporary_folder folder;
  write_bytes(folder.file("one.safetensors"), shard_one);
  write_bytes(folder.file("two.safetensors"), shard_two);
  write_bytes(folder.file("model.safetensors.index.json"), R"({"metadata":{},"weight_map":)" + map + "}");
  body(folder);
}

void expect_refused_index(const std::string &map, const std::string &code, const std::string &part) {
  with_shards(map, [&](const temporary_folder &folder) {
    expect_failure([&] { open_safetensors_folder(folder.path()); }, code, part);
  });
}

const std::string good_map = R"({"a":"one.safetensors","b":"one.safetensors","c":"two.safetensors"})";

}  // namespace

TEST_CASE("shards are one model, each tensor from the file that the index names") {
  with_shards(good_map, [](const temporary_folder &folder) {
    const auto source = open_safetensors_folder(folder.path());
    for (const std::string name : {"a", "b", "c"}) {
      EXPECT(std::memcmp(source->find(name, {1}).data, std::string(4, name[0]).data(), 4) == 0);
    }
    expect_failure([&] { source->find("d", {1}); }, "MODEL_INVALID", "index.json does not fit its config");
    expect_failure([&] { source->find("c", {2}); }, "MODEL_INVALID", "two.safetensors does not fit its config");
  });
}

TEST_CASE("a single file comes before an index, as Transformers has it") {
  with_shards(good_map, [](const temporary_folder &folder) {
    write_bytes(folder.file("model.safetensors"), shard_two);
    const auto source = open_safetensors_folder(folder.path());
    EXPECT_EQUAL(failure_of([&] { source->find("c", {1}); }), "");
    EXPECT(failure_of([&] { source->find("a", {1}); }) != "");
  });
}

TEST_CASE("an index that names files outside of the folder is refused before any is opened") {
  for (const std::string name : {"../one.safetensors", "/etc/hostname", "..", ".", "", "sub/one.safetensors",
                                 "sub\\\\one", "./one.safetensors", "one\\u0000.safetensors"}) {
    expect_refused_index(R"({"a":")" + name + R"("})", "MODEL_INVALID", "weight_map.a: expected the plain name");
  }
}

TEST_CASE("an index that does not agree with its shards is refused") {
  expect_refused_index(replaced(good_map, "two.saf", "three.saf"), "MODEL_MISSING_FILE", "three.safetensors cannot be");
  expect_refused_index(replaced(good_map, "\"b\":\"one.safetensors\",", ""), "MODEL_INVALID",
                       "one.safetensors holds the tensor b, which the index does not list");
  expect_refused_index(replaced(good_map, "\"b\":\"one", "\"b\":\"two"), "MODEL_INVALID",
                       "one.safetensors holds the tensor b, which the index places in two.safetensors");
  expect_refused_index(replaced(good_map, "}", R"(,"d":"two.safetensors"})"), "MODEL_INVALID",
                       "it places 2 tensors in two.safetensors, which holds 1 of them");
  expect_refused_index("[]", "MODEL_INVALID", "no object weight_map");
  expect_refused_index(R"({"a":1})", "MODEL_INVALID", "weight_map.a: expected the name of a file");
  expect_refused_index(R"({"a":"one.safetensors","a":"two.safetensors"})", "MODEL_INVALID", "not JSON");
  expect_refused_index("{", "MODEL_INVALID", "not JSON");
}

TEST_CASE("a shard that is cut off is refused by its name") {
  with_shards(good_map, [](const temporary_folder &folder) {
    write_bytes(folder.file("two.safetensors"), shard_two.substr(0, shard_two.size() - 1));
    expect_failure([&] { open_safetensors_folder(folder.path()); }, "MODEL_INVALID", "two.safetensors is no whole");
  });
}

// ---- tensors in memory --------------------------------------------------------------------------

TEST_CASE("tensors in memory are found by name, and what the processor cannot read is not on the host") {
  const float values[6] = {1, 2, 3, 4, 5, 6};
  // Stands for a GPU's memory: an address of the process at which a read would end it.
  void *device = mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  EXPECT(device != MAP_FAILED);
  const retrace_tensor tensors[] = {{"host", RETRACE_F32, 2, {2, 3}, values}, {"device", RETRACE_BF16, 1, {8}, device}};
  const auto source = retrace::tensors_in_memory(tensors, 2);
  EXPECT(source->find("host", {2, 3}).on_host);
  EXPECT(source->find("host", {2, 3}).data == values);
  EXPECT(!source->find("device", {8}).on_host);
  EXPECT(source->find("device", {8}).data == device);
  EXPECT(source->find("device", {8}).dtype == RETRACE_BF16);
  expect_failure([&] { source->find("host", {6}); }, "MODEL_INVALID", "has the shape [2, 3], expected [6]");
  expect_failure([&] { source->find("other", {6}); }, "MODEL_INVALID", "The list of given tensors does not fit");
  munmap(device, 4096);
}

TEST_CASE("tensors in memory that cannot be are refused") {
  const float value = 1;
  const auto refuse = [](const retrace_tensor &tensor, const char *code, const char *part) {
    expect_failure([&] { retrace::tensors_in_memory(&tensor, 1); }, code, part);
  };
  refuse({"t", 3, 1, {1}, &value}, "MODEL_UNSUPPORTED", "dtype is 3");
  refuse({"t", -1, 1, {1}, &value}, "MODEL_UNSUPPORTED", "dtype is -1");
  refuse({"t", 0, 5, {1}, &value}, "MODEL_INVALID", "rank is 5");
  refuse({"t", 0, -1, {1}, &value}, "MODEL_INVALID", "rank is -1");
  refuse({"t", 0, 1, {-1}, &value}, "MODEL_INVALID", "shape is [-1]");
  refuse({"t", 0, 1, {1}, nullptr}, "MODEL_INVALID", "NULL");
  refuse({nullptr, 0, 1, {1}, &value}, "MODEL_INVALID", "no name");
  const retrace_tensor twice[] = {{"t", 0, 1, {1}, &value}, {"t", 0, 1, {1}, &value}};
  expect_failure([&] { retrace::tensors_in_memory(twice, 2); }, "MODEL_INVALID", "given twice");
  EXPECT(retrace::tensors_in_memory(nullptr, 0) != nullptr);
}

TEST_MAIN
