// Events for features::LiveCounts: those of a log and a store together, and those that are posted.
//
//   UPNEXT_RETURN_IF_ERROR(CountAll(catalogue, rule, store.get(), states.get(), &live));
//   CountPosted(event, catalogue, rule, &live);
//
// Any number of threads. An event without a region counts for its user's. Names that have no id in the
// catalogue are passed over.
#ifndef UPNEXT_SERVING_LIVE_EVENTS_H_
#define UPNEXT_SERVING_LIVE_EVENTS_H_

#include "base/status.h"
#include "catalogue/catalogue.h"
#include "features/live_counts.h"
#include "features/positive_rule.h"
#include "schema/raw_event.h"
#include "store/store.h"
#include "store/user_states.h"

namespace upnext::serving {

// The newest days of the catalogue's log, and all events of the store, which may be null. `states`
// gives ids to names of the store that have none; it may be null without a store.
Status CountAll(const catalogue::Catalogue& catalogue, const features::PositiveRule& rule,
                const store::Store* store, const store::UserStates* states,
                features::LiveCounts* live);
void CountPosted(const schema::RawEvent& event, const catalogue::Catalogue& catalogue,
                 const features::PositiveRule& rule, features::LiveCounts* live);

}  // namespace upnext::serving

#endif  // UPNEXT_SERVING_LIVE_EVENTS_H_
