#include "net/guard.h"

#include <fmt/format.h>

#include <utility>

namespace upnext::net {
namespace {

std::string_view RoleFor(const RouteInfo& line) {
  switch (line.access) {
    case Access::kRecommend:
      return "recommend";
    case Access::kEvents:
      return "events";
    case Access::kItems:
      return "items";
    case Access::kMonitor:
      return "monitor";
    default:
      return "admin";
  }
}

}  // namespace

std::expected<Caller, Refused> Guard::CheckKey(const HttpRequest& request, const RouteInfo& line,
                                               uint32_t* per_second) {
  if (keys_ == nullptr) return Caller{.quota = std::string(request.client)};
  const std::string_view secret = SecretOf(request.authorization);
  if (secret.empty()) {
    return std::unexpected(
        Refused{Refusal::kKey, 401,
                "expected a key in the header 'Authorization: Bearer KEY', found none; "
                "'upnext keys add' makes one"});
  }
  const std::shared_ptr<const Key> key = keys_->Find(secret);
  if (key == nullptr) {
    return std::unexpected(Refused{Refusal::kKey, 401,
                                   "the key of the request is unknown, expired or revoked; 'upnext "
                                   "keys list' shows those that there are"});
  }
  if (!Allows(*key, line)) {
    return std::unexpected(
        Refused{Refusal::kRole, 403,
                fmt::format("key {}: expected one with the role {}", key->id, RoleFor(line))});
  }
  const bool is_public = IsPublic(*key);
  *per_second = key->requests_per_second > 0 ? key->requests_per_second
                : is_public                  ? page_per_second_
                                             : per_second_;
  // All pages have one key, so that each of their clients has a quota of its own.
  return Caller{.key = key->id,
                .is_public = is_public,
                .quota = is_public ? fmt::format("{} {}", key->id, request.client) : key->id};
}

std::expected<Caller, Refused> Guard::Admit(const HttpRequest& request, const RouteInfo& line,
                                            int64_t now_ms) {
  if (line.access == Access::kOpen) return Caller{.quota = std::string(request.client)};
  uint32_t per_second = per_second_;
  auto caller = CheckKey(request, line, &per_second);
  if (!caller) return caller;
  caller->per_second = per_second;
  if (per_second > 0 && !rates_.Take(caller->quota, per_second, now_ms)) {
    return std::unexpected(
        Refused{Refusal::kRate, 429,
                fmt::format("more than {} requests a second; try again later", per_second)});
  }
  return caller;
}

std::optional<Refused> Guard::Charge(const Caller& caller, uint32_t cost, int64_t now_ms) {
  if (caller.per_second == 0 || cost <= 1) return std::nullopt;
  if (rates_.Take(caller.quota, caller.per_second, now_ms, cost, /*taken=*/1)) return std::nullopt;
  return Refused{Refusal::kRate, 429,
                 fmt::format("the request counts as {}, one for each row: more than {} requests a "
                             "second; try again later",
                             cost, caller.per_second)};
}

}  // namespace upnext::net
