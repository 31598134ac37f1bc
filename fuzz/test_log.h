// A small event log with something in every column, for harnesses and seeds.
#ifndef UPNEXT_FUZZ_TEST_LOG_H_
#define UPNEXT_FUZZ_TEST_LOG_H_

#include <filesystem>
#include <vector>

#include "events/event_log.h"
#include "fuzz/harness.h"

namespace upnext::fuzz {

inline void WriteTestLog(const std::filesystem::path& folder) {
  using events::EventType;
  std::vector<events::RawEvent> events = {
      {.user = "u1",
       .item = "a",
       .time_ms = 1000,
       .request = "r1",
       .source = "home",
       .device = "tv",
       .region = "de",
       .position = 1,
       .propensity = 0.5f},
      {.user = "u1", .item = "a", .time_ms = 2000, .type = EventType::kClick, .request = "r1"},
      {.user = "u1", .item = "a", .time_ms = 3000, .type = EventType::kWatch, .value = 31.5f},
      {.user = "u2", .item = "b", .time_ms = 1500, .type = EventType::kLike, .off_site = true},
      {.user = "u2", .time_ms = 2500, .type = EventType::kSearch, .query = "live music"},
      {.user = "u2",
       .item = "c",
       .time_ms = 2600,
       .type = EventType::kRating,
       .value = 4.0f,
       .seed = "b"},
      {.user = "u3", .item = "a", .time_ms = 9000, .type = EventType::kComplete}};
  const std::vector<events::RawItem> items = {
      {.item = "a",
       .created_ms = 500,
       .duration_s = 40.0f,
       .channel = "ch",
       .language = "en",
       .title = "First",
       .topics = {"news", "music"}},
      {.item = "b", .title = "Second", .topics = {"music"}, .removed = true}};
  const std::vector<events::RawUser> users = {
      {.user = "u1", .region = "de", .language = "en", .age = 30, .gender = 1, .logged_in = 1}};
  FUZZ_REQUIRE(events::WriteEventLog(folder, events, items, users, 2).has_value(),
               "expected to be able to write a log below TMPDIR");
}

}  // namespace upnext::fuzz

#endif  // UPNEXT_FUZZ_TEST_LOG_H_
