// One attribute of all items or users, found once, for readers that need it for every example.
//
//   const AttributeColumn price = catalogue.Column(Entity::kItem, attribute);
//   const float number = price.Value(item).number;
//
// A view, valid as long as the catalogue; any number of threads.
#ifndef UPNEXT_CATALOGUE_ATTRIBUTE_COLUMN_H_
#define UPNEXT_CATALOGUE_ATTRIBUTE_COLUMN_H_

#include <cstdint>
#include <span>

#include "log/attribute_reader.h"
#include "schema/attribute.h"

namespace upnext::catalogue {

class AttributeColumn {
 public:
  AttributeColumn() = default;  // absent for every id
  AttributeColumn(const log::AttributeView* view, uint32_t rows) : view_(view), rows_(rows) {}

  // As Catalogue::Value and Catalogue::Categories.
  schema::AttributeValue Value(uint32_t id) const {
    return id < rows_ ? view_->Value(id) : schema::AttributeValue();
  }
  std::span<const uint32_t> Categories(uint32_t id) const {
    return id < rows_ ? view_->Categories(id) : std::span<const uint32_t>();
  }

 private:
  const log::AttributeView* view_ = nullptr;
  uint32_t rows_ = 0;
};

}  // namespace upnext::catalogue

#endif  // UPNEXT_CATALOGUE_ATTRIBUTE_COLUMN_H_
