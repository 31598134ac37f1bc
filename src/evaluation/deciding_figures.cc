#include "evaluation/deciding_figures.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "base/rng.h"

namespace upnext::evaluation {
namespace {

constexpr uint64_t kPairedStream = 2;

double ValueOf(const UserSums& users, bool root) {
  const double ratio = std::reduce(users.numerators.begin(), users.numerators.end()) /
                       std::reduce(users.denominators.begin(), users.denominators.end());
  return root ? std::sqrt(ratio) : ratio;
}

// Of the users in whom something is measured; none when the labels of the two differ.
std::pair<UserSums, UserSums> PairedSums(const UserSums& next, const UserSums& current) {
  std::pair<UserSums, UserSums> paired;
  const auto add = [](const UserSums& from, size_t user, UserSums* to) {
    to->numerators.push_back(from.numerators[user]);
    to->denominators.push_back(from.denominators[user]);
  };
  if (next.denominators != current.denominators) return paired;  // other labels
  for (size_t user = 0; user < next.denominators.size(); ++user) {
    if (!(next.denominators[user] > 0)) continue;
    add(next, user, &paired.first);
    add(current, user, &paired.second);
  }
  return paired;
}

}  // namespace

std::optional<PairedDifference> Difference(const std::vector<DecidingFigure>& next,
                                           const std::vector<DecidingFigure>& current,
                                           uint64_t seed) {
  for (const DecidingFigure& ours : next) {
    const auto theirs = std::ranges::find_if(current, [&](const DecidingFigure& other) {
      return other.metric == ours.metric && other.of == ours.of;
    });
    if (theirs == current.end()) continue;
    const auto [after, before] = PairedSums(ours.users, theirs->users);
    if (after.numerators.empty()) continue;
    PairedDifference found{.stage = "",
                           .metric = ours.metric,
                           .less_is_better = ours.less_is_better,
                           .next = ValueOf(after, ours.root),
                           .current = ValueOf(before, ours.root),
                           .interval = kNoInterval,
                           .users = after.numerators.size()};
    if (found.users >= kFewestUsers) {
      base::Rng rng(seed, kPairedStream);
      found.interval = BootstrapDifference(after, before, ours.root, rng);
      if (ours.of_pairs) {  // twice as wide, as BootstrapPairs
        const double middle = found.next - found.current;
        found.interval = {2 * found.interval.low - middle, 2 * found.interval.high - middle};
      }
    }
    return found;
  }
  return std::nullopt;
}

}  // namespace upnext::evaluation
