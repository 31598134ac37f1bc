// A small event log for tests, written to a folder of its own, and its catalogue.
//
//   const TestLog log({Watch("u", "i1", Minutes(3), 50)}, {{.item = "i1", .duration_s = 60}}, {});
//   log.catalogue().Find(IdSpace::kItem, "i1");
#ifndef UPNEXT_CATALOGUE_TEST_LOG_H_
#define UPNEXT_CATALOGUE_TEST_LOG_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/rng.h"
#include "base/test_folder.h"
#include "base/versioned_root.h"
#include "catalogue/catalogue.h"
#include "log/append.h"
#include "log/event_log.h"
#include "schema/event.h"
#include "schema/raw_event.h"

namespace upnext::catalogue {

inline constexpr int64_t kStartMs = 1'700'000'000'000;  // 2023-11-14T22:13:20Z
inline int64_t Minutes(double n) { return kStartMs + static_cast<int64_t>(n * 60'000); }

inline std::string Numbered(std::string_view text, uint64_t n) {
  return fmt::format("{}{}", text, n);
}

// Appends to the current log below `root`, as `upnext import --append` does.
inline void AppendToLog(base::VersionedRoot root, const std::vector<schema::RawEvent>& events,
                        const std::vector<schema::RawItem>& items = {}) {
  const auto current = root.Current();
  ASSERT_TRUE(current) << current.error().message;
  const auto base = log::EventLog::Open(root.Path(*current));
  ASSERT_TRUE(base) << base.error().message;
  const auto staged = root.Begin();
  ASSERT_TRUE(staged) << staged.error().message;
  const Status written = log::WriteAppendedLog(*staged, *base, events, items, {});
  ASSERT_TRUE(written) << written.error().message;
  const auto version = root.Publish(*staged);
  ASSERT_TRUE(version) << version.error().message;
  ASSERT_TRUE(root.SetCurrent(*version));
}

class TestLog {
 public:
  TestLog(const std::vector<schema::RawEvent>& events, const std::vector<schema::RawItem>& items,
          const std::vector<schema::RawUser>& users) {
    const Status written = log::WriteEventLog(folder_.path(), events, items, users);
    EXPECT_TRUE(written) << written.error().message;
    Result<log::EventLog> log = log::EventLog::Open(folder_.path());
    EXPECT_TRUE(log) << log.error().message;
    if (log) catalogue_ = std::make_unique<Catalogue>(*std::move(log));
  }

  Catalogue& catalogue() const { return *catalogue_; }
  const log::EventLog& log() const { return catalogue_->log(); }
  uint32_t Id(schema::IdSpace space, std::string_view name) const {
    const uint32_t id = catalogue_->Find(space, name);
    EXPECT_NE(id, schema::kNone) << name;
    return id;
  }
  uint32_t item(std::string_view name) const { return Id(schema::IdSpace::kItem, name); }
  std::vector<schema::Event> Events(std::string_view user) const {
    const uint32_t id = Id(schema::IdSpace::kUser, user);
    std::vector<schema::Event> events;
    for (uint64_t row = log().begin(id); row < log().end(id); ++row) {
      events.push_back(log().event(row));
    }
    return events;
  }

 private:
  base::TestFolder folder_;
  std::unique_ptr<Catalogue> catalogue_;
};

inline schema::RawEvent Of(schema::EventType type, std::string user, std::string item,
                           int64_t time_ms, float value = schema::kAbsent) {
  schema::RawEvent event;
  event.user = std::move(user);
  event.item = std::move(item);
  event.time_ms = time_ms;
  event.type = type;
  event.value = value;
  return event;
}
inline schema::RawEvent Watch(std::string user, std::string item, int64_t time_ms, float seconds) {
  return Of(schema::EventType::kWatch, std::move(user), std::move(item), time_ms, seconds);
}
inline schema::RawEvent Search(std::string user, std::string query, int64_t time_ms) {
  schema::RawEvent event = Of(schema::EventType::kSearch, std::move(user), "", time_ms);
  event.query = std::move(query);
  return event;
}
inline schema::RawItem ItemOf(std::string name, float duration_s, std::string channel,
                              std::vector<std::string> topics) {
  schema::RawItem item;
  item.item = std::move(name);
  item.duration_s = duration_s;
  item.channel = std::move(channel);
  item.topics = std::move(topics);
  return item;
}

// Items i0 .. i<items-1> (some without a duration, a channel or topics) and the events of user "u",
// of every type, minutes apart over several days.
inline std::pair<std::vector<schema::RawEvent>, std::vector<schema::RawItem>> RandomHistory(
    size_t n, uint32_t items, uint64_t seed) {
  base::Rng rng(seed);
  std::vector<schema::RawItem> raw_items;
  for (uint32_t i = 0; i < items; ++i) {
    const std::string channel = i % 7 == 6 ? "" : Numbered("c", i % 5);
    std::vector<std::string> topics;
    for (uint32_t t = 0; t < i % 4; ++t) topics.push_back(Numbered("t", (i + t) % 6));
    raw_items.push_back(ItemOf(Numbered("i", i),
                               i % 5 == 4 ? schema::kAbsent : 30.0f + static_cast<float>(i),
                               channel, topics));
    if (i % 3 != 2) raw_items.back().language = i % 2 == 0 ? "en" : "de";
    if (i % 3 != 1) raw_items.back().created_ms = kStartMs - int64_t{i} * 3'600'000;
  }
  std::vector<schema::RawEvent> raw_events;
  int64_t time_ms = kStartMs;
  for (size_t i = 0; i < n; ++i) {
    time_ms += static_cast<int64_t>(rng.Below(3'600'000));
    const auto type = static_cast<schema::EventType>(1 + rng.Below(schema::kEventTypes - 1));
    if (type == schema::EventType::kSearch) {
      raw_events.push_back(Search("u", Numbered("query ", rng.Below(9)), time_ms));
      continue;
    }
    const float value =
        type == schema::EventType::kWatch ? static_cast<float>(rng.Below(90)) : schema::kAbsent;
    raw_events.push_back(Of(type, "u", Numbered("i", rng.Below(items)), time_ms, value));
  }
  return {raw_events, raw_items};
}

}  // namespace upnext::catalogue

#endif  // UPNEXT_CATALOGUE_TEST_LOG_H_
