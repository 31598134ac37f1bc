// What upnext knows of a user at one moment: a fold over the user's events. Training replays the
// log through it and serving keeps it in the store, so both see the same features (design, idea 1).
//
//   UserState state;
//   for (const Event& e : events_of_user) state.Apply(e, catalogue, rule);     in time order
//   std::string bytes = state.Serialize();                                     byte-exact,
//   versioned
//
// Plain value; one thread at a time. Bounded: every history has a cap, oldest leave first.
#ifndef UPNEXT_FEATURES_USER_STATE_H_
#define UPNEXT_FEATURES_USER_STATE_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.h"
#include "base/status.h"
#include "events/schema.h"
#include "features/catalogue.h"

namespace upnext::features {

// When a watch counts as complete (CG-16): by the share of the duration, by seconds when the
// duration is unknown, or because the source says so with a `complete` event.
struct CompleteRule {
  bool from_event = false;  // [labels] complete = "event": only kComplete events count
  double share = 0.7;       // complete_share
  double seconds = 30;      // complete_seconds, when the duration is unknown

  static CompleteRule FromConfig(const base::ConfigTable& labels);
  bool IsComplete(const events::Event& event, const events::Item& item) const;
};

inline constexpr size_t kBagLimit = 50;  // newest watches and searches kept as bags (paper, 3.4)

struct TimedId {
  uint32_t id;
  int64_t time_ms;
  friend bool operator==(const TimedId&, const TimedId&) = default;
};

// How a user met one channel or topic.
struct AffinityHistory {
  uint32_t id;
  uint32_t watches = 0, complete = 0, impressions = 0, clicks = 0;
  float watch_s = 0;
  int64_t last_watch_ms = events::kNoTime;
  friend bool operator==(const AffinityHistory&, const AffinityHistory&) = default;
};

// How a user met one item. `impressions` counts those since the last watch (churn, paper 4.1).
struct ItemHistory {
  uint32_t item;
  uint32_t impressions = 0, watches = 0, complete = 0;
  int64_t last_impression_ms = events::kNoTime, last_watch_ms = events::kNoTime;
  bool disliked = false;  // dislike or dismiss
  friend bool operator==(const ItemHistory&, const ItemHistory&) = default;
};

class UserState {
 public:
  // What Apply keeps up to date. Replays for the candidate model need only the bags.
  enum class Parts : uint8_t { kBags, kAll };
  explicit UserState(Parts parts = Parts::kAll) : parts_(parts) {}

  void Apply(const events::Event& event, const Catalogue& catalogue, const CompleteRule& rule);

  std::span<const TimedId> watches() const;   // complete watches, oldest first, at most kBagLimit
  std::span<const TimedId> searches() const;  // query ids, oldest first, at most kBagLimit
  std::span<const TimedId> likes() const;     // liked items, likewise
  const AffinityHistory* channel(uint32_t channel) const;  // nullptr: never met
  const AffinityHistory* topic(uint32_t topic) const;
  const ItemHistory* item(uint32_t item) const;
  bool HasWatched(uint32_t item) const;  // completely, or long enough to be a watch

  // Totals since the first event.
  struct Totals {
    uint64_t events = 0, impressions = 0, clicks = 0, watches = 0, complete = 0, likes = 0,
             dislikes = 0, searches = 0;
    double watch_s = 0;
    int64_t first_ms = events::kNoTime, last_ms = events::kNoTime;
    friend bool operator==(const Totals&, const Totals&) = default;
  };
  const Totals& totals() const;

  // Equal states give equal bytes. Parse refuses anything Serialize could not have written
  // (kDataLoss).
  std::string Serialize() const;
  static Result<UserState> Parse(std::string_view bytes);

 private:
  Parts parts_;
};

}  // namespace upnext::features

#endif  // UPNEXT_FEATURES_USER_STATE_H_
