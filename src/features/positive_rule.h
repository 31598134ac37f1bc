// What a user's events mean: which are positive examples of the candidate model, with which weight
// in its loss (CG-16), and which make up the user's history, with which weight in its means.
// SignalOptions makes it from the project file and the log.
//
//   const PositiveRule rule = options.Resolve(schema, log.stats().by_type);
//   if (rule.IsPositive(event, catalogue.item(event.item))) ...
//
// A plain value: any number of threads may read it.
#ifndef UPNEXT_FEATURES_POSITIVE_RULE_H_
#define UPNEXT_FEATURES_POSITIVE_RULE_H_

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "base/status.h"
#include "schema/event.h"
#include "schema/schema.h"

namespace upnext::features {

class PositiveRule {
 public:
  // Complete watches and `complete` events are both: positive, and the history.
  PositiveRule();
  // Nothing is anything yet; a watch would count by these bounds.
  static PositiveRule Empty(double share, double seconds);
  // `complete` events alone are both.
  static PositiveRule CompleteEvents();

  // Weight 0: events of the type are not positive, or not in the history.
  void SetPositive(schema::EventType type, float weight) { positives_[Index(type)] = weight; }
  void SetInterest(schema::EventType type, float weight);
  float positive(schema::EventType type) const { return positives_[Index(type)]; }
  float interest(schema::EventType type) const { return interests_[Index(type)]; }
  // A watch is complete, and thereby what a type with a weight is, when its seconds reach this share
  // of the item's duration, or these seconds when the duration is unknown.
  double share() const { return share_; }
  double seconds() const { return seconds_; }

  // Of a positive event in the loss of the candidate model: that of its type, and for a watch times
  // (seconds / 60)^watch_power, seconds at least 1 and at most 3,600. A power of 0: all watches are
  // equal; 1: by watch time.
  float WeightOf(const schema::Event& event) const;
  void SetWatchPower(double power) { watch_power_ = power; }
  double watch_power() const { return watch_power_; }

  // False for types of which no event is ever accepted.
  bool MayBePositive(schema::EventType type) const { return positive(type) > 0; }
  // Whether such an event leaves its item out of lists of unseen items: any watch, complete or not.
  bool MarksSeen(schema::EventType type) const {
    return type == schema::EventType::kWatch || MayBePositive(type);
  }
  // A watch without seconds is never complete. A source that sends a watch and a `complete` event
  // for it should give one of the types a weight, or it counts twice.
  bool IsPositive(const schema::Event& event, const schema::Item& item) const {
    return MayBePositive(event.type) && Counts(event, item);
  }
  // Its weight in the history; 0: it is not part of it.
  float InterestOf(const schema::Event& event, const schema::Item& item) const {
    const float weight = interest(event.type);
    return weight > 0 && Counts(event, item) ? weight : 0;
  }
  // Whether the types of the history have different weights. An item is then in the history once,
  // as its newest event, with the weight of its strongest.
  bool weighs_history() const { return weighs_history_; }
  // Whether the history is the positive events, and nothing else.
  bool history_is_positives() const;

  // "positive: purchase 1; history: view 1, purchase 3; watch: 0.7 of the duration, or 30 s", and with
  // a power of watches "; weight: minutes ^ 0.5".
  std::string ToText(const schema::Schema& schema) const;
  // What ToText wrote; kDataLoss for anything else, and for types that the schema does not have.
  static Result<PositiveRule> Parse(std::string_view text, const schema::Schema& schema);
  friend bool operator==(const PositiveRule&, const PositiveRule&) = default;

 private:
  static constexpr size_t kTypeNumbers = 256;
  static size_t Index(schema::EventType type) { return static_cast<size_t>(type); }
  bool Counts(const schema::Event& event, const schema::Item& item) const;

  double share_ = 0.7, seconds_ = 30, watch_power_ = 0;
  std::array<float, kTypeNumbers> positives_{}, interests_{};
  bool weighs_history_ = false;
};

}  // namespace upnext::features

#endif  // UPNEXT_FEATURES_POSITIVE_RULE_H_
