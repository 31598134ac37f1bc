#include "cli/server_life.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "simulator/draws.h"
#include "simulator/names.h"
#include "simulator/words.h"

namespace upnext::cli {
namespace {

constexpr size_t kItemsOfRequest = 500;
constexpr uint64_t kForgetting = 0x666f72676f74;  // its branch of the random numbers

}  // namespace

ServerLife::ServerLife(const simulator::World& world, ServerRecommender* server,
                       const ServerLifeOptions& options)
    : world_(world), server_(*server), options_(options), left_(world.options().users, 0) {}

Result<std::unique_ptr<ServerLife>> ServerLife::Connect(const simulator::World& world,
                                                        ServerRecommender* server,
                                                        const ServerLifeOptions& options) {
  std::unique_ptr<ServerLife> life(new ServerLife(world, server, options));
  UPNEXT_ASSIGN_OR_RETURN(life->client_, net::HttpClient::Make(options.url, options.admin_key));
  return life;
}

void ServerLife::Begin(const simulator::LiveSite& site, int first_day) {
  first_day_ = first_day;
  for (uint32_t user = 0; user < left_.size(); ++user) {
    if (site.memory(user).clock_ms == 0) server_.BeginSession(user);
  }
}

Status ServerLife::BeforeDay(int day) {
  const int64_t midnight_ms = world_.options().start_ms() + day * base::kDayMs;
  if (day == first_day_) return Ok();
  UPNEXT_RETURN_IF_ERROR(Publish(midnight_ms - base::kDayMs, midnight_ms));
  const auto key = simulator::Key(world_.options().seed).Of(kForgetting);
  for (uint32_t user = 0; user < left_.size(); ++user) {
    if (HasLeft(user) || key.Of(user).Uniform(static_cast<uint64_t>(day)) >= options_.forgotten) {
      continue;
    }
    UPNEXT_RETURN_IF_ERROR(Forget(user));
  }
  return Ok();
}

Status ServerLife::Publish(int64_t from_ms, int64_t until_ms) {
  const simulator::Catalogue& catalogue = world_.catalogue();
  simulator::IdName name(server_.options().item_prefix, world_.options().items);
  const uint32_t until = catalogue.CountAt(until_ms);
  nlohmann::json items = nlohmann::json::array();
  const auto send = [&]() -> Status {
    if (items.empty()) return Ok();
    const size_t count = items.size();
    UPNEXT_ASSIGN_OR_RETURN(const auto answer, client_->Post("/v1/items", items.dump()));
    if (answer.status != 200) {
      return Internal("the server answered {} to {} new items: {}", answer.status, count,
                      answer.body.substr(0, 300));
    }
    published_ += count;
    items.clear();
    return Ok();
  };
  for (uint32_t id = catalogue.CountAt(from_ms); id < until; ++id) {
    const simulator::Item& item = catalogue.item(id);
    nlohmann::json topics = {simulator::Topic(item.topic).name};
    if (item.second_topic != simulator::kNoTopic) {
      topics.push_back(simulator::Topic(item.second_topic).name);
    }
    items.push_back({{"item", name(id)},
                     {"created", static_cast<double>(item.created_ms) / 1000},
                     {"duration", item.duration_s},
                     {"channel", catalogue.channels()[item.channel].name()},
                     {"topics", std::move(topics)},
                     {"language", simulator::kLanguageNames[item.language]},
                     {"title", catalogue.Title(id)}});
    if (items.size() == kItemsOfRequest) UPNEXT_RETURN_IF_ERROR(send());
  }
  return send();
}

Status ServerLife::Forget(uint32_t user) {
  const auto [parameter, name] = server_.WhoIs(user);
  const std::string target =
      fmt::format("/v1/users/{}{}", parameter == "session" ? "session:" : "", name);
  UPNEXT_ASSIGN_OR_RETURN(const auto answer, client_->Delete(target));
  if (answer.status != 200) {
    return Internal("the server answered {} to DELETE {}: {}", answer.status, target,
                    answer.body.substr(0, 300));
  }
  left_[user] = 1;
  ++forgotten_;
  return Ok();
}

}  // namespace upnext::cli
