#include "log/attribute_reader.h"

#include <algorithm>
#include <cmath>

#include "log/log_format.h"
#include "schema/values.h"

namespace upnext::log {
namespace {

using base::SectionFile;
using schema::Kind;

// A column that may be left out of the file: then null.
template <typename T>
Result<const T*> OptionalColumn(const SectionFile& file, std::string_view name, uint64_t rows) {
  if (!file.Has(name)) return static_cast<const T*>(nullptr);
  UPNEXT_ASSIGN_OR_RETURN(const std::span<const T> column, file.Get<T>(name, rows));
  return column.data();
}

// kDataLoss for the first row of which `good` is false.
template <typename T, typename Good>
Status CheckRows(const SectionFile& file, const schema::Attribute& attribute, const T* column,
                 uint64_t rows, const Good& good) {
  for (uint64_t row = 0; column != nullptr && row < rows; ++row) {
    if (good(column[row])) continue;
    return DataLoss("{}: {} of row {} should be {}, is {}", file.path().string(), attribute.name,
                    row, schema::Expected(attribute), column[row]);
  }
  return Ok();
}

}  // namespace

Result<IdView> IdView::Get(const SectionFile& file, std::string_view name, uint64_t ids,
                           uint64_t rows, bool narrow) {
  IdView view;
  const auto section = std::ranges::find(file.sections(), name, &SectionFile::Section::name);
  if (section == file.sections().end()) return view;
  if (narrow && section->type == base::ElementType::kU8) {
    UPNEXT_ASSIGN_OR_RETURN(view.narrow_, OptionalColumn<uint8_t>(file, name, rows));
  } else if (narrow && section->type == base::ElementType::kU16) {
    UPNEXT_ASSIGN_OR_RETURN(view.middle_, OptionalColumn<uint16_t>(file, name, rows));
  } else {
    UPNEXT_ASSIGN_OR_RETURN(view.wide_, OptionalColumn<uint32_t>(file, name, rows));
  }
  for (uint64_t row = 0; row < rows; ++row) {
    if (const uint32_t id = view[row]; id >= ids && id != schema::kNone) {
      return DataLoss("{}: {} of row {} is {}, there are {}", file.path().string(), name, row, id,
                      ids);
    }
  }
  return view;
}

Status AttributeView::OpenList(const SectionFile& file, const std::string& name, uint64_t ids,
                               uint64_t rows) {
  const std::string offsets = name + ".offsets";
  if (!file.Has(offsets)) return Ok();
  UPNEXT_ASSIGN_OR_RETURN(offsets_, file.Get<uint64_t>(offsets, rows + 1));
  UPNEXT_ASSIGN_OR_RETURN(list_, file.Get<uint32_t>(name));
  if (offsets_.front() != 0 || offsets_.back() != list_.size() ||
      !std::ranges::is_sorted(offsets_) ||
      std::ranges::any_of(list_, [&](uint32_t id) { return id >= ids; })) {
    return DataLoss("{}: the lists of {} are out of bounds", file.path().string(), name);
  }
  return Ok();
}

// A vector's values are all finite, or all NaN when it is absent.
Status AttributeView::OpenVectors(const SectionFile& file, const std::string& name, uint64_t rows) {
  UPNEXT_ASSIGN_OR_RETURN(numbers_, OptionalColumn<float>(file, name, rows * width_));
  for (uint64_t row = 0; numbers_ != nullptr && row < rows; ++row) {
    const std::span<const float> values(numbers_ + row * width_, width_);
    const bool absent = std::isnan(values[0]);
    if (std::ranges::any_of(values, [absent](float value) {
          return absent ? !std::isnan(value) : !std::isfinite(value);
        })) {
      return DataLoss("{}: {} of row {} should have finite values, or none", file.path().string(),
                      name, row);
    }
  }
  return Ok();
}

Status AttributeView::OpenFlags(const SectionFile& file, const schema::Attribute& attribute,
                                uint64_t rows) {
  absent_flag_ = format::AbsentFlag(attribute);
  UPNEXT_ASSIGN_OR_RETURN(flags_,
                          OptionalColumn<uint8_t>(file, format::AttributeSection(attribute), rows));
  return CheckRows(file, attribute, flags_, rows,
                   [&](uint8_t flag) { return flag <= 1 || flag == absent_flag_; });
}

Status AttributeView::OpenNumbers(const SectionFile& file, const schema::Attribute& attribute,
                                  uint64_t rows) {
  UPNEXT_ASSIGN_OR_RETURN(numbers_,
                          OptionalColumn<float>(file, format::AttributeSection(attribute), rows));
  return CheckRows(file, attribute, numbers_, rows, [&](float number) {
    return std::isnan(number) || schema::Allows(attribute, number);
  });
}

Status AttributeView::OpenTexts(const SectionFile& file, const std::string& name, uint64_t rows) {
  if (!file.Has(name + ".offsets")) return Ok();
  UPNEXT_ASSIGN_OR_RETURN(texts_, base::StringTable::Get(file, name));
  if (texts_.size() == rows) return Ok();
  return DataLoss("{}: {} has {} texts for {} rows", file.path().string(), name, texts_.size(),
                  rows);
}

Status AttributeView::OpenColumn(const SectionFile& file, const schema::Attribute& attribute,
                                 uint64_t ids, uint64_t rows, bool narrow_ids) {
  const std::string name = format::AttributeSection(attribute);
  switch (attribute.kind) {
    case Kind::kFlag:
      return OpenFlags(file, attribute, rows);
    case Kind::kNumber:
      return OpenNumbers(file, attribute, rows);
    case Kind::kCategories:
      return OpenList(file, name, ids, rows);
    case Kind::kText:
      return OpenTexts(file, name, rows);
    case Kind::kVector:
      return OpenVectors(file, name, rows);
    case Kind::kTime: {
      UPNEXT_ASSIGN_OR_RETURN(times_, OptionalColumn<int64_t>(file, name, rows));
      return Ok();
    }
    case Kind::kCategory: {
      UPNEXT_ASSIGN_OR_RETURN(ids_, IdView::Get(file, name, ids, rows, narrow_ids));
      return Ok();
    }
  }
  return Ok();
}

Result<AttributeView> AttributeView::Open(const SectionFile& file,
                                          const schema::Attribute& attribute, const IdCounts& ids,
                                          uint64_t rows, bool narrow_ids) {
  AttributeView view;
  view.kind_ = attribute.kind;
  view.width_ = attribute.width;
  UPNEXT_RETURN_IF_ERROR(view.OpenColumn(file, attribute, ids[static_cast<size_t>(attribute.space)],
                                         rows, narrow_ids));
  return view;
}

std::span<const float> AttributeView::vector(uint64_t row) const {
  if (numbers_ == nullptr || width_ == 0) return {};
  const float* begin = numbers_ + row * width_;
  return std::isnan(*begin) ? std::span<const float>() : std::span(begin, width_);
}

schema::AttributeCell AttributeView::Cell(uint64_t row) const {
  schema::AttributeCell cell = {.value = Value(row)};
  if (kind_ == Kind::kCategories) cell.categories = categories(row);
  if (kind_ == Kind::kText) cell.text = text(row);
  if (kind_ == Kind::kVector) cell.vector = vector(row);
  return cell;
}

Result<std::vector<AttributeView>> OpenAttributes(const SectionFile& file,
                                                  const schema::Schema& schema,
                                                  schema::Entity entity, const IdCounts& ids,
                                                  uint64_t rows) {
  std::vector<AttributeView> views;
  const bool declared = entity == schema::Entity::kRequest;
  for (const schema::Attribute& attribute :
       declared ? schema.declared(entity) : schema.attributes(entity)) {
    UPNEXT_ASSIGN_OR_RETURN(AttributeView view,
                            AttributeView::Open(file, attribute, ids, rows, declared));
    views.push_back(view);
  }
  return views;
}

}  // namespace upnext::log
