# One INTERFACE target holds every warning, sanitizer and optimisation flag of the project.
set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

find_program(UPNEXT_CCACHE ccache)
if(UPNEXT_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${UPNEXT_CCACHE}")
endif()

add_library(upnext_flags INTERFACE)
target_include_directories(upnext_flags INTERFACE "${CMAKE_SOURCE_DIR}/src")
target_compile_options(upnext_flags INTERFACE -Wall -Wextra -Wshadow -Wconversion)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC 12 warns of impossible overlaps in its own operator+(const char*, std::string) (GCC bug 105651).
  target_compile_options(upnext_flags INTERFACE -Wno-restrict)
endif()
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  # clang checks the lock annotations of base/mutex.h. Its -Wconversion would include -Wsign-conversion, which GCC's
  # does not. libstdc++ 12 itself calls the deprecated std::get_temporary_buffer in its stable sort.
  target_compile_options(upnext_flags INTERFACE -Wthread-safety -Wno-sign-conversion -Wno-deprecated-declarations)
endif()
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  # The minimum instruction set; wider vector units are selected at run time by Highway and oneDNN.
  target_compile_options(upnext_flags INTERFACE -march=x86-64-v3)
endif()
if(UPNEXT_WERROR)
  target_compile_options(upnext_flags INTERFACE -Werror)
endif()
if(UPNEXT_SANITIZE)
  target_compile_options(upnext_flags INTERFACE
    -fsanitize=${UPNEXT_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_compile_definitions(upnext_flags INTERFACE _GLIBCXX_ASSERTIONS)
  target_link_options(upnext_flags INTERFACE -fsanitize=${UPNEXT_SANITIZE})
endif()
if(UPNEXT_BUILD_FUZZERS)
  # Coverage feedback of all rooms; the harnesses in fuzz/ add libFuzzer's main with -fsanitize=fuzzer.
  target_compile_options(upnext_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(UPNEXT_COVERAGE)
  target_compile_options(upnext_flags INTERFACE --coverage)
  target_link_options(upnext_flags INTERFACE --coverage)
endif()
