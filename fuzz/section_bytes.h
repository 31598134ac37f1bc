// Section files in memory (docs/formats/section_file.md), written a second time here so that a
// harness can make ones that base::SectionWriter never would, with checksums that fit.
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

// Puts file size, place of the table and all checksums right in a file of any content; the number
// of sections is cut to what fits. Files shorter than a header stay as they are.
void Seal(std::string* file);

// What another file names it by. The file must be sealed.
uint64_t Digest(const std::string& file);

struct Section {
  std::string name;
  uint8_t type;
  std::string bytes;
};
std::string Kind(const std::string& file);
uint32_t Version(const std::string& file);               // of the kind
std::vector<Section> Sections(const std::string& file);  // of a file that is in order
std::string Build(std::string_view kind, uint32_t version, const std::vector<Section>& sections);

}  // namespace upnext::fuzz

#endif  // UPNEXT_FUZZ_SECTION_BYTES_H_
