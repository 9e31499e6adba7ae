// Devices other than the CPU are shared libraries with one entry point, so that this one needs neither a driver nor
// NVIDIA's libraries. Once opened they stay: a CUDA context does not survive its library being closed.
#include "device_choice.h"

#include <dlfcn.h>
#include <sys/stat.h>

#include "../reference/reference_device.h"
#include "error.h"
#include "json.h"

namespace retrace {
namespace {

std::string own_folder() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void *>(&choose_device), &info) == 0 || info.dli_fname == nullptr) return ".";
  const std::string path = info.dli_fname;
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

bool exists(const std::string &path) {
  struct stat status{};
  return stat(path.c_str(), &status) == 0;
}

struct opened_library {
  const retrace_device_api *api = nullptr;
  std::string error;  // one line with the next step where `api` is null
};

opened_library open_library(const std::string &name, const std::string &folder) {
  const std::string path = (folder.empty() ? own_folder() : folder) + "/libretrace_" + name + ".so";
  if (!exists(path)) return {nullptr, path + " is not there. Build it (retrace build-native) where there is an nvcc."};
  void *library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return {nullptr, std::string(dlerror()) + ". Build it again on this machine."};
  const auto entry = reinterpret_cast<retrace_device_entry>(dlsym(library, RETRACE_DEVICE_ENTRY));
  const retrace_device_api *api = entry == nullptr ? nullptr : entry(RETRACE_DEVICE_ABI);
  if (api == nullptr) return {nullptr, path + " was built from other sources. Build all of it again."};
  return {api, ""};
}

std::string probe(const retrace_device_api &api) {
  std::string json(1 << 16, '\0');
  api.probe(&json[0], json.size());
  json.resize(json.find('\0') == std::string::npos ? 0 : json.find('\0'));
  return json;
}

// Why a device cannot be used, by what its probe answers; empty where it can.
std::string why_unusable(const retrace_device_api &api) {
  try {
    const json_value found = parse_json(probe(api));
    const json_value *count = found.find("count");
    if (count != nullptr && count->type == json_value::kind::number && count->number > 0) return "";
    const json_value *why = found.find("error");
    return why != nullptr && !why->string.empty() ? why->string : "no usable device was found";
  } catch (const std::exception &error) {
    return std::string("its answer cannot be read: ") + error.what();
  }
}

// "no GPU can be used: ...", as a reason that stands inside a sentence.
std::string without_gpu(std::string why) {
  if (!why.empty() && why.back() == '.') why.pop_back();
  return "no GPU can be used: " + why;
}

// `auto`, decided here and nowhere else: the callers pass the name on and report the reason.
device_choice choose_for_auto(const std::string &folder) {
  const retrace_device_api *cpu = retrace_reference_device();
  const opened_library cuda = open_library("cuda", folder);
  if (cuda.api == nullptr) return {cpu, without_gpu(cuda.error)};
  const std::string why = why_unusable(*cuda.api);
  if (!why.empty()) return {cpu, without_gpu(why)};
  return {cuda.api, "a usable GPU was found"};
}

}  // namespace

device_choice choose_device(const std::string &name, const std::string &folder) {
  if (name == "cpu") return {retrace_reference_device(), "it was asked for"};
  if (name == "auto") return choose_for_auto(folder);
  if (name == "cuda" || name == "emulated") {
    const opened_library library = open_library(name, folder);
    if (library.api == nullptr) {
      throw error(error_code::device_unavailable, "The device " + name + " cannot be used: " + library.error);
    }
    const std::string why = why_unusable(*library.api);
    if (!why.empty()) {
      throw error(error_code::device_unavailable,
                  "The device " + name + " cannot be used: " + why +
                      (why.find("device cpu") == std::string::npos ? " The device cpu always can." : ""));
    }
    return {library.api, "it was asked for"};
  }
  throw error(error_code::invalid_options, "There is no device \"" + name + "\". Known: auto, cpu, cuda.");
}

std::string probe_devices(const std::string &folder) {
  const opened_library cuda = open_library("cuda", folder);
  const std::string found = cuda.api != nullptr
                                ? probe(*cuda.api)
                                : "{\"count\": 0, \"devices\": [], \"error\": " + json_string(cuda.error) + "}";
  const device_choice chosen = choose_for_auto(folder);
  return "{\"cpu\": " + probe(*retrace_reference_device()) + ", \"cuda\": " + found +
         ", \"auto\": {\"device\": " + json_string(chosen.api->name) + ", \"reason\": " + json_string(chosen.reason) +
         "}}";
}

}  // namespace retrace
