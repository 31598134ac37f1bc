#include "base/suggest.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace upnext::base {
namespace {

// Levenshtein distance over bytes, where swapping two neighbours counts as one edit.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t change = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    before.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

}  // namespace

std::string Nearest(std::string_view word, std::span<const std::string> names) {
  const size_t limit = std::max<size_t>(2, word.size() / 3);
  size_t nearest = limit + 1;
  std::string result;
  for (const std::string& name : names) {
    const size_t longer = std::max(word.size(), name.size());
    if (longer - std::min(word.size(), name.size()) >= nearest) continue;
    const size_t distance = EditDistance(word, name);
    // A distance equal to the length means that the two have nothing in common.
    if (distance < nearest && distance < longer) {
      nearest = distance;
      result = name;
    }
  }
  return result;
}

std::string DidYouMean(std::string_view word, std::span<const std::string> names) {
  const std::string name = Nearest(word, names);
  return name.empty() ? "" : fmt::format("; did you mean '{}'?", name);
}

}  // namespace upnext::base
