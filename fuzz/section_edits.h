// Edits to the sections of several files, encoded in a fuzzer's input.
//
//   for (const Edit& edit : ReadEdits(input, files.size())) {
//     Apply(edit, &files[edit.file].sections);
//   }
//
// An edit is 6 bytes and, for the first two operations, data:
//   file, section, operation, offset (2 bytes, little-endian), length
//   operation 0 overwrites, 1 inserts, 2 erases `length` bytes, 3 removes the section, 4 sets its
//   element type to `length`
#ifndef UPNEXT_FUZZ_SECTION_EDITS_H_
#define UPNEXT_FUZZ_SECTION_EDITS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fuzz/section_bytes.h"

namespace upnext::fuzz {

struct Edit {
  size_t file, section;
  int operation;
  size_t offset;
  uint8_t length;
  std::string data;
};

inline std::vector<Edit> ReadEdits(std::string_view input, size_t files) {
  constexpr size_t kHeader = 6, kMaxEdits = 64;
  std::vector<Edit> edits;
  while (input.size() >= kHeader && edits.size() < kMaxEdits) {
    const auto byte = [&](size_t i) { return static_cast<uint8_t>(input[i]); };
    Edit edit{byte(0) % files, byte(1), byte(2) % 5, byte(3) + 256u * byte(4), byte(5), {}};
    input.remove_prefix(kHeader);
    if (edit.operation <= 1) {
      edit.data = input.substr(0, edit.length);
      input.remove_prefix(edit.data.size());
    }
    edits.push_back(std::move(edit));
  }
  return edits;
}

inline void Apply(const Edit& edit, std::vector<Section>* sections) {
  if (sections->empty()) return;
  const size_t at = edit.section % sections->size();
  Section& section = (*sections)[at];
  const size_t offset = std::min(edit.offset, section.bytes.size());
  switch (edit.operation) {
    case 0:
      section.bytes.replace(offset, edit.data.size(), edit.data);
      break;
    case 1:
      section.bytes.insert(offset, edit.data);
      break;
    case 2:
      section.bytes.erase(offset, edit.length);
      break;
    case 3:
      sections->erase(sections->begin() + static_cast<std::ptrdiff_t>(at));
      break;
    default:
      section.type = edit.length;
  }
}

}  // namespace upnext::fuzz

#endif  // UPNEXT_FUZZ_SECTION_EDITS_H_
