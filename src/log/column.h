// A column on its way to a section file: values that come one by one, while a section file takes
// its sections one after another. Small columns stay in memory, big ones spill to a file that all
// columns of a section file share. A column that only ever saw its default value costs nothing and
// is left out of the file.
//
//   SpoolFile spill(folder);
//   Column<float> value(spill, "value", kAbsent);
//   UPNEXT_RETURN_IF_ERROR(value.Add(1.5f));
//   UPNEXT_RETURN_IF_ERROR(value.WriteTo(writer));
//
// One thread. Only this room includes it.
#ifndef UPNEXT_LOG_COLUMN_H_
#define UPNEXT_LOG_COLUMN_H_

#include <cstring>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/scratch_file.h"
#include "base/section_file.h"
#include "base/status.h"

namespace upnext::log {

// Where columns spill to; made when the first one does.
class SpoolFile {
 public:
  explicit SpoolFile(std::filesystem::path folder) : folder_(std::move(folder)) {}
  Result<uint64_t> Append(std::span<const std::byte> bytes);  // where they begin
  Status Read(uint64_t offset, std::span<std::byte> bytes) const;

 private:
  std::filesystem::path folder_;
  std::optional<base::ScratchFile> file_;
  uint64_t size_ = 0;
};

// Bytes in the order they came.
class Spool {
 public:
  explicit Spool(SpoolFile& spill) : spill_(&spill) {}
  Status Append(const void* bytes, size_t size) {
    if (buffer_.size() + size > kBuffer) UPNEXT_RETURN_IF_ERROR(Spill());
    const std::byte* begin = static_cast<const std::byte*>(bytes);
    buffer_.insert(buffer_.end(), begin, begin + size);
    return Ok();
  }
  // Adds one section with everything appended, and empties the spool.
  Status WriteTo(base::SectionWriter& writer, std::string_view name, base::ElementType type);

 private:
  static constexpr size_t kBuffer = size_t{1} << 18;
  struct Block {
    uint64_t offset;
    size_t size;
  };
  Status Spill();

  SpoolFile* spill_;
  std::vector<std::byte> buffer_;
  std::vector<Block> spilled_;
};

template <typename T>
class Column {
 public:
  Column(SpoolFile& spill, std::string_view name, T fallback, bool always = false)
      : name_(name), fallback_(fallback), used_(always), spool_(spill) {}

  Status Add(T value) {
    if (!used_) {
      if (std::memcmp(&value, &fallback_, sizeof(T)) == 0) {
        ++skipped_;
        return Ok();
      }
      used_ = true;
      for (; skipped_ > 0; --skipped_) {
        UPNEXT_RETURN_IF_ERROR(spool_.Append(&fallback_, sizeof(T)));
      }
    }
    return spool_.Append(&value, sizeof(T));
  }
  Status WriteTo(base::SectionWriter& writer) { return WriteTo(writer, name_); }
  Status WriteTo(base::SectionWriter& writer, std::string_view name) {
    return used_ ? spool_.WriteTo(writer, name, base::ElementTypeOf<T>()) : Ok();
  }

 private:
  std::string name_;
  T fallback_;
  bool used_;
  uint64_t skipped_ = 0;
  Spool spool_;
};

// A column of dense ids, one, two or four bytes wide as the id space needs; all bits set is kNone.
class IdColumn {
 public:
  IdColumn(SpoolFile& spill, std::string_view name, int width)
      : width_(width),
        narrow_(spill, name, 0xff),
        middle_(spill, name, 0xffff),
        wide_(spill, name, 0xffffffffu) {}
  Status Add(uint32_t id) {  // kNone keeps its meaning when its upper bits are cut off
    if (width_ == 1) return narrow_.Add(static_cast<uint8_t>(id));
    if (width_ == 2) return middle_.Add(static_cast<uint16_t>(id));
    return wide_.Add(id);
  }
  Status WriteTo(base::SectionWriter& writer) {
    if (width_ == 1) return narrow_.WriteTo(writer);
    if (width_ == 2) return middle_.WriteTo(writer);
    return wide_.WriteTo(writer);
  }

 private:
  int width_;
  Column<uint8_t> narrow_;
  Column<uint16_t> middle_;
  Column<uint32_t> wide_;
};

}  // namespace upnext::log

#endif  // UPNEXT_LOG_COLUMN_H_
