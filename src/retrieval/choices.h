// The choices of a log: which events count for what is chosen most, whose, and where.
//
//   ForChoices(catalogue, rule, from_ms, until_ms, [&](const features::Choice& choice) { ... });
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

// How much the event counts. A positive example: 1. What says more than an impression, but less than
// that: kWeakChoice; an event of the history, or of a type with the role "positive" (a click, a like).
// 0: it is no choice.
inline constexpr float kWeakChoice = 0.05f;
float WeightOfChoice(const schema::Event& event, const catalogue::Catalogue& catalogue,
                     const features::PositiveRule& rule);

// The region of an event or a request, else that of its user; kNone when there is none.
uint32_t RegionOf(const catalogue::Catalogue& catalogue, uint32_t region, uint32_t user);

// Those of the log in [from_ms, until_ms), by user, each user's in order of time. Choice::user is the
// fingerprint of the name.
void ForChoices(const catalogue::Catalogue& catalogue, const features::PositiveRule& rule,
                int64_t from_ms, int64_t until_ms,
                const std::function<void(const features::Choice&)>& visit);

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_CHOICES_H_
