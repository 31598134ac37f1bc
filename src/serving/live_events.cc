#include "serving/live_events.h"

#include "base/checksum.h"
#include "schema/event.h"

namespace upnext::serving {

Status CountAll(const catalogue::Catalogue& catalogue, const features::PositiveRule& rule,
                const store::Store* store, features::LiveCounts* live) {
  live->AddLog(catalogue, rule);
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
