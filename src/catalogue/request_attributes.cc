#include "catalogue/request_attributes.h"

#include <algorithm>
#include <string>
#include <utility>

#include "schema/values.h"

namespace upnext::catalogue {

std::vector<schema::AttributeValue> RequestAttributes(const Catalogue& catalogue,
                                                      const schema::RawAttributes& raw) {
  const auto declared = catalogue.schema().declared(schema::Entity::kRequest);
  std::vector<schema::AttributeValue> values(declared.size());
  for (const auto& [number, text] : raw) {
    const size_t i = number - schema::request_attribute::kBuiltIn;
    values[i] = declared[i].kind == schema::Kind::kCategory
                    ? schema::AttributeValue{.category = catalogue.Find(declared[i].space, text)}
                    : schema::ParseValue(declared[i], text).value_or(schema::AttributeValue());
  }
  return values;
}

schema::RawAttributes RawRequestAttributes(const Catalogue& catalogue,
                                           std::span<const schema::AttributeValue> values) {
  const auto declared = catalogue.schema().declared(schema::Entity::kRequest);
  schema::RawAttributes raw;
  for (size_t i = 0; i < std::min(values.size(), declared.size()); ++i) {
    std::string text = declared[i].kind == schema::Kind::kCategory
                           ? catalogue.Name(declared[i].space, values[i].category)
                           : schema::TextOf(declared[i], values[i]);
    if (text.empty()) continue;
    raw.emplace_back(schema::request_attribute::kBuiltIn + static_cast<uint32_t>(i),
                     std::move(text));
  }
  return raw;
}

}  // namespace upnext::catalogue
