#include "cli/server_recommender.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <random>

#include "schema/event.h"

namespace upnext::cli {
namespace {

using nlohmann::json;
using simulator::kNoItem;

// How many slates do not depend on what the users click, so that those who sign in are no choice of better ones.
constexpr uint32_t kHomeSlatesOfSession = 2;

// The server may know items of the same simulated day that the user's clock has not reached: the log mentions some that were
// made after its last midnight, and other users have named some.
constexpr int64_t kAheadMs = 30 * int64_t{3'600'000};
constexpr uint32_t kMostAhead = 200;

// The detail of a problem document, or what came instead.
std::string Detail(const net::HttpClient::Answer& answer) {
  const json body = json::parse(answer.body, nullptr, false);
  if (body.is_object() && body.contains("detail")) return body["detail"].dump();
  return answer.body.substr(0, 200);
}

}  // namespace

ServerRecommender::ServerRecommender(const simulator::World& world,
                                     const ServerRecommenderOptions& options)
    : world_(world),
      options_(options),
      user_name_(options.user_prefix, world.options().users),
      item_name_(options.item_prefix, world.options().items),
      run_(fmt::format("{:08x}", std::random_device()())),
      users_(world.options().users) {}

Result<std::unique_ptr<ServerRecommender>> ServerRecommender::Connect(
    const simulator::World& world, const ServerRecommenderOptions& options) {
  std::unique_ptr<ServerRecommender> server(new ServerRecommender(world, options));
  UPNEXT_ASSIGN_OR_RETURN(server->client_, net::HttpClient::Make(options.url, options.key));
  UPNEXT_ASSIGN_OR_RETURN(
      server->events_client_,
      net::HttpClient::Make(options.url,
                            options.events_key.empty() ? options.key : options.events_key));
  UPNEXT_ASSIGN_OR_RETURN(const net::HttpClient::Answer ready, server->client_->Get("/readyz"));
  if (ready.status != 200) {
    return Unavailable("the server at {} is not ready: {}", options.url, Detail(ready));
  }
  return server;
}

std::pair<std::string_view, std::string> ServerRecommender::WhoIs(uint32_t user) const {
  simulator::IdName user_name = user_name_;
  const std::string_view name = user_name(user);
  if (users_[user].in_session) return {"session", fmt::format("{}-{}", run_, name)};
  return {"user", std::string(name)};
}

Status ServerRecommender::SignIn(const simulator::SlateRequest& request) {
  simulator::IdName user_name = user_name_;
  User& user = users_[request.user.id];
  const std::string target = fmt::format("/v1/users/{}/merge", user_name(request.user.id));
  UPNEXT_ASSIGN_OR_RETURN(
      const net::HttpClient::Answer answer,
      events_client_->Post(target, json{{"session", WhoIs(request.user.id).second}}.dump()));
  if (answer.status != 200) {
    return Internal("the server answered {} to {}: {}", answer.status, target, Detail(answer));
  }
  user.in_session = false;
  user.signed_in_at = request.number;
  ++merged_;
  return Ok();
}

std::string ServerRecommender::NotYetMade(int64_t time_ms) const {
  simulator::IdName item_name = item_name_;
  const simulator::Catalogue& catalogue = world_.catalogue();
  const uint32_t first = catalogue.CountAt(time_ms);
  const uint32_t end = std::min(catalogue.CountAt(time_ms + kAheadMs), first + kMostAhead);
  std::string out;
  for (uint32_t item = first; item < end; ++item) {
    out += fmt::format("&exclude={}", item_name(item));
  }
  return out;
}

Status ServerRecommender::Recommend(const simulator::SlateRequest& request, base::Rng&,
                                    std::vector<simulator::ShownItem>& slate) {
  simulator::IdName item_name = item_name_;
  User& user = users_[request.user.id];
  const bool is_home = request.current_item == kNoItem;
  if (is_home && user.in_session && user.home_slates == kHomeSlatesOfSession) {
    UPNEXT_RETURN_IF_ERROR(SignIn(request));
  }
  user.home_slates += is_home;
  const auto [who, name] = WhoIs(request.user.id);
  std::string target =
      fmt::format("/v1/recommendations?{}={}&n={}&device={}&region={}", who, name, request.size,
                  simulator::kDeviceNames[static_cast<size_t>(request.device)],
                  simulator::kRegionTable[request.user.region].name);
  const std::string& scenario =
      is_home ? options_.scenarios[ScenarioOf(request.user.id)] : options_.next_scenario;
  if (!scenario.empty()) target += "&scenario=" + net::EncodeQueryValue(scenario);
  if (!is_home) target += fmt::format("&current_item={}", item_name(request.current_item));
  target += NotYetMade(request.time_ms);
  UPNEXT_ASSIGN_OR_RETURN(const net::HttpClient::Answer answer, client_->Get(target));
  if (answer.status != 200) {
    return Internal("the server answered {} to {}: {}", answer.status, target, Detail(answer));
  }
  const json body = json::parse(answer.body, nullptr, false);
  if (!body.is_object() || !body.contains("items") || !body.contains("request")) {
    return Internal("the server's answer to {} is no list of items", target);
  }
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
    slate.push_back(simulator::ShownBy(shown.value("source", ""), *item,
                                       shown.value("propensity", 0.0),
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
  simulator::IdName item_name = item_name_;
  json events = json::array();
  for (const simulator::LogRow& row : rows.rows) {
    User& user = users_[row.user];
    json event = {{"id", fmt::format("{}-{}-{}", run_, row.user, user.events++)},
                  {"type", schema::EventTypeName(row.type)},
                  {"time", static_cast<double>(row.time_ms) / 1000},
                  {"device", simulator::kDeviceNames[static_cast<size_t>(row.device)]},
                  {"region", simulator::kRegionTable[row.region].name}};
    const auto [who, name] = WhoIs(row.user);
    event[std::string(who)] = name;
    if (row.item != kNoItem) event["item"] = item_name(row.item);
    if (row.current_item != kNoItem) event["current_item"] = item_name(row.current_item);
    if (row.query != simulator::kNoQuery) event["query"] = rows.queries[row.query];
    if (!std::isnan(row.value)) event["value"] = static_cast<double>(row.value);
    if (const std::string& request = ServersName(user, row.request); !request.empty()) {
      event["request"] = request;
    }
    if (row.propensity > 0) event["propensity"] = row.propensity;
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
  UPNEXT_ASSIGN_OR_RETURN(
      const net::HttpClient::Answer answer,
      events_client_->Post("/v1/events", json{{"events", std::move(events)}}.dump()));
  if (answer.status != 200) {
    return Internal("the server answered {} to {} events: {}", answer.status, count,
                    Detail(answer));
  }
  events_ += count;
  return Ok();
}

}  // namespace upnext::cli
