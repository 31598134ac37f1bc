// When a watch counts as complete (CG-16). Complete watches are what the candidate model learns to
// predict and what enters the bag of watches.
//
//   PositiveRule rule = PositiveRule::FromConfig(config.Table("labels"));
//   if (rule.IsComplete(event, catalogue.item(event.item))) ...
#ifndef UPNEXT_FEATURES_POSITIVE_RULE_H_
#define UPNEXT_FEATURES_POSITIVE_RULE_H_

#include "base/config.h"
#include "schema/event.h"

namespace upnext::features {

struct PositiveRule {
  bool from_event = false;  // [labels] complete = "event": only kComplete events count
  double share = 0.7;       // complete_share
  double seconds = 30;      // complete_seconds, when the duration is unknown

  static PositiveRule FromConfig(const base::ConfigTable& labels);
  // False for types of which no event is ever accepted.
  static bool MayAccept(schema::EventType type) {
    return type == schema::EventType::kWatch || type == schema::EventType::kComplete;
  }
  // A `complete` event always is: the source says so. A watch is, unless from_event, when its
  // seconds reach the share of the duration, or `seconds` when the duration is unknown; a watch
  // without seconds is not. A source that sends both for one watch should set from_event, or the
  // watch counts twice.
  bool IsComplete(const schema::Event& event, const schema::Item& item) const;
};

}  // namespace upnext::features

#endif  // UPNEXT_FEATURES_POSITIVE_RULE_H_
