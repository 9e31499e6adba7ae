// Ways into the CPU reference that its tests need and no engine uses.
#pragma once

#include <cstdint>

#include "../device.h"

// Fills the whole cache with NaN: what is read without having been written then shows in the results. Touches all of
// its memory.
void retrace_reference_poison_cache(retrace_device *device);

// Key and value of one position (a slot) in a layer and key-value head, and the hidden state of a slot, as floats.
void retrace_reference_read_cache(retrace_device *device, int32_t layer, int32_t slot, int32_t kv_head, float *key,
                                  float *value);
void retrace_reference_read_hidden(retrace_device *device, int32_t slot, float *hidden);
