// A small log with gaps, for tests of features: every event type and every column, each sometimes
// absent, items without a row in the table, users without attributes, equal times, and ids that
// occur only after the training part. Built from integers, so it is the same log on every machine.
//
//   const examples::World world(SparseWorld());
#ifndef UPNEXT_TESTS_SPARSE_WORLD_H_
#define UPNEXT_TESTS_SPARSE_WORLD_H_

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/rng.h"
#include "examples/test_world.h"

namespace upnext {

inline std::string Named(const char* prefix, uint64_t n) { return fmt::format("{}{}", prefix, n); }

inline std::vector<schema::RawItem> SparseItems(uint64_t n) {
  std::vector<schema::RawItem> items;
  for (uint64_t i = 0; i < n; ++i) {
    schema::RawItem& item = items.emplace_back();
    item.item = Named("i", i);
    item.title = Named("Title ", i);
    if (i % 5 != 4) item.duration_s = static_cast<float>(20 + 7 * i % 200);
    if (i % 7 != 6) item.channel = Named("c", i % 9);
    if (i % 3 != 2) item.language = i % 2 == 0 ? "en" : "de";
    const int64_t age = 40 - static_cast<int64_t>(i);  // some are created within the log
    if (i % 4 != 1) item.created_ms = examples::kStart - age * 9'000'000;
    for (uint64_t t = 0; t < i % 4; ++t) item.topics.push_back(Named("t", (i + 2 * t) % 11));
  }
  return items;
}

// Every fifth item is known only from events.
inline std::vector<schema::RawUser> SparseUsers(uint64_t n) {
  std::vector<schema::RawUser> users;
  for (uint64_t u = 0; u < n; ++u) {
    if (u % 5 == 4) continue;
    schema::RawUser& user = users.emplace_back();
    user.user = Named("u", u);
    if (u % 3 != 0) user.age = static_cast<float>(13 + 5 * u % 97);
    if (u % 4 != 0) user.gender = static_cast<float>(u % 3) / 2;
    if (u % 6 != 0) user.logged_in = static_cast<float>(u % 2);
    if (u % 4 != 2) user.region = Named("r", u % 5);
    if (u % 7 != 3) user.language = u % 3 == 0 ? "de" : "en";
  }
  return users;
}

// `n` events of one user over some days. Later ones draw from more names than earlier ones.
inline void AddSparseEvents(const std::string& user, uint64_t n, uint64_t items, base::Rng& rng,
                            std::vector<schema::RawEvent>* events) {
  using schema::EventType;
  const auto some = [&rng](uint64_t of) { return rng.Below(of) == 0; };
  const uint64_t step = 60 * 24 * 3'600'000ULL / n;
  const auto upto = [&](uint64_t first, uint64_t last, uint64_t e) {
    return rng.Below(first + e * (last - first) / n);
  };
  schema::RawEvent shown;  // the newest impression
  int64_t now = static_cast<int64_t>(rng.Below(step));
  uint64_t page = 0;
  for (uint64_t e = 0; e < n; ++e) {
    if (some(6)) ++page;
    schema::RawEvent event;
    event.user = user;
    event.type = static_cast<EventType>(1 + rng.Below(schema::kEventTypes - 1));
    if (some(3)) event.type = EventType::kImpression;
    if (some(4)) event.type = EventType::kWatch;
    const bool follows = event.type != EventType::kImpression && !shown.item.empty() && !some(3);
    if (!some(4)) now += static_cast<int64_t>(rng.Below(follows ? step / 50 : step));
    event.time_ms = examples::kStart + now;
    if (!some(5)) event.device = Named("d", upto(2, 6, e));
    if (some(2)) event.region = Named("r", upto(4, 9, e));
    event.off_site = some(6);
    if (event.type == EventType::kSearch) {
      event.query = Named("Live Word", upto(9, 16, e)) + Named(", part ", rng.Below(3));
      events->push_back(event);
      continue;
    }
    event.item = follows ? shown.item : Named("i", upto(20, items, e));
    if (event.type == EventType::kWatch && !some(9)) {
      event.value = static_cast<float>(rng.Below(260));
    }
    if (event.type == EventType::kRating) event.value = static_cast<float>(1 + rng.Below(5));
    if (!some(3)) event.request = follows ? shown.request : user + Named("-", page);
    if (!some(4)) event.position = static_cast<uint16_t>(1 + rng.Below(20));
    if (!some(4)) event.source = Named("s", upto(2, 5, e));
    if (some(3)) event.current_item = Named("i", rng.Below(items));
    if (event.type == EventType::kImpression) shown = event;
    events->push_back(event);
  }
}

inline examples::WorldOptions SparseWorld() {
  constexpr uint64_t kDescribed = 80, kItems = 90, kUsers = 40;
  examples::WorldOptions world;
  world.items = SparseItems(kDescribed);
  world.users = SparseUsers(kUsers);
  base::Rng rng(20160915);
  for (uint64_t u = 0; u < kUsers; ++u) {
    AddSparseEvents(Named("u", u), 8 + 900 / (1 + u % 10), kItems, rng, &world.events);
  }
  world.split = {.kind = examples::SplitOptions::Kind::kTime, .validation_days = 2, .test_days = 4};
  return world;
}

}  // namespace upnext

#endif  // UPNEXT_TESTS_SPARSE_WORLD_H_
