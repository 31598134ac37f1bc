#include "retrieval/choices.h"

#include "base/checksum.h"
#include "log/event_log.h"
#include "schema/schema.h"

namespace upnext::retrieval {

using schema::EventType;
using schema::kNone;

namespace {

bool IsOfPositiveRole(EventType type, const catalogue::Catalogue& catalogue) {
  return catalogue.schema().info(type).role == schema::Role::kPositive;
}

// False for types of which no event is ever a choice.
bool MayBeChoice(EventType type, const catalogue::Catalogue& catalogue,
                 const features::PositiveRule& rule) {
  return IsOfPositiveRole(type, catalogue) || rule.MayBePositive(type) || rule.interest(type) > 0;
}

}  // namespace

float WeightOfChoice(const schema::Event& event, const catalogue::Catalogue& catalogue,
                     const features::PositiveRule& rule) {
  if (event.item == kNone || event.time_ms == schema::kNoTime) return 0;
  const schema::Item& item = catalogue.item(event.item);
  if (rule.IsPositive(event, item)) return 1;
  const bool is_weak = IsOfPositiveRole(event.type, catalogue) || rule.InterestOf(event, item) > 0;
  return is_weak ? kWeakChoice : 0;
}

uint32_t RegionOf(const catalogue::Catalogue& catalogue, uint32_t region, uint32_t user) {
  return region == kNone && user != kNone ? catalogue.user(user).region : region;
}

void ForChoices(const catalogue::Catalogue& catalogue, const features::PositiveRule& rule,
                int64_t from_ms, int64_t until_ms,
                const std::function<void(const features::Choice&)>& visit) {
  const log::EventLog& log = catalogue.log();
  const log::Dictionary& names = log.dictionary(schema::IdSpace::kUser);
  for (uint32_t user = 0; user < log.users(); ++user) {
    // A user's events are in order of time, so older ones than these are not read.
    uint64_t row = log.end(user);
    while (row > log.begin(user) && log.time_ms(row - 1) >= from_ms) --row;
    for (; row < log.end(user) && log.time_ms(row) < until_ms; ++row) {
      if (!MayBeChoice(log.type(row), catalogue, rule)) continue;
      const schema::Event event = log.event(row);
      const float weight = WeightOfChoice(event, catalogue, rule);
      if (weight == 0) continue;
      visit({.time_ms = event.time_ms,
             .user = base::Fingerprint(names.name(user)),
             .item = event.item,
             .region = RegionOf(catalogue, event.region, user),
             .weight = weight});
    }
  }
}

}  // namespace upnext::retrieval
