// A small event log with values in every column, for harnesses and seeds.
#ifndef UPNEXT_FUZZ_TEST_LOG_H_
#define UPNEXT_FUZZ_TEST_LOG_H_

#include <filesystem>
#include <vector>

#include "fuzz/harness.h"
#include "fuzz/test_schema.h"
#include "log/append.h"
#include "log/event_log.h"

namespace upnext::fuzz {

inline void WriteTestLog(const std::filesystem::path& folder) {
  using schema::EventType;
  const schema::Schema schema = TestSchema();
  const auto of = [&](schema::Entity entity, std::string_view name) {
    return *schema.FindAttribute(entity, name);
  };
  const auto of_item = [&](std::string_view name) { return of(schema::Entity::kItem, name); };
  std::vector<schema::RawEvent> events = {
      {.user = "u1",
       .item = "a",
       .time_ms = 1000,
       .request = "r1",
       .source = "home",
       .device = "tv",
       .region = "de",
       .position = 1,
       .propensity = 0.5f,
       .source_score = 2.5f},
      {.user = "u1", .item = "a", .time_ms = 2000, .type = EventType::kClick, .request = "r1"},
      {.user = "u1", .item = "a", .time_ms = 3000, .type = EventType::kWatch, .value = 31.5f},
      {.user = "u2", .item = "b", .time_ms = 1500, .type = EventType::kLike, .off_site = true},
      {.user = "u2", .time_ms = 2500, .type = EventType::kSearch, .query = "live music"},
      {.user = "u2",
       .item = "c",
       .time_ms = 2600,
       .type = EventType::kRating,
       .value = 4.0f,
       .current_item = "b"},
      {.user = "u3", .item = "a", .time_ms = 9000, .type = EventType::kComplete},
      {.user = "u3",
       .item = "b",
       .time_ms = 9500,
       .type = *schema.FindEventType("wish"),
       .attributes = {{of(schema::Entity::kRequest, "page"), "home"},
                      {of(schema::Entity::kRequest, "depth"), "2"}}}};
  const std::vector<schema::RawItem> items = {
      {.item = "a",
       .created_ms = 500,
       .duration_s = 40.0f,
       .channel = "ch",
       .language = "en",
       .title = "First",
       .topics = {"news", "music"},
       .attributes = {{of_item("stock"), "true"},
                      {of_item("price"), "1.5"},
                      {of_item("listed"), "3"},
                      {of_item("brand"), "b"},
                      {of_item("tags"), "s"},
                      {of_item("tags"), "t"},
                      {of_item("body"), "text"},
                      {of_item("vector"), "1 2"}}},
      {.item = "b", .title = "Second", .topics = {"music"}, .removed = true}};
  const std::vector<schema::RawUser> users = {
      {.user = "u1",
       .region = "de",
       .language = "en",
       .age = 30,
       .gender = 1,
       .logged_in = 1,
       .attributes = {{of(schema::Entity::kUser, "plan"), "free"}}}};
  FUZZ_REQUIRE(log::WriteEventLog(folder, events, items, users, 2, schema).has_value(),
               "expected to be able to write a log below TMPDIR");
}

// The log above with a second segment: late events, new names, a changed title.
inline void WriteGrownTestLog(const std::filesystem::path& folder) {
  using schema::EventType;
  const std::filesystem::path base_folder = folder / "base";
  std::filesystem::create_directories(base_folder);
  WriteTestLog(base_folder);
  const auto base = log::EventLog::Open(base_folder);
  FUZZ_REQUIRE(base.has_value(), "expected to be able to open the log that was written");
  const std::vector<schema::RawEvent> events = {
      {.user = "u1", .item = "a", .time_ms = 2500, .type = EventType::kLike},
      {.user = "u1", .item = "d", .time_ms = 2500, .device = "phone"},
      {.user = "u2", .item = "a", .time_ms = 1, .type = EventType::kClick},
      {.user = "u2", .time_ms = 9000, .type = EventType::kSearch, .query = "chess"},
      {.user = "u4", .item = "d", .time_ms = 20, .type = EventType::kWatch, .value = 3}};
  const std::filesystem::path joined = folder / "joined";
  std::filesystem::create_directories(joined);
  FUZZ_REQUIRE(log::WriteAppendedLog(joined, *base, events, {{{.item = "b", .title = "New"}}}, {})
                   .has_value(),
               "expected to be able to append to a log below TMPDIR");
  for (const auto& file : std::filesystem::directory_iterator(joined)) {
    std::filesystem::rename(file.path(), folder / file.path().filename());
  }
}

}  // namespace upnext::fuzz

#endif  // UPNEXT_FUZZ_TEST_LOG_H_
