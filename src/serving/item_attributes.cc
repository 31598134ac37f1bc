#include "serving/item_attributes.h"

#include <string>
#include <utility>

#include "log/event_log.h"
#include "schema/attribute.h"
#include "schema/event.h"
#include "schema/schema.h"
#include "schema/values.h"

namespace upnext::serving {

Result<uint32_t> FindItem(const catalogue::Catalogue& catalogue, std::string_view name) {
  const uint32_t item = catalogue.Find(schema::IdSpace::kItem, name);
  const bool gone = catalogue.log().IsGone(schema::Entity::kItem, item);
  if (item != schema::kNone && !gone) return item;
  return NotFound("item '{}' is not in the catalogue of log {}", name,
                  catalogue.log().directory().filename().string());
}

schema::RawAttributes ItemAttributes(const catalogue::Catalogue& catalogue, uint32_t item) {
  schema::RawAttributes out;
  const size_t attributes = catalogue.schema().attributes(schema::Entity::kItem).size();
  for (uint32_t number = 0; number < attributes; ++number) {
    AppendAttribute(catalogue, item, number, &out);
  }
  return out;
}

void AppendAttribute(const catalogue::Catalogue& catalogue, uint32_t item, uint32_t number,
                     schema::RawAttributes* out) {
  constexpr auto kItem = schema::Entity::kItem;
  const schema::Attribute& attribute = catalogue.schema().attributes(kItem)[number];
  const auto add = [&](std::string text) {
    if (!text.empty()) out->emplace_back(number, std::move(text));
  };
  switch (attribute.kind) {
    case schema::Kind::kCategory:
    case schema::Kind::kCategories:
      for (const uint32_t id : catalogue.Categories(kItem, number, item)) {
        add(catalogue.Name(attribute.space, id));
      }
      break;
    case schema::Kind::kText:
      add(std::string(catalogue.Text(kItem, number, item)));
      break;
    case schema::Kind::kVector:
      add(schema::TextOf(catalogue.Vector(kItem, number, item)));
      break;
    default:
      add(schema::TextOf(attribute, catalogue.Value(kItem, number, item)));
  }
}

}  // namespace upnext::serving
