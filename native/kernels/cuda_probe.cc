// What GPUs there are, asked for when somebody wants to know, never at load, and without making a context on any.
#include <cstdio>
#include <string>

#include "cuda_device.h"

namespace retrace::cuda {
namespace {

constexpr int least_major = 8;  // mma.sync on bfloat16, and cp.async

std::string quoted(const std::string &text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out + "\"";
}

std::string why_unusable(const cudaDeviceProp &p) {
  if (p.major >= least_major) return "";
  return "compute capability " + std::to_string(p.major) + "." + std::to_string(p.minor) + ", the kernels need " +
         std::to_string(least_major) + ".0 or later";
}

struct versions {
  int driver = 0, runtime = 0;
};

versions find_versions() {
  versions v;
  if (cudaDriverGetVersion(&v.driver) != cudaSuccess) v.driver = 0;
  if (cudaRuntimeGetVersion(&v.runtime) != cudaSuccess) v.runtime = 0;
  (void)cudaGetLastError();
  return v;
}

// Why the count of GPUs could not be had, with what was found and what is needed.
std::string explain(cudaError_t status, const versions &v) {
  const std::string name = std::string(" (") + cudaGetErrorName(status) + "). ";
  // A driver of any minor version runs programs of its major one.
  const version_text needed = version_of(v.runtime / 1000 * 1000);
  if (status == cudaErrorInsufficientDriver && v.driver == 0) {
    return "There is no NVIDIA driver" + name + "The kernels need one for CUDA " + needed.text + " or later. " +
           next_step(status);
  }
  if (status == cudaErrorInsufficientDriver) {
    return std::string("The NVIDIA driver is too old: it is of CUDA ") + version_of(v.driver).text +
           ", and the kernels need " + needed.text + name + next_step(status);
  }
  if (status == cudaErrorNoDevice) return "There is no GPU" + name + next_step(status);
  return std::string("GPUs cannot be asked for: ") + cudaGetErrorString(status) + name + next_step(status);
}

std::string describe(int index, const cudaDeviceProp &p) {
  const std::string why = why_unusable(p);
  std::string out = "{\"ordinal\": " + std::to_string(index) + ", \"name\": " + quoted(p.name) +
                    ", \"computeCapability\": \"" + std::to_string(p.major) + "." + std::to_string(p.minor) +
                    "\", \"totalBytes\": " + std::to_string(p.totalGlobalMem) +
                    ", \"multiprocessors\": " + std::to_string(p.multiProcessorCount) +
                    ", \"usable\": " + (why.empty() ? "true" : "false");
  if (!why.empty()) out += ", \"reason\": " + quoted(why);
  return out + "}";
}

}  // namespace

int check_gpu(failures &errors, int32_t ordinal, cudaDeviceProp *properties) {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess) {
    const retrace_device_status kind = class_of(status);
    const std::string why = explain(status, find_versions());
    return errors.fail(kind, status, __FILE__, __LINE__, "%s", why.c_str());
  }
  if (ordinal < 0 || ordinal >= count) {
    return RETRACE_CUDA_FAIL(errors, RETRACE_DEVICE_NONE, "There is no GPU %d: %d found, counted from 0. %s", ordinal,
                             count, next_step(cudaErrorInvalidDevice));
  }
  RETRACE_CUDA_CHECK(errors, cudaGetDeviceProperties(properties, ordinal));
  if (const std::string why = why_unusable(*properties); !why.empty()) {
    return RETRACE_CUDA_FAIL(errors, RETRACE_DEVICE_NONE, "GPU %d (%s) cannot be used: %s. Use the device cpu.",
                             ordinal, properties->name, why.c_str());
  }
  return RETRACE_DEVICE_OK;
}

void probe(char *json, size_t capacity) {
  if (capacity == 0) return;
  const versions v = find_versions();
  int found = 0, usable = 0;
  std::string devices, error;
  cudaError_t status = cudaGetDeviceCount(&found);
  if (status != cudaSuccess) error = explain(status, v);
  for (int i = 0; i < found && status == cudaSuccess; i++) {
    cudaDeviceProp properties;
    status = cudaGetDeviceProperties(&properties, i);
    if (status != cudaSuccess) error = explain(status, v);
    if (status != cudaSuccess) break;
    if (why_unusable(properties).empty()) usable++;
    if (error.empty() && usable == 0) {
      error = std::string("No GPU can be used: ") + properties.name + " has " + why_unusable(properties) +
              ". Use the device cpu.";
    }
    devices += (devices.empty() ? "" : ", ") + describe(i, properties);
  }
  if (usable > 0 && status == cudaSuccess) error.clear();
  (void)cudaGetLastError();

  std::string out = "{\"count\": " + std::to_string(usable) + ", \"devices\": [" + devices + "]";
  if (!error.empty()) out += ", \"error\": " + quoted(error);
  if (v.driver > 0) out += std::string(", \"driverVersion\": \"") + version_of(v.driver).text + "\"";
  if (v.runtime > 0) out += std::string(", \"runtimeVersion\": \"") + version_of(v.runtime).text + "\"";
  out += "}";
  if (out.size() + 1 > capacity) out = "{\"count\": 0, \"devices\": [], \"error\": \"the buffer is too small\"}";
  std::snprintf(json, capacity, "%s", out.size() + 1 > capacity ? "{}" : out.c_str());
}

}  // namespace retrace::cuda
