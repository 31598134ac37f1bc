// A small event log for tests, written to a folder of its own, and its catalogue.
//
//   const TestLog log({Watch("u", "i1", Minutes(3), 50)}, {{.item = "i1", .duration_s = 60}}, {});
//   UserState state = log.Fold("u");
#ifndef UPNEXT_FEATURES_TEST_LOG_H_
#define UPNEXT_FEATURES_TEST_LOG_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/rng.h"
#include "base/test_folder.h"
#include "events/append.h"
#include "events/event_log.h"
#include "features/catalogue.h"
#include "features/user_state.h"

namespace upnext::features {

inline constexpr int64_t kStartMs = 1'700'000'000'000;  // 2023-11-14T22:13:20Z
inline int64_t Minutes(double n) { return kStartMs + static_cast<int64_t>(n * 60'000); }

inline std::string Numbered(std::string_view text, uint64_t n) {
  return fmt::format("{}{}", text, n);
}

// Appends to the current log below `root`, as `upnext import --append` does.
inline void AppendToLog(base::VersionedRoot root, const std::vector<events::RawEvent>& events,
                        const std::vector<events::RawItem>& items = {}) {
  const auto current = root.Current();
  ASSERT_TRUE(current) << current.error().message;
  const auto base = events::EventLog::Open(root.Path(*current));
  ASSERT_TRUE(base) << base.error().message;
  const auto staged = root.Begin();
  ASSERT_TRUE(staged) << staged.error().message;
  const Status written = events::WriteAppendedLog(*staged, *base, events, items, {});
  ASSERT_TRUE(written) << written.error().message;
  const auto version = root.Publish(*staged);
  ASSERT_TRUE(version) << version.error().message;
  ASSERT_TRUE(root.SetCurrent(*version));
}

class TestLog {
 public:
  TestLog(const std::vector<events::RawEvent>& events, const std::vector<events::RawItem>& items,
          const std::vector<events::RawUser>& users) {
    const Status written = events::WriteEventLog(folder_.path(), events, items, users);
    EXPECT_TRUE(written) << written.error().message;
    Result<events::EventLog> log = events::EventLog::Open(folder_.path());
    EXPECT_TRUE(log) << log.error().message;
    if (log) catalogue_ = std::make_unique<Catalogue>(*std::move(log));
  }

  Catalogue& catalogue() const { return *catalogue_; }
  const events::EventLog& log() const { return catalogue_->log(); }
  uint32_t Id(events::IdSpace space, std::string_view name) const {
    const uint32_t id = catalogue_->Find(space, name);
    EXPECT_NE(id, events::kNone) << name;
    return id;
  }
  uint32_t item(std::string_view name) const { return Id(events::IdSpace::kItem, name); }
  std::vector<events::Event> Events(std::string_view user) const {
    const uint32_t id = Id(events::IdSpace::kUser, user);
    std::vector<events::Event> events;
    for (uint64_t row = log().begin(id); row < log().end(id); ++row) {
      events.push_back(log().event(row));
    }
    return events;
  }
  UserState Fold(std::string_view user, UserState::Parts parts = UserState::Parts::kAll) const {
    UserState state(parts);
    for (const events::Event& event : Events(user)) state.Apply(event, catalogue(), {});
    return state;
  }

 private:
  base::TestFolder folder_;
  std::unique_ptr<Catalogue> catalogue_;
};

inline events::RawEvent Of(events::EventType type, std::string user, std::string item,
                           int64_t time_ms, float value = events::kAbsent) {
  events::RawEvent event;
  event.user = std::move(user);
  event.item = std::move(item);
  event.time_ms = time_ms;
  event.type = type;
  event.value = value;
  return event;
}
inline events::RawEvent Watch(std::string user, std::string item, int64_t time_ms, float seconds) {
  return Of(events::EventType::kWatch, std::move(user), std::move(item), time_ms, seconds);
}
inline events::RawEvent Search(std::string user, std::string query, int64_t time_ms) {
  events::RawEvent event = Of(events::EventType::kSearch, std::move(user), "", time_ms);
  event.query = std::move(query);
  return event;
}
inline events::RawItem ItemOf(std::string name, float duration_s, std::string channel,
                              std::vector<std::string> topics) {
  events::RawItem item;
  item.item = std::move(name);
  item.duration_s = duration_s;
  item.channel = std::move(channel);
  item.topics = std::move(topics);
  return item;
}

// Items i0 .. i<items-1> (some without a duration, a channel or topics) and the events of user "u",
// of every type, minutes apart over several days.
inline std::pair<std::vector<events::RawEvent>, std::vector<events::RawItem>> RandomHistory(
    size_t n, uint32_t items, uint64_t seed) {
  base::Rng rng(seed);
  std::vector<events::RawItem> raw_items;
  for (uint32_t i = 0; i < items; ++i) {
    const std::string channel = i % 7 == 6 ? "" : Numbered("c", i % 5);
    std::vector<std::string> topics;
    for (uint32_t t = 0; t < i % 4; ++t) topics.push_back(Numbered("t", (i + t) % 6));
    raw_items.push_back(ItemOf(Numbered("i", i),
                               i % 5 == 4 ? events::kAbsent : 30.0f + static_cast<float>(i),
                               channel, topics));
    if (i % 3 != 2) raw_items.back().language = i % 2 == 0 ? "en" : "de";
    if (i % 3 != 1) raw_items.back().created_ms = kStartMs - int64_t{i} * 3'600'000;
  }
  std::vector<events::RawEvent> raw_events;
  int64_t time_ms = kStartMs;
  for (size_t i = 0; i < n; ++i) {
    time_ms += static_cast<int64_t>(rng.Below(3'600'000));
    const auto type = static_cast<events::EventType>(1 + rng.Below(events::kEventTypes - 1));
    if (type == events::EventType::kSearch) {
      raw_events.push_back(Search("u", Numbered("query ", rng.Below(9)), time_ms));
      continue;
    }
    const float value =
        type == events::EventType::kWatch ? static_cast<float>(rng.Below(90)) : events::kAbsent;
    raw_events.push_back(Of(type, "u", Numbered("i", rng.Below(items)), time_ms, value));
  }
  return {raw_events, raw_items};
}

}  // namespace upnext::features

#endif  // UPNEXT_FEATURES_TEST_LOG_H_
