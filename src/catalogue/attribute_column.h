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

#include "catalogue/overlay.h"
#include "log/attribute_reader.h"
#include "schema/attribute.h"

namespace upnext::catalogue {

class AttributeColumn {
 public:
  AttributeColumn() = default;  // absent for every id
  // The rows of `overlay` take the place of those of `view`, which has `rows` of them.
  AttributeColumn(const log::AttributeView* view, uint32_t rows, const Overlay* overlay,
                  uint32_t attribute)
      : view_(view), overlay_(overlay), rows_(rows), attribute_(attribute) {}

  // As Catalogue::Value and Catalogue::Categories.
  schema::AttributeValue Value(uint32_t id) const {
    if (const OverlayRow* row = RowOf(id)) return row->cells[attribute_].value;
    return id < rows_ ? view_->Value(id) : schema::AttributeValue();
  }
  std::span<const uint32_t> Categories(uint32_t id) const {
    if (const OverlayRow* row = RowOf(id)) return row->cells[attribute_].categories;
    return id < rows_ ? view_->Categories(id) : std::span<const uint32_t>();
  }

 private:
  const OverlayRow* RowOf(uint32_t id) const {
    return overlay_ == nullptr ? nullptr : overlay_->Find(id);
  }

  const log::AttributeView* view_ = nullptr;
  const Overlay* overlay_ = nullptr;
  uint32_t rows_ = 0, attribute_ = 0;
};

}  // namespace upnext::catalogue

#endif  // UPNEXT_CATALOGUE_ATTRIBUTE_COLUMN_H_
