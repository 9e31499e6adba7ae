#include "attention_plugin.h"

#include <dlfcn.h>

namespace retrace::cuda {

std::string own_folder() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void *>(&own_folder), &info) == 0 || info.dli_fname == nullptr) return ".";
  const std::string path = info.dli_fname;
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

int attention_plugin::open(const char *library_name, const retrace_attention_setup &setup, std::string *error) {
  const std::string path = own_folder() + "/" + library_name;
  void *library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char *why = dlerror();
    *error = (why == nullptr ? path + " cannot be opened" : std::string(why)) +
             ". Build it, or leave \"cudnn\" out of the choice of kernels.";
    return RETRACE_DEVICE_UNSUPPORTED;
  }
  const auto entry = reinterpret_cast<retrace_attention_plugin_entry>(dlsym(library, RETRACE_ATTENTION_PLUGIN_ENTRY));
  api_ = entry == nullptr ? nullptr : entry(RETRACE_ATTENTION_PLUGIN_ABI);
  if (api_ == nullptr) {
    *error = path + " was built from other sources. Build all of it again.";
    return RETRACE_DEVICE_UNSUPPORTED;
  }
  char message[320] = "";
  const int status = api_->open(&setup, &plugin_, message, sizeof message);
  if (status != RETRACE_DEVICE_OK) {
    *error = message;
    plugin_ = nullptr;
  }
  return status;
}

void attention_plugin::close() {
  if (plugin_ != nullptr) api_->close(plugin_);
  plugin_ = nullptr;
}

}  // namespace retrace::cuda
