#include "features/state_spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/checksum.h"
#include "features/positive_rule.h"
#include "features/request_context.h"

namespace upnext::features {
namespace {

constexpr size_t kTypeNumbers = 256;

// One event: its type, and what the positive rule says of it.
struct Kind {
  size_t type;
  bool positive, interest;
};

bool Matches(const std::vector<Term>& terms, const Kind& event) {
  return std::ranges::any_of(terms, [&](Term term) {
    if (term == kPositive) return event.positive;
    if (term == kInterest) return event.interest;
    return term == kAny || term == event.type;
  });
}

StateSpec::Program ProgramOf(const std::vector<BagSpec>& bags, const std::vector<TableSpec>& tables,
                             const Kind& event) {
  StateSpec::Program program;
  for (size_t i = 0; i < bags.size(); ++i) {
    const bool removes = Matches(bags[i].removes, event);
    const bool enters = !removes && Matches(bags[i].terms, event);
    if (!enters && !removes) continue;
    program.bags.push_back({.bag = static_cast<uint8_t>(i),
                            .removes = removes || !bags[i].removes.empty(),
                            .enters = enters,
                            .is_history = IsHistory(bags[i]),
                            .detailed = bags[i].detailed});
  }
  for (size_t t = 0; t < tables.size(); ++t) {
    const size_t begin = program.cells.size();
    for (size_t c = 0; c < tables[t].columns.size(); ++c) {
      const Column& column = tables[t].columns[c];
      const bool counts = Matches(column.terms, event);
      const bool resets = Matches(column.resets, event);
      if (!counts && !resets) continue;
      program.cells.push_back({static_cast<uint8_t>(c), column.kind, counts, resets});
      program.needs_duration |=
          column.kind == Column::Kind::kShare || column.kind == Column::Kind::kShares;
    }
    if (program.cells.size() == begin) continue;
    program.tables.push_back({static_cast<uint8_t>(t), static_cast<uint16_t>(begin),
                              static_cast<uint16_t>(program.cells.size())});
  }
  return program;
}

std::string Text(const std::vector<Term>& terms) {
  std::string text;
  for (const Term term : terms) text += fmt::format("{}{}", text.empty() ? "" : "|", term);
  return text;
}
std::string Text(const StateKey& key) {
  return fmt::format("{}.{}{}", static_cast<int>(key.of), key.attribute, key.list ? "*" : "");
}

template <typename T>
uint32_t IndexOf(std::vector<T>& all, const T& one) {
  const auto found = std::ranges::find(all, one);
  if (found != all.end()) return static_cast<uint32_t>(found - all.begin());
  all.push_back(one);
  return static_cast<uint32_t>(all.size() - 1);
}

}  // namespace

StateSpec::StateSpec() {
  static const StateSpec totals_only = Builder().Build();
  rep_ = totals_only.rep_;
}

Column StateSpec::SeenColumn() {
  return {.kind = Column::Kind::kLast,
          .terms = {TermOf(schema::EventType::kWatch), kPositive},
          .resets = {}};
}

bool StateSpec::Reads(schema::EventType type, const PositiveRule& rule) const {
  return !program(type, rule.MayBePositive(type), rule.interest(type) > 0).empty();
}

std::string StateSpec::ToText() const {
  std::string text;
  for (const BagSpec& bag : bags()) {
    text += fmt::format("bag {} {} -{} {}{}\n", Text(bag.key), Text(bag.terms), Text(bag.removes),
                        bag.limit, bag.detailed ? " detailed" : "");
  }
  for (const TableSpec& table : tables()) {
    text += fmt::format("table {}\n", Text(table.key));
    for (const Column& column : table.columns) {
      text += fmt::format("column {} {} -{}\n", static_cast<int>(column.kind), Text(column.terms),
                          Text(column.resets));
    }
  }
  return text;
}

uint32_t StateSpec::Builder::AddBag(const BagSpec& bag) {
  for (size_t i = 0; i < bags_.size(); ++i) {
    BagSpec same = bag;
    // A list from which ids are taken out has older ones the longer it is.
    if (bag.removes.empty()) same.limit = bags_[i].limit;
    same.detailed = bags_[i].detailed;
    if (same != bags_[i]) continue;
    bags_[i].detailed |= bag.detailed;
    bags_[i].limit = std::max(bags_[i].limit, bag.limit);
    return static_cast<uint32_t>(i);
  }
  bags_.push_back(bag);
  return static_cast<uint32_t>(bags_.size() - 1);
}

CellRef StateSpec::Builder::AddColumn(const StateKey& key, const Column& column) {
  size_t table = 0;
  while (table < tables_.size() && tables_[table].key != key) ++table;
  if (table == tables_.size()) tables_.push_back({.key = key, .columns = {}});
  return {static_cast<uint32_t>(table), IndexOf(tables_[table].columns, column)};
}

void StateSpec::Builder::AddOpinions(const std::vector<Term>& against) {
  using enum schema::EventType;
  const StateKey item{.of = StateKey::Of::kItem};
  const std::vector<Term> like = {TermOf(kLike)}, rating = {TermOf(kRating)};
  const auto column = [&](Column::Kind kind, const std::vector<Term>& terms,
                          const std::vector<Term>& resets) {
    return AddColumn(item, {.kind = kind, .terms = terms, .resets = resets});
  };
  opinions_ = Opinions{
      .against = column(Column::Kind::kCount, against, like),
      .newest_rating = column(Column::Kind::kNewest, rating, {}),
      .against_bag =
          AddBag({.key = item, .terms = against, .removes = like, .limit = kOpinionsKept}),
      .rated_bag = AddBag({.key = item, .terms = rating, .removes = {}, .limit = kOpinionsKept})};
}

void StateSpec::Builder::AddViewed(const std::vector<Term>& looks,
                                   const std::vector<Term>& against) {
  std::vector<Term> removes = {kPositive, TermOf(schema::EventType::kPurchase)};
  removes.insert(removes.end(), against.begin(), against.end());
  viewed_bag_ = AddBag({.key = {.of = StateKey::Of::kItem},
                        .terms = looks,
                        .removes = std::move(removes),
                        .limit = kViewedKept});
}

bool StateSpec::Builder::full() const {
  const auto is_full = [](const TableSpec& table) {
    const auto times = std::ranges::count_if(table.columns, IsOptional);
    return table.columns.size() > kMaxColumns || static_cast<size_t>(times) > kMaxTimes;
  };
  return bags_.size() > kMaxBags || tables_.size() > kMaxTables ||
         std::ranges::any_of(tables_, is_full);
}

StateSpec StateSpec::Builder::Build() const {
  auto rep = std::make_shared<Rep>();
  rep->bags = bags_;
  rep->tables = tables_;
  rep->opinions = opinions_;
  rep->viewed_bag = viewed_bag_;
  rep->seen.table = static_cast<uint32_t>(tables_.size());
  for (uint32_t t = 0; t < tables_.size(); ++t) {
    std::vector<Cell>& fresh = rep->fresh_rows.emplace_back();
    for (uint32_t c = 0; c < tables_[t].columns.size(); ++c) {
      const Column& column = tables_[t].columns[c];
      fresh.emplace_back();
      if (column.kind == Column::Kind::kLast) fresh.back().time_ms = schema::kNoTime;
      if (column.kind == Column::Kind::kNewest && t == 0) fresh.back().sum = std::nan("");
      if (column.kind == Column::Kind::kNewest && t != 0) fresh.back().part = std::nanf("");
      if (tables_[t].key.of == StateKey::Of::kItem && column == SeenColumn()) rep->seen = {t, c};
    }
  }
  rep->programs.reserve(4 * kTypeNumbers);
  for (size_t type = 0; type < kTypeNumbers; ++type) {
    for (const bool positive : {false, true}) {
      for (const bool interest : {false, true}) {
        rep->programs.push_back(ProgramOf(bags_, tables_, {type, positive, interest}));
      }
    }
  }
  const auto is_declared = [](const auto& kept) {
    return kept.key.of == StateKey::Of::kRequest && kept.key.attribute >= kBuiltInRequestAttributes;
  };
  rep->reads_declared =
      std::ranges::any_of(bags_, is_declared) || std::ranges::any_of(tables_, is_declared);
  StateSpec spec(rep);
  rep->digest = base::Fingerprint(spec.ToText());
  return spec;
}

}  // namespace upnext::features
