# cuDNN's attention as a plug-in, libretrace_cudnn.so, where the headers of cuDNN and of its frontend are found. Headers
# are all that it is built from: cuDNN itself is looked for when the plug-in is opened.
#
# Both come as pip wheels (nvidia-cudnn-cu13, nvidia-cudnn-frontend), which are looked for in Python's folders too.
#   -DWITH_CUDNN=AUTO|ON|OFF  -DCUDNN_INCLUDE=folder of cudnn.h  -DCUDNN_FRONTEND_INCLUDE=folder of cudnn_frontend.h

set(WITH_CUDNN AUTO CACHE STRING "cuDNN's attention as a plug-in: AUTO builds it where the headers are found")
# Since then a plan's engine can be read and asked for again.
set(CUDNN_FRONTEND_OLDEST 1.25)

# The folders that Python's wheels are in; nothing where there is no Python.
function(python_wheel_folders out)
  find_program(PYTHON3_EXECUTABLE python3)
  set(found)
  if(PYTHON3_EXECUTABLE)
    execute_process(
      COMMAND ${PYTHON3_EXECUTABLE} -c "import sys; print(';'.join(p for p in sys.path if p.endswith('-packages')))"
      OUTPUT_VARIABLE found OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  endif()
  set(${out} ${found} PARENT_SCOPE)
endfunction()

# "" or why the plug-in cannot be built; finds CUDNN_INCLUDE and CUDNN_FRONTEND_INCLUDE.
function(find_cudnn_headers problem)
  python_wheel_folders(wheels)
  set(cudnn_places ${CUDA_HOME}/include)
  set(frontend_places ${CUDA_HOME}/include)
  foreach(folder IN LISTS wheels)
    list(APPEND cudnn_places ${folder}/nvidia/cudnn/include)
    list(APPEND frontend_places ${folder}/include ${folder}/nvidia/cudnn_frontend/include)
  endforeach()
  find_path(CUDNN_INCLUDE cudnn_version.h HINTS ${cudnn_places})
  find_path(CUDNN_FRONTEND_INCLUDE cudnn_frontend.h HINTS ${frontend_places})
  set(version "")
  if(CUDNN_FRONTEND_INCLUDE AND EXISTS ${CUDNN_FRONTEND_INCLUDE}/cudnn_frontend_version.h)
    file(READ ${CUDNN_FRONTEND_INCLUDE}/cudnn_frontend_version.h text)
    string(REGEX MATCH "MAJOR_VERSION ([0-9]+)" _ "${text}")
    set(version ${CMAKE_MATCH_1})
    string(REGEX MATCH "MINOR_VERSION ([0-9]+)" _ "${text}")
    set(version ${version}.${CMAKE_MATCH_1})
  endif()
  set(why "")
  if(NOT BUILD_CUDA_DEVICE)
    set(why "no CUDA device")
  elseif(NOT CUDNN_INCLUDE)
    set(why "no cudnn_version.h; -DCUDNN_INCLUDE can name its folder")
  elseif(NOT CUDNN_FRONTEND_INCLUDE)
    set(why "no cudnn_frontend.h; -DCUDNN_FRONTEND_INCLUDE can name its folder")
  elseif(version STREQUAL "" OR version VERSION_LESS CUDNN_FRONTEND_OLDEST)
    set(why "the frontend in ${CUDNN_FRONTEND_INCLUDE} is ${version}, expected ${CUDNN_FRONTEND_OLDEST} or newer")
  elseif(NOT EXISTS ${CUDA_HOME}/include/cuda.h)
    set(why "no cuda.h in ${CUDA_HOME}/include")
  endif()
  set(CUDNN_FRONTEND_VERSION ${version} PARENT_SCOPE)
  set(${problem} "${why}" PARENT_SCOPE)
endfunction()

if(WITH_CUDNN STREQUAL "OFF")
  message(STATUS "cuDNN's attention: not built (WITH_CUDNN=OFF)")
else()
  find_cudnn_headers(problem)
  if(problem STREQUAL "")
    set(BUILD_CUDNN_PLUGIN ON)
    message(STATUS "cuDNN's attention: ${CUDNN_INCLUDE}, frontend ${CUDNN_FRONTEND_VERSION} ${CUDNN_FRONTEND_INCLUDE}")
  elseif(WITH_CUDNN STREQUAL "ON")
    message(FATAL_ERROR "WITH_CUDNN=ON, but ${problem}.")
  else()
    message(STATUS "cuDNN's attention: not built (${problem})")
  endif()
endif()

if(BUILD_CUDNN_PLUGIN)
  gencode_of(gencode ${CUDA_ARCHS})
  set(tails ${CMAKE_BINARY_DIR}/cuda/cudnn_tails.o)
  add_custom_command(
    OUTPUT ${tails}
    COMMAND ${NVCC_EXECUTABLE} -std=c++17 -O3 ${gencode} -Xcompiler -fPIC,-fvisibility=hidden
            -ccbin ${CMAKE_CXX_COMPILER} -c ${CMAKE_SOURCE_DIR}/kernels/cudnn_tails.cu -o ${tails}
    DEPENDS ${CMAKE_SOURCE_DIR}/kernels/cudnn_tails.cu ${CUDA_HEADERS} ${CMAKE_SOURCE_DIR}/device.h
    COMMENT "nvcc cudnn_tails.cu"
    VERBATIM)
  set_source_files_properties(${tails} PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)

  file(GLOB CUDNN_SOURCES CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/kernels/cudnn*.cc)
  add_library(retrace_cudnn SHARED ${CUDNN_SOURCES} ${CMAKE_SOURCE_DIR}/kernels/cuda_error.cc ${tails})
  target_compile_options(retrace_cudnn PRIVATE -Wall -Wextra)
  # Minutes of templates; what they do takes microseconds on the host.
  set_source_files_properties(${CMAKE_SOURCE_DIR}/kernels/cudnn_attention.cc PROPERTIES COMPILE_OPTIONS -O1)
  target_include_directories(retrace_cudnn SYSTEM PRIVATE
                             ${CUDNN_FRONTEND_INCLUDE} ${CUDNN_INCLUDE} ${CUDA_HOME}/include)
  if(NOT EXISTS ${CUDA_HOME}/include/nvrtc.h)
    target_include_directories(retrace_cudnn SYSTEM PRIVATE ${CMAKE_SOURCE_DIR}/kernels/cudnn_nvrtc)
  endif()
  target_link_libraries(retrace_cudnn PRIVATE ${CUDART_STATIC} Threads::Threads ${CMAKE_DL_LIBS} rt)
  target_link_options(retrace_cudnn PRIVATE -Wl,--exclude-libs,ALL -Wl,-z,defs
                      -Wl,--version-script=${CMAKE_SOURCE_DIR}/kernels/cudnn_exports.map)
  set_target_properties(retrace_cudnn PROPERTIES LINK_DEPENDS ${CMAKE_SOURCE_DIR}/kernels/cudnn_exports.map)
endif()

# ---- the plug-in's test, which needs neither cuDNN nor a GPU --------------------------------------------
# It takes the plug-in's sources in, over the emulator and over graphs of its own.
if(WITH_TESTS)
  set_source_files_properties(${CMAKE_SOURCE_DIR}/test/cudnn_plugin_test.cc PROPERTIES
    INCLUDE_DIRECTORIES ${CMAKE_SOURCE_DIR}/emulator
    COMPILE_DEFINITIONS RETRACE_EMULATOR
    COMPILE_OPTIONS -Wno-unknown-pragmas)
endif()
