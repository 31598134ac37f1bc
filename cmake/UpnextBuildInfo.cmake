# What `upnext version` says: cmake/UpnextBuildInfo.cmake is included for the function below, and run as a script at each
# build for the commit.
#
#   cmake -DOUTPUT=commit.h -DROOT=CHECKOUT -P UpnextBuildInfo.cmake
#
# writes the commit of the checkout, and only if it is another one than before, so that nothing is compiled again.
if(CMAKE_SCRIPT_MODE_FILE)
  set(commit "")
  set(changed false)
  find_program(git git)
  # Of this folder alone: a copy of the sources inside another checkout has no commit.
  if(git AND EXISTS "${ROOT}/.git")
    execute_process(COMMAND "${git}" -C "${ROOT}" rev-parse HEAD OUTPUT_VARIABLE commit
                    OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
    if(failed)
      set(commit "")
    else()
      execute_process(COMMAND "${git}" -C "${ROOT}" diff --quiet HEAD ERROR_QUIET RESULT_VARIABLE differs)
      if(NOT differs EQUAL 0)
        set(changed true)
      endif()
    endif()
  endif()
  set(text "#define UPNEXT_COMMIT \"${commit}\"\n#define UPNEXT_CHANGED ${changed}\n")
  if(EXISTS "${OUTPUT}")
    file(READ "${OUTPUT}" before)
  endif()
  if(NOT "${before}" STREQUAL "${text}")
    file(WRITE "${OUTPUT}" "${text}")
  endif()
  return()
endif()

# The version that a header has, in macros that end with these words.
function(upnext_header_version result directory header)
  file(READ "${directory}/${header}" text)
  set(parts)
  foreach(word IN LISTS ARGN)
    if(text MATCHES "#define[ \t]+${word}[ \t]+\"?([0-9.]+)")
      list(APPEND parts "${CMAKE_MATCH_1}")
    endif()
  endforeach()
  list(JOIN parts "." version)
  set(${result} "${version}" PARENT_SCOPE)
endfunction()

# Makes upnext_build_info, the source of src/cli/build_info.h. After UpnextDependencies.
function(upnext_build_info)
  set(folder "${CMAKE_BINARY_DIR}/build_info")
  add_custom_target(upnext_commit
    COMMAND ${CMAKE_COMMAND} -DOUTPUT=${folder}/commit.h -DROOT=${CMAKE_SOURCE_DIR}
            -P ${CMAKE_SOURCE_DIR}/cmake/UpnextBuildInfo.cmake
    BYPRODUCTS "${folder}/commit.h" COMMENT "Reading the commit of the checkout" VERBATIM)

  set(DuckDB_VERSION "of the system")
  if(EXISTS "${UPNEXT_DUCKDB_DIR}/stamp" AND DuckDB_LIBRARY MATCHES "^${UPNEXT_DUCKDB_DIR}/")
    file(READ "${UPNEXT_DUCKDB_DIR}/stamp" stamp)
    if(stamp MATCHES "\nduckdb@([0-9.]+)")
      set(DuckDB_VERSION "${CMAKE_MATCH_1}")
    endif()
  endif()
  upnext_header_version(dnnl "${upnext_dnnl_INCLUDE}" oneapi/dnnl/dnnl_version.h
                        DNNL_VERSION_MAJOR DNNL_VERSION_MINOR DNNL_VERSION_PATCH)
  upnext_header_version(hwy "${upnext_highway_INCLUDE}" hwy/highway.h HWY_MAJOR HWY_MINOR HWY_PATCH)
  upnext_header_version(xxhash "${upnext_xxhash_INCLUDE}" xxhash.h
                        XXH_VERSION_MAJOR XXH_VERSION_MINOR XXH_VERSION_RELEASE)
  upnext_header_version(protozero "${upnext_protozero_INCLUDE}" protozero/version.hpp PROTOZERO_VERSION_STRING)
  upnext_header_version(cli11 "${upnext_cli11_INCLUDE}" CLI/Version.hpp CLI11_VERSION)
  set(libraries)
  foreach(library "DuckDB|${DuckDB_VERSION}" "RocksDB|${RocksDB_VERSION}" "oneDNN|${dnnl}" "Highway|${hwy}"
                  "Boost|${Boost_VERSION}" "OpenSSL|${OPENSSL_VERSION}" "simdjson|${simdjson_VERSION}"
                  "nlohmann-json|${nlohmann_json_VERSION}" "fmt|${fmt_VERSION}" "zlib|${ZLIB_VERSION_STRING}"
                  "xxHash|${xxhash}" "CLI11|${cli11}" "protozero|${protozero}")
    string(REPLACE "|" "\", \"" library "${library}")
    string(APPEND libraries "    BorrowedLibrary{\"${library}\"},\n")
  endforeach()
  set(processor "${CMAKE_SYSTEM_PROCESSOR}")
  if(processor MATCHES "x86_64|AMD64")
    set(processor "x86-64-v3")
  endif()
  set(text "#include \"cli/build_info.h\"

#include <array>

#include \"commit.h\"

namespace upnext::cli {
namespace {

constexpr std::array kLibraries{
${libraries}};

}  // namespace

const BuildFacts& BuildInfo() {
  static const BuildFacts facts{.commit = UPNEXT_COMMIT,
                                .is_changed = UPNEXT_CHANGED,
                                .compiler = \"${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}\",
                                .build_type = \"${CMAKE_BUILD_TYPE}\",
                                .minimum_processor = \"${processor}\",
                                .libraries = kLibraries};
  return facts;
}

}  // namespace upnext::cli
")
  file(CONFIGURE OUTPUT "${folder}/build_info.cc" CONTENT "${text}" @ONLY)
  add_library(upnext_build_info STATIC "${folder}/build_info.cc")
  add_dependencies(upnext_build_info upnext_commit)
  target_include_directories(upnext_build_info PRIVATE "${folder}")
  target_link_libraries(upnext_build_info PRIVATE upnext_flags)
endfunction()
