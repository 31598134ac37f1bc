#include "catalogue/request_attributes.h"

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

}  // namespace upnext::catalogue
