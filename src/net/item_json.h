// Attributes of an item as JSON, typed by the schema: a flag is true or false, a number and a time
// (in seconds since 1970) are numbers, categories and a vector are lists, the rest is text.
//
//   json["attributes"] = AttributesJson(schema, schema::Entity::kItem, attributes);
//
// Pure functions.
#ifndef UPNEXT_NET_ITEM_JSON_H_
#define UPNEXT_NET_ITEM_JSON_H_

#include <nlohmann/json.hpp>

#include "schema/raw_event.h"
#include "schema/schema.h"

namespace upnext::net {

// Numbers of attributes and texts as catalogue/entity_attributes.h gives them.
nlohmann::ordered_json AttributesJson(const schema::Schema& schema, schema::Entity entity,
                                      const schema::RawAttributes& attributes);

// The JSON Schema of one attribute's value.
nlohmann::ordered_json SchemaOf(const schema::Attribute& attribute);

}  // namespace upnext::net

#endif  // UPNEXT_NET_ITEM_JSON_H_
