# upnext_room(NAME features
#             SOURCES vocabulary.cc ...      the room's library, upnext_features
#             TESTS vocabulary_test.cc ...   one test program, upnext_features_test
#             BENCHES vocabulary_bench.cc ...one benchmark program, upnext_features_bench
#             DEPS base events               rooms it includes (verified by the layering check)
#             LIBS fmt::fmt)                 third-party libraries
#
# With UPNEXT_UNITY the sources of a room are compiled as one, and so are its tests, so that heavy headers are read
# once; NO_UNITY excludes a room's sources.
function(upnext_unity target)
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 100)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # A Rep with a member of an anonymous namespace is still one type in one source.
    target_compile_options(${target} PRIVATE -Wno-subobject-linkage)
  endif()
endfunction()

function(upnext_room)
  cmake_parse_arguments(ROOM "NO_UNITY" "NAME" "SOURCES;TESTS;BENCHES;DEPS;LIBS" ${ARGN})
  set(target upnext_${ROOM_NAME})
  add_library(${target} STATIC ${ROOM_SOURCES})
  target_link_libraries(${target} PUBLIC upnext_flags)
  foreach(dep IN LISTS ROOM_DEPS)
    target_link_libraries(${target} PUBLIC upnext_${dep})
  endforeach()
  target_link_libraries(${target} PUBLIC ${ROOM_LIBS})
  if(UPNEXT_UNITY AND NOT ROOM_NO_UNITY)
    upnext_unity(${target})
  endif()

  if(UPNEXT_BUILD_TESTS AND ROOM_TESTS)
    add_executable(${target}_test ${ROOM_TESTS})
    target_link_libraries(${target}_test PRIVATE ${target} GTest::gmock GTest::gtest_main)
    if(UPNEXT_UNITY)
      upnext_unity(${target}_test)
    endif()
    # The tested code is compiled as released; the tests themselves are not optimised and compile a quarter faster.
    target_compile_options(${target}_test PRIVATE $<$<CONFIG:Release>:-O1>)
    gtest_discover_tests(${target}_test TEST_PREFIX "${ROOM_NAME}." DISCOVERY_MODE PRE_TEST
                         PROPERTIES LABELS "${ROOM_NAME}" TIMEOUT 300)
  endif()
  if(UPNEXT_BUILD_BENCHES AND ROOM_BENCHES)
    # Built on demand by `cmake --build ... --target upnext_benches`, run by scripts/bench.
    add_executable(${target}_bench EXCLUDE_FROM_ALL ${ROOM_BENCHES})
    target_link_libraries(${target}_bench PRIVATE ${target} benchmark::benchmark_main)
    add_dependencies(upnext_benches ${target}_bench)
  endif()
endfunction()
