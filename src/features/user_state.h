// What upnext knows of a user at one moment: a fold over the user's events. Training replays the
// log through it and serving keeps it in the store, so both see the same features (design, idea 1).
//
//   UserState state;
//   for (const Event& e : events_of_user) state.Apply(e, catalogue, rule);     in time order
//   std::string bytes = state.Serialize();                                     docs/formats/
//                                                                              user_state.md
// Plain value; one thread at a time. Bounded: every history has a cap, oldest leave first. The
// state is a function of the sequence of events alone, and saving it between two events changes
// nothing.
#ifndef UPNEXT_FEATURES_USER_STATE_H_
#define UPNEXT_FEATURES_USER_STATE_H_

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "catalogue/catalogue.h"
#include "features/positive_rule.h"
#include "schema/event.h"

namespace upnext::features {

inline constexpr size_t kBagLimit = 50;  // newest watches and searches kept as bags (paper, 3.4)
// When a history grows past its cap, the eighth of it that was touched longest ago leaves at once
// (ties: smaller ids first), so that forgetting costs little.
inline constexpr size_t kMaxChannels = 512, kMaxTopics = 512, kMaxItems = 20'000;

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
  int64_t last_watch_ms = schema::kNoTime;  // of watches and complete events
  int64_t last_ms = schema::kNoTime;        // of any event that counts here
  friend bool operator==(const AffinityHistory&, const AffinityHistory&) = default;
};

// How a user met one item. `impressions` counts those since the last watch (churn, paper 4.1).
struct ItemHistory {
  uint32_t item;
  uint32_t impressions = 0, watches = 0, complete = 0;
  int64_t last_impression_ms = schema::kNoTime, last_watch_ms = schema::kNoTime;
  int64_t last_ms = schema::kNoTime;  // of any event with the item
  bool disliked = false;              // the last of like, dislike and dismiss was not a like
  friend bool operator==(const ItemHistory&, const ItemHistory&) = default;
};

class UserState {
 public:
  // What Apply keeps up to date. Replays for the candidate model need only the bags (and totals).
  enum class Parts : uint8_t { kBags, kAll };
  explicit UserState(Parts parts = Parts::kAll) : parts_(parts) {}
  Parts parts() const { return parts_; }

  // What an event changes, beside totals:
  //   impression    item and its channel and topics count it
  //   click         channel and topics count it
  //   watch         channel, topics and item count it, with its seconds; the item's impressions
  //                 start again from 0; a complete one enters watches()
  //   complete      the same, without seconds
  //   like          enters likes() as the newest (an earlier like of the item leaves)
  //   dislike, dismiss   leaves likes(); the item is marked disliked
  //   search        enters searches()
  // Events of other types only count. An event older than its predecessor is taken as it comes;
  // one without a time is ignored.
  void Apply(const schema::Event& event, const catalogue::Catalogue& catalogue,
             const PositiveRule& rule);

  // Oldest first, at most kBagLimit. Views until the next Apply.
  std::span<const TimedId> watches() const { return watches_.view(); }    // complete watches
  std::span<const TimedId> searches() const { return searches_.view(); }  // query ids
  std::span<const TimedId> likes() const { return likes_.view(); }        // liked items
  // nullptr: never met, forgotten, or Parts::kBags. Valid until the next Apply.
  const AffinityHistory* channel(uint32_t channel) const { return Get(channels_, channel); }
  const AffinityHistory* topic(uint32_t topic) const { return Get(topics_, topic); }
  const ItemHistory* item(uint32_t item) const { return Get(items_, item); }
  // Any watch counts, complete or not: a feed that leaves out what was watched asks this.
  bool HasWatched(uint32_t item) const;

  // Totals since the first event.
  struct Totals {
    uint64_t events = 0, impressions = 0, clicks = 0, watches = 0, complete = 0, likes = 0,
             dislikes = 0, searches = 0;
    double watch_s = 0;
    uint64_t share_watches = 0;  // watches with seconds, of items with a duration
    double watch_share = 0;      // sum over those of min(1, seconds / duration)
    int64_t first_ms = schema::kNoTime, last_ms = schema::kNoTime;
    friend bool operator==(const Totals&, const Totals&) = default;
  };
  const Totals& totals() const { return totals_; }

  size_t MemoryBytes() const;  // an estimate, for caches

  // Equal states give equal bytes. Parse refuses anything Serialize could not have written
  // (kDataLoss).
  std::string Serialize() const;
  static Result<UserState> Parse(std::string_view bytes);

 private:
  // The newest kBagLimit entries in one piece: they slide through a buffer of twice the size.
  class Bag {
   public:
    std::span<const TimedId> view() const { return std::span(entries_).subspan(begin_); }
    size_t bytes() const { return entries_.capacity() * sizeof(TimedId); }
    void Push(TimedId entry);
    void Remove(uint32_t id);

   private:
    std::vector<TimedId> entries_;
    size_t begin_ = 0;
  };
  template <typename T>
  using Histories = boost::unordered_flat_map<uint32_t, T>;
  template <typename T>
  static const T* Get(const Histories<T>& histories, uint32_t id) {
    const auto found = histories.find(id);
    return found == histories.end() ? nullptr : &found->second;
  }
  struct Effect;  // of one event; in user_state.cc

  void ApplyTotals(const schema::Event& event, const Effect& effect);
  void ApplyBags(const schema::Event& event, const Effect& effect);
  void ApplyItem(const schema::Event& event, const Effect& effect);
  static void ApplyAffinity(Histories<AffinityHistory>& histories, uint32_t id, size_t cap,
                            const schema::Event& event, const Effect& effect);

  Parts parts_;
  Totals totals_;
  Bag watches_, searches_, likes_;
  Histories<AffinityHistory> channels_, topics_;
  Histories<ItemHistory> items_;
};

}  // namespace upnext::features

#endif  // UPNEXT_FEATURES_USER_STATE_H_
