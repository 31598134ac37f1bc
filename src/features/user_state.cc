#include "features/user_state.h"

#include <algorithm>
#include <cmath>

#include "features/state_keys.h"
#include "log/event_log.h"

namespace upnext::features {

using schema::EventType;

namespace {

// What the columns add for an event.
struct Measures {
  int64_t time_ms;
  float value;   // 0 when absent
  double share;  // NaN when absent
};

template <bool kUserRow>
void ApplyCell(const StateSpec::CellStep& step, const Measures& measures, Cell* cell) {
  if (step.resets) cell->count = 0;
  if (!step.counts) return;
  switch (step.kind) {
    case Column::Kind::kCount:
      ++cell->count;
      break;
    case Column::Kind::kValue:
      if constexpr (kUserRow) {
        cell->sum += static_cast<double>(measures.value);
      } else {
        cell->part += measures.value;
      }
      break;
    case Column::Kind::kShare:
      if (std::isnan(measures.share)) break;
      if constexpr (kUserRow) {
        cell->sum += measures.share;
      } else {
        cell->part += static_cast<float>(measures.share);
      }
      break;
    case Column::Kind::kShares:
      cell->count += std::isnan(measures.share) ? 0 : 1;
      break;
    case Column::Kind::kLast:
      cell->time_ms = std::max(cell->time_ms, measures.time_ms);
      break;
    case Column::Kind::kNewest:
      if constexpr (kUserRow) {
        cell->sum = static_cast<double>(measures.value);
      } else {
        cell->part = measures.value;
      }
      break;
  }
}

}  // namespace

UserState::UserState(StateSpec spec)
    : spec_(std::move(spec)),
      bags_(spec_.bags().size()),
      tables_(spec_.tables().size()),
      user_row_(spec_.fresh_row(0)) {}

void UserState::Bag::Push(TimedId entry, size_t limit) {
  if (entries_.size() == 2 * limit) {
    entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(begin_));
    begin_ = 0;
  }
  entries_.push_back(entry);
  if (entries_.size() - begin_ > limit) ++begin_;
}

void UserState::Bag::Remove(uint32_t id) {
  const auto first = entries_.begin() + static_cast<std::ptrdiff_t>(begin_);
  const auto is_it = [&](const TimedId& entry) { return entry.id == id; };
  entries_.erase(std::remove_if(first, entries_.end(), is_it), entries_.end());
}

void UserState::Bag::Merge(TimedId* entry) {
  for (const TimedId& old : view()) {
    if (old.id != entry->id) continue;
    entry->share_row = std::max(entry->share_row, old.share_row);
    if (old.weight <= entry->weight) continue;
    entry->weight = old.weight;
    entry->type = old.type;
  }
  Remove(entry->id);
}

Cell* UserState::Table::Touch(uint32_t key, int64_t time_ms, std::span<const Cell> fresh) {
  const auto [row, is_new] = rows_.try_emplace(key, static_cast<uint32_t>(cells_.size()));
  if (is_new) {
    cells_.resize(cells_.size() + 1 + fresh.size());
    Cell* added = cells_.data() + row->second;
    added->time_ms = time_ms;
    std::copy(fresh.begin(), fresh.end(), added + 1);
  }
  Cell* cells = cells_.data() + row->second;
  cells->time_ms = std::max(cells->time_ms, time_ms);
  return cells + 1;
}

void UserState::Table::Forget(size_t width) {
  std::vector<std::pair<int64_t, uint32_t>> age;
  age.reserve(rows_.size());
  for (const auto& [key, begin] : rows_) age.emplace_back(cells_[begin].time_ms, key);
  const size_t leaving = std::max<size_t>(1, age.size() / 8);
  std::nth_element(age.begin(), age.begin() + static_cast<std::ptrdiff_t>(leaving) - 1, age.end());
  for (size_t i = 0; i < leaving; ++i) rows_.erase(age[i].second);
  std::vector<Cell> kept;
  kept.reserve(rows_.size() * (width + 1));
  for (auto& [key, begin] : rows_) {
    const auto row = cells_.begin() + begin;
    begin = static_cast<uint32_t>(kept.size());
    kept.insert(kept.end(), row, row + static_cast<std::ptrdiff_t>(width) + 1);
  }
  cells_ = std::move(kept);
}

std::vector<uint32_t> UserState::Table::SortedKeys() const {
  std::vector<uint32_t> keys;
  keys.reserve(rows_.size());
  for (const auto& row : rows_) keys.push_back(row.first);
  std::sort(keys.begin(), keys.end());
  return keys;
}

void UserState::Apply(const schema::Event& event, const catalogue::Catalogue& catalogue,
                      const PositiveRule& rule, std::span<const schema::AttributeValue> declared) {
  if (event.time_ms == schema::kNoTime) return;
  if (totals_.events++ == 0) totals_.first_ms = event.time_ms;
  totals_.first_ms = std::min(totals_.first_ms, event.time_ms);
  totals_.last_ms = std::max(totals_.last_ms, event.time_ms);
  bool positive = false;
  float interest = 0;
  if (rule.MayBePositive(event.type) || rule.interest(event.type) > 0) {
    const schema::Item item = catalogue.item(event.item);
    positive = rule.IsPositive(event, item);
    interest = rule.InterestOf(event, item);
  }
  const StateSpec::Program& program = spec_.program(event.type, positive, interest > 0);
  ApplyBags(program, event, {interest, rule.weighs_history()}, declared, catalogue);
  if (!program.tables.empty()) ApplyTables(program, event, declared, catalogue);
}

void UserState::ApplyRow(uint64_t row, const catalogue::Catalogue& catalogue,
                         const PositiveRule& rule) {
  const log::EventLog& log = catalogue.log();
  std::vector<schema::AttributeValue> declared;
  if (spec_.reads_declared()) log.RequestAttributes(row, &declared);
  Apply(log.event(row), catalogue, rule, declared);
}

void UserState::ApplyBags(const StateSpec::Program& program, const schema::Event& event,
                          const Interest& interest,
                          std::span<const schema::AttributeValue> declared,
                          const catalogue::Catalogue& catalogue) {
  for (const StateSpec::BagStep& step : program.bags) {
    const BagSpec& bag = spec_.bags()[step.bag];
    const uint32_t id = bag.key.of == StateKey::Of::kItem
                            ? event.item
                            : RequestId(event, declared, bag.key.attribute);
    if (id == schema::kNone) continue;
    TimedId entry{
        .id = id, .weight = step.is_history ? interest.weight : 1, .time_ms = event.time_ms};
    if (step.detailed) {
      entry.type = static_cast<uint8_t>(event.type);
      entry.share_row = ShareRow(ShareOfDuration(event, catalogue));
    }
    if (step.is_history && interest.once) {
      bags_[step.bag].Merge(&entry);
    } else if (step.removes) {
      bags_[step.bag].Remove(id);
    }
    if (step.enters) bags_[step.bag].Push(entry, bag.limit);
  }
}

void UserState::ApplyTables(const StateSpec::Program& program, const schema::Event& event,
                            std::span<const schema::AttributeValue> declared,
                            const catalogue::Catalogue& catalogue) {
  Measures measures{.time_ms = event.time_ms, .value = 0, .share = schema::kAbsent};
  if (event.value > 0) measures.value = std::min(event.value, kMaxEventValue);
  if (program.needs_duration) measures.share = ShareOfDuration(event, catalogue);
  for (const StateSpec::TableStep& step : program.tables) {
    const auto cells = std::span(program.cells).subspan(step.begin, step.end - step.begin);
    if (step.table == 0) {
      for (const auto& cell : cells) ApplyCell<true>(cell, measures, &user_row_[cell.column]);
      continue;
    }
    const TableSpec& spec = spec_.tables()[step.table];
    Table& table = tables_[step.table];
    ForEachKey(spec.key, event, declared, catalogue, [&](uint32_t key) {
      Cell* row = table.Touch(key, event.time_ms, spec_.fresh_row(step.table));
      for (const auto& cell : cells) ApplyCell<false>(cell, measures, row + cell.column);
      if (table.size() > spec.cap()) table.Forget(spec.columns.size());
    });
  }
}

bool UserState::HasWatched(uint32_t item) const {
  const CellRef seen = spec_.seen();
  const Cell* row = this->row(seen.table, item);
  return row != nullptr && row[seen.column].time_ms != schema::kNoTime;
}

bool UserState::HasStarted(uint32_t item) const {
  return std::ranges::find(viewed(), item, &TimedId::id) != viewed().end() && HasWatched(item);
}

bool UserState::IsAgainst(uint32_t item, float low_rating) const {
  const auto& opinions = spec_.opinions();
  if (!opinions) return false;
  const Cell* row = this->row(opinions->against.table, item);
  return row != nullptr && (row[opinions->against.column].count > 0 ||
                            row[opinions->newest_rating.column].part <= low_rating);
}

std::vector<uint32_t> UserState::NewestAgainst(float low_rating) const {
  std::vector<uint32_t> items;
  if (!spec_.opinions()) return items;
  for (const uint32_t bag : {spec_.opinions()->against_bag, spec_.opinions()->rated_bag}) {
    for (const TimedId& entry : this->bag(bag)) {
      if (IsAgainst(entry.id, low_rating)) items.push_back(entry.id);
    }
  }
  std::ranges::sort(items);
  items.erase(std::ranges::unique(items).begin(), items.end());
  return items;
}

uint64_t UserState::Count(uint32_t item_attribute, EventType type, uint32_t category) const {
  const Column count{.kind = Column::Kind::kCount, .terms = {TermOf(type)}, .resets = {}};
  for (size_t t = 1; t < spec_.tables().size(); ++t) {
    const TableSpec& table = spec_.tables()[t];
    if (table.key.of != StateKey::Of::kItemAttribute || table.key.attribute != item_attribute) {
      continue;
    }
    const auto column = std::ranges::find(table.columns, count);
    const Cell* row = this->row(t, category);
    if (row == nullptr || column == table.columns.end()) return 0;
    return row[column - table.columns.begin()].count;
  }
  return 0;
}

size_t UserState::MemoryBytes() const {
  size_t bytes = sizeof(*this) + user_row_.capacity() * sizeof(Cell);
  for (const Bag& bag : bags_) bytes += sizeof(bag) + bag.bytes();
  for (const Table& table : tables_) bytes += sizeof(table) + table.bytes();
  return bytes;
}

}  // namespace upnext::features
