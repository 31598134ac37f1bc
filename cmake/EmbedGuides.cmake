# cmake -DOUTPUT=guide_texts.cc -DFOLDER=docs/guides -P EmbedGuides.cmake
# Writes the guides as C++ text, in the order of their names.
file(GLOB guides "${FOLDER}/*.md")
list(SORT guides)
set(code "#include \"guides/guides.h\"\n\n#include <array>\n\nnamespace upnext::guides {\nnamespace {\n\nconstexpr std::array kGuides{\n")
foreach(guide IN LISTS guides)
  get_filename_component(name "${guide}" NAME_WE)
  file(READ "${guide}" text)
  string(REGEX MATCH "^# ([^\n]*)" title "${text}")
  set(title "${CMAKE_MATCH_1}")
  string(APPEND code "    Guide{\"${name}\", R\"upnext(${title})upnext\", R\"upnext(${text})upnext\"},\n")
endforeach()
string(APPEND code "};\n\n}  // namespace\n\nstd::span<const Guide> All() { return kGuides; }\n\n}  // namespace upnext::guides\n")
file(WRITE "${OUTPUT}" "${code}")
