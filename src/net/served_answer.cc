#include "net/served_answer.h"

#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time_text.h"
#include "net/item_json.h"
#include "net/parameters.h"
#include "net/problem.h"
#include "net/slate_json.h"
#include "schema/schema.h"
#include "serving/session.h"
#include "serving/slate_record.h"

namespace upnext::net {
namespace {

using ServedJson = nlohmann::json;

// What was asked, as far as it was given: the keys of POST /v1/recommendations.
ServedJson AskedJson(const schema::Schema& schema, const serving::Request& request) {
  ServedJson out = {{"n", request.n}};
  const auto text = [&](const char* key, const std::string& value) {
    if (!value.empty()) out[key] = value;
  };
  text("device", request.device);
  text("region", request.region);
  text("current_item", request.current_item);
  text("filter", request.filter);
  text("boost", request.boost);
  if (request.score) out["score"] = *request.score;
  if (request.offset > 0) out["offset"] = request.offset;
  if (!request.items.empty()) out["items"] = request.items;
  if (!request.exclude.empty()) out["exclude"] = request.exclude;
  const auto attributes = AttributesJson(schema, schema::Entity::kRequest, request.attributes);
  for (const auto& [name, value] : attributes.items()) out[name] = value;
  return out;
}

// As in the answer of then with explain, but without words and titles. Only the bundle that made it says which objective a
// prediction is of.
ServedJson ServedItems(const serving::SlateRecord& record, const serving::Generation& generation) {
  const std::vector<schema::RawEvent> shown = serving::ImpressionsOf(record);
  std::vector<std::string> objectives;
  if (record.bundle_version == generation.bundle_version()) {
    objectives = generation.engine().objective_names();
  }
  ServedJson items = ItemsJson(record.items, objectives, /*explain=*/true);
  for (size_t i = 0; i < record.items.size(); ++i) {
    items[i].erase("reason");
    items[i]["position"] = shown[i].position;
  }
  return items;
}

}  // namespace

Result<HttpResponse> AnswerServed(const serving::Service& service, const std::string& id,
                                  const boost::urls::url_view& url) {
  UPNEXT_ASSIGN_OR_RETURN(const Parameters parameters, Parameters::Parse(url));
  UPNEXT_RETURN_IF_ERROR(parameters.CheckAllKnown());
  UPNEXT_ASSIGN_OR_RETURN(const serving::SlateRecord record, service.Served(id));
  const auto generation = service.generation();
  ServedJson body = {{"request", record.id},
                     {"time", base::FormatTime(record.request.time_ms)},
                     {"bundle_version", record.bundle_version},
                     {"log_version", record.log_version},
                     {"scenario", record.request.scenario},
                     {"asked", AskedJson(generation->schema(), record.request)},
                     {"items", ServedItems(record, *generation)}};
  const std::string& user = record.request.user;
  if (serving::IsSession(user)) {
    body["session"] = user.substr(serving::kSessionPrefix.size());
  } else {
    body["user"] = user;
  }
  if (!record.after.empty()) body["after"] = record.after;
  return JsonOf(body);
}

}  // namespace upnext::net
