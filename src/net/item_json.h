// Attributes of an item as JSON, typed by the schema: a flag is true or false, a number and a time
// (in seconds since 1970) are numbers, categories and a vector are lists, the rest is text.
//
//   json["attributes"] = AttributesJson(schema, schema::Entity::kItem, attributes);
//
// Pure functions.
#ifndef UPNEXT_NET_ITEM_JSON_H_
#define UPNEXT_NET_ITEM_JSON_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "schema/raw_event.h"
#include "schema/schema.h"
#include "serving/generation.h"
#include "serving/slate.h"

namespace upnext::net {

// Numbers of attributes and texts as catalogue/entity_attributes.h gives them.
nlohmann::ordered_json AttributesJson(const schema::Schema& schema, schema::Entity entity,
                                      const schema::RawAttributes& attributes);

// The numbers of attributes of items that a text names: "title,price"; none for "". kInvalidArgument
// with the nearest name for another one.
Result<std::vector<uint32_t>> AttributesOf(const schema::Schema& schema, std::string_view names);

// Gives each element of `rows`, the items of an answer, its "attributes"; nothing without numbers.
void AddAttributes(const serving::Generation& generation,
                   std::span<const serving::Recommendation> items,
                   std::span<const uint32_t> numbers, nlohmann::json* rows);

// The JSON Schema of one attribute's value.
nlohmann::ordered_json SchemaOf(const schema::Attribute& attribute);

}  // namespace upnext::net

#endif  // UPNEXT_NET_ITEM_JSON_H_
