// The container for all binary data that upnext stores: named, typed, checksummed arrays in a
// memory-mapped file (docs/formats/section_file.md). Logs, vocabularies, weights and item vectors
// are section files of different kinds, so that only one reader has to be trusted and fuzzed.
//
//   UPNEXT_ASSIGN_OR_RETURN(auto writer, SectionWriter::Create(path, "vocabulary", 1));
//   UPNEXT_RETURN_IF_ERROR(writer.Add<uint64_t>("counts", counts));
//   UPNEXT_RETURN_IF_ERROR(writer.Commit());
//   UPNEXT_ASSIGN_OR_RETURN(auto file, SectionFile::Open(path, "vocabulary", 1));
//   UPNEXT_ASSIGN_OR_RETURN(std::span<const uint64_t> counts, file.Get<uint64_t>("counts"));
//
// Open() checks magic, kind, version, byte order, bounds, alignment and the XXH3 of the header and
// of every section. A mismatch is kDataLoss and names the file and the section. A span never
// reaches outside the file. Large sections are released after their check, so that opening a file
// does not make it resident.
#ifndef UPNEXT_BASE_SECTION_FILE_H_
#define UPNEXT_BASE_SECTION_FILE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/file.h"
#include "base/status.h"

namespace upnext::base {

// Element types are part of the format: never renumber.
enum class ElementType : uint8_t {
  kU8 = 1,
  kU16 = 2,
  kU32 = 3,
  kU64 = 4,
  kI8 = 5,
  kI16 = 6,
  kI32 = 7,
  kI64 = 8,
  kF32 = 9,
  kF64 = 10
};

template <typename T>
constexpr ElementType ElementTypeOf() {
  static_assert(std::is_arithmetic_v<T> || std::is_enum_v<T>, "sections hold numbers only");
  static_assert(!std::is_same_v<T, char> && !std::is_same_v<T, bool> && sizeof(T) <= 8,
                "the sign or size of this type differs between machines; use AddText or uint8_t");
  if constexpr (std::is_same_v<T, float>) return ElementType::kF32;
  if constexpr (std::is_same_v<T, double>) return ElementType::kF64;
  constexpr int log2 = sizeof(T) == 1 ? 0 : sizeof(T) == 2 ? 1 : sizeof(T) == 4 ? 2 : 3;
  return static_cast<ElementType>((std::is_signed_v<T> ? 5 : 1) + log2);
}

class SectionWriter {
 public:
  // `kind` is the kind of file ("event-log-shard"), at most 31 bytes; `version` is the version of
  // that kind.
  static Result<SectionWriter> Create(const fs::path& path, std::string_view kind,
                                      uint32_t version);
  SectionWriter(SectionWriter&&) noexcept;
  SectionWriter& operator=(SectionWriter&&) noexcept;
  ~SectionWriter();

  // A section in one call. Names are unique within a file, at most 63 bytes.
  template <typename T>
  Status Add(std::string_view name, std::span<const T> values) {
    return AddBytes(name, ElementTypeOf<T>(), std::as_bytes(values));
  }
  template <typename T>
  Status Add(std::string_view name, const std::vector<T>& values) {
    return Add<T>(name, std::span<const T>(values));
  }
  Status AddText(std::string_view name, std::string_view text);
  // A section in pieces: Begin, Append..., End. After an error the writer can only be destroyed.
  Status Begin(std::string_view name, ElementType type);
  Status Append(std::span<const std::byte> bytes);
  Status End();
  Status Commit();  // writes the table, syncs and renames; the file does not exist before

 private:
  struct Rep;
  explicit SectionWriter(std::unique_ptr<Rep> rep);
  Status AddBytes(std::string_view name, ElementType type, std::span<const std::byte> bytes);
  std::unique_ptr<Rep> rep_;
};

// A list of strings as two sections, NAME.offsets (u64, n+1) and NAME.bytes (u8).
Status AddStrings(SectionWriter& writer, std::string_view name,
                  std::span<const std::string> strings);

class SectionFile {
 public:
  static Result<SectionFile> Open(const fs::path& path, std::string_view kind, uint32_t version);

  // digest() of a file that this process wrote, without verifying its sections: reading back a file
  // of many gigabytes would cost more than writing it.
  static Result<uint64_t> WrittenDigest(const fs::path& path, std::string_view kind,
                                        uint32_t version);

  struct Section {
    std::string name;
    ElementType type;
    size_t offset, size;  // bytes
    uint64_t checksum;
  };

  // kNotFound when there is no such section, kDataLoss when its type differs.
  template <typename T>
  Result<std::span<const T>> Get(std::string_view name) const {
    UPNEXT_ASSIGN_OR_RETURN(std::span<const std::byte> bytes, GetBytes(name, ElementTypeOf<T>()));
    return std::span<const T>(reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T));
  }
  // As Get, and kDataLoss unless it has `count` elements.
  template <typename T>
  Result<std::span<const T>> Get(std::string_view name, size_t count) const {
    UPNEXT_ASSIGN_OR_RETURN(std::span<const T> values, Get<T>(name));
    if (values.size() != count) {
      return DataLoss("{}: section {} should have {} elements, has {}", path().string(), name,
                      count, values.size());
    }
    return values;
  }
  Result<std::string_view> GetText(std::string_view name) const;
  bool Has(std::string_view name) const;
  // To call after a part of a section was read and is not needed soon: see MappedFile::Release.
  template <typename T>
  void Release(std::span<const T> values) const {
    file_.Release(std::as_bytes(values));
  }
  const std::vector<Section>& sections() const { return sections_; }
  const fs::path& path() const { return file_.path(); }
  // A digest over kind, version and all section checksums: files with equal digests hold equal
  // content.
  uint64_t digest() const { return digest_; }

 private:
  Result<std::span<const std::byte>> GetBytes(std::string_view name, ElementType type) const;
  MappedFile file_;
  std::vector<Section> sections_;
  uint64_t digest_ = 0;
};

// The strings written by AddStrings, as views into the map. Get() checks the offsets.
class StringTable {
 public:
  StringTable() = default;
  static Result<StringTable> Get(const SectionFile& file, std::string_view name);
  size_t size() const { return offsets_.empty() ? 0 : offsets_.size() - 1; }
  std::string_view operator[](size_t i) const {
    return {reinterpret_cast<const char*>(bytes_.data()) + offsets_[i],
            offsets_[i + 1] - offsets_[i]};
  }

 private:
  std::span<const uint64_t> offsets_;
  std::span<const uint8_t> bytes_;
};

}  // namespace upnext::base

#endif  // UPNEXT_BASE_SECTION_FILE_H_
