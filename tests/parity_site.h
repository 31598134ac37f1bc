// The site of the parity tests: what its project file declares, and random histories of its users.
//
//   const ParitySite site;
//   std::vector<RawEvent> events = site.RandomEvents("t0", 120, rng);
//   client.Ask(Post("/v1/events", site.ToJson(events)));
#ifndef UPNEXT_TESTS_PARITY_SITE_H_
#define UPNEXT_TESTS_PARITY_SITE_H_

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.h"
#include "base/rng.h"
#include "features/feature_spec.h"
#include "schema/raw_event.h"
#include "schema/schema.h"

namespace upnext {

// Event types of every role, attributes of every kind that a feature reads, and features of every
// function over them and over the built-in ones.
inline constexpr char kParityProject[] = R"toml(
[schema.events]
wish = "positive"
ask = "search"
shelf = "impression"
hide = "negative"
[schema.events.dwell]
role = "strength"
value = true
[schema.items]
price = "number"
in_stock = "flag"
listed = "time"
brand = "category"
maker = "category(brand)"
tags = "categories"
[schema.users]
plan = "category(tags)"
spent = "number"
joined = "time"
liked = "categories(brand)"
[schema.requests]
page = "category"
brand = "category(brand)"
depth = "number"
embedded = "flag"
opened = "time"

[[feature]]
name = "clicks"
from = "count(click)"
for = ["retrieval"]
[[feature]]
name = "last_click"
from = "last(click, item)"
for = ["retrieval"]
[[feature]]
name = "share_of_watches"
from = "plain(limit(rate(positive, any, 5), 1))"
for = ["retrieval"]
[[feature]]
name = "page"
from = "request.page"
for = ["retrieval", "ranking"]
[[feature]]
name = "opened"
from = "age(request.opened)"
for = ["retrieval", "ranking"]
[[feature]]
name = "depth"
from = "hats(limit(request.depth, 90), 5)"
for = ["retrieval", "ranking"]
[[feature]]
name = "beside"
from = "request.current_item"
for = ["retrieval"]
[[feature]]
name = "wishes"
from = "history(wish unless hide, item.brand, 9)"
for = ["retrieval", "ranking"]
[[feature]]
name = "asked"
from = "tokens(history(ask, query, 7))"
for = ["retrieval"]
[[feature]]
name = "plan"
from = "user.plan"
for = ["retrieval", "ranking"]
[[feature]]
name = "likes_what_is_asked_for"
from = "match(user.liked, request.brand)"
for = ["retrieval", "ranking"]
[[feature]]
name = "pages"
from = "history(wish or watch, request.page, 6)"
for = ["retrieval", "ranking"]
[[feature]]
name = "page_watches"
from = "count(watch, request.page)"
for = ["retrieval", "ranking"]
[[feature]]
name = "since_page"
from = "since(any, request.page)"
[[feature]]
name = "brand_dwell"
from = "mean(dwell.value, request.brand, 2)"
[[feature]]
name = "page_click_rate"
from = "everybody(rate(click, impression or shelf, request.page, 5))"
[[feature]]
name = "page_asks"
from = "everybody(count(ask, request.page))"
[[feature]]
name = "topic_clicks"
from = "count(click, item.topics)"
[[feature]]
name = "shown_in_a_row"
from = "count(impression or shelf after click, item.channel)"
[[feature]]
name = "since_like"
from = "since(like or share, item.topics)"
[[feature]]
name = "device_watches"
from = "count(watch, request.device)"
[[feature]]
name = "channel_value"
from = "mean(watch.value, item.channel, 4)"
[[feature]]
name = "popular_topics"
from = "everybody(rate(click, impression, item.topics, 9))"
[[feature]]
name = "shared"
from = "history(share unless dislike, item.channel, 7)"
[[feature]]
name = "where"
from = "cross(user.region, item.channel, 500)"
[[feature]]
name = "day"
from = "weekday(request.time)"
[[feature]]
name = "share_of_score"
from = "request.source_score"
[[feature]]
name = "dot_product"
from = "request.retrieval_score"
[[feature]]
name = "user_vector"
from = "vector(request.user_vector, 8)"
[[feature]]
name = "words"
from = "tokens(item.title, 300)"
[[feature]]
name = "words_beside"
from = "tokens(request.current_item.title, 300)"
for = ["retrieval", "ranking"]
[[feature]]
name = "words_in_common"
from = "overlap(tokens(item.title), tokens(request.current_item.title))"
[[feature]]
name = "words_asked_for"
from = "overlap(tokens(item.title), tokens(history(search or ask, query, 2)))"
[[feature]]
name = "price"
from = "item.price"
[[feature]]
name = "in_stock"
from = "item.in_stock"
[[feature]]
name = "listed"
from = "age(item.listed)"
[[feature]]
name = "joined"
from = "age(user.joined)"
[[feature]]
name = "spent"
from = "limit(user.spent, 70)"
[[feature]]
name = "embedded"
from = "request.embedded"
[[feature]]
name = "brand"
from = "item.brand else item.maker"
[[feature]]
name = "tags"
from = "item.tags"
[[feature]]
name = "maker_wishes"
from = "count(wish or dwell, item.maker)"
[[feature]]
name = "since_ask"
from = "since(ask)"
[[feature]]
name = "since_wish"
from = "since(wish, item.tags)"
[[feature]]
name = "tag_dwell"
from = "mean(dwell.value, item.tags, 3)"
[[feature]]
name = "brand_wish_rate"
from = "rate(wish, shelf, item.brand, 5)"
[[feature]]
name = "everybodys_dwell"
from = "everybody(mean(dwell.value, item.brand))"
[[feature]]
name = "page_and_brand"
from = "cross(request.page, item.brand, 300)"
[[feature]]
name = "plan_and_tags"
from = "cross(user.plan, item.tags, 100)"
[[feature]]
name = "made_by_what_is_asked_for"
from = "match(request.brand, item.maker)"
)toml";

class ParitySite {
 public:
  static constexpr uint32_t kItems = 30;
  static constexpr int64_t kStart = 1'700'000'000'000;

  ParitySite() {
    const auto config = base::Config::Parse(kParityProject, "site.toml");
    EXPECT_TRUE(config) << config.error().message;
    schema_ = schema::Schema::FromConfig(config->Table("schema"));
    features_ = features::FeatureSpec::FromConfig(config->Table("features"),
                                                  config->root().Tables("feature"), schema_);
    const Status checked = config->Check();
    EXPECT_TRUE(checked) << checked.error().message;
  }
  const schema::Schema& schema() const { return schema_; }
  const features::FeatureSpec& features() const { return features_; }

  // Events of a user in order of time, some with equal times, of every type and with every column.
  std::vector<schema::RawEvent> RandomEvents(const std::string& user, size_t n,
                                             base::Rng& rng) const {
    std::vector<schema::RawEvent> events;
    int64_t now = kStart + static_cast<int64_t>(rng.Below(3'600'000));
    while (events.size() < n) {
      if (rng.Below(4) != 0) now += static_cast<int64_t>(rng.Below(7'200'000));
      events.push_back(RandomEvent(user, now, rng));
    }
    return events;
  }
  std::vector<schema::RawItem> Items() const {
    base::Rng rng(5);
    std::vector<schema::RawItem> items;
    for (uint32_t i = 0; i < kItems; ++i) {
      schema::RawItem& item = items.emplace_back();
      item.item = fmt::format("i{}", i);
      item.duration_s = i % 5 == 0 ? schema::kAbsent : 100.0f;
      item.created_ms = i % 3 == 0 ? schema::kNoTime : kStart - int64_t{i} * 86'400'000;
      if (i % 7 != 0) item.channel = fmt::format("c{}", i % 4);
      if (i % 6 != 0) item.title = fmt::format("Live {} of WORD{}", i % 9, i % 7);
      item.topics = {fmt::format("t{}", i % 3), fmt::format("t{}", i % 5)};
      item.language = i % 2 == 0 ? "en" : "de";
      AddDeclared(schema::Entity::kItem, rng, &item.attributes);
    }
    return items;
  }
  // "t0" .. "t2" are in the table of users, "stranger" is not.
  std::vector<schema::RawUser> Users() const {
    base::Rng rng(6);
    std::vector<schema::RawUser> users;
    for (int u = 0; u < 3; ++u) {
      schema::RawUser& user = users.emplace_back();
      user.user = fmt::format("t{}", u);
      user.region = u == 2 ? "" : fmt::format("r{}", u);
      user.age = u == 1 ? schema::kAbsent : static_cast<float>(20 + u);
      user.language = "de";
      AddDeclared(schema::Entity::kUser, rng, &user.attributes);
    }
    return users;
  }

  // Rows as objects of the columns of their table; of events also the keys over HTTP.
  nlohmann::json Columns(const schema::RawEvent& event) const {
    nlohmann::json out = {{"user", event.user},
                          {"type", schema_.info(event.type).name},
                          {"time", static_cast<double>(event.time_ms) / 1000}};
    const auto text = [&](const char* key, const std::string& value) {
      if (!value.empty()) out[key] = value;
    };
    text("item", event.item);
    text("query", event.query);
    text("request", event.request);
    text("source", event.source);
    text("device", event.device);
    text("region", event.region);
    text("current_item", event.current_item);
    if (!std::isnan(event.value)) out["value"] = event.value;
    if (!std::isnan(event.propensity)) out["propensity"] = event.propensity;
    if (!std::isnan(event.source_score)) out["source_score"] = event.source_score;
    if (event.position > 0) out["position"] = event.position;
    if (event.off_site) out["off_site"] = true;
    SetDeclared(schema::Entity::kRequest, event.attributes, &out);
    return out;
  }
  nlohmann::json Columns(const schema::RawItem& item) const {
    nlohmann::json out = {
        {"item", item.item}, {"topics", item.topics}, {"language", item.language}};
    if (!std::isnan(item.duration_s)) out["duration"] = item.duration_s;
    if (item.created_ms != schema::kNoTime) out["created"] = item.created_ms / 1000;
    if (!item.channel.empty()) out["channel"] = item.channel;
    if (!item.title.empty()) out["title"] = item.title;
    SetDeclared(schema::Entity::kItem, item.attributes, &out);
    return out;
  }
  nlohmann::json Columns(const schema::RawUser& user) const {
    nlohmann::json out = {
        {"user", user.user}, {"region", user.region}, {"language", user.language}};
    if (!std::isnan(user.age)) out["age"] = user.age;
    SetDeclared(schema::Entity::kUser, user.attributes, &out);
    return out;
  }
  std::string ToJson(std::span<const schema::RawEvent> events) const {
    nlohmann::json list = nlohmann::json::array();
    for (const schema::RawEvent& event : events) list.push_back(Columns(event));
    return nlohmann::json{{"events", list}}.dump();
  }

 private:
  schema::RawEvent RandomEvent(const std::string& user, int64_t now, base::Rng& rng) const {
    schema::RawEvent event;
    event.user = user;
    event.time_ms = now;
    event.type = static_cast<schema::EventType>(1 + rng.Below(schema_.event_types().size()));
    if (rng.Below(3) == 0) event.type = schema::EventType::kWatch;
    const schema::EventTypeInfo& type = schema_.info(event.type);
    event.device = rng.Below(4) == 0 ? "" : fmt::format("d{}", rng.Below(3));
    event.region = rng.Below(2) == 0 ? "" : fmt::format("r{}", rng.Below(3));
    event.off_site = rng.Below(5) == 0;
    AddDeclared(schema::Entity::kRequest, rng, &event.attributes);
    if (type.role == schema::Role::kSearch) {
      event.query = fmt::format("word{} live {}", rng.Below(7), rng.Below(3));
      return event;
    }
    event.item = fmt::format("i{}", rng.Below(kItems) * rng.Below(kItems) / kItems);
    if (type.needs_value || event.type == schema::EventType::kWatch) {
      event.value = static_cast<float>(rng.Uniform() * 130);
    }
    event.request = fmt::format("q{}", now / 3'600'000);
    event.position = static_cast<uint16_t>(rng.Below(20));
    event.source = rng.Below(2) == 0 ? "co-watch" : "trending";  // which the server proposes by too
    if (rng.Below(4) != 0) event.source_score = static_cast<float>(9 * rng.Uniform() - 1);
    if (rng.Below(2) == 0) event.current_item = fmt::format("i{}", rng.Below(kItems));
    if (rng.Below(2) == 0) event.propensity = static_cast<float>(0.01 + 0.9 * rng.Uniform());
    return event;
  }
  void SetDeclared(schema::Entity entity, const schema::RawAttributes& attributes,
                   nlohmann::json* out) const {
    for (const auto& [number, value] : attributes) {
      const schema::Attribute& attribute = schema_.attributes(entity)[number];
      nlohmann::json& column = (*out)[attribute.name];
      if (attribute.kind == schema::Kind::kCategories) {
        column.push_back(value);
      } else if (attribute.kind == schema::Kind::kCategory) {
        column = value;
      } else {
        column = nlohmann::json::parse(value);
      }
    }
  }
  // Most of the declared attributes, of every kind.
  void AddDeclared(schema::Entity entity, base::Rng& rng, schema::RawAttributes* attributes) const {
    for (size_t i = schema_.built_in(entity); i < schema_.attributes(entity).size(); ++i) {
      if (rng.Below(4) == 0) continue;
      const schema::Attribute& attribute = schema_.attributes(entity)[i];
      const auto id = [&] {
        return fmt::format("{}{}", schema_.name(attribute.space), rng.Below(5));
      };
      const auto add = [&](std::string text) {
        attributes->emplace_back(static_cast<uint32_t>(i), std::move(text));
      };
      switch (attribute.kind) {
        case schema::Kind::kFlag:
          add(rng.Below(2) == 0 ? "true" : "false");
          break;
        case schema::Kind::kTime:
          add(fmt::format("{}.{:03}", kStart / 1000 - static_cast<int64_t>(rng.Below(9'000'000)),
                          rng.Below(1000)));
          break;
        case schema::Kind::kCategories:
          for (uint64_t n = 1 + rng.Below(3); n > 0; --n) add(id());
          break;
        case schema::Kind::kCategory:
          add(id());
          break;
        default:
          add(fmt::format("{}", static_cast<float>(rng.Uniform() * 100)));
      }
    }
  }

  schema::Schema schema_;
  features::FeatureSpec features_;
};

}  // namespace upnext

#endif  // UPNEXT_TESTS_PARITY_SITE_H_
