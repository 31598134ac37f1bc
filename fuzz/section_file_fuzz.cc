// SectionFile::Open on any bytes, unchanged and again with corrected sizes and checksums. An
// accepted file must be, byte for byte, the only file with these sections.
#include "base/section_file.h"
#include "fuzz/harness.h"
#include "fuzz/section_bytes.h"

namespace upnext::fuzz {
namespace {

constexpr std::string_view kKind = "fuzz";
constexpr uint32_t kVersion = 1;
constexpr std::string_view kOffsets = ".offsets";

template <typename T>
std::string BytesOf(const base::SectionFile& file, const std::string& name) {
  const auto values = file.Get<T>(name);
  FUZZ_REQUIRE(values.has_value(), "a listed section must exist with its type");
  FUZZ_REQUIRE(reinterpret_cast<uintptr_t>(values->data()) % alignof(T) == 0, "misaligned");
  return std::string(reinterpret_cast<const char*>(values->data()), values->size_bytes());
}

std::string BytesOf(const base::SectionFile& file, const base::SectionFile::Section& section) {
  using enum base::ElementType;
  switch (section.type) {
    case kU8:
      return BytesOf<uint8_t>(file, section.name);
    case kU16:
      return BytesOf<uint16_t>(file, section.name);
    case kU32:
      return BytesOf<uint32_t>(file, section.name);
    case kU64:
      return BytesOf<uint64_t>(file, section.name);
    case kI8:
      return BytesOf<int8_t>(file, section.name);
    case kI16:
      return BytesOf<int16_t>(file, section.name);
    case kI32:
      return BytesOf<int32_t>(file, section.name);
    case kI64:
      return BytesOf<int64_t>(file, section.name);
    case kF32:
      return BytesOf<float>(file, section.name);
    case kF64:
      return BytesOf<double>(file, section.name);
  }
  FUZZ_REQUIRE(false, "an unknown element type was accepted");
  return {};
}

void ReadStrings(const base::SectionFile& file, const std::string& name) {
  if (!name.ends_with(kOffsets)) return;
  const auto strings =
      base::StringTable::Get(file, std::string_view(name).substr(0, name.size() - kOffsets.size()));
  if (!strings) return;
  size_t bytes = 0, listed = 0;
  for (size_t i = 0; i < strings->size(); ++i) bytes += std::string((*strings)[i]).size();
  for (const auto& section : file.sections()) listed += section.size;
  FUZZ_REQUIRE(bytes <= listed, "strings beyond the file");
}

void Open(const ScratchFolder& folder, const std::string& bytes) {
  folder.Write("file.upn", bytes);
  const auto file = base::SectionFile::Open(folder / "file.upn", kKind, kVersion);
  if (!file) return;
  std::vector<Section> sections;
  for (const auto& section : file->sections()) {
    sections.push_back({section.name, static_cast<uint8_t>(section.type), BytesOf(*file, section)});
    ReadStrings(*file, section.name);
  }
  FUZZ_REQUIRE(Build(kKind, kVersion, sections) == bytes, "two files with the same sections");
  Accepted();
}

}  // namespace
}  // namespace upnext::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace upnext::fuzz;
  static const ScratchFolder folder;
  const std::string bytes(TextOf(data, size));
  std::string sealed = bytes;
  Seal(&sealed);
  Open(folder, bytes);
  if (sealed != bytes) Open(folder, sealed);
  return 0;
}
