// Which device computes: the CPU reference that is compiled in, or one from a shared library that is opened here.
#pragma once

#include <string>

#include "../device.h"

namespace retrace {

struct device_choice {
  const retrace_device_api *api = nullptr;
  std::string reason;  // why this one, for people
};

// `name`: "auto", "cpu", "cuda" or "emulated". `folder`: where the devices' libraries are; empty for the folder of the
// library that this code is in. "auto" takes CUDA where its library is there and has a usable GPU, else the CPU.
// Throws `invalid_options`, `device_unavailable`.
device_choice choose_device(const std::string &name, const std::string &folder);

// What `retrace_probe` answers.
std::string probe_devices(const std::string &folder);

}  // namespace retrace
