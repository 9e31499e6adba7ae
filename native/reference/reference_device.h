// The CPU reference: the device interface in plain C++. Always there; the oracle for everything above the kernels.
#pragma once

#include "../device.h"

const retrace_device_api *retrace_reference_device(void);
