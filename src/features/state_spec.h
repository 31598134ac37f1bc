// What a user's state keeps: lists of ids, and tables of counts by key. A plan makes one from its
// features, so that a state holds what they ask for and nothing else.
//
//   StateSpec::Builder builder;
//   const uint32_t bag = builder.AddBag({.key = {}, .terms = {kPositive}, .limit = 50});
//   const CellRef clicks = builder.AddColumn({}, {Column::Kind::kCount, {TermOf(kClick)}});
//   StateSpec spec = builder.Build();
//
// A value, immutable and cheap to copy: any number of threads.
#ifndef UPNEXT_FEATURES_STATE_SPEC_H_
#define UPNEXT_FEATURES_STATE_SPEC_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "features/positive_rule.h"
#include "schema/event.h"

namespace upnext::features {

// Which events: those of one type by its number, those that are positive, those of the history, or
// all (positive_rule.h).
using Term = uint16_t;
inline constexpr Term kAny = 0, kPositive = 255, kInterest = 256;
inline Term TermOf(schema::EventType type) { return static_cast<Term>(type); }

// By what ids events are kept apart.
struct StateKey {
  enum class Of : uint8_t {
    kUser,           // not at all: one row
    kItem,           // the event's item
    kItemAttribute,  // a category or list of categories of the event's item
    kRequest         // a request attribute of the event, a category
  } of = Of::kUser;
  uint32_t attribute = 0;  // its number in the schema
  bool list = false;       // of kItemAttribute: several categories
  friend bool operator==(const StateKey&, const StateKey&) = default;
};

// A list of the newest ids, oldest first.
struct BagSpec {
  StateKey key;             // kItem or kRequest
  std::vector<Term> terms;  // what enters
  // What takes its id out, and does not enter. If there is any, an id is in the list once at most.
  std::vector<Term> removes;
  uint32_t limit = 0;
  bool detailed = false;  // entries keep the type of their event and the watched share
  friend bool operator==(const BagSpec&, const BagSpec&) = default;
};

struct Column {
  enum class Kind : uint8_t {
    kCount,   // events
    kValue,   // sum of their values, absent ones as 0
    kShare,   // sum of their values as shares of the item's duration, at most 1 each
    kShares,  // events that have such a share
    kLast,    // time of the newest
    kNewest   // value of the newest, an absent one as 0; NaN before the first
  } kind = Kind::kCount;
  std::vector<Term> terms;
  std::vector<Term> resets;  // kCount: events that make it 0 again
  friend bool operator==(const Column&, const Column&) = default;
};

// Whether it is a list of the history as it is, whose entries have weights.
inline bool IsHistory(const BagSpec& bag) {
  return bag.terms == std::vector<Term>{kInterest} && bag.removes.empty();
}

// Whether its cells may be without a value.
inline bool IsOptional(const Column& column) {
  return column.kind == Column::Kind::kLast || column.kind == Column::Kind::kNewest;
}

// When a table of keys grows past this many rows, the eighth that was touched longest ago leaves.
inline constexpr uint32_t kMaxItems = 20'000, kMaxKeys = 512;
inline constexpr size_t kMaxBags = 250, kMaxTables = 250, kMaxColumns = 250;
inline constexpr size_t kMaxTimes = 64;  // columns of kLast and kNewest in one table
inline constexpr uint32_t kMaxBagLimit = 1000;
inline constexpr uint32_t kShareRows = 12;    // of watched shares: not known, ten tenths, the whole
inline constexpr uint32_t kWatchesKept = 50;  // items of the history in every state (paper, 3.4)
inline constexpr uint32_t kOpinionsKept = 50;  // of each list of StateSpec::Opinions
inline constexpr uint32_t kViewedKept = 50;    // of the list of StateSpec::viewed_bag

struct TableSpec {
  StateKey key;
  std::vector<Column> columns;
  uint32_t cap() const { return key.of == StateKey::Of::kItem ? kMaxItems : kMaxKeys; }
  friend bool operator==(const TableSpec&, const TableSpec&) = default;
};

// One value of a row, read by the kind of its column: kCount and kShares `count`, kLast `time_ms`,
// the others `sum` in the user's own row and `part` in rows by key.
union Cell {
  uint64_t count = 0;
  int64_t time_ms;
  double sum;
  float part;
};

struct CellRef {
  uint32_t table = 0, column = 0;
  friend bool operator==(const CellRef&, const CellRef&) = default;
};

class StateSpec {
 public:
  class Builder;

  // What one event does, compiled. Cells of one table stand together.
  struct BagStep {
    uint8_t bag;
    bool removes;     // the id leaves
    bool enters;      // ... and then enters as the newest
    bool is_history;  // entries have the weights of the history
    bool detailed;
  };
  struct CellStep {
    uint8_t column;
    Column::Kind kind;
    bool counts, resets;  // made 0 first
  };
  struct TableStep {
    uint8_t table;
    uint16_t begin, end;  // of cells
  };
  struct Program {
    std::vector<BagStep> bags;
    std::vector<TableStep> tables;
    std::vector<CellStep> cells;
    bool needs_duration = false;
    bool empty() const { return bags.empty() && tables.empty(); }
  };

  StateSpec();  // keeps totals only
  const std::vector<BagSpec>& bags() const { return rep_->bags; }
  // The first is of the user alone.
  const std::vector<TableSpec>& tables() const { return rep_->tables; }
  // A row of each table in which nothing happened yet.
  const std::vector<Cell>& fresh_row(size_t table) const { return rep_->fresh_rows[table]; }
  // When an item was last watched, completely or not, or met a positive event: in the table of items, or nowhere (the table
  // is then tables().size()).
  CellRef seen() const { return rep_->seen; }
  static Column SeenColumn();
  // What users said against items, and their ratings: columns of the table of items, and lists of
  // the newest items. Nothing when the spec was built without it.
  struct Opinions {
    CellRef against;  // events against the item since the newest like
    CellRef newest_rating;
    uint32_t against_bag = 0, rated_bag = 0;
  };
  const std::optional<Opinions>& opinions() const { return rep_->opinions; }
  // The list of items that the user looked at since he last met them positively. Nothing when the
  // spec was built without it.
  std::optional<uint32_t> viewed_bag() const { return rep_->viewed_bag; }
  const Program& program(schema::EventType type, bool positive, bool interest) const {
    return rep_->programs[4 * static_cast<size_t>(static_cast<uint8_t>(type)) + (positive ? 2 : 0) +
                          (interest ? 1 : 0)];
  }
  // Whether an event of this type may change more than the totals.
  bool Reads(schema::EventType type, const PositiveRule& rule) const;
  // Whether anything is kept by declared attributes of requests.
  bool reads_declared() const { return rep_->reads_declared; }
  // Whether this is a copy of the other, or equal to it.
  bool Equals(const StateSpec& other) const {
    return rep_ == other.rep_ || digest() == other.digest();
  }
  uint64_t digest() const { return rep_->digest; }
  // One line for each list and column: "bag of 50 item: positive".
  std::string ToText() const;

 private:
  struct Rep {
    std::vector<BagSpec> bags;
    std::vector<TableSpec> tables;
    std::vector<std::vector<Cell>> fresh_rows;
    CellRef seen;
    std::optional<Opinions> opinions;
    std::optional<uint32_t> viewed_bag;
    std::vector<Program> programs;  // by type, whether positive, and whether of the history
    bool reads_declared = false;
    uint64_t digest = 0;
  };
  explicit StateSpec(std::shared_ptr<const Rep> rep) : rep_(std::move(rep)) {}
  std::shared_ptr<const Rep> rep_;
};

// What is added twice is kept once. Indexes never change, so a spec built half-way reads the states
// of a later one: whatever it names is at the same place there.
class StateSpec::Builder {
 public:
  Builder() : tables_(1) {}
  // A list that differs in its limit alone grows to the larger one, and is detailed if either is.
  uint32_t AddBag(const BagSpec& bag);
  CellRef AddColumn(const StateKey& key, const Column& column);
  // `against`: the event types that say that a user does not want an item.
  void AddOpinions(const std::vector<Term>& against);
  // `looks`: the event types that say that a user looked at an item. What is positive, a purchase,
  // or one of `against` takes the item out.
  void AddViewed(const std::vector<Term>& looks, const std::vector<Term>& against);
  bool full() const;  // more bags, tables or columns than a state can have
  StateSpec Build() const;

 private:
  std::vector<BagSpec> bags_;
  std::vector<TableSpec> tables_;
  std::optional<Opinions> opinions_;
  std::optional<uint32_t> viewed_bag_;
};

}  // namespace upnext::features

#endif  // UPNEXT_FEATURES_STATE_SPEC_H_
