// Turns a device's status into the engine's exception.
#pragma once

#include "../device.h"
#include "error.h"

namespace retrace {

[[noreturn]] void throw_device_error(const retrace_device_error &error);

// Every call of a device goes through here.
inline void check_device(const retrace_device_api &api, const retrace_device *device, int status) {
  if (status != RETRACE_DEVICE_OK) throw_device_error(*api.last_error(device));
}

}  // namespace retrace
