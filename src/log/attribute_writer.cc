#include "log/attribute_writer.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace upnext::log {
namespace {

using schema::AttributeCell;

class FlagColumn : public AttributeColumn {
 public:
  FlagColumn(SpoolFile& spill, std::string_view name, uint8_t absent)
      : absent_(absent), flags_(spill, name, absent) {}
  Status Add(const AttributeCell& cell) override {
    const float flag = cell.value.number;
    return flags_.Add(std::isnan(flag) ? absent_ : flag != 0 ? 1 : 0);
  }
  Status WriteTo(base::SectionWriter& writer) override { return flags_.WriteTo(writer); }

 private:
  uint8_t absent_;
  Column<uint8_t> flags_;
};

class NumberColumn : public AttributeColumn {
 public:
  NumberColumn(SpoolFile& spill, std::string_view name) : numbers_(spill, name, schema::kAbsent) {}
  Status Add(const AttributeCell& cell) override {
    const float number = cell.value.number;
    return numbers_.Add(std::isnan(number) ? schema::kAbsent : number);  // one NaN for all
  }
  Status WriteTo(base::SectionWriter& writer) override { return numbers_.WriteTo(writer); }

 private:
  Column<float> numbers_;
};

class TimeColumn : public AttributeColumn {
 public:
  TimeColumn(SpoolFile& spill, std::string_view name) : times_(spill, name, schema::kNoTime) {}
  Status Add(const AttributeCell& cell) override { return times_.Add(cell.value.time_ms); }
  Status WriteTo(base::SectionWriter& writer) override { return times_.WriteTo(writer); }

 private:
  Column<int64_t> times_;
};

class CategoryColumn : public AttributeColumn {
 public:
  CategoryColumn(SpoolFile& spill, std::string_view name, uint64_t ids, int width)
      : count_(ids), ids_(spill, name, width) {}
  Status Add(const AttributeCell& cell) override {
    const uint32_t id = cell.value.category;
    if (id >= count_ && id != schema::kNone) return Internal("an attribute's id is out of bounds");
    return ids_.Add(id);
  }
  Status WriteTo(base::SectionWriter& writer) override { return ids_.WriteTo(writer); }

 private:
  uint64_t count_;
  IdColumn ids_;
};

class CategoriesColumn : public AttributeColumn {
 public:
  CategoriesColumn(SpoolFile& spill, std::string_view name, uint64_t ids)
      : count_(ids),
        ends_(spill, fmt::format("{}.offsets", name), 0, true),
        ids_(spill, name, 0, true) {}
  Status Add(const AttributeCell& cell) override {
    if (rows_++ == 0) UPNEXT_RETURN_IF_ERROR(ends_.Add(0));
    for (const uint32_t id : cell.categories) {
      if (id >= count_) return Internal("an attribute's id is out of bounds");
      UPNEXT_RETURN_IF_ERROR(ids_.Add(id));
    }
    return ends_.Add(end_ += cell.categories.size());
  }
  Status WriteTo(base::SectionWriter& writer) override {
    if (end_ == 0) return Ok();
    UPNEXT_RETURN_IF_ERROR(ends_.WriteTo(writer));
    return ids_.WriteTo(writer);
  }

 private:
  uint64_t count_, rows_ = 0, end_ = 0;
  Column<uint64_t> ends_;
  Column<uint32_t> ids_;
};

class TextColumn : public AttributeColumn {
 public:
  TextColumn(SpoolFile& spill, std::string_view name)
      : name_(fmt::format("{}.bytes", name)),
        ends_(spill, fmt::format("{}.offsets", name), 0, true),
        bytes_(spill) {}
  Status Add(const AttributeCell& cell) override {
    if (rows_++ == 0) UPNEXT_RETURN_IF_ERROR(ends_.Add(0));
    UPNEXT_RETURN_IF_ERROR(bytes_.Append(cell.text.data(), cell.text.size()));
    return ends_.Add(end_ += cell.text.size());
  }
  Status WriteTo(base::SectionWriter& writer) override {
    if (end_ == 0) return Ok();
    UPNEXT_RETURN_IF_ERROR(ends_.WriteTo(writer));
    return bytes_.WriteTo(writer, name_, base::ElementType::kU8);
  }

 private:
  std::string name_;
  uint64_t rows_ = 0, end_ = 0;
  Column<uint64_t> ends_;
  Spool bytes_;
};

class VectorColumn : public AttributeColumn {
 public:
  VectorColumn(SpoolFile& spill, std::string_view name, size_t width)
      : width_(width), numbers_(spill, name, schema::kAbsent) {}
  Status Add(const AttributeCell& cell) override {
    if (!cell.vector.empty() && cell.vector.size() != width_) {
      return Internal("a vector has {} values instead of {}", cell.vector.size(), width_);
    }
    for (size_t i = 0; i < width_; ++i) {
      UPNEXT_RETURN_IF_ERROR(numbers_.Add(cell.vector.empty() ? schema::kAbsent : cell.vector[i]));
    }
    return Ok();
  }
  Status WriteTo(base::SectionWriter& writer) override { return numbers_.WriteTo(writer); }

 private:
  size_t width_;
  Column<float> numbers_;
};

std::unique_ptr<AttributeColumn> MakeColumn(SpoolFile& spill, const schema::Attribute& attribute,
                                            std::span<const uint64_t> ids, bool narrow) {
  const std::string name = format::AttributeSection(attribute);
  const uint64_t count = ids[static_cast<size_t>(attribute.space)];
  switch (attribute.kind) {
    case schema::Kind::kFlag:
      return std::make_unique<FlagColumn>(spill, name, format::AbsentFlag(attribute));
    case schema::Kind::kNumber:
      return std::make_unique<NumberColumn>(spill, name);
    case schema::Kind::kTime:
      return std::make_unique<TimeColumn>(spill, name);
    case schema::Kind::kCategory:
      return std::make_unique<CategoryColumn>(spill, name, count,
                                              narrow ? format::IdWidth(count) : 4);
    case schema::Kind::kCategories:
      return std::make_unique<CategoriesColumn>(spill, name, count);
    case schema::Kind::kText:
      return std::make_unique<TextColumn>(spill, name);
    case schema::Kind::kVector:
      return std::make_unique<VectorColumn>(spill, name, attribute.width);
  }
  return nullptr;
}

}  // namespace

AttributeWriter::AttributeWriter(SpoolFile& spill, const schema::Schema& schema,
                                 schema::Entity entity, std::span<const uint64_t> ids) {
  // Rows of events are many: their ids are narrow. Those of items and users are handed out as spans.
  const bool narrow = entity == schema::Entity::kRequest;
  const auto attributes = narrow ? schema.declared(entity) : schema.attributes(entity);
  for (const schema::Attribute& attribute : attributes) {
    columns_.push_back(MakeColumn(spill, attribute, ids, narrow));
  }
}

template <typename T>
Status AttributeWriter::AddRow(std::span<const T> row) {
  if (row.size() != columns_.size()) {
    return Internal("a row has {} attributes instead of {}", row.size(), columns_.size());
  }
  for (size_t i = 0; i < row.size(); ++i) {
    UPNEXT_RETURN_IF_ERROR(columns_[i]->Add({row[i]}));
  }
  ++rows_;
  return Ok();
}

Status AttributeWriter::Add(std::span<const AttributeCell> cells) { return AddRow(cells); }

Status AttributeWriter::Add(std::span<const schema::AttributeValue> values) {
  return AddRow(values);
}

Status AttributeWriter::WriteTo(base::SectionWriter& writer) {
  for (const auto& column : columns_) UPNEXT_RETURN_IF_ERROR(column->WriteTo(writer));
  return Ok();
}

}  // namespace upnext::log
