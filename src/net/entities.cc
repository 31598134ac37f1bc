#include "net/entities.h"

#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "net/content_type.h"
#include "net/entities_by_filter.h"
#include "net/entity_json.h"
#include "net/item_json.h"
#include "net/parameters.h"
#include "schema/values.h"
#include "store/store.h"

namespace upnext::net {
namespace {

using schema::Entity;
using Json = nlohmann::ordered_json;
using Change = store::WriteBatch::NewRecord::Change;

std::string TextOfJson(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

// As a line of an import has it, and as POST takes it.
Json RowJson(const schema::Schema& schema, Entity entity, const schema::RawEntity& row) {
  Json out = {{WordOf(entity), row.name}};
  out.update(AttributesJson(schema, entity, row.attributes));
  return out;
}

Status CheckNoParameters(const boost::urls::url_view& url) {
  UPNEXT_ASSIGN_OR_RETURN(const Parameters parameters, Parameters::Parse(url));
  return parameters.CheckAllKnown();
}

// The answer to a change.
Result<HttpResponse> Changed(serving::Service& service, Entity entity,
                             std::span<const store::EntityChange> changes,
                             const HttpRequest& request) {
  UPNEXT_ASSIGN_OR_RETURN(const serving::Changed done,
                          service.Change(entity, changes, request.client));
  return HttpResponse{.body = TextOfJson({{"changed", done.changed},
                                          {"bundle_version", done.bundle_version},
                                          {"log_version", done.log_version}})};
}

Result<HttpResponse> GetRow(const serving::Generation& generation, Entity entity,
                            const std::string& name) {
  UPNEXT_ASSIGN_OR_RETURN(const schema::RawAttributes attributes,
                          generation.Attributes(entity, name));
  return HttpResponse{
      .body = TextOfJson({{WordOf(entity), name},
                          {"attributes", AttributesJson(generation.schema(), entity, attributes)},
                          {"bundle_version", generation.bundle_version()},
                          {"log_version", generation.log_version()}})};
}

// DELETE of a user is forgetting: their history goes too.
Result<HttpResponse> ForgetUser(serving::Service& service, const std::string& user) {
  UPNEXT_RETURN_IF_ERROR(service.Forget(user));
  return HttpResponse{.body = TextOfJson({{"user", user}, {"forgotten", true}})};
}

}  // namespace

Result<HttpResponse> AnswerRow(serving::Service& service, Entity entity, const std::string& name,
                               const HttpRequest& request, const boost::urls::url_view& url) {
  UPNEXT_RETURN_IF_ERROR(CheckNoParameters(url));
  if (name.empty()) return InvalidArgument("{}: expected an id, found none", WordOf(entity));
  if (Status valid = schema::CheckId(name); !valid) {
    return WithContext(std::move(valid).error(), WordOf(entity));
  }
  if (request.method == "DELETE" && entity == Entity::kUser) return ForgetUser(service, name);
  if (request.method == "DELETE") {
    const store::EntityChange change{.change = Change::kDelete, .row = {name, {}}};
    return Changed(service, entity, {&change, 1}, request);
  }
  const auto generation = service.generation();
  if (request.method != "PUT" && request.method != "PATCH") {
    return GetRow(*generation, entity, name);
  }
  UPNEXT_ASSIGN_OR_RETURN(ParsedRow parsed,
                          ParseRow(generation->schema(), entity, name, request.body));
  const store::EntityChange change{
      .change = request.method == "PUT" ? Change::kPut : Change::kPatch,
      .row = std::move(parsed.row),
      .mentioned = std::move(parsed.mentioned)};
  return Changed(service, entity, {&change, 1}, request);
}

Result<HttpResponse> AnswerRows(serving::Service& service, Entity entity,
                                const HttpRequest& request, const boost::urls::url_view& url) {
  const auto generation = service.generation();
  if (request.method == "POST") {
    UPNEXT_RETURN_IF_ERROR(CheckNoParameters(url));
    UPNEXT_ASSIGN_OR_RETURN(
        std::vector<ParsedRow> rows,
        ParseRows(generation->schema(), entity, request.body, FormatOf(request.content_type)));
    std::vector<store::EntityChange> changes;
    for (ParsedRow& row : rows) {
      changes.push_back({.change = Change::kPut, .row = std::move(row.row)});
    }
    return Changed(service, entity, changes, request);
  }
  if (request.method == "PATCH" || request.method == "DELETE") {
    return AnswerByFilter(service, entity, request, url);
  }
  const bool lines = AcceptsLines(request.accept);
  UPNEXT_ASSIGN_OR_RETURN(Parameters parameters, Parameters::Parse(url));
  UPNEXT_ASSIGN_OR_RETURN(const uint32_t n,
                          parameters.Count("n", lines ? kMostListed : 100, 1, kMostListed));
  const std::string after = parameters.Text("after");
  UPNEXT_RETURN_IF_ERROR(parameters.CheckAllKnown());
  std::string next;
  UPNEXT_ASSIGN_OR_RETURN(const std::vector<schema::RawEntity> rows,
                          generation->Rows(entity, after, n, &next));
  if (lines) {
    HttpResponse answer{.content_type = "application/x-ndjson", .body = {}};
    for (const schema::RawEntity& row : rows) {
      answer.body += TextOfJson(RowJson(generation->schema(), entity, row));
    }
    return answer;
  }
  Json list = Json::array();
  for (const schema::RawEntity& row : rows) {
    list.push_back(RowJson(generation->schema(), entity, row));
  }
  return HttpResponse{.body = TextOfJson({{schema::EntityName(entity), std::move(list)},
                                          {"next", next.empty() ? Json(nullptr) : Json(next)},
                                          {"bundle_version", generation->bundle_version()},
                                          {"log_version", generation->log_version()}})};
}

}  // namespace upnext::net
