# What the Python package has besides Python: `cmake --install BUILD --component python --prefix FOLDER` puts the program, the
# library of the C interface and DuckDB into FOLDER/upnext. scripts/wheel adds the other libraries. The files are those of the build
# tree, whose run paths are right here too.
if(TARGET upnext AND TARGET upnext_shared)
  get_target_property(upnext_duckdb DuckDB::DuckDB IMPORTED_LOCATION)
  install(PROGRAMS "$<TARGET_FILE:upnext>" DESTINATION upnext/bin COMPONENT python EXCLUDE_FROM_ALL)
  install(PROGRAMS "$<TARGET_FILE:upnext_shared>" DESTINATION upnext/lib COMPONENT python EXCLUDE_FROM_ALL
          RENAME "$<TARGET_SONAME_FILE_NAME:upnext_shared>")
  install(PROGRAMS "${upnext_duckdb}" DESTINATION upnext/lib COMPONENT python EXCLUDE_FROM_ALL)
endif()
