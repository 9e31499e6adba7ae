#include "cudnn_library.h"

#include <dlfcn.h>
#include <link.h>

#include <cstdlib>
#include <vector>

namespace cudnn_frontend {
// Declared by the frontend's shim, which takes every function of cuDNN from it.
void *cudnn_dlhandle = nullptr;
}  // namespace cudnn_frontend

namespace retrace::cudnn {
namespace {

constexpr const char *library_name = "libcudnn.so.9";

std::string folder_of(const std::string &path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

// Wheels keep cuDNN beside cuBLAS and the CUDA runtime: .../nvidia/cudnn/lib beside .../nvidia/cu13/lib.
int add_neighbour(dl_phdr_info *info, size_t, void *places) {
  const std::string path = info->dlpi_name == nullptr ? "" : info->dlpi_name;
  const size_t root = path.rfind("/nvidia/");
  if (root == std::string::npos || path.find("/lib/", root) == std::string::npos) return 0;
  static_cast<std::vector<std::string> *>(places)->push_back(path.substr(0, root) + "/nvidia/cudnn/lib/");
  return 0;
}

// Folders, each with a slash at its end; "" is the loader's own search.
std::vector<std::string> places() {
  std::vector<std::string> out;
  const char *chosen = std::getenv("RETRACE_CUDA_LIBS");
  for (std::string rest = chosen == nullptr ? "" : chosen; !rest.empty();) {
    const size_t colon = rest.find(':');
    const std::string folder = rest.substr(0, colon);
    if (!folder.empty()) {
      out.push_back(folder + "/");
      // Who names the folder of a wheel's cuBLAS has named that of cuDNN nearly: .../nvidia/cu13/lib
      out.push_back(folder_of(folder_of(folder)) + "/cudnn/lib/");
    }
    rest = colon == std::string::npos ? "" : rest.substr(colon + 1);
  }
  out.push_back("");
  dl_iterate_phdr(add_neighbour, &out);
  const char *home = std::getenv("CUDA_HOME");
  if (home != nullptr && *home != 0) out.push_back(std::string(home) + "/lib64/");
  out.push_back("/usr/local/cuda/lib64/");
  out.push_back("/usr/local/cudnn/lib/");
  return out;
}

// Null, and in `why` what is wrong with a file that is there, where one was found.
void *open_from(const std::vector<std::string> &folders, const std::string &name, std::string *why) {
  // One that the process has already: a second copy beside PyTorch's would share the parts that both load by name.
  if (void *library = dlopen(name.c_str(), RTLD_NOW | RTLD_NOLOAD); library != nullptr) return library;
  *why = name + " was not found";
  for (const std::string &folder : folders) {
    if (void *library = dlopen((folder + name).c_str(), RTLD_NOW | RTLD_LOCAL); library != nullptr) return library;
    const char *error = dlerror();
    if (error != nullptr && std::string(error).find("No such file") == std::string::npos) *why = error;
  }
  return nullptr;
}

// cuDNN ends the process where it comes to look for cuBLASLt and finds none, so that is looked for in front of it: of
// the CUDA version that this cuDNN was made for, beside it in the wheels or where cuDNN may lie. It is found by cuDNN
// by its name then.
std::string open_cublaslt(void *cudnn) {
  const auto runtime = reinterpret_cast<size_t (*)()>(dlsym(cudnn, "cudnnGetCudartVersion"));
  if (runtime == nullptr) return "it has no cudnnGetCudartVersion";
  const std::string major = std::to_string(runtime() / 1000);
  std::vector<std::string> folders = places();
  Dl_info info{};
  if (dladdr(reinterpret_cast<void *>(runtime), &info) != 0 && info.dli_fname != nullptr) {
    const std::string folder = folder_of(info.dli_fname), wheels = folder_of(folder_of(folder));
    folders.insert(folders.end(), {folder + "/", wheels + "/cu" + major + "/lib/", wheels + "/cublas/lib/"});
  }
  std::string why;
  return open_from(folders, "libcublasLt.so." + major, &why) == nullptr ? why + ", which it needs" : "";
}

}  // namespace

std::string open_library() {
  void *&library = cudnn_frontend::cudnn_dlhandle;
  if (library != nullptr) return "";
  const std::string next = ". Put its folder into RETRACE_CUDA_LIBS, or leave \"cudnn\" out of the choice of kernels.";
  std::string why;
  void *found = open_from(places(), library_name, &why);
  if (found == nullptr) return why + next;
  if (why = open_cublaslt(found); !why.empty()) return std::string(library_name) + ": " + why + next;
  library = found;
  return "";
}

int library_version() {
  const auto version = reinterpret_cast<size_t (*)()>(dlsym(cudnn_frontend::cudnn_dlhandle, "cudnnGetVersion"));
  return version == nullptr ? 0 : static_cast<int>(version());
}

std::string version_text(int version) {
  return std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." +
         std::to_string(version % 100);
}

}  // namespace retrace::cudnn
