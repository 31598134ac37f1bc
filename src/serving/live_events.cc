#include "serving/live_events.h"

#include "base/checksum.h"
#include "base/clock.h"
#include "log/event_log.h"
#include "schema/event.h"

namespace upnext::serving {

namespace {

// Calls on_event(event, user) for the newest days of the log. Events of a user are in order of time, so
// no others are read.
template <typename F>
void ForNewestDays(const catalogue::Catalogue& catalogue, int64_t days, F&& on_event) {
  const log::EventLog& log = catalogue.log();
  if (log.events() == 0) return;
  const int64_t from_ms = log.stats().last_ms - days * base::kDayMs;
  for (uint32_t user = 0; user < log.users(); ++user) {
    const uint64_t hash = base::Fingerprint(log.dictionary(schema::IdSpace::kUser).name(user));
    for (uint64_t row = log.end(user); row > log.begin(user); --row) {
      schema::Event event = log.event(row - 1);
      if (event.time_ms < from_ms) break;
      if (event.region == schema::kNone) event.region = catalogue.user(user).region;
      on_event(event, hash);
    }
  }
}

}  // namespace

Status CountAll(const catalogue::Catalogue& catalogue, const features::PositiveRule& rule,
                const store::Store* store, features::LiveCounts* live) {
  bool positives = false;
  ForNewestDays(catalogue, live->options().days, [&](const schema::Event& event, uint64_t) {
    positives = positives || live->Counts(event, catalogue, rule);
  });
  if (!positives) live->CountClicks();
  ForNewestDays(catalogue, live->options().days, [&](const schema::Event& event, uint64_t user) {
    live->Add(event, user, catalogue, rule);
  });
  if (store != nullptr) {
    UPNEXT_RETURN_IF_ERROR(store->AllEvents(
        [&](const schema::RawEvent& event) { CountPosted(event, catalogue, rule, live); }));
  }
  (void)live->lists();  // made before the first request
  return Ok();
}

void CountPosted(const schema::RawEvent& event, const catalogue::Catalogue& catalogue,
                 const features::PositiveRule& rule, features::LiveCounts* live) {
  using schema::IdSpace;
  schema::Event choice{.time_ms = event.time_ms,
                       .type = event.type,
                       .item = catalogue.Find(IdSpace::kItem, event.item),
                       .value = event.value};
  choice.region = catalogue.Find(IdSpace::kRegion, event.region);
  if (choice.region == schema::kNone) {
    const uint32_t user = catalogue.Find(IdSpace::kUser, event.user);
    if (user != schema::kNone) choice.region = catalogue.user(user).region;
  }
  live->Add(choice, base::Fingerprint(event.user), catalogue, rule);
}

}  // namespace upnext::serving
