#include "serving/live_events.h"

#include <cstdint>

#include "base/checksum.h"
#include "base/clock.h"
#include "log/event_log.h"
#include "retrieval/choices.h"
#include "schema/event.h"

namespace upnext::serving {

Status CountAll(const catalogue::Catalogue& catalogue, const features::PositiveRule& rule,
                const store::Store* store, const store::UserStates* states,
                features::LiveCounts* live) {
  const log::EventLog& log = catalogue.log();
  const int64_t last_ms = log.events() > 0 ? log.stats().last_ms : 0;
  const int64_t from_ms = last_ms - live->options().days * base::kDayMs;
  retrieval::ForChoices(catalogue, rule, from_ms, INT64_MAX,
                        [&](const features::Choice& choice) { live->Add(choice); });
  if (store != nullptr) {
    Status numbered;
    UPNEXT_RETURN_IF_ERROR(store->AllEvents([&](const schema::RawEvent& event) {
      if (numbered && states != nullptr) numbered = states->GiveIds(event);
      CountPosted(event, catalogue, rule, live);
    }));
    UPNEXT_RETURN_IF_ERROR(numbered);
  }
  (void)live->lists();  // made before the first request
  return Ok();
}

void CountPosted(const schema::RawEvent& event, const catalogue::Catalogue& catalogue,
                 const features::PositiveRule& rule, features::LiveCounts* live) {
  using schema::IdSpace;
  const schema::Event posted{.time_ms = event.time_ms,
                             .type = event.type,
                             .item = catalogue.Find(IdSpace::kItem, event.item),
                             .value = event.value};
  const float weight = retrieval::WeightOfChoice(posted, catalogue, rule);
  if (weight == 0) return;
  live->Add(
      {.time_ms = event.time_ms,
       .user = base::Fingerprint(event.user),
       .item = posted.item,
       .region = retrieval::RegionOf(catalogue, catalogue.Find(IdSpace::kRegion, event.region),
                                     catalogue.Find(IdSpace::kUser, event.user)),
       .weight = weight});
}

}  // namespace upnext::serving
