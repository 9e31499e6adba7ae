// cuDNN's shared library, which is found and opened at run time: the plug-in links without it.
#pragma once

#include <string>

namespace retrace::cudnn {

// Opens libcudnn.so.9, with the cuBLASLt that it needs, and hands it to cuDNN's frontend. One that the process has
// already is taken; then the folders of RETRACE_CUDA_LIBS are looked through (separated by colons), the loader's own
// places, and where installers put it. "" or why not, with the next step. It stays open to the end of the process, as
// frontend and library keep state.
std::string open_library();

// Such as 92801 for 9.28.1, of the open library.
int library_version();

// Such as "9.28.1".
std::string version_text(int version);

}  // namespace retrace::cudnn
