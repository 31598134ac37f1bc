#include "fuzz/section_bytes.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "base/checksum.h"

namespace upnext::fuzz {
namespace {

// Offsets of docs/formats/section_file.md.
constexpr size_t kHeader = 128, kEntry = 128, kAlignment = 64;
constexpr size_t kKindAt = 16, kKindBytes = 32, kVersionAt = 48, kCountAt = 52, kTableAt = 56;
constexpr size_t kSizeAt = 64, kTableChecksumAt = 72, kHeaderChecksumAt = 120;
constexpr size_t kEntryTypeAt = 64, kEntryOffsetAt = 72, kEntrySizeAt = 80, kEntryChecksumAt = 88;
constexpr std::string_view kStart("UPNEXT\r\n\x04\x03\x02\x01\x01\0\0\0", 16);

template <typename T>
T Load(const std::string& bytes, size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof(value));
  return value;
}

template <typename T>
void Store(std::string* bytes, size_t at, T value) {
  std::memcpy(bytes->data() + at, &value, sizeof(value));
}

uint64_t ChecksumOf(const std::string& bytes, size_t at, size_t size) {
  return base::Checksum(std::as_bytes(std::span(bytes)).subspan(at, size));
}

}  // namespace

void Seal(std::string* file) {
  if (file->size() < kHeader) return;
  const size_t fits = (file->size() - kHeader) / kEntry;
  const size_t count = std::min<size_t>(Load<uint32_t>(*file, kCountAt), fits);
  const size_t table = file->size() - count * kEntry;
  for (size_t at = table; at < file->size(); at += kEntry) {
    const uint64_t begin = Load<uint64_t>(*file, at + kEntryOffsetAt);
    const uint64_t size = Load<uint64_t>(*file, at + kEntrySizeAt);
    if (begin > table || size > table - begin) continue;
    Store(file, at + kEntryChecksumAt, ChecksumOf(*file, begin, size));
  }
  Store(file, kCountAt, static_cast<uint32_t>(count));
  Store(file, kTableAt, uint64_t{table});
  Store(file, kSizeAt, uint64_t{file->size()});
  Store(file, kTableChecksumAt, ChecksumOf(*file, table, count * kEntry));
  Store(file, kHeaderChecksumAt, ChecksumOf(*file, 0, kHeaderChecksumAt));
}

uint64_t Digest(const std::string& file) { return Load<uint64_t>(file, kHeaderChecksumAt); }

std::string Kind(const std::string& file) { return file.substr(kKindAt, kKindBytes).c_str(); }

uint32_t Version(const std::string& file) { return Load<uint32_t>(file, kVersionAt); }

std::vector<Section> Sections(const std::string& file) {
  std::vector<Section> sections;
  for (size_t at = Load<uint64_t>(file, kTableAt); at < file.size(); at += kEntry) {
    sections.push_back({file.substr(at, kEntryTypeAt).c_str(),
                        static_cast<uint8_t>(file[at + kEntryTypeAt]),
                        file.substr(Load<uint64_t>(file, at + kEntryOffsetAt),
                                    Load<uint64_t>(file, at + kEntrySizeAt))});
  }
  return sections;
}

std::string Build(std::string_view kind, uint32_t version, const std::vector<Section>& sections) {
  const auto align = [](std::string* bytes) {
    bytes->resize((bytes->size() + kAlignment - 1) / kAlignment * kAlignment);
  };
  std::string file(kStart), table;
  file += kind.substr(0, kKindBytes - 1);
  file.resize(kHeader);
  Store(&file, kVersionAt, version);
  Store(&file, kCountAt, static_cast<uint32_t>(sections.size()));
  for (const Section& section : sections) {
    align(&file);
    std::string entry = section.name.substr(0, kEntryTypeAt - 1);
    entry.resize(kEntry);
    entry[kEntryTypeAt] = static_cast<char>(section.type);
    Store(&entry, kEntryOffsetAt, uint64_t{file.size()});
    Store(&entry, kEntrySizeAt, uint64_t{section.bytes.size()});
    table += entry;
    file += section.bytes;
  }
  align(&file);
  file += table;
  Seal(&file);
  return file;
}

}  // namespace upnext::fuzz
