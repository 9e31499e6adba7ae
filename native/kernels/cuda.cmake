# The CUDA device, libretrace_cuda.so, where there is an nvcc; and for tests the same sources over the emulator.
#
# nvcc is called by its path, for the kernels alone: with no enable_language(CUDA) and no find_package(CUDAToolkit), a
# toolkit and the pip wheels of one (lib in place of lib64, library names with .so.13 alone) work alike. The host's side
# (*.cc) is compiled by the C++ compiler against the runtime's header.

set(CUDA_ARCHS "80-real;90a-real;90-virtual" CACHE STRING "GPU architectures: 80-real is machine code, 90-virtual is PTX")

file(GLOB CUDA_KERNEL_SOURCES CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/kernels/*.cu)
file(GLOB CUDA_HOST_SOURCES CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/kernels/*.cc)
file(GLOB CUDA_HEADERS CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/kernels/*.h ${CMAKE_SOURCE_DIR}/kernels/*.cuh)
# The attention plug-in is a library of its own, see cudnn.cmake.
list(FILTER CUDA_KERNEL_SOURCES EXCLUDE REGEX "/cudnn[^/]*$")
list(FILTER CUDA_HOST_SOURCES EXCLUDE REGEX "/cudnn[^/]*$")
set(CUDA_DEFINITIONS)
if(EXISTS ${CMAKE_SOURCE_DIR}/kernels/hopper.cu)
  list(APPEND CUDA_DEFINITIONS RETRACE_WITH_HOPPER)
endif()

# ---- where the toolkit is ----------------------------------------------------------------------------
if(NOT CUDA_HOME)
  set(CUDA_HOME /usr/local/cuda)
  if(DEFINED ENV{CUDA_HOME})
    set(CUDA_HOME $ENV{CUDA_HOME})
  endif()
endif()
find_program(NVCC_EXECUTABLE nvcc HINTS ${CUDA_HOME}/bin)
if(WITH_CUDA STREQUAL "OFF")
  message(STATUS "CUDA device: not built (WITH_CUDA=OFF)")
elseif(NOT NVCC_EXECUTABLE AND WITH_CUDA STREQUAL "ON")
  message(FATAL_ERROR "WITH_CUDA=ON, but there is no nvcc in ${CUDA_HOME}/bin or the path. Give -DCUDA_HOME=...")
elseif(NOT NVCC_EXECUTABLE)
  message(STATUS "CUDA device: not built (no nvcc)")
else()
  if(NOT EXISTS ${CUDA_HOME}/include/cuda_runtime_api.h)
    get_filename_component(nvcc_itself ${NVCC_EXECUTABLE} REALPATH)
    get_filename_component(CUDA_HOME ${nvcc_itself}/../.. ABSOLUTE)
  endif()
  # By name: beside it there may be a shared one, which would then have to be there on every machine.
  find_library(CUDART_STATIC NAMES libcudart_static.a HINTS ${CUDA_HOME}/lib64 ${CUDA_HOME}/lib NO_DEFAULT_PATH)
  if(NOT CUDART_STATIC OR NOT EXISTS ${CUDA_HOME}/include/cuda_runtime_api.h)
    set(problem "nvcc is at ${NVCC_EXECUTABLE}, but ${CUDA_HOME} lacks include/cuda_runtime_api.h or libcudart_static.a")
    if(WITH_CUDA STREQUAL "ON")
      message(FATAL_ERROR "${problem}. Give -DCUDA_HOME=...")
    endif()
    message(STATUS "CUDA device: not built (${problem})")
  else()
    set(BUILD_CUDA_DEVICE ON)
    message(STATUS "CUDA device: ${NVCC_EXECUTABLE} for ${CUDA_ARCHS}")
  endif()
endif()

# ---- libretrace_cuda.so ------------------------------------------------------------------------------
# nvcc's -gencode for a list such as CUDA_ARCHS.
function(gencode_of out)
  set(flags)
  foreach(architecture IN LISTS ARGN)
    if(architecture MATCHES "^([0-9]+[af]?)-real$")
      list(APPEND flags -gencode arch=compute_${CMAKE_MATCH_1},code=sm_${CMAKE_MATCH_1})
    elseif(architecture MATCHES "^([0-9]+[af]?)-virtual$")
      list(APPEND flags -gencode arch=compute_${CMAKE_MATCH_1},code=compute_${CMAKE_MATCH_1})
    else()
      message(FATAL_ERROR "CUDA_ARCHS has \"${architecture}\", expected entries such as 80-real or 90-virtual")
    endif()
  endforeach()
  set(${out} ${flags} PARENT_SCOPE)
endfunction()

if(BUILD_CUDA_DEVICE)
  if(POLICY CMP0116)
    cmake_policy(SET CMP0116 NEW)
  endif()
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/cuda)
  set(CUDA_OBJECTS)
  set(definition_flags ${CUDA_DEFINITIONS})
  list(TRANSFORM definition_flags PREPEND -D)
  foreach(source IN LISTS CUDA_KERNEL_SOURCES)
    get_filename_component(name ${source} NAME_WE)
    set(architectures ${CUDA_ARCHS})
    set(definitions ${definition_flags})
    if(name STREQUAL "hopper")
      list(APPEND architectures 90a-real)
      list(REMOVE_DUPLICATES architectures)
      list(APPEND definitions -DRETRACE_HOPPER)
    endif()
    gencode_of(gencode ${architectures})
    set(object ${CMAKE_BINARY_DIR}/cuda/${name}.o)
    set(dependencies)
    if(CMAKE_GENERATOR MATCHES "Ninja" OR NOT CMAKE_VERSION VERSION_LESS 3.20)
      set(dependencies DEPFILE ${object}.d)
    endif()
    add_custom_command(
      OUTPUT ${object}
      COMMAND ${NVCC_EXECUTABLE} -std=c++17 -O3 ${gencode} ${definitions} -Xcompiler -fPIC,-fvisibility=hidden
              -ccbin ${CMAKE_CXX_COMPILER} -MD -MF ${object}.d -MT ${object} -c ${source} -o ${object}
      DEPENDS ${source} ${CUDA_HEADERS} ${CMAKE_SOURCE_DIR}/device.h ${CMAKE_SOURCE_DIR}/counter_random.h
      ${dependencies}
      COMMENT "nvcc ${name}.cu"
      VERBATIM)
    list(APPEND CUDA_OBJECTS ${object})
  endforeach()
  set_source_files_properties(${CUDA_OBJECTS} PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)

  add_library(retrace_cuda SHARED ${CUDA_HOST_SOURCES} ${CUDA_OBJECTS})
  target_compile_definitions(retrace_cuda PRIVATE ${CUDA_DEFINITIONS})
  target_compile_options(retrace_cuda PRIVATE -Wall -Wextra)
  target_include_directories(retrace_cuda SYSTEM PRIVATE ${CUDA_HOME}/include)
  target_link_libraries(retrace_cuda PRIVATE ${CUDART_STATIC} Threads::Threads ${CMAKE_DL_LIBS} rt)
  # The runtime's symbols must neither leak into other libraries of the process nor be taken from them.
  target_link_options(retrace_cuda PRIVATE -Wl,--exclude-libs,ALL -Wl,-z,defs
                      -Wl,--version-script=${CMAKE_SOURCE_DIR}/kernels/cuda_exports.map)
  set_target_properties(retrace_cuda PROPERTIES LINK_DEPENDS ${CMAKE_SOURCE_DIR}/kernels/cuda_exports.map)
endif()

# ---- the emulated device -----------------------------------------------------------------------------
if(WITH_TESTS)
  file(GLOB EMULATOR_SOURCES CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/emulator/*.cc)
  # g++ would hand a .cu file to the linker.
  set_source_files_properties(${CUDA_KERNEL_SOURCES} PROPERTIES LANGUAGE CXX COMPILE_OPTIONS "-xc++")
  add_library(retrace_emulated_sources OBJECT ${CUDA_KERNEL_SOURCES} ${CUDA_HOST_SOURCES} ${EMULATOR_SOURCES})
  target_include_directories(retrace_emulated_sources BEFORE PRIVATE ${CMAKE_SOURCE_DIR}/emulator)
  target_compile_definitions(retrace_emulated_sources PRIVATE RETRACE_EMULATOR ${CUDA_DEFINITIONS})
  target_compile_options(retrace_emulated_sources PRIVATE -Wall -Wextra -Wno-unknown-pragmas -Wno-psabi -O2)

  # For tests that call its functions, and as a device that the engine opens.
  add_library(retrace_emulated_objects STATIC $<TARGET_OBJECTS:retrace_emulated_sources>)
  target_link_libraries(retrace_emulated_objects INTERFACE Threads::Threads ${CMAKE_DL_LIBS})
  add_library(retrace_emulated SHARED $<TARGET_OBJECTS:retrace_emulated_sources>)
  target_link_libraries(retrace_emulated PRIVATE Threads::Threads ${CMAKE_DL_LIBS})
  target_link_options(retrace_emulated PRIVATE -Wl,-z,defs)

  # Libraries under cuBLASLt's name that compute on the CPU: rows of one depend on the batch, of one on their place in it.
  foreach(kind IN ITEMS invariant dependent placed)
    add_library(imitated_cublaslt_${kind} SHARED ${CMAKE_SOURCE_DIR}/test/imitations/cublaslt.cc)
    set_target_properties(imitated_cublaslt_${kind} PROPERTIES
      LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/${kind} OUTPUT_NAME cublasLt SUFFIX .so.13)
    add_dependencies(retrace_emulated_objects imitated_cublaslt_${kind})
  endforeach()
  target_compile_definitions(imitated_cublaslt_dependent PRIVATE ROWS_DEPEND_ON_THE_BATCH)
  target_compile_definitions(imitated_cublaslt_placed PRIVATE ROWS_DEPEND_ON_THEIR_PLACE)
endif()

include(kernels/cudnn.cmake OPTIONAL)
