#include "net/entities_by_filter.h"

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "net/entity_json.h"
#include "net/parameters.h"
#include "net/problem.h"
#include "serving/generation.h"

namespace upnext::net {

using schema::Entity;
using Change = store::WriteBatch::NewRecord::Change;

Result<ByFilter> ParseByFilter(const schema::Schema& schema, Entity entity,
                               const HttpRequest& request, const boost::urls::url_view& url) {
  UPNEXT_ASSIGN_OR_RETURN(Parameters parameters, Parameters::Parse(url));
  ByFilter asked{.filter = parameters.Text("filter"), .arguments = parameters.OfExpressions()};
  UPNEXT_ASSIGN_OR_RETURN(asked.dry_run, parameters.Flag("dry_run"));
  UPNEXT_RETURN_IF_ERROR(parameters.CheckAllKnown());
  if (asked.filter.empty()) {
    return InvalidArgument(
        "parameter filter: expected a condition, found none; 'true' stands for all of them");
  }
  if (request.method == "PATCH") {
    constexpr std::string_view kAny = "(by filter)";  // in place of an id, which the body has not
    UPNEXT_ASSIGN_OR_RETURN(ParsedRow parsed, ParseRow(schema, entity, kAny, request.body));
    asked.change = {.change = Change::kPatch,
                    .row = std::move(parsed.row),
                    .mentioned = std::move(parsed.mentioned)};
  }
  return asked;
}

Result<HttpResponse> AnswerByFilter(serving::Service& service, Entity entity,
                                    const HttpRequest& request, const boost::urls::url_view& url) {
  const auto generation = service.generation();
  UPNEXT_ASSIGN_OR_RETURN(const ByFilter asked,
                          ParseByFilter(generation->schema(), entity, request, url));
  UPNEXT_ASSIGN_OR_RETURN(
      serving::Matches matches,
      serving::EntitiesMatching(*generation, entity, asked.filter, asked.arguments, kMaxRows));
  std::vector<std::string>& names = matches.names;
  if (asked.dry_run || names.empty()) {
    return JsonOf({{"matches", matches.all},
                   {"changed", 0},
                   {"more", matches.all > kMaxRows},
                   {"bundle_version", generation->bundle_version()},
                   {"log_version", generation->log_version()}});
  }
  std::vector<store::EntityChange> changes(names.size(), asked.change);
  for (size_t i = 0; i < names.size(); ++i) changes[i].row.name = std::move(names[i]);
  UPNEXT_ASSIGN_OR_RETURN(const serving::Changed done,
                          service.Change(entity, changes, request.client));
  return JsonOf({{"matches", matches.all},
                 {"changed", done.changed},
                 {"more", matches.all > kMaxRows},
                 {"bundle_version", done.bundle_version},
                 {"log_version", done.log_version}});
}

}  // namespace upnext::net
