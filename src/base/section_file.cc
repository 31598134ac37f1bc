#include "base/section_file.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <unordered_set>
#include <utility>

#include "base/checksum.h"

namespace upnext::base {
namespace {

constexpr std::array<char, 8> kMagic = {'U', 'P', 'N', 'E', 'X', 'T', '\r', '\n'};
constexpr uint32_t kByteOrder = 0x01020304;
constexpr uint32_t kFormatVersion = 1;
constexpr size_t kAlignment = 64;

// Both are laid out as docs/formats/section_file.md specifies, without compiler padding.
struct Header {
  std::array<char, 8> magic;
  uint32_t byte_order;
  uint32_t format_version;
  std::array<char, 32> kind;
  uint32_t kind_version;
  uint32_t section_count;
  uint64_t table_offset;
  uint64_t file_size;
  uint64_t table_checksum;
  std::array<char, 40> reserved;
  uint64_t header_checksum;
};
static_assert(sizeof(Header) == 128 && std::has_unique_object_representations_v<Header>);

struct TableEntry {
  std::array<char, 64> name;
  uint8_t type;
  std::array<char, 7> reserved;
  uint64_t offset;
  uint64_t size;
  uint64_t checksum;
  std::array<char, 32> reserved_more;
};
static_assert(sizeof(TableEntry) == 128 && std::has_unique_object_representations_v<TableEntry>);

constexpr size_t AlignUp(size_t offset) {
  return (offset + kAlignment - 1) / kAlignment * kAlignment;
}

// Bytes per element, or 0 for a type that this format version does not define.
size_t ElementSize(uint8_t type) {
  constexpr std::array<size_t, 11> kSizes = {0, 1, 2, 4, 8, 1, 2, 4, 8, 4, 8};
  return type < kSizes.size() ? kSizes[type] : 0;
}

std::string_view TypeName(ElementType type) {
  constexpr std::array<std::string_view, 11> kNames = {"?",   "u8",  "u16", "u32", "u64", "i8",
                                                       "i16", "i32", "i64", "f32", "f64"};
  return kNames[std::min(static_cast<size_t>(type), kNames.size()) % kNames.size()];
}

// XXH3 of the header up to its own checksum.
uint64_t HeaderChecksum(const Header& header) {
  return Checksum(std::as_bytes(std::span(&header, 1)).first(sizeof(Header) - sizeof(uint64_t)));
}

template <size_t kSize>
bool AllZero(const std::array<char, kSize>& bytes) {
  return std::ranges::all_of(bytes, [](char c) { return c == 0; });
}

bool AllZero(std::span<const std::byte> bytes) {
  return std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{0}; });
}

// The text of a zero-filled field; nothing when it is empty, unterminated or has bytes after its
// end.
template <size_t kSize>
std::string_view FieldText(const std::array<char, kSize>& field) {
  const auto end = std::ranges::find(field, '\0');
  if (!std::all_of(end, field.end(), [](char c) { return c == 0; }) || end == field.end())
    return {};
  return {field.data(), static_cast<size_t>(end - field.begin())};
}

template <size_t kSize>
void SetField(std::array<char, kSize>& field, std::string_view text) {
  std::ranges::copy(text, field.begin());
}

bool FitsField(std::string_view text, size_t field_size) {
  return !text.empty() && text.size() < field_size && text.find('\0') == std::string_view::npos;
}

// Steps 1 to 3 of docs/formats/section_file.md.
Result<Header> CheckHeader(std::span<const std::byte> bytes, const std::string& path,
                           std::string_view kind, uint32_t version) {
  Header header;
  if (bytes.size() < sizeof(header)) {
    return DataLoss("{}: expected a file of at least {} bytes, found {}", path, sizeof(header),
                    bytes.size());
  }
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (header.magic != kMagic) {
    return DataLoss("{}: expected an upnext file, found other leading bytes", path);
  }
  if (header.byte_order != kByteOrder) {
    return DataLoss(
        "{}: written on a machine with the other byte order, or damaged; create it again on this "
        "machine",
        path);
  }
  if (header.format_version != kFormatVersion) {
    return DataLoss(
        "{}: expected format version {}, found {}; read it with the upnext that wrote it", path,
        kFormatVersion, header.format_version);
  }
  if (header.header_checksum != HeaderChecksum(header)) {
    return DataLoss("{}: the header is damaged (checksum differs)", path);
  }
  if (FieldText(header.kind) != kind || kind.empty()) {
    return DataLoss("{}: expected a file of kind '{}', found '{}'", path, kind,
                    FieldText(header.kind));
  }
  if (header.kind_version != version) {
    return DataLoss("{}: expected version {} of kind '{}', found {}; create the file again", path,
                    version, kind, header.kind_version);
  }
  const uint64_t table_size = uint64_t{header.section_count} * sizeof(TableEntry);
  if (header.file_size != bytes.size() || table_size > bytes.size() - sizeof(Header) ||
      header.table_offset != bytes.size() - table_size || !AllZero(header.reserved)) {
    return DataLoss("{}: expected {} bytes with {} sections, found {} bytes: cut off or damaged",
                    path, header.file_size, header.section_count, bytes.size());
  }
  return header;
}

// Checks that `entry` is well formed and starts at AlignUp(end), and moves `end` to its end.
Status CheckEntry(const TableEntry& entry, const std::string& path, size_t table_offset,
                  size_t& end) {
  const std::string_view name = FieldText(entry.name);
  const size_t element = ElementSize(entry.type);
  if (name.empty() || element == 0 || !AllZero(entry.reserved) || !AllZero(entry.reserved_more)) {
    return DataLoss("{}: section '{}' has a malformed table entry", path, name);
  }
  const size_t begin = AlignUp(end);
  if (begin > table_offset || entry.offset != begin || entry.size > table_offset - begin ||
      entry.size % element != 0) {
    return DataLoss(
        "{}: section '{}' should start at byte {} and end before {}, found {} bytes at {}", path,
        name, begin, table_offset, entry.size, entry.offset);
  }
  end = begin + entry.size;
  return Ok();
}

}  // namespace

struct SectionWriter::Rep {
  AtomicFileWriter file;
  Header header;
  std::vector<TableEntry> table;
  std::unordered_set<std::string> names;
  ChecksumStream checksum;
  bool open = false;  // between Begin and End

  std::string Where() const { return file.path().string(); }

  Status PadTo(size_t offset) {
    static constexpr std::array<std::byte, kAlignment> kZeros = {};
    return file.Append(std::span(kZeros).first(offset - file.offset()));
  }
};

SectionWriter::SectionWriter(std::unique_ptr<Rep> rep) : rep_(std::move(rep)) {}
SectionWriter::SectionWriter(SectionWriter&&) noexcept = default;
SectionWriter& SectionWriter::operator=(SectionWriter&&) noexcept = default;
SectionWriter::~SectionWriter() = default;

Result<SectionWriter> SectionWriter::Create(const fs::path& path, std::string_view kind,
                                            uint32_t version) {
  Header header{};
  if (!FitsField(kind, header.kind.size())) {
    return InvalidArgument("{}: expected a kind of 1 to {} bytes, found '{}'", path.string(),
                           header.kind.size() - 1, kind);
  }
  header.magic = kMagic;
  header.byte_order = kByteOrder;
  header.format_version = kFormatVersion;
  SetField(header.kind, kind);
  header.kind_version = version;
  UPNEXT_ASSIGN_OR_RETURN(AtomicFileWriter file, AtomicFileWriter::Create(path));
  UPNEXT_RETURN_IF_ERROR(file.Append(std::as_bytes(std::span(&header, 1))));
  return SectionWriter(std::unique_ptr<Rep>(new Rep{
      .file = std::move(file), .header = header, .table = {}, .names = {}, .checksum = {}}));
}

Status SectionWriter::Begin(std::string_view name, ElementType type) {
  TableEntry entry{};
  if (rep_->open) {
    return Internal("{}: section '{}' begun before '{}' ended", rep_->Where(), name,
                    FieldText(rep_->table.back().name));
  }
  if (!FitsField(name, entry.name.size()) || ElementSize(static_cast<uint8_t>(type)) == 0) {
    return InvalidArgument(
        "{}: expected a section name of 1 to {} bytes and a known type, found '{}'", rep_->Where(),
        entry.name.size() - 1, name);
  }
  if (!rep_->names.emplace(name).second) {
    return InvalidArgument("{}: section '{}' exists already; names must be unique", rep_->Where(),
                           name);
  }
  UPNEXT_RETURN_IF_ERROR(rep_->PadTo(AlignUp(rep_->file.offset())));
  SetField(entry.name, name);
  entry.type = static_cast<uint8_t>(type);
  entry.offset = rep_->file.offset();
  rep_->table.push_back(entry);
  rep_->checksum.Reset();
  rep_->open = true;
  return Ok();
}

Status SectionWriter::Append(std::span<const std::byte> bytes) {
  if (!rep_->open) return Internal("{}: Append outside of a section", rep_->Where());
  rep_->checksum.Append(bytes);
  return rep_->file.Append(bytes);
}

Status SectionWriter::End() {
  if (!rep_->open) return Internal("{}: End outside of a section", rep_->Where());
  TableEntry& entry = rep_->table.back();
  entry.size = rep_->file.offset() - entry.offset;
  entry.checksum = rep_->checksum.digest();
  if (entry.size % ElementSize(entry.type) != 0) {
    return Internal("{}: section '{}' has {} bytes, not a multiple of its element size {}",
                    rep_->Where(), FieldText(entry.name), entry.size, ElementSize(entry.type));
  }
  rep_->open = false;
  return Ok();
}

Status SectionWriter::AddBytes(std::string_view name, ElementType type,
                               std::span<const std::byte> bytes) {
  UPNEXT_RETURN_IF_ERROR(Begin(name, type));
  UPNEXT_RETURN_IF_ERROR(Append(bytes));
  return End();
}

Status SectionWriter::AddText(std::string_view name, std::string_view text) {
  return AddBytes(name, ElementType::kU8, std::as_bytes(std::span(text)));
}

Status SectionWriter::Commit() {
  if (rep_->open) return Internal("{}: committed within a section", rep_->Where());
  UPNEXT_RETURN_IF_ERROR(rep_->PadTo(AlignUp(rep_->file.offset())));
  const std::span<const std::byte> table = std::as_bytes(std::span(rep_->table));
  Header& header = rep_->header;
  header.section_count = static_cast<uint32_t>(rep_->table.size());
  header.table_offset = rep_->file.offset();
  header.table_checksum = Checksum(table);
  UPNEXT_RETURN_IF_ERROR(rep_->file.Append(table));
  header.file_size = rep_->file.offset();
  header.header_checksum = HeaderChecksum(header);
  UPNEXT_RETURN_IF_ERROR(rep_->file.WriteAt(0, std::as_bytes(std::span(&header, 1))));
  return rep_->file.Commit();
}

Status AddStrings(SectionWriter& writer, std::string_view name,
                  std::span<const std::string> strings) {
  std::vector<uint64_t> offsets = {0};
  offsets.reserve(strings.size() + 1);
  for (const std::string& text : strings) offsets.push_back(offsets.back() + text.size());
  UPNEXT_RETURN_IF_ERROR(writer.Add(fmt::format("{}.offsets", name), offsets));
  UPNEXT_RETURN_IF_ERROR(writer.Begin(fmt::format("{}.bytes", name), ElementType::kU8));
  for (const std::string& text : strings) {
    UPNEXT_RETURN_IF_ERROR(writer.Append(std::as_bytes(std::span(text))));
  }
  return writer.End();
}

Result<SectionFile> SectionFile::Open(const fs::path& path, std::string_view kind,
                                      uint32_t version) {
  SectionFile file;
  UPNEXT_ASSIGN_OR_RETURN(file.file_, MappedFile::Open(path));
  const std::span<const std::byte> bytes = file.file_.bytes();
  const std::string where = path.string();
  UPNEXT_ASSIGN_OR_RETURN(const Header header, CheckHeader(bytes, where, kind, version));
  const std::span<const std::byte> table = bytes.subspan(header.table_offset);
  if (Checksum(table) != header.table_checksum) {
    return DataLoss("{}: the table of sections is damaged (checksum differs)", where);
  }
  size_t end = sizeof(Header);
  std::unordered_set<std::string_view> names;
  file.sections_.reserve(header.section_count);
  for (uint32_t i = 0; i < header.section_count; ++i) {
    TableEntry entry;
    std::memcpy(&entry, table.data() + i * sizeof(entry), sizeof(entry));
    const size_t gap = end;
    UPNEXT_RETURN_IF_ERROR(CheckEntry(entry, where, header.table_offset, end));
    const Section& section = file.sections_.emplace_back(std::string(FieldText(entry.name)),
                                                         static_cast<ElementType>(entry.type),
                                                         entry.offset, entry.size, entry.checksum);
    if (!names.insert(section.name).second) {
      return DataLoss("{}: section '{}' occurs twice", where, section.name);
    }
    if (!AllZero(bytes.subspan(gap, section.offset - gap)) ||
        file.file_.ReadChecksum(bytes.subspan(section.offset, section.size)) != section.checksum) {
      return DataLoss("{}: section '{}' is damaged (checksum differs)", where, section.name);
    }
  }
  if (AlignUp(end) != header.table_offset ||
      !AllZero(bytes.subspan(end, header.table_offset - end))) {
    return DataLoss("{}: expected only zeros between byte {} and the table at {}", where, end,
                    header.table_offset);
  }
  file.digest_ = header.header_checksum;
  return file;
}

Result<uint64_t> SectionFile::WrittenDigest(const fs::path& path, std::string_view kind,
                                            uint32_t version) {
  UPNEXT_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::Open(path));
  UPNEXT_ASSIGN_OR_RETURN(const Header header,
                          CheckHeader(file.bytes(), path.string(), kind, version));
  return header.header_checksum;
}

bool SectionFile::Has(std::string_view name) const {
  return std::ranges::find(sections_, name, &Section::name) != sections_.end();
}

Result<std::span<const std::byte>> SectionFile::GetBytes(std::string_view name,
                                                         ElementType type) const {
  const auto section = std::ranges::find(sections_, name, &Section::name);
  if (section == sections_.end()) {
    return NotFound("{}: expected a section '{}', found none", path().string(), name);
  }
  if (section->type != type) {
    return DataLoss("{}: section '{}' should hold {}, holds {}", path().string(), name,
                    TypeName(type), TypeName(section->type));
  }
  return file_.bytes().subspan(section->offset, section->size);
}

Result<std::string_view> SectionFile::GetText(std::string_view name) const {
  UPNEXT_ASSIGN_OR_RETURN(std::span<const uint8_t> bytes, Get<uint8_t>(name));
  return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

Result<StringTable> StringTable::Get(const SectionFile& file, std::string_view name) {
  StringTable table;
  UPNEXT_ASSIGN_OR_RETURN(table.offsets_, file.Get<uint64_t>(fmt::format("{}.offsets", name)));
  UPNEXT_ASSIGN_OR_RETURN(table.bytes_, file.Get<uint8_t>(fmt::format("{}.bytes", name)));
  const std::span<const uint64_t> offsets = table.offsets_;
  if (offsets.empty() || offsets.front() != 0 || offsets.back() != table.bytes_.size() ||
      !std::ranges::is_sorted(offsets)) {
    return DataLoss("{}: the offsets of '{}' should rise from 0 to {}", file.path().string(), name,
                    table.bytes_.size());
  }
  return table;
}

}  // namespace upnext::base
