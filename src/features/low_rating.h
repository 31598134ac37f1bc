// Which events say that a user does not want an item: those of negative types, and low ratings. The
// log does not say the scale of its ratings (1 to 5 stars, 1 to 10, 0 or 1), so by default a rating
// is low in the lowest third of the range that the log's ratings have: up to 2 stars of 1 to 5, up
// to 4 of 1 to 10, 0 of 0 or 1.
//
//   const float low = LowRatingOf(log);
//   if (rating <= low || labels.happened.Meets(TypesAgainst(log.schema()))) ...
//
// Functions without state: any number of threads.
#ifndef UPNEXT_FEATURES_LOW_RATING_H_
#define UPNEXT_FEATURES_LOW_RATING_H_

#include "log/event_log.h"
#include "schema/event.h"
#include "schema/schema.h"

namespace upnext::features {

// The types of role negative, but `skip`, which only says "not now".
schema::EventTypeSet TypesAgainst(const schema::Schema& schema);

// The highest low rating; NaN when the log has no two different ratings, and then none is low. Of
// large logs it reads a sample: blocks of rows at equal distances, a million in all.
float LowRatingOf(const log::EventLog& log);

}  // namespace upnext::features

#endif  // UPNEXT_FEATURES_LOW_RATING_H_
