// The formats in which weights come, on the host: sizes, conversion to float, and the search for NaN and infinity.
#pragma once

#include <cstdint>
#include <string>

#include "../device.h"

namespace retrace {

int64_t element_bytes(retrace_dtype dtype);
// Such as "BF16"; false where a safetensors name is none that can be computed with.
bool dtype_of(const std::string &name, retrace_dtype *dtype);

// `source` may lie at any address: a header of odd length puts all tensors behind it at odd ones.
void to_floats(retrace_dtype dtype, const void *source, int64_t count, float *target);
bool all_finite(retrace_dtype dtype, const void *source, int64_t count);

}  // namespace retrace
