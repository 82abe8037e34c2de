# Targets: rlpool (shared; the thread pool) and rl_onednn (headers and stubs of oneDNN, which is
# opened at the first call). Function: rl_link_native(TARGET) links both and sets the run path.
#
# oneDNN >= 3.2 is searched in dnnl_DIR, in CMAKE_PREFIX_PATH and in the Python environment that
# runs the build (package onednn-devel-cpu-gomp). An edited, stripped copy is put into
# RL_LIB_DIR, and installed into RL_LIB_DESTINATION; the extension must lie one folder above.

set(RL_LIB_DIR "${CMAKE_BINARY_DIR}/lib" CACHE PATH "Where the shared libraries are built")
set(RL_LIB_DESTINATION "rushlight/lib" CACHE STRING "Where the shared libraries are installed")

set(_rl_pool_dir "${CMAKE_CURRENT_LIST_DIR}/../csrc/pool")
set(_rl_bundle "${CMAKE_CURRENT_LIST_DIR}/bundle_onednn.py")

if(NOT Python_EXECUTABLE)
  find_package(Python 3.10 COMPONENTS Interpreter REQUIRED)
endif()
find_package(Threads REQUIRED)

# ---- the thread pool -----------------------------------------------------------------------------

add_library(rlpool SHARED
  "${_rl_pool_dir}/pool.cpp" "${_rl_pool_dir}/cores.cpp" "${_rl_pool_dir}/omp.cpp")
target_include_directories(rlpool PUBLIC "${_rl_pool_dir}/..")
target_compile_features(rlpool PUBLIC cxx_std_20)
target_compile_options(rlpool PRIVATE -Wall -Wextra)
target_link_libraries(rlpool PUBLIC Threads::Threads)
# Workers run the library's code until the process ends: it must never be unmapped.
target_link_options(rlpool PRIVATE
  "LINKER:--version-script=${_rl_pool_dir}/exports.map" "LINKER:-z,nodelete" "LINKER:-z,defs")
set_target_properties(rlpool PROPERTIES
  CXX_VISIBILITY_PRESET hidden
  VISIBILITY_INLINES_HIDDEN ON
  LIBRARY_OUTPUT_DIRECTORY "${RL_LIB_DIR}"
  LINK_DEPENDS "${_rl_pool_dir}/exports.map")
install(TARGETS rlpool LIBRARY DESTINATION "${RL_LIB_DESTINATION}")

# ---- oneDNN --------------------------------------------------------------------------------------

# Build front ends put build requirements where sys.prefix does not tell: ask the package itself.
set(_rl_find_dnnl [[
import importlib.metadata as metadata, os, sys
for name in ("onednn-devel-cpu-gomp", "onednn-devel-cpu-iomp"):
    try:
        files = metadata.files(name) or []
    except metadata.PackageNotFoundError:
        continue
    for file in files:
        if file.name == "dnnl-config.cmake":
            print(os.path.realpath(os.path.dirname(file.locate())), end="")
            sys.exit()
print(os.path.join(sys.prefix, "lib", "cmake", "dnnl"), end="")
]])
execute_process(COMMAND "${Python_EXECUTABLE}" -c "${_rl_find_dnnl}"
  OUTPUT_VARIABLE _rl_dnnl_hint)
find_package(dnnl 3.2 CONFIG QUIET HINTS "${_rl_dnnl_hint}")
if(NOT dnnl_FOUND)
  message(FATAL_ERROR "oneDNN >= 3.2 was not found. Install it (pip install onednn-devel-cpu-gomp) "
    "or set dnnl_DIR to the folder that holds dnnl-config.cmake.")
endif()

get_target_property(_rl_dnnl_include DNNL::dnnl INTERFACE_INCLUDE_DIRECTORIES)
get_target_property(_rl_dnnl_source DNNL::dnnl IMPORTED_LOCATION_RELEASE)
if(NOT _rl_dnnl_source)
  get_target_property(_rl_dnnl_source DNNL::dnnl LOCATION)
endif()
get_filename_component(_rl_dnnl_source "${_rl_dnnl_source}" REALPATH)
string(REGEX MATCH "^[0-9]+" _rl_dnnl_major "${dnnl_VERSION}")
set(_rl_dnnl_file "libdnnl.so.${_rl_dnnl_major}")
message(STATUS "oneDNN ${dnnl_VERSION}: ${_rl_dnnl_source}")

set(_rl_dnnl_copy "${RL_LIB_DIR}/${_rl_dnnl_file}")
set(_rl_dnnl_stubs "${CMAKE_BINARY_DIR}/onednn_stubs.S")
set(_rl_dnnl_stripped "${CMAKE_BINARY_DIR}/${_rl_dnnl_file}.stripped")
add_custom_command(
  OUTPUT "${_rl_dnnl_copy}" "${_rl_dnnl_stubs}"
  COMMAND "${CMAKE_COMMAND}" -E make_directory "${RL_LIB_DIR}"
  COMMAND "${CMAKE_STRIP}" -o "${_rl_dnnl_stripped}" "${_rl_dnnl_source}"
  COMMAND "${Python_EXECUTABLE}" "${_rl_bundle}" "${_rl_dnnl_stripped}" "${_rl_dnnl_copy}"
          "${_rl_dnnl_stubs}" "${_rl_pool_dir}/exports.map"
  COMMAND "${CMAKE_COMMAND}" -E rm "${_rl_dnnl_stripped}"
  DEPENDS "${_rl_dnnl_source}" "${_rl_bundle}" "${_rl_pool_dir}/exports.map"
  COMMENT "Bundling oneDNN ${dnnl_VERSION}"
  VERBATIM)
add_custom_target(rl_onednn_bundle DEPENDS "${_rl_dnnl_copy}" "${_rl_dnnl_stubs}")

if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
  enable_language(ASM)
  add_library(rl_onednn STATIC "${_rl_pool_dir}/onednn_loader.cpp" "${_rl_dnnl_stubs}")
  target_compile_definitions(rl_onednn PRIVATE RL_ONEDNN_FILE="${_rl_dnnl_file}")
  set_target_properties(rl_onednn PROPERTIES
    POSITION_INDEPENDENT_CODE ON
    CXX_VISIBILITY_PRESET hidden)
  target_link_libraries(rl_onednn PUBLIC rlpool PRIVATE ${CMAKE_DL_LIBS})
  target_include_directories(rl_onednn SYSTEM PUBLIC "${_rl_dnnl_include}")
  add_dependencies(rl_onednn rl_onednn_bundle)
else()
  message(FATAL_ERROR "the stubs that open oneDNN exist for x86-64 only")
endif()

install(FILES "${_rl_dnnl_copy}" DESTINATION "${RL_LIB_DESTINATION}"
  PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
foreach(_rl_doc onednn dnnl)
  foreach(_rl_text LICENSE THIRD-PARTY-PROGRAMS)
    set(_rl_file "${_rl_dnnl_include}/../share/doc/${_rl_doc}/${_rl_text}")
    if(EXISTS "${_rl_file}")
      install(FILES "${_rl_file}" DESTINATION "${RL_LIB_DESTINATION}/onednn-licenses")
    endif()
  endforeach()
endforeach()

function(rl_link_native target)
  target_link_libraries(${target} PRIVATE rlpool rl_onednn)
  set_target_properties(${target} PROPERTIES
    BUILD_RPATH_USE_ORIGIN ON
    INSTALL_RPATH "$ORIGIN/lib")
endfunction()
