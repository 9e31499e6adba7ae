// The names of NVRTC that the headers of cuDNN's frontend use, for toolkits that come without NVRTC's own header. They
// stand in code of other operations that is compiled and never called; the frontend would open NVRTC at run time.
#pragma once

typedef enum { NVRTC_SUCCESS = 0, NVRTC_ERROR_INTERNAL_ERROR = 11 } nvrtcResult;
typedef struct _nvrtcProgram *nvrtcProgram;
