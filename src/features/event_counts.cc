#include "features/event_counts.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/clock.h"
#include "features/state_keys.h"

namespace upnext::features {

int64_t UtcDay(int64_t time_ms) {
  const int64_t day = time_ms / base::kDayMs - (time_ms % base::kDayMs < 0 ? 1 : 0);
  return std::clamp<int64_t>(day, INT32_MIN, INT32_MAX);
}

namespace {

constexpr int64_t kDayOffset = int64_t{1} << 31;

float ToFloat(Column::Kind kind, uint64_t whole) {
  switch (kind) {
    case Column::Kind::kValue:
      return static_cast<float>(static_cast<double>(whole) * 1e-3);
    case Column::Kind::kShare:
      return static_cast<float>(static_cast<double>(whole) * 1e-6);
    default:
      return static_cast<float>(whole);
  }
}

std::string CountsSection(size_t table, std::string_view what) {
  return fmt::format("counts.{}.{}", table, what);
}

// What one event adds, by kind of column.
struct WholeMeasures {
  uint64_t thousandths = 0, millionths = 0;
  bool has_share = false;
  uint64_t Of(Column::Kind kind) const {
    switch (kind) {
      case Column::Kind::kValue:
        return thousandths;
      case Column::Kind::kShare:
        return millionths;
      case Column::Kind::kShares:
        return has_share ? 1 : 0;
      default:
        return 1;
    }
  }
};

WholeMeasures MeasuresOf(const schema::Event& event, const catalogue::Catalogue& catalogue,
                         bool needs_duration) {
  WholeMeasures measures;
  if (!std::isfinite(event.value)) return measures;
  if (event.value > 0) {
    measures.thousandths =
        static_cast<uint64_t>(std::min<double>(event.value, kMaxEventValue) * 1e3);
  }
  if (!needs_duration) return measures;
  const double share = ShareOfDuration(event, catalogue);
  measures.has_share = !std::isnan(share);
  if (measures.has_share) measures.millionths = static_cast<uint64_t>(share * 1e6);
  return measures;
}

}  // namespace

EventCounts::Builder::Builder(const StateSpec& spec) : spec_(spec), days_(spec.tables().size()) {}

uint64_t* EventCounts::Builder::Days::At(uint64_t key_and_day, size_t columns) {
  const auto [entry, is_new] =
      entries.try_emplace(key_and_day, static_cast<uint32_t>(entries.size()));
  if (is_new) cells.resize(cells.size() + columns);
  return cells.data() + size_t{entry->second} * columns;
}

void EventCounts::Builder::Add(const schema::Event& event, bool positive, bool interest,
                               const catalogue::Catalogue& catalogue,
                               std::span<const schema::AttributeValue> declared) {
  const StateSpec::Program& program = spec_.program(event.type, positive, interest);
  if (program.tables.empty()) return;
  const WholeMeasures measures = MeasuresOf(event, catalogue, program.needs_duration);
  const uint64_t day = static_cast<uint64_t>(UtcDay(event.time_ms) + kDayOffset);
  for (const StateSpec::TableStep& step : program.tables) {
    const TableSpec& table = spec_.tables()[step.table];
    ForEachKey(table.key, event, declared, catalogue, [&](uint32_t key) {
      uint64_t* cells = days_[step.table].At((uint64_t{key} << 32) | day, table.columns.size());
      for (size_t i = step.begin; i < step.end; ++i) {
        const StateSpec::CellStep& cell = program.cells[i];
        cells[cell.column] += measures.Of(cell.kind);
      }
    });
  }
}

void EventCounts::Builder::Merge(const Builder& other) {
  for (size_t t = 0; t < days_.size(); ++t) {
    const size_t columns = spec_.tables()[t].columns.size();
    for (const auto& [key_and_day, entry] : other.days_[t].entries) {
      uint64_t* cells = days_[t].At(key_and_day, columns);
      const uint64_t* more = other.days_[t].cells.data() + size_t{entry} * columns;
      for (size_t c = 0; c < columns; ++c) cells[c] += more[c];
    }
  }
}

EventCounts::Table EventCounts::Builder::BuildTable(size_t table) const {
  const std::vector<Column>& columns = spec_.tables()[table].columns;
  const size_t width = columns.size();
  std::vector<uint64_t> order;
  order.reserve(days_[table].entries.size());
  for (const auto& entry : days_[table].entries) order.push_back(entry.first);
  std::sort(order.begin(), order.end());

  Table built;
  std::vector<uint64_t> all(width, 0), total(width, 0);
  size_t with_events = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    const size_t key = order[i] >> 32;
    if (i == 0 || key != order[i - 1] >> 32) {
      std::ranges::fill(total, 0);
      ++with_events;
      built.offsets.resize(key + 1, i);
    }
    const uint64_t* cells =
        days_[table].cells.data() + size_t{days_[table].entries.at(order[i])} * width;
    built.days.push_back(
        static_cast<int32_t>(static_cast<int64_t>(order[i] & 0xffffffffu) - kDayOffset));
    for (size_t c = 0; c < width; ++c) {
      total[c] += cells[c];
      all[c] += cells[c];
      built.totals.push_back(ToFloat(columns[c].kind, total[c]));
    }
  }
  if (!order.empty()) built.offsets.push_back(order.size());
  built.prior.assign(width, 0.0f);
  if (with_events > 0) {
    const float scale = 1.0f / static_cast<float>(with_events);
    for (size_t c = 0; c < width; ++c) {
      built.prior[c] = ToFloat(columns[c].kind, all[c]) * scale;
    }
  }
  return built;
}

EventCounts EventCounts::Builder::Build() const {
  EventCounts counts;
  counts.tables_.resize(days_.size());
  for (size_t t = 1; t < days_.size(); ++t) counts.tables_[t] = BuildTable(t);
  return counts;
}

const float* EventCounts::At(size_t table, uint32_t key, int64_t time_ms) const {
  const Table& in = tables_[table];
  if (key + size_t{1} >= in.offsets.size()) return nullptr;
  const int32_t* begin = in.days.data() + in.offsets[key];
  const int32_t* end = in.days.data() + in.offsets[key + 1];
  const int32_t* today = std::lower_bound(begin, end, static_cast<int32_t>(UtcDay(time_ms)));
  if (today == begin) return nullptr;
  return in.totals.data() + static_cast<size_t>(today - in.days.data() - 1) * in.prior.size();
}

void EventCounts::Renumber(size_t table, std::span<const uint32_t> old_keys) {
  const Table& old = tables_[table];
  const size_t width = old.prior.size();
  Table renumbered;
  renumbered.prior = old.prior;
  for (const uint32_t key : old_keys) {
    if (key + size_t{1} < old.offsets.size()) {
      const uint64_t begin = old.offsets[key], end = old.offsets[key + 1];
      renumbered.days.insert(renumbered.days.end(), old.days.data() + begin, old.days.data() + end);
      renumbered.totals.insert(renumbered.totals.end(), old.totals.data() + begin * width,
                               old.totals.data() + end * width);
    }
    renumbered.offsets.push_back(renumbered.days.size());
  }
  tables_[table] = std::move(renumbered);
}

Status EventCounts::Save(base::SectionWriter& writer) const {
  for (size_t t = 1; t < tables_.size(); ++t) {
    const Table& table = tables_[t];
    UPNEXT_RETURN_IF_ERROR(writer.Add<uint64_t>(CountsSection(t, "offsets"), table.offsets));
    UPNEXT_RETURN_IF_ERROR(writer.Add<int32_t>(CountsSection(t, "days"), table.days));
    UPNEXT_RETURN_IF_ERROR(writer.Add<float>(CountsSection(t, "totals"), table.totals));
    UPNEXT_RETURN_IF_ERROR(writer.Add<float>(CountsSection(t, "prior"), table.prior));
  }
  return Ok();
}

Result<EventCounts::Table> EventCounts::LoadTable(const base::SectionFile& file, size_t table,
                                                  size_t columns) {
  const std::string path = file.path().string();
  const std::string name = fmt::format("counts.{}", table);
  UPNEXT_ASSIGN_OR_RETURN(std::span<const uint64_t> offsets,
                          file.Get<uint64_t>(CountsSection(table, "offsets")));
  UPNEXT_ASSIGN_OR_RETURN(std::span<const int32_t> days,
                          file.Get<int32_t>(CountsSection(table, "days")));
  UPNEXT_ASSIGN_OR_RETURN(std::span<const float> totals,
                          file.Get<float>(CountsSection(table, "totals"), days.size() * columns));
  UPNEXT_ASSIGN_OR_RETURN(std::span<const float> prior,
                          file.Get<float>(CountsSection(table, "prior"), columns));
  if (offsets.empty() || offsets.front() != 0 || offsets.back() != days.size() ||
      !std::is_sorted(offsets.begin(), offsets.end())) {
    return DataLoss("{}: {}.offsets should rise from 0 to {}; train again", path, name,
                    days.size());
  }
  for (size_t key = 0; key + 1 < offsets.size(); ++key) {
    for (size_t i = offsets[key] + 1; i < offsets[key + 1]; ++i) {
      if (days[i - 1] < days[i]) continue;
      return DataLoss("{}: {}.days of key {} do not rise; train again", path, name, key);
    }
  }
  const auto count = [](float x) { return std::isfinite(x) && x >= 0; };
  if (!std::ranges::all_of(totals, count) || !std::ranges::all_of(prior, count)) {
    return DataLoss("{}: {} holds a negative or infinite count; train again", path, name);
  }
  return Table{.offsets = {offsets.begin(), offsets.end()},
               .days = {days.begin(), days.end()},
               .totals = {totals.begin(), totals.end()},
               .prior = {prior.begin(), prior.end()}};
}

Result<EventCounts> EventCounts::Load(const base::SectionFile& file, const StateSpec& spec) {
  EventCounts counts;
  counts.tables_.resize(spec.tables().size());
  for (size_t t = 1; t < counts.tables_.size(); ++t) {
    UPNEXT_ASSIGN_OR_RETURN(counts.tables_[t], LoadTable(file, t, spec.tables()[t].columns.size()));
  }
  return counts;
}

}  // namespace upnext::features
