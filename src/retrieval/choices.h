// The choices of a log: which events count for what is chosen most, whose, and where.
//
//   const bool clicks = CountsClicks(catalogue, rule, from_ms, until_ms);
//   ForChoices(catalogue, rule, clicks, from_ms, until_ms, [&](const features::Choice& choice) { ... });
//
// Pure functions of the log: any number of threads.
#ifndef UPNEXT_RETRIEVAL_CHOICES_H_
#define UPNEXT_RETRIEVAL_CHOICES_H_

#include <cstdint>
#include <functional>

#include "catalogue/catalogue.h"
#include "features/positive_rule.h"
#include "features/trend_counts.h"
#include "schema/event.h"

namespace upnext::retrieval {

// Whether the event counts: a positive one of an item, with `clicks` a click too.
bool IsChoice(const schema::Event& event, const catalogue::Catalogue& catalogue,
              const features::PositiveRule& rule, bool clicks);

// The region of an event or a request, else that of its user; kNone when there is none.
uint32_t RegionOf(const catalogue::Catalogue& catalogue, uint32_t region, uint32_t user);

// True when the log has no positive event in [from_ms, until_ms): clicks count then.
bool CountsClicks(const catalogue::Catalogue& catalogue, const features::PositiveRule& rule,
                  int64_t from_ms, int64_t until_ms);

// Those of the log in [from_ms, until_ms), by user, each user's in order of time. Choice::user is the
// fingerprint of the name.
void ForChoices(const catalogue::Catalogue& catalogue, const features::PositiveRule& rule,
                bool clicks, int64_t from_ms, int64_t until_ms,
                const std::function<void(const features::Choice&)>& visit);

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_CHOICES_H_
