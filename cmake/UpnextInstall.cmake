# What `cmake --install` puts where. The component `runtime` is the program and all that belongs to it:
#
#   cmake --install build/release --component runtime --prefix /usr/local --strip      (DESTDIR=... before it: into a tree)
#
#   bin/upnext                              finds its libraries in ../lib/upnext, wherever the whole is moved
#   lib/upnext/libduckdb.so                 what no package of Debian has
#   lib/systemd/system/upnext.service
#   share/man, share/bash-completion, share/zsh, share/fish     made by the program itself
#   share/doc/upnext                        guides, list of changes, licenses
#
# The component `python` is in UpnextPython.cmake; there the libraries are in ../lib.
include(GNUInstallDirs)

# The program has this one path to its libraries from the start, in the build tree too, so that installing does not change
# it: the same sources are the same bytes in any folder.
function(upnext_library_path)
  set(path "$ORIGIN/../lib/upnext;$ORIGIN/../lib;$ORIGIN/../deps/duckdb/lib")
  set_target_properties(upnext PROPERTIES INSTALL_RPATH "${path}")
  # The table of addresses is read-only once the program runs.
  target_link_options(upnext PRIVATE -Wl,-z,relro,-z,now)
  get_filename_component(found "${CMAKE_BINARY_DIR}/../deps/duckdb/lib" ABSOLUTE)
  get_filename_component(used "${DuckDB_LIBRARY}" DIRECTORY)
  if(found STREQUAL used)
    set_target_properties(upnext PROPERTIES BUILD_WITH_INSTALL_RPATH ON)
  endif()
endfunction()

function(upnext_install)
  upnext_library_path()
  install(TARGETS upnext RUNTIME DESTINATION bin COMPONENT runtime)
  # A DuckDB of the system stays where it is.
  if(DuckDB_LIBRARY MATCHES "^${UPNEXT_DUCKDB_DIR}/")
    install(FILES "${DuckDB_LIBRARY}" DESTINATION lib/upnext COMPONENT runtime)
  endif()
  install(CODE "
    set(texts \"${CMAKE_BINARY_DIR}/install_texts\")
    file(REMOVE_RECURSE \"\${texts}\")
    file(MAKE_DIRECTORY \"\${texts}\")
    execute_process(COMMAND \"$<TARGET_FILE:upnext>\" help --man-pages \"\${texts}/man\" COMMAND_ERROR_IS_FATAL ANY)
    foreach(shell bash zsh fish)
      execute_process(COMMAND \"$<TARGET_FILE:upnext>\" completion \${shell} OUTPUT_FILE \"\${texts}/\${shell}\"
                      COMMAND_ERROR_IS_FATAL ANY)
    endforeach()
    file(READ \"${CMAKE_SOURCE_DIR}/packaging/upnext.service\" unit)
    string(REPLACE \"/usr/local/\" \"\${CMAKE_INSTALL_PREFIX}/\" unit \"\${unit}\")
    file(WRITE \"\${texts}/upnext.service\" \"\${unit}\")" COMPONENT runtime)
  set(texts "${CMAKE_BINARY_DIR}/install_texts")
  install(DIRECTORY "${texts}/man/" DESTINATION share/man/man1 COMPONENT runtime FILES_MATCHING PATTERN "*.1")
  install(DIRECTORY "${texts}/man/" DESTINATION share/man/man5 COMPONENT runtime FILES_MATCHING PATTERN "*.5")
  install(FILES "${texts}/bash" DESTINATION share/bash-completion/completions RENAME upnext COMPONENT runtime)
  install(FILES "${texts}/zsh" DESTINATION share/zsh/vendor-completions RENAME _upnext COMPONENT runtime)
  install(FILES "${texts}/fish" DESTINATION share/fish/vendor_completions.d RENAME upnext.fish COMPONENT runtime)
  install(FILES "${texts}/upnext.service" DESTINATION lib/systemd/system COMPONENT runtime)
  install(DIRECTORY docs/guides DESTINATION share/doc/upnext COMPONENT runtime FILES_MATCHING PATTERN "*.md")
  install(FILES CHANGELOG.md LICENSE DESTINATION share/doc/upnext COMPONENT runtime)
  install(FILES packaging/debian/copyright DESTINATION share/doc/upnext COMPONENT runtime)
endfunction()
