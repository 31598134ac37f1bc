// Section files in memory (docs/formats/section_file.md): a second implementation, so that a
// harness can make files that base::SectionWriter never writes, with matching checksums.
//
//   std::vector<Section> sections = Sections(file);
//   sections[2].bytes.pop_back();
//   file = Build(Kind(file), Version(file), sections);
#ifndef UPNEXT_FUZZ_SECTION_BYTES_H_
#define UPNEXT_FUZZ_SECTION_BYTES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace upnext::fuzz {

// Corrects file size, position of the table and all checksums of a file with any content; limits
// the number of sections to the file's size. Does not change files shorter than a header.
void Seal(std::string* file);

// The digest by which other files refer to it. The file must be sealed.
uint64_t Digest(const std::string& file);

struct Section {
  std::string name;
  uint8_t type;
  std::string bytes;
};
std::string Kind(const std::string& file);
uint32_t Version(const std::string& file);               // of the kind
std::vector<Section> Sections(const std::string& file);  // of a valid file
std::string Build(std::string_view kind, uint32_t version, const std::vector<Section>& sections);

}  // namespace upnext::fuzz

#endif  // UPNEXT_FUZZ_SECTION_BYTES_H_
