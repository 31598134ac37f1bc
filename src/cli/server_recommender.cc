#include "cli/server_recommender.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <random>

#include "schema/event.h"

namespace upnext::cli {
namespace {

using nlohmann::json;
using simulator::kNoItem;

// The detail of a problem document, or what came instead.
std::string Detail(const net::HttpClient::Answer& answer) {
  const json body = json::parse(answer.body, nullptr, false);
  if (body.is_object() && body.contains("detail")) return body["detail"].dump();
  return answer.body.substr(0, 200);
}

}  // namespace

ServerRecommender::ServerRecommender(const simulator::World& world,
                                     const ServerRecommenderOptions& options)
    : options_(options),
      user_name_(options.user_prefix, world.options().users),
      item_name_(options.item_prefix, world.options().items),
      run_(fmt::format("{:08x}", std::random_device()())),
      users_(world.options().users) {}

Result<std::unique_ptr<ServerRecommender>> ServerRecommender::Connect(
    const simulator::World& world, const ServerRecommenderOptions& options) {
  std::unique_ptr<ServerRecommender> server(new ServerRecommender(world, options));
  UPNEXT_ASSIGN_OR_RETURN(server->client_, net::HttpClient::Make(options.url, options.key));
  UPNEXT_ASSIGN_OR_RETURN(const net::HttpClient::Answer ready, server->client_->Get("/readyz"));
  if (ready.status != 200) {
    return Unavailable("the server at {} is not ready: {}", options.url, Detail(ready));
  }
  return server;
}

Status ServerRecommender::Recommend(const simulator::SlateRequest& request, base::Rng&,
                                    std::vector<simulator::ShownItem>& slate) {
  simulator::IdName user_name = user_name_, item_name = item_name_;
  std::string target = fmt::format("/v1/recommendations?user={}&n={}&device={}&region={}",
                                   user_name(request.user.id), request.size,
                                   simulator::kDeviceNames[static_cast<size_t>(request.device)],
                                   simulator::kRegionTable[request.user.region].name);
  if (request.current_item != kNoItem)
    target += fmt::format("&current_item={}", item_name(request.current_item));
  UPNEXT_ASSIGN_OR_RETURN(const net::HttpClient::Answer answer, client_->Get(target));
  if (answer.status != 200) {
    return Internal("the server answered {} to {}: {}", answer.status, target, Detail(answer));
  }
  const json body = json::parse(answer.body, nullptr, false);
  if (!body.is_object() || !body.contains("items") || !body.contains("request")) {
    return Internal("the server's answer to {} is no list of items", target);
  }
  User& user = users_[request.user.id];
  if (user.first_request == 0) user.first_request = request.number;
  user.requests.push_back(body["request"].get<std::string>());
  slate.clear();
  for (const json& shown : body["items"]) {
    const std::string id = shown.value("item", "");
    const std::optional<uint32_t> item = item_name_.Parse(id);
    if (!item) {
      return Internal(
          "the server recommends '{}', which this world does not have: give the options that its "
          "log was simulated with",
          id);
    }
    slate.push_back(simulator::ShownBy(shown.value("source", ""), *item, /*propensity=*/0,
                                       shown.value("source_score", schema::kAbsent)));
  }
  ++slates_;
  return Ok();
}

const std::string& ServerRecommender::ServersName(const User& user, uint32_t request) const {
  static const std::string kNobodys;
  const bool known = request != 0 && user.first_request != 0 && request >= user.first_request &&
                     request - user.first_request < user.requests.size();
  return known ? user.requests[request - user.first_request] : kNobodys;
}

Status ServerRecommender::Observe(const simulator::UserRows& rows) {
  simulator::IdName user_name = user_name_, item_name = item_name_;
  json events = json::array();
  for (const simulator::LogRow& row : rows.rows) {
    User& user = users_[row.user];
    json event = {{"id", fmt::format("{}-{}-{}", run_, row.user, user.events++)},
                  {"user", user_name(row.user)},
                  {"type", schema::EventTypeName(row.type)},
                  {"time", static_cast<double>(row.time_ms) / 1000},
                  {"device", simulator::kDeviceNames[static_cast<size_t>(row.device)]},
                  {"region", simulator::kRegionTable[row.region].name}};
    if (row.item != kNoItem) event["item"] = item_name(row.item);
    if (row.current_item != kNoItem) event["current_item"] = item_name(row.current_item);
    if (row.query != simulator::kNoQuery) event["query"] = rows.queries[row.query];
    if (!std::isnan(row.value)) event["value"] = static_cast<double>(row.value);
    if (const std::string& name = ServersName(user, row.request); !name.empty()) {
      event["request"] = name;
    }
    if (row.position != 0) event["position"] = row.position;
    if (const auto source = simulator::kSourceNames[static_cast<size_t>(row.source)];
        !source.empty()) {
      event["source"] = source;
    }
    if (!std::isnan(row.source_score)) event["source_score"] = row.source_score;
    if (row.off_site) event["off_site"] = true;
    events.push_back(std::move(event));
  }
  const size_t count = events.size();
  UPNEXT_ASSIGN_OR_RETURN(const net::HttpClient::Answer answer,
                          client_->Post("/v1/events", json{{"events", std::move(events)}}.dump()));
  if (answer.status != 200) {
    return Internal("the server answered {} to {} events: {}", answer.status, count,
                    Detail(answer));
  }
  events_ += count;
  return Ok();
}

}  // namespace upnext::cli
