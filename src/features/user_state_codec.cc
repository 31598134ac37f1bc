// UserState to bytes and back; the format is docs/formats/user_state.md.
#include <algorithm>
#include <cmath>

#include "base/checksum.h"
#include "features/state_bytes.h"
#include "features/user_state.h"
#include "schema/event.h"

namespace upnext::features {

namespace {

constexpr std::string_view kMagic = "UNUS";
constexpr uint8_t kVersion = 4;
constexpr size_t kChecksumBytes = sizeof(uint64_t);

uint64_t ChecksumOf(std::string_view bytes) {
  return base::Checksum(std::as_bytes(std::span(bytes.data(), bytes.size())));
}

// The optional cells of a row that are present, as a bit each, in the order of their columns.
uint64_t PresentCells(const std::vector<Column>& columns, const Cell* row, bool user_row) {
  uint64_t present = 0;
  size_t cells = 0;
  for (size_t c = 0; c < columns.size(); ++c) {
    if (!IsOptional(columns[c])) continue;
    const bool has = columns[c].kind == Column::Kind::kLast ? row[c].time_ms != schema::kNoTime
                     : user_row                             ? !std::isnan(row[c].sum)
                                                            : !std::isnan(row[c].part);
    present |= uint64_t{has} << cells++;
  }
  return present;
}

void WriteRow(const std::vector<Column>& columns, const Cell* row, bool user_row, int64_t base_ms,
              StateWriter& out) {
  uint64_t present = PresentCells(columns, row, user_row);
  out.Varint(present);
  for (size_t c = 0; c < columns.size(); ++c) {
    switch (columns[c].kind) {
      case Column::Kind::kCount:
      case Column::Kind::kShares:
        out.Varint(row[c].count);
        break;
      case Column::Kind::kValue:
      case Column::Kind::kShare:
        user_row ? out.Real(row[c].sum) : out.Real(row[c].part);
        break;
      case Column::Kind::kNewest:
        if ((present & 1) != 0) user_row ? out.Real(row[c].sum) : out.Real(row[c].part);
        break;
      case Column::Kind::kLast:
        if ((present & 1) != 0) out.Time(row[c].time_ms, base_ms);
        break;
    }
    if (IsOptional(columns[c])) present >>= 1;
  }
}

// Into `row`, which is a fresh one.
bool ReadRow(const std::vector<Column>& columns, bool user_row, int64_t base_ms, StateReader& in,
             Cell* row) {
  uint64_t present;
  if (!in.Varint(&present)) return false;
  for (size_t c = 0; c < columns.size(); ++c) {
    switch (columns[c].kind) {
      case Column::Kind::kCount:
      case Column::Kind::kShares:
        if (!in.Varint(&row[c].count)) return false;
        break;
      case Column::Kind::kValue:
      case Column::Kind::kShare:
        if (!(user_row ? in.Sum(&row[c].sum) : in.Sum(&row[c].part))) return false;
        break;
      case Column::Kind::kNewest:
        if ((present & 1) != 0 && !(user_row ? in.Sum(&row[c].sum) : in.Sum(&row[c].part))) {
          return false;
        }
        break;
      case Column::Kind::kLast:
        if ((present & 1) != 0 && !in.Time(&row[c].time_ms, base_ms)) return false;
        break;
    }
    if (IsOptional(columns[c])) present >>= 1;
  }
  return present == 0;
}

// The weights of a list of the history are written only if there is one but 1.
void WriteBag(std::span<const TimedId> bag, const BagSpec& spec, int64_t base_ms,
              StateWriter& out) {
  const bool is_history = IsHistory(spec);
  const bool weighs = is_history && std::ranges::any_of(bag, [](const TimedId& entry) {
                        return entry.weight != 1;
                      });
  out.Varint(bag.size());
  if (is_history) out.Byte(weighs ? 1 : 0);
  for (const TimedId& entry : bag) {
    out.Varint(entry.id);
    out.Time(entry.time_ms, base_ms);
    if (weighs) out.Real(entry.weight);
    if (!spec.detailed) continue;
    out.Byte(entry.type);
    out.Byte(entry.share_row);
  }
}

bool ReadDetails(StateReader& in, TimedId* entry) {
  return in.Byte(&entry->type) && in.Byte(&entry->share_row) && entry->type != 0 &&
         entry->share_row < kShareRows;
}

bool ReadTotals(StateReader& in, UserState::Totals* totals) {
  uint64_t first, last;
  if (!in.Varint(&totals->events) || !in.Fixed(&first) || !in.Fixed(&last)) return false;
  totals->first_ms = static_cast<int64_t>(first);
  totals->last_ms = static_cast<int64_t>(last);
  const bool any = totals->events > 0;
  return (totals->first_ms != schema::kNoTime) == any &&
         (totals->last_ms != schema::kNoTime) == any && totals->first_ms <= totals->last_ms;
}

}  // namespace

std::string UserState::Serialize() const {
  StateWriter out;
  out.bytes().reserve(256);
  out.bytes().append(kMagic);
  out.Byte(kVersion);
  out.Fixed(spec_.digest());
  out.Varint(totals_.events);
  out.Fixed(static_cast<uint64_t>(totals_.first_ms));
  out.Fixed(static_cast<uint64_t>(totals_.last_ms));
  const int64_t base_ms = totals_.last_ms;
  for (size_t b = 0; b < bags_.size(); ++b) {
    WriteBag(bags_[b].view(), spec_.bags()[b], base_ms, out);
  }
  WriteRow(spec_.tables()[0].columns, user_row_.data(), true, base_ms, out);
  for (size_t t = 1; t < tables_.size(); ++t) {
    const std::vector<Column>& columns = spec_.tables()[t].columns;
    const std::vector<uint32_t> keys = tables_[t].SortedKeys();
    out.Varint(keys.size());
    uint32_t next = 0;  // keys rise; each is written as its distance from the one before, less 1
    for (const uint32_t key : keys) {
      out.Varint(key - next);
      next = key + 1;
      const Cell* row = tables_[t].Find(key);
      out.Time(row[-1].time_ms, base_ms);
      WriteRow(columns, row, false, base_ms, out);
    }
  }
  out.Fixed(ChecksumOf(out.bytes()));
  return std::move(out.bytes());
}

bool UserState::ReadBags(StateReader& in) {
  for (size_t b = 0; b < bags_.size(); ++b) {
    const size_t limit = spec_.bags()[b].limit;
    uint64_t n;
    uint8_t weighs = 0;
    if (!in.Varint(&n) || n > limit) return false;
    if (IsHistory(spec_.bags()[b]) && (!in.Fixed(&weighs) || weighs > 1)) return false;
    bool any = false;
    for (uint64_t i = 0; i < n; ++i) {
      TimedId entry{.id = schema::kNone, .time_ms = 0};
      if (!in.Varint(&entry.id) || !in.Time(&entry.time_ms, totals_.last_ms) ||
          entry.id == schema::kNone) {
        return false;
      }
      if (weighs == 1 && (!in.Sum(&entry.weight) || !(entry.weight > 0))) return false;
      any |= entry.weight != 1;
      if (spec_.bags()[b].detailed && !ReadDetails(in, &entry)) return false;
      bags_[b].Push(entry, limit);
    }
    if (any != (weighs == 1)) return false;
  }
  return true;
}

bool UserState::ReadTables(StateReader& in) {
  const int64_t base_ms = totals_.last_ms;
  if (!ReadRow(spec_.tables()[0].columns, true, base_ms, in, user_row_.data())) return false;
  for (size_t t = 1; t < tables_.size(); ++t) {
    const TableSpec& table = spec_.tables()[t];
    uint64_t n, next = 0;
    if (!in.Varint(&n) || n > table.cap()) return false;
    for (uint64_t i = 0; i < n; ++i) {
      uint32_t gap;
      int64_t touched;
      if (!in.Varint(&gap) || next + gap >= schema::kNone || !in.Time(&touched, base_ms)) {
        return false;
      }
      const auto key = static_cast<uint32_t>(next + gap);
      next = uint64_t{key} + 1;
      Cell* row = tables_[t].Touch(key, touched, spec_.fresh_row(t));
      if (!ReadRow(table.columns, false, base_ms, in, row)) return false;
    }
  }
  return true;
}

Result<UserState> UserState::Parse(std::string_view bytes, const StateSpec& spec) {
  const auto damaged = [&](std::string_view what) {
    return DataLoss(
        "user state of {} bytes: {}; restore it from a backup, or rebuild it from the "
        "event log",
        bytes.size(), what);
  };
  constexpr size_t kHead = kMagic.size() + 1 + sizeof(uint64_t);
  if (bytes.size() < kHead + kChecksumBytes || !bytes.starts_with(kMagic)) {
    return damaged("does not begin as one");
  }
  const uint8_t version = static_cast<uint8_t>(bytes[kMagic.size()]);
  if (version != kVersion) {
    return damaged(fmt::format("expected version {}, found {}", kVersion, version));
  }
  const std::string_view body = bytes.substr(0, bytes.size() - kChecksumBytes);
  uint64_t checksum;
  StateReader(bytes.substr(body.size())).Fixed(&checksum);
  if (checksum != ChecksumOf(body)) return damaged("its checksum differs");
  StateReader in(body.substr(kMagic.size() + 1));
  uint64_t digest;
  in.Fixed(&digest);
  if (digest != spec.digest()) {
    return FailedPrecondition(
        "a user state for features of digest {:016x}, but these keep {:016x}: fold the user's "
        "events again",
        digest, spec.digest());
  }
  UserState state(spec);
  if (!ReadTotals(in, &state.totals_)) return damaged("its totals do not fit");
  if (!state.ReadBags(in)) return damaged("a list does not fit");
  if (!state.ReadTables(in)) return damaged("a table does not fit");
  if (!in.done()) return damaged("there are bytes after its end");
  return state;
}

}  // namespace upnext::features
