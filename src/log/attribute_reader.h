// The columns of the attributes of items, of users, or of the declared attributes of requests, in a
// file: verified when they are opened, so that what they hand out cannot be out of bounds. A column
// that is not in the file reads as absent. Immutable: safe for any number of threads.
#ifndef UPNEXT_LOG_ATTRIBUTE_READER_H_
#define UPNEXT_LOG_ATTRIBUTE_READER_H_

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/section_file.h"
#include "base/status.h"
#include "schema/attribute.h"
#include "schema/schema.h"

namespace upnext::log {

using IdCounts = std::vector<uint64_t>;  // [id spaces]

// Ids of one, two or four bytes, as wide as they were written; a column that is not in the file
// reads as kNone.
class IdView {
 public:
  // Unless they may be `narrow`, ids have four bytes.
  static Result<IdView> Get(const base::SectionFile& file, std::string_view name, uint64_t ids,
                            uint64_t rows, bool narrow);
  uint32_t operator[](uint64_t row) const {
    if (wide_ != nullptr) return wide_[row];
    if (narrow_ != nullptr) return narrow_[row] == 0xff ? schema::kNone : narrow_[row];
    if (middle_ != nullptr) return middle_[row] == 0xffff ? schema::kNone : middle_[row];
    return schema::kNone;
  }
  const uint32_t* wide() const { return wide_; }  // null unless they have four bytes

 private:
  const uint8_t* narrow_ = nullptr;
  const uint16_t* middle_ = nullptr;
  const uint32_t* wide_ = nullptr;
};

// One attribute; the members that its kind uses are set, null when the file has no such column.
class AttributeView {
 public:
  static Result<AttributeView> Open(const base::SectionFile& file,
                                    const schema::Attribute& attribute, const IdCounts& ids,
                                    uint64_t rows, bool narrow_ids);

  float number(uint64_t row) const { return numbers_ == nullptr ? schema::kAbsent : numbers_[row]; }
  float flag(uint64_t row) const {
    const uint8_t flag = flags_ == nullptr ? absent_flag_ : flags_[row];
    return flag <= 1 ? static_cast<float>(flag) : schema::kAbsent;
  }
  int64_t time_ms(uint64_t row) const { return times_ == nullptr ? schema::kNoTime : times_[row]; }
  uint32_t category(uint64_t row) const { return ids_[row]; }
  std::span<const uint32_t> categories(uint64_t row) const {
    if (offsets_.empty()) return {};
    return list_.subspan(offsets_[row], offsets_[row + 1] - offsets_[row]);
  }
  std::string_view text(uint64_t row) const {
    return texts_.size() == 0 ? std::string_view() : texts_[row];
  }
  std::span<const float> vector(uint64_t row) const;

  // The column itself, null when it is not in the file, for rows that are read often.
  const float* numbers() const { return numbers_; }
  const int64_t* times() const { return times_; }
  const uint32_t* ids() const { return ids_.wide(); }
  const uint8_t* flags() const { return flags_; }

  schema::AttributeValue Value(uint64_t row) const {  // of the kinds that fit in one
    switch (kind_) {
      case schema::Kind::kFlag:
        return {.number = flag(row)};
      case schema::Kind::kNumber:
        return {.number = number(row)};
      case schema::Kind::kTime:
        return {.time_ms = time_ms(row)};
      case schema::Kind::kCategory:
        return {.category = category(row)};
      default:
        return {};
    }
  }
  // Of a category too: none or one. Not of requests.
  std::span<const uint32_t> Categories(uint64_t row) const {
    if (kind_ != schema::Kind::kCategory) return categories(row);
    if (category(row) == schema::kNone) return {};
    return {ids_.wide() + row, 1};
  }
  schema::AttributeCell Cell(uint64_t row) const;

 private:
  Status OpenColumn(const base::SectionFile& file, const schema::Attribute& attribute, uint64_t ids,
                    uint64_t rows, bool narrow_ids);
  Status OpenFlags(const base::SectionFile& file, const schema::Attribute& attribute,
                   uint64_t rows);
  Status OpenNumbers(const base::SectionFile& file, const schema::Attribute& attribute,
                     uint64_t rows);
  Status OpenList(const base::SectionFile& file, const std::string& name, uint64_t ids,
                  uint64_t rows);
  Status OpenTexts(const base::SectionFile& file, const std::string& name, uint64_t rows);
  Status OpenVectors(const base::SectionFile& file, const std::string& name, uint64_t rows);

  schema::Kind kind_ = schema::Kind::kNumber;
  uint8_t absent_flag_ = 0xff;
  uint32_t width_ = 0;
  const float* numbers_ = nullptr;  // [rows], or [rows, width_]
  const uint8_t* flags_ = nullptr;
  const int64_t* times_ = nullptr;
  IdView ids_;
  std::span<const uint64_t> offsets_;
  std::span<const uint32_t> list_;
  base::StringTable texts_;
};

// Of every attribute of items or users, or of every declared one of requests, in their order.
Result<std::vector<AttributeView>> OpenAttributes(const base::SectionFile& file,
                                                  const schema::Schema& schema,
                                                  schema::Entity entity, const IdCounts& ids,
                                                  uint64_t rows);

}  // namespace upnext::log

#endif  // UPNEXT_LOG_ATTRIBUTE_READER_H_
