// Candidates of a request that gives a list to rank, in place of what generators find. Filters leave out
// what they leave out of feeds, but for what the user has seen or was against: who gives the list
// wants an order of it.
//
//   Proposals given = ProposeGiven(parts, context, clock, &counts);
//
// Any number of threads.
#ifndef UPNEXT_SERVING_GIVEN_ITEMS_H_
#define UPNEXT_SERVING_GIVEN_ITEMS_H_

#include "serving/engine_parts.h"
#include "serving/propose.h"
#include "serving/request_context.h"
#include "serving/slate.h"

namespace upnext::serving {

// Of Request::items, each once; those that the catalogue does not have are passed over. Where nothing is
// ranked, they are in the order that the bundle's generators have them in, then in the given one.
Proposals ProposeGiven(const EngineParts& parts, const RequestContext& context, StageClock& clock,
                       StageCounts* counts);

}  // namespace upnext::serving

#endif  // UPNEXT_SERVING_GIVEN_ITEMS_H_
