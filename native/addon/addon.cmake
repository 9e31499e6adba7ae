# retrace.node: the engine for Node. Its headers are two npm packages, found through node; nothing is downloaded, and
# the napi functions are node's own when it loads the addon.
if(WITH_ADDON STREQUAL "OFF")
  message(STATUS "addon: left out (WITH_ADDON=OFF)")
  return()
endif()

find_program(NODE_EXECUTABLE NAMES node nodejs)
# The value of an expression in node, empty where it fails.
function(ask_node out expression)
  set(value "")
  if(NODE_EXECUTABLE)
    execute_process(COMMAND ${NODE_EXECUTABLE} -p "${expression}" WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
                    OUTPUT_VARIABLE value OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE status)
    if(NOT status EQUAL 0)
      set(value "")
    endif()
  endif()
  set(${out} "${value}" PARENT_SCOPE)
endfunction()
ask_node(NODE_API_HEADERS "require('node-api-headers').include_dir")
ask_node(NODE_ADDON_API "require('path').dirname(require.resolve('node-addon-api/napi.h'))")

set(missing "")
if(NOT NODE_EXECUTABLE)
  set(missing "there is no node on the path")
elseif(NOT NODE_API_HEADERS OR NOT NODE_ADDON_API)
  set(missing "node-addon-api and node-api-headers are not installed (npm ci)")
endif()
if(missing)
  if(WITH_ADDON STREQUAL "ON")
    message(FATAL_ERROR "addon: asked for, but ${missing}")
  endif()
  message(STATUS "addon: left out, ${missing}")
  return()
endif()
message(STATUS "addon: with ${NODE_EXECUTABLE}")

file(GLOB ADDON_SOURCES CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/addon/*.cc)
add_library(retrace_addon MODULE ${ADDON_SOURCES} $<TARGET_OBJECTS:retrace_core>)
set_target_properties(retrace_addon PROPERTIES PREFIX "" SUFFIX ".node" OUTPUT_NAME retrace)
target_include_directories(retrace_addon SYSTEM PRIVATE ${NODE_API_HEADERS} ${NODE_ADDON_API})
target_compile_definitions(retrace_addon PRIVATE NAPI_VERSION=8 NAPI_CPP_EXCEPTIONS
                           NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS NODE_GYP_MODULE_NAME=retrace)
target_compile_options(retrace_addon PRIVATE -Wall -Wextra)
# That library is linked without unresolved symbols, so that one of the engine's own that is missing is found there:
# here it could not be told from node's.
add_dependencies(retrace_addon retrace_engine)
target_link_libraries(retrace_addon PRIVATE Threads::Threads ${CMAKE_DL_LIBS})
if(APPLE)
  target_link_options(retrace_addon PRIVATE -undefined dynamic_lookup)
else()
  # No symbol of a library leaks into other addons. What an object file lacks is node's; what a library lacks is an
  # error. Never unmapped: a worker thread that ends closes its addons, and the engine's thread may still be running in
  # this one.
  target_link_options(retrace_addon PRIVATE -Wl,--exclude-libs,ALL -Wl,-z,nodelete
                      -Wl,-z,defs,--unresolved-symbols=ignore-in-object-files)
endif()
