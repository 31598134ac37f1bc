#include "import/import_warnings.h"

#include <fmt/chrono.h>

#include <algorithm>
#include <string_view>

#include "schema/event.h"

namespace upnext::import {
namespace {

constexpr int64_t kYearMs = 365LL * 86'400'000;
constexpr size_t kExamples = 3;

std::string TimeText(int64_t time_ms) {
  return fmt::format("{:%Y-%m-%d %H:%M:%S}", fmt::gmtime(static_cast<std::time_t>(time_ms / 1000)));
}

void WarnOfTimes(const EventSpool& spool, std::vector<std::string>& warnings) {
  const TimeSpan& span = spool.times().span();
  if (spool.times().AreFloats()) {
    warnings.push_back(fmt::format(
        "events: all {} times are what a 32-bit float holds, which has seconds since 1970 in steps of "
        "64 or 128: within a step the order is lost, and equal rows are one event. Store times as "
        "DOUBLE, BIGINT or TIMESTAMP",
        spool.rows()));
  }
  if (spool.rows() == 0 || span.first_ms < 0 || span.last_ms >= kYearMs) return;
  warnings.push_back(fmt::format(
      "events: all {} times lie in 1970, from {} to {}: expected seconds since 1970, found what "
      "seconds divided by 1000 look like; check the SELECT's time",
      spool.rows(), TimeText(span.first_ms), TimeText(span.last_ms)));
}

// The name without blanks, in lower case, in `fold`.
void Fold(std::string_view name, std::string& fold) {
  fold.clear();
  for (const char c : name) {
    if (c != ' ') fold += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
}

struct Alike {
  std::string_view fold, first, last;  // the least and the greatest of the names, by bytes
  uint64_t names = 0;
};

// Only the names that folding changes, and those that they fall together with, are grouped: most
// logs have none, and then this costs one pass over the names.
std::vector<Alike> FindAlike(const NameTable& names, NameTable& folds) {
  std::string fold;
  for (uint32_t i = 0; i < names.size(); ++i) {
    Fold(names.name(i), fold);
    if (fold != names.name(i) && !fold.empty()) folds.Add(fold);
  }
  std::vector<Alike> alike(folds.size());
  for (uint32_t i = 0; i < names.size() && folds.size() > 0; ++i) {
    Fold(names.name(i), fold);
    const uint32_t group = folds.Find(fold);
    if (group == schema::kNone) continue;
    Alike& a = alike[group];
    a.fold = folds.name(group);
    a.first = a.names == 0 ? names.name(i) : std::min(a.first, names.name(i));
    a.last = a.names == 0 ? names.name(i) : std::max(a.last, names.name(i));
    ++a.names;
  }
  std::erase_if(alike, [](const Alike& a) { return a.names < 2; });
  std::ranges::sort(alike, {}, &Alike::fold);
  return alike;
}

void WarnOfIds(const NameTable& names, std::string_view space, std::vector<std::string>& warnings) {
  NameTable folds;
  const std::vector<Alike> alike = FindAlike(names, folds);
  if (alike.empty()) return;
  uint64_t total = 0;
  for (const Alike& a : alike) total += a.names;
  std::string examples;
  for (size_t i = 0; i < std::min(kExamples, alike.size()); ++i) {
    examples += fmt::format("{}'{}' and '{}'", i == 0 ? "" : ", ", alike[i].first, alike[i].last);
  }
  warnings.push_back(fmt::format(
      "{}: {} ids differ from another by case or blanks only, e.g. {}; they are kept apart. If "
      "they are the same, use lower(trim(...)) in the SELECT",
      space, total, examples));
}

double Percent(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : 100 * static_cast<double>(part) / static_cast<double>(whole);
}

void WarnOfJoins(const IdUse& use, std::string_view table, std::string_view one,
                 std::vector<std::string>& warnings) {
  if (use.rows == 0 || use.joined * 2 >= use.events) return;
  const std::string unused =
      use.unused.empty() ? "" : fmt::format(" and '{}' in the table", use.unused);
  warnings.push_back(fmt::format(
      "{0}: {1} of {2} events ({3:.1f} %) have {4} that the {0} table describes, and {5} of its {6} "
      "rows occur in events; there is '{7}' in events{8}. If they are the same ids, spell them alike "
      "in the SELECTs",
      table, use.joined, use.events, Percent(use.joined, use.events), one, use.rows_used, use.rows,
      use.undescribed, unused));
}

void WarnOfPlaceholders(const IdUse& use, std::string_view space,
                        std::vector<std::string>& warnings) {
  if (use.placeholders.empty()) return;
  uint64_t events = 0;
  for (const IdUse::Placeholder& placeholder : use.placeholders) events += placeholder.events;
  std::string examples;
  for (size_t i = 0; i < std::min(2 * kExamples, use.placeholders.size()); ++i) {
    examples += fmt::format("{}'{}' ({})", i == 0 ? "" : ", ", use.placeholders[i].name,
                            use.placeholders[i].events);
  }
  warnings.push_back(fmt::format(
      "{0}: {1} of {2} events ({3:.1f} %) have an id that looks like a word for no id: {4}. Each of "
      "them counts as one of the {0}; if it is none, leave the rows out with WHERE in the SELECT",
      space, events, use.events, Percent(events, use.events), examples));
}

}  // namespace

std::vector<std::string> ImportWarnings(const schema::Schema& schema, const ImportNames& names,
                                        const EventSpool& spool, const Written& written,
                                        bool append) {
  std::vector<std::string> warnings;
  WarnOfTimes(spool, warnings);
  if (!append) {
    WarnOfJoins(written.items, "items", "an item", warnings);
    WarnOfJoins(written.users, "users", "a user", warnings);
  }
  WarnOfPlaceholders(written.users, "users", warnings);
  WarnOfPlaceholders(written.items, "items", warnings);
  for (size_t i = 0; i < names.size(); ++i) {
    // Queries are folded into tokens anyway (features/query_tokens.h).
    const auto space = static_cast<schema::IdSpace>(i);
    if (space != schema::IdSpace::kQuery) WarnOfIds(names[i], schema.name(space), warnings);
  }
  return warnings;
}

}  // namespace upnext::import
