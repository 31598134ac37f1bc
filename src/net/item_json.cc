#include "net/item_json.h"

#include <algorithm>
#include <ranges>
#include <string>

#include "base/suggest.h"
#include "schema/attribute.h"
#include "schema/values.h"

namespace upnext::net {

using Json = nlohmann::ordered_json;
using schema::Attribute;
using schema::Kind;

Json AttributesJson(const schema::Schema& schema, schema::Entity entity,
                    const schema::RawAttributes& attributes) {
  Json out = Json::object();
  for (const auto& [number, text] : attributes) {
    const Attribute& attribute = schema.attributes(entity)[number];
    Json& value = out[attribute.name];
    switch (attribute.kind) {
      case Kind::kFlag:
        value = text == "true";
        break;
      case Kind::kNumber:
      case Kind::kTime:
        value = Json::parse(text, nullptr, /*allow_exceptions=*/false);
        break;
      case Kind::kCategories:
        value.push_back(text);
        break;
      case Kind::kVector:
        value = schema::ParseVector(attribute, text).value_or(std::vector<float>());
        break;
      default:
        value = text;
    }
  }
  return out;
}

Result<std::vector<uint32_t>> AttributesOf(const schema::Schema& schema, std::string_view names) {
  std::vector<uint32_t> numbers;
  if (names.empty()) return numbers;
  for (const auto part : names | std::views::split(',')) {
    const std::string_view name(part.begin(), part.end());
    const auto number = schema.FindAttribute(schema::Entity::kItem, name);
    if (number && std::ranges::find(numbers, *number) != numbers.end()) continue;
    if (number) {
      numbers.push_back(*number);
      continue;
    }
    std::vector<std::string> known;
    for (const Attribute& one : schema.attributes(schema::Entity::kItem)) known.push_back(one.name);
    return InvalidArgument(
        "parameter return: expected attributes of items, separated by commas, "
        "found '{}'{}",
        name, base::DidYouMean(name, known));
  }
  return numbers;
}

void AddAttributes(const serving::Generation& generation,
                   std::span<const serving::Recommendation> items,
                   std::span<const uint32_t> numbers, nlohmann::json* rows) {
  if (numbers.empty()) return;
  for (size_t i = 0; i < items.size(); ++i) {
    (*rows)[i]["attributes"] = AttributesJson(generation.schema(), schema::Entity::kItem,
                                              generation.Attributes(items[i].item, numbers));
  }
}

Json SchemaOf(const Attribute& attribute) {
  Json id = {{"type", "string"}, {"maxLength", attribute.max_bytes}};
  switch (attribute.kind) {
    case Kind::kFlag:
      return {{"type", "boolean"}};
    case Kind::kTime:
      return {{"type", "number"}, {"description", "Seconds since 1970"}};
    case Kind::kNumber: {
      Json number = {{"type", attribute.whole ? "integer" : "number"}};
      const Attribute unbounded;
      if (attribute.min > unbounded.min) {
        number[attribute.above_min ? "exclusiveMinimum" : "minimum"] = attribute.min;
      }
      if (attribute.max < unbounded.max) number["maximum"] = attribute.max;
      return number;
    }
    case Kind::kCategories:
      return {{"type", "array"}, {"items", id}};
    case Kind::kVector:
      return {{"type", "array"},
              {"items", {{"type", "number"}}},
              {"minItems", attribute.width},
              {"maxItems", attribute.width}};
    default:
      return id;
  }
}

}  // namespace upnext::net
