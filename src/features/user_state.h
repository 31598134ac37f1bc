// What upnext knows of a user at one moment: a fold over the user's events, as a StateSpec asks.
// Training replays the log through it and serving keeps it in the store, so both see the same
// features (design, idea 1).
//
//   UserState state(plan.state());
//   for (const Event& e : events_of_user) state.Apply(e, catalogue, rule);     in time order
//   std::string bytes = state.Serialize();                  docs/formats/user_state.md
//
// Plain value; one thread at a time. Bounded: every list and table has a cap, the oldest leave
// first. The state is a function of the sequence of events alone, and saving it between two events
// changes nothing.
#ifndef UPNEXT_FEATURES_USER_STATE_H_
#define UPNEXT_FEATURES_USER_STATE_H_

#include <algorithm>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "catalogue/catalogue.h"
#include "features/positive_rule.h"
#include "features/state_spec.h"
#include "schema/event.h"

namespace upnext::features {

class StateReader;  // state_bytes.h

inline constexpr size_t kBagLimit = kWatchesKept;

struct TimedId {
  uint32_t id;
  float weight = 1;  // of the history (PositiveRule::InterestOf); 1 in other lists
  int64_t time_ms;
  // Of detailed lists: the type of the event, and ShareRow of its watched share. In others 0.
  uint8_t type = 0, share_row = 0;
  friend bool operator==(const TimedId&, const TimedId&) = default;
};

class UserState {
 public:
  UserState() : UserState(StateSpec()) {}
  explicit UserState(StateSpec spec);
  const StateSpec& spec() const { return spec_; }

  // An event older than its predecessor is taken as it comes; one without a time is ignored. Values
  // above 1e7 are taken for errors of the source and cut, so that every sum is finite.
  // `declared`: the declared attributes of its request, in the order of the schema; read only when
  // spec().reads_declared().
  void Apply(const schema::Event& event, const catalogue::Catalogue& catalogue,
             const PositiveRule& rule, std::span<const schema::AttributeValue> declared = {});
  // The event at a row of the catalogue's log, with what the log says of its request.
  void ApplyRow(uint64_t row, const catalogue::Catalogue& catalogue, const PositiveRule& rule);

  // Lists and rows by their index in spec(); empty or null beyond what it has. Oldest first. Valid
  // until the next Apply.
  std::span<const TimedId> bag(size_t index) const {
    return index < bags_.size() ? bags_[index].view() : std::span<const TimedId>();
  }
  // The cells of one key, in the order of the columns; null: never met, or forgotten. The user's
  // own row is that of table 0, whatever the key.
  const Cell* row(size_t table, uint32_t key) const {
    if (table == 0) return user_row_.data();
    return table < tables_.size() ? tables_[table].Find(key) : nullptr;
  }

  // The items of the history, the newest kBagLimit: of every spec that a plan makes.
  std::span<const TimedId> watches() const {
    const std::span<const TimedId> all = bag(0);
    return all.last(std::min(all.size(), kBagLimit));
  }
  // Items that the user looked at (clicked, visited, put into the cart, watched in part ...) since he
  // last met them positively, oldest first, each once, at most kViewedKept: of every spec
  // FeaturePlan::state() gives.
  std::span<const TimedId> viewed() const {
    return spec_.viewed_bag() ? bag(*spec_.viewed_bag()) : std::span<const TimedId>();
  }
  // Any watch counts, complete or not, and any positive event: a feed that leaves out what was
  // watched asks this. False
  // when the spec has no table of items.
  bool HasWatched(uint32_t item) const;
  // Whether it was watched and is among viewed(): the user began it, or came back to it, and has not
  // finished it since.
  bool HasStarted(uint32_t item) const;

  // Whether the user's newest word on the item is against it: an event of a type of role negative
  // (but skip) with no like after it, or a newest rating of at most `low_rating`.
  bool IsAgainst(uint32_t item, float low_rating) const;
  // Such items among the newest kOpinionsKept of either kind, ascending.
  std::vector<uint32_t> NewestAgainst(float low_rating) const;

  // Events of the type with items that have this category, a built-in or declared attribute; 0 when
  // the spec does not keep it.
  uint64_t Count(uint32_t item_attribute, schema::EventType type, uint32_t category) const;

  struct Totals {
    uint64_t events = 0;
    int64_t first_ms = schema::kNoTime, last_ms = schema::kNoTime;
    friend bool operator==(const Totals&, const Totals&) = default;
  };
  const Totals& totals() const { return totals_; }

  size_t MemoryBytes() const;  // an estimate, for caches

  // Equal states give equal bytes. Parse refuses anything that Serialize of a state of `spec` could
  // not have written: kFailedPrecondition for a state of another spec, which is to be folded again,
  // kDataLoss for damage.
  std::string Serialize() const;
  static Result<UserState> Parse(std::string_view bytes, const StateSpec& spec);

 private:
  // The newest entries in one piece: they slide through a buffer of twice the size.
  class Bag {
   public:
    std::span<const TimedId> view() const { return std::span(entries_).subspan(begin_); }
    size_t bytes() const { return entries_.capacity() * sizeof(TimedId); }
    void Push(TimedId entry, size_t limit);
    void Remove(uint32_t id);
    // Takes the entries of its id out: it gets the weight and type of the heaviest, if that is
    // heavier, and the largest share.
    void Merge(TimedId* entry);

   private:
    std::vector<TimedId> entries_;
    size_t begin_ = 0;
  };
  // Rows of cells by key. Each begins with the time of the newest event that touched it.
  class Table {
   public:
    const Cell* Find(uint32_t key) const {
      const auto found = rows_.find(key);
      return found == rows_.end() ? nullptr : cells_.data() + found->second + 1;
    }
    // The row of `key`, a copy of `fresh` when it is new.
    Cell* Touch(uint32_t key, int64_t time_ms, std::span<const Cell> fresh);
    size_t size() const { return rows_.size(); }
    size_t bytes() const {
      return rows_.bucket_count() * (sizeof(std::pair<uint32_t, uint32_t>) + 1) +
             cells_.capacity() * sizeof(Cell);
    }
    // Drops the eighth of the rows that was touched longest ago (ties: smaller keys first).
    void Forget(size_t width);
    std::vector<uint32_t> SortedKeys() const;

   private:
    boost::unordered_flat_map<uint32_t, uint32_t> rows_;  // key -> its row's begin in cells_
    std::vector<Cell> cells_;
  };

  // `interest`: the event's weight in the history, and whether that holds an item once.
  struct Interest {
    float weight;
    bool once;
  };
  void ApplyBags(const StateSpec::Program& program, const schema::Event& event,
                 const Interest& interest, std::span<const schema::AttributeValue> declared,
                 const catalogue::Catalogue& catalogue);
  void ApplyTables(const StateSpec::Program& program, const schema::Event& event,
                   std::span<const schema::AttributeValue> declared,
                   const catalogue::Catalogue& catalogue);

  bool ReadBags(StateReader& in);
  bool ReadTables(StateReader& in);

  StateSpec spec_;
  Totals totals_;
  std::vector<Bag> bags_;
  std::vector<Table> tables_;  // the first stays empty
  std::vector<Cell> user_row_;
};

}  // namespace upnext::features

#endif  // UPNEXT_FEATURES_USER_STATE_H_
