#include "api/request_context.h"

#include <string_view>
#include <utility>
#include <vector>

#include "base/suggest.h"
#include "net/event_json.h"
#include "schema/values.h"

namespace upnext::api {

Status SetRequestValue(const schema::Schema& schema, const std::string& name, std::string value,
                       serving::Request* request) {
  constexpr schema::Entity kRequest = schema::Entity::kRequest;
  const std::pair<std::string_view, std::string serving::Request::*> built_in[] = {
      {"device", &serving::Request::device},
      {"region", &serving::Request::region},
      {"current_item", &serving::Request::current_item}};
  std::vector<std::string> known;
  for (const auto& [of, member] : built_in) {
    if (of == name) {
      request->*member = std::move(value);
      return Ok();
    }
    known.emplace_back(of);
  }
  for (const schema::Attribute& attribute : schema.declared(kRequest)) {
    known.push_back(attribute.name);
  }
  const auto number = schema.FindAttribute(kRequest, name);
  if (!number || schema.attributes(kRequest)[*number].built_in) {
    return InvalidArgument("requests have no '{}'{}{}", name, base::DidYouMean(name, known),
                           number ? "" : net::HowToDeclare(name, "category"));
  }
  std::erase_if(request->attributes, [&](const auto& set) { return set.first == *number; });
  if (value.empty()) return Ok();
  request->attributes.emplace_back(*number, std::move(value));
  return schema::CheckDeclared(schema, kRequest, request->attributes);
}

}  // namespace upnext::api
