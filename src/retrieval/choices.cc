#include "retrieval/choices.h"

#include "base/checksum.h"
#include "log/event_log.h"

namespace upnext::retrieval {

using schema::EventType;
using schema::kNone;

namespace {

// Calls visit(user, event) -> bool for the choices in [from_ms, until_ms), until it returns false.
template <typename Visit>
void VisitChoices(const catalogue::Catalogue& catalogue, const features::PositiveRule& rule,
                  bool clicks, int64_t from_ms, int64_t until_ms, const Visit& visit) {
  const log::EventLog& log = catalogue.log();
  for (uint32_t user = 0; user < log.users(); ++user) {
    // A user's events are in order of time, so older ones than these are not read.
    uint64_t row = log.end(user);
    while (row > log.begin(user) && log.time_ms(row - 1) >= from_ms) --row;
    for (; row < log.end(user) && log.time_ms(row) < until_ms; ++row) {
      const EventType type = log.type(row);
      if (!rule.MayBePositive(type) && !(clicks && type == EventType::kClick)) continue;
      const schema::Event event = log.event(row);
      if (IsChoice(event, catalogue, rule, clicks) && !visit(user, event)) return;
    }
  }
}

}  // namespace

bool IsChoice(const schema::Event& event, const catalogue::Catalogue& catalogue,
              const features::PositiveRule& rule, bool clicks) {
  if (event.item == kNone || event.time_ms == schema::kNoTime) return false;
  if (clicks && event.type == EventType::kClick) return true;
  return rule.IsPositive(event, catalogue.item(event.item));
}

uint32_t RegionOf(const catalogue::Catalogue& catalogue, uint32_t region, uint32_t user) {
  return region == kNone && user != kNone ? catalogue.user(user).region : region;
}

bool CountsClicks(const catalogue::Catalogue& catalogue, const features::PositiveRule& rule,
                  int64_t from_ms, int64_t until_ms) {
  bool positives = false;
  VisitChoices(catalogue, rule, /*clicks=*/false, from_ms, until_ms,
               [&](uint32_t, const schema::Event&) {
                 positives = true;
                 return false;
               });
  return !positives;
}

void ForChoices(const catalogue::Catalogue& catalogue, const features::PositiveRule& rule,
                bool clicks, int64_t from_ms, int64_t until_ms,
                const std::function<void(const features::Choice&)>& visit) {
  const log::Dictionary& names = catalogue.log().dictionary(schema::IdSpace::kUser);
  VisitChoices(catalogue, rule, clicks, from_ms, until_ms,
               [&](uint32_t user, const schema::Event& event) {
                 visit({.time_ms = event.time_ms,
                        .user = base::Fingerprint(names.name(user)),
                        .item = event.item,
                        .region = RegionOf(catalogue, event.region, user)});
                 return true;
               });
}

}  // namespace upnext::retrieval
