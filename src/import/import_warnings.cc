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
  if (spool.rows() == 0 || spool.first_ms() < 0 || spool.last_ms() >= kYearMs) return;
  warnings.push_back(fmt::format(
      "events: all {} times lie in 1970, from {} to {}: expected seconds since 1970, found what "
      "seconds divided by 1000 look like; check the SELECT's time",
      spool.rows(), TimeText(spool.first_ms()), TimeText(spool.last_ms())));
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

void WarnOfIds(const NameTable& names, schema::IdSpace space, std::vector<std::string>& warnings) {
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
      schema::IdSpaceName(space), total, examples));
}

}  // namespace

std::vector<std::string> ImportWarnings(const ImportNames& names, const EventSpool& spool) {
  std::vector<std::string> warnings;
  WarnOfTimes(spool, warnings);
  for (size_t i = 0; i < schema::kIdSpaces; ++i) {
    // Queries are folded into tokens anyway (features/query_tokens.h).
    const auto space = static_cast<schema::IdSpace>(i);
    if (space != schema::IdSpace::kQuery) WarnOfIds(names[i], space, warnings);
  }
  return warnings;
}

}  // namespace upnext::import
