#include "catalogue/entity_attributes.h"

#include <string>
#include <utility>

#include "log/event_log.h"
#include "schema/attribute.h"
#include "schema/event.h"
#include "schema/schema.h"
#include "schema/values.h"

namespace upnext::catalogue {

Result<uint32_t> FindEntity(const Catalogue& catalogue, schema::Entity entity,
                            std::string_view name) {
  const bool item = entity == schema::Entity::kItem;
  const uint32_t id = catalogue.Find(item ? schema::IdSpace::kItem : schema::IdSpace::kUser, name);
  if (id != schema::kNone && catalogue.IsPresent(entity, id)) return id;
  return NotFound("{} '{}' is not in the catalogue of log {}", item ? "item" : "user", name,
                  catalogue.log().directory().filename().string());
}

void AppendAttribute(const Catalogue& catalogue, schema::Entity entity, uint32_t id,
                     uint32_t number, schema::RawAttributes* out) {
  const schema::Attribute& attribute = catalogue.schema().attributes(entity)[number];
  const auto add = [&](std::string text) {
    if (!text.empty()) out->emplace_back(number, std::move(text));
  };
  switch (attribute.kind) {
    case schema::Kind::kCategory:
    case schema::Kind::kCategories:
      for (const uint32_t category : catalogue.Categories(entity, number, id)) {
        add(catalogue.Name(attribute.space, category));
      }
      break;
    case schema::Kind::kText:
      add(std::string(catalogue.Text(entity, number, id)));
      break;
    case schema::Kind::kVector:
      add(schema::TextOf(catalogue.Vector(entity, number, id)));
      break;
    default:
      add(schema::TextOf(attribute, catalogue.Value(entity, number, id)));
  }
}

schema::RawAttributes AttributesOf(const Catalogue& catalogue, schema::Entity entity, uint32_t id) {
  schema::RawAttributes out;
  const size_t attributes = catalogue.schema().attributes(entity).size();
  for (uint32_t number = 0; number < attributes; ++number) {
    AppendAttribute(catalogue, entity, id, number, &out);
  }
  return out;
}

}  // namespace upnext::catalogue
