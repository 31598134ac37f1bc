// Small logs for the tests and benchmarks of this room: written, opened, split, and gone at the
// end.
//
//   World world({.events = {Watch("u", "a", 1, 30)}, .split = {.kind =
//   SplitOptions::Kind::kNone}}); ReplayWatches(world.source, world.user("u"), ...);
#ifndef UPNEXT_EXAMPLES_TEST_WORLD_H_
#define UPNEXT_EXAMPLES_TEST_WORLD_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/progress.h"
#include "base/rng.h"
#include "base/test_folder.h"
#include "base/thread_pool.h"
#include "catalogue/catalogue.h"
#include "examples/learn.h"
#include "examples/replay.h"
#include "examples/split.h"
#include "features/positive_rule.h"
#include "log/append.h"
#include "log/event_log.h"
#include "schema/raw_event.h"

namespace upnext::examples {

inline constexpr int64_t kMinute = 60'000, kHour = 60 * kMinute, kDay = 24 * kHour;
inline constexpr int64_t kStart = 1'700'000'000'000;  // 2023-11-14T22:13:20Z

struct WorldOptions {
  std::vector<schema::RawEvent> events = {};
  std::vector<std::vector<schema::RawEvent>> appended = {};  // one segment each, after `events`
  std::vector<schema::RawItem> items = {};
  std::vector<schema::RawUser> users = {};
  features::PositiveRule rule = {};
  SplitOptions split = {};
  schema::Schema schema = {};
};

class World {
 public:
  explicit World(const WorldOptions& options)
      : log(OpenLog(options)),
        catalogue(log),
        rule(options.rule),
        split(Value(Split::Make(options.split, log, rule))) {}

  uint32_t user(std::string_view name) const { return Id(schema::IdSpace::kUser, name); }
  uint32_t item(std::string_view name) const { return Id(schema::IdSpace::kItem, name); }
  uint32_t Id(schema::IdSpace space, std::string_view name) const {
    const uint32_t id = catalogue.Find(space, name);
    EXPECT_NE(id, schema::kNone) << name;
    return id;
  }
  features::FeatureStatistics Learn(
      const features::FeatureSpec& spec = {}, int threads = 1,
      std::shared_ptr<const features::RetrievalReference> reference = nullptr) const {
    base::ThreadPool pool(threads);
    return Value(
        LearnFeatures(source, spec, pool, base::NoProgress(), nullptr, std::move(reference)));
  }

  template <typename T>
  static T Value(Result<T> result) {
    if (!result) ADD_FAILURE() << result.error().message;
    return std::move(result).value();
  }

 private:
  log::EventLog OpenLog(const WorldOptions& options) const {
    const Status written = log::WriteEventLog(folder_.path(), options.events, options.items,
                                              options.users, 1, options.schema);
    if (!written) ADD_FAILURE() << written.error().message;
    std::filesystem::path path = folder_.path();
    for (const std::vector<schema::RawEvent>& more : options.appended) {
      const log::EventLog base = Value(log::EventLog::Open(path));
      path /= "next";  // what belongs to no log is left alone
      EXPECT_TRUE(base::MakeDirectories(path));
      const Status joined = log::WriteAppendedLog(path, base, more, {}, {});
      if (!joined) ADD_FAILURE() << joined.error().message;
    }
    return Value(log::EventLog::Open(path));
  }
  const base::TestFolder folder_;

 public:
  const log::EventLog log;
  const catalogue::Catalogue catalogue;
  const features::PositiveRule rule;
  const Split split;
  const ReplaySource source{log, catalogue, rule, split};
};

// ---- Events; `at` is in milliseconds after kStart
// ------------------------------------------------

inline schema::RawEvent Raw(std::string user, std::string item, int64_t at, schema::EventType type,
                            float value = schema::kAbsent, std::string request = "") {
  schema::RawEvent event;
  event.user = std::move(user);
  event.item = std::move(item);
  event.time_ms = kStart + at;
  event.type = type;
  event.value = value;
  event.request = std::move(request);
  return event;
}
inline schema::RawEvent Watch(std::string user, std::string item, int64_t at, float seconds) {
  return Raw(std::move(user), std::move(item), at, schema::EventType::kWatch, seconds);
}
inline schema::RawEvent Shown(std::string user, std::string item, int64_t at,
                              std::string request = "") {
  return Raw(std::move(user), std::move(item), at, schema::EventType::kImpression, schema::kAbsent,
             std::move(request));
}
inline schema::RawEvent Click(std::string user, std::string item, int64_t at,
                              std::string request = "") {
  return Raw(std::move(user), std::move(item), at, schema::EventType::kClick, schema::kAbsent,
             std::move(request));
}
inline schema::RawEvent Search(std::string user, std::string query, int64_t at) {
  schema::RawEvent event = Raw(std::move(user), "", at, schema::EventType::kSearch);
  event.query = std::move(query);
  return event;
}
inline schema::RawItem Item(std::string name, float duration_s, std::string channel = "",
                            std::vector<std::string> topics = {}) {
  schema::RawItem item;
  item.item = std::move(name);
  item.duration_s = duration_s;
  item.channel = std::move(channel);
  item.topics = std::move(topics);
  return item;
}

// A log of pages, clicks, watches of all lengths, searches, likes and dislikes, some at equal
// times, some watches off-site, over ten days. Users differ in size; "u0" is the largest.
inline WorldOptions RandomWorld(uint64_t seed, uint32_t users = 12, uint32_t items = 30,
                                uint32_t events_of_largest = 300) {
  base::Rng rng(seed);
  WorldOptions options;
  for (uint32_t i = 0; i < items; ++i) {
    schema::RawItem item = Item("i" + std::to_string(i), i % 5 == 0 ? schema::kAbsent : 100.0f,
                                "c" + std::to_string(i % 4),
                                {"t" + std::to_string(i % 3), "t" + std::to_string(i % 5)});
    item.language = i % 2 == 0 ? "en" : "de";
    options.items.push_back(item);
  }
  for (uint32_t u = 0; u < users; ++u) {
    const std::string user = "u" + std::to_string(u);
    schema::RawUser attributes;
    attributes.user = user;
    attributes.region = "r" + std::to_string(u % 3);
    attributes.age = static_cast<float>(20 + u % 80);
    options.users.push_back(attributes);
    const uint32_t events = events_of_largest / (1 + u) + 3;
    const int64_t step = 10 * kDay / events;
    int64_t now = static_cast<int64_t>(rng.Below(kHour));
    for (uint32_t e = 0; e < events; ++e) {
      now += rng.Below(4) == 0
                 ? 0
                 : static_cast<int64_t>(rng.Below(static_cast<uint64_t>(step) * 8 / 3));
      const std::string item = "i" + std::to_string(rng.Below(items) * rng.Below(items) / items);
      const std::string request = "q" + std::to_string(now / kHour);
      schema::RawEvent event;
      switch (rng.Below(8)) {
        case 0:
          event = Search(user, "word" + std::to_string(rng.Below(9)) + " live", now);
          break;
        case 1:
          event = Click(user, item, now, rng.Below(2) == 0 ? request : "");
          break;
        case 2:
        case 3:
        case 4:
          event = Watch(user, item, now, static_cast<float>(rng.Below(120)));
          event.off_site = rng.Below(3) == 0;
          break;
        case 5:
          event = Raw(user, item, now,
                      rng.Below(2) == 0 ? schema::EventType::kLike : schema::EventType::kDislike);
          break;
        default:
          event = Shown(user, item, now, rng.Below(3) == 0 ? "" : request);
          event.position = static_cast<uint16_t>(1 + rng.Below(10));
          event.source = "s" + std::to_string(rng.Below(2));
      }
      event.device = "d" + std::to_string(rng.Below(3));
      options.events.push_back(event);
    }
  }
  options.split = {.kind = SplitOptions::Kind::kTime, .validation_days = 1, .test_days = 1};
  return options;
}

}  // namespace upnext::examples

#endif  // UPNEXT_EXAMPLES_TEST_WORLD_H_
