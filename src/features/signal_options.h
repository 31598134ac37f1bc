// [labels] and [history] of the project file: which events are positive examples, and which make up
// a user's history. What is not given follows from the event types that the log has.
//
//   [labels]   positives = { purchase = 1.0, add_to_cart = 0.3 }
//   [history]  types = { view = 1, add_to_cart = 2, purchase = 3 }
//
//   const SignalOptions options = SignalOptions::FromConfig(config, schema);
//   const PositiveRule rule = options.Resolve(schema, log.stats().by_type);
//
// A plain value: any number of threads may read it.
#ifndef UPNEXT_FEATURES_SIGNAL_OPTIONS_H_
#define UPNEXT_FEATURES_SIGNAL_OPTIONS_H_

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/config.h"
#include "base/status.h"
#include "features/positive_rule.h"
#include "schema/schema.h"

namespace upnext::features {

using EventCountsByType = std::array<uint64_t, 256>;  // log::Stats::by_type

struct SignalOptions {
  using Weights = std::vector<std::pair<schema::EventType, float>>;
  Weights positives, history;  // empty: by the log
  double share = 0.7;          // complete_share
  double seconds = 30;         // complete_seconds, when the duration is unknown
  double watch_power = 0;      // see PositiveRule::WeightOf

  // Mistakes wait in config.Check().
  static SignalOptions FromConfig(const base::Config& config, const schema::Schema& schema);

  // Positives that are not given: complete watches and `complete` events, else the purchases, else
  // what was put into a cart, else likes, saves and all other positive types together, else clicks;
  // the first of these with kEnoughEvents in the log, or the first that it has at all. A history
  // that is not given: the positives, if watches or `complete` events are among them, else every
  // type that says that a user was interested, with rising weights (DefaultInterest).
  PositiveRule Resolve(const schema::Schema& schema, const EventCountsByType& counts) const;

  // Whether Resolve could have made the rule, from some log: kFailedPrecondition names the
  // difference to what is given here, which `version` was trained without.
  Status Check(const PositiveRule& rule, const schema::Schema& schema,
               const std::string& version) const;
};

inline constexpr uint64_t kEnoughEvents = 100;

// The weight of a type in a history that is not given; 0: it is not part of it.
float DefaultInterest(const schema::Schema& schema, schema::EventType type);

// "positive examples: 1,204 purchase (weight 1)", "history: 9,120 view (weight 1), ..."; the counts
// are of all events of these types.
std::vector<std::string> Describe(const PositiveRule& rule, const schema::Schema& schema,
                                  const EventCountsByType& counts);

}  // namespace upnext::features

#endif  // UPNEXT_FEATURES_SIGNAL_OPTIONS_H_
