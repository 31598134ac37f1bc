// Random variables that the simulated sites share (site.h). Only this room includes it.
#ifndef UPNEXT_SIMULATOR_SITE_DRAWS_H_
#define UPNEXT_SIMULATOR_SITE_DRAWS_H_

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "simulator/draws.h"

namespace upnext::simulator {

inline bool Chance(base::Rng& rng, double probability) { return rng.Uniform() < probability; }

inline double Between(base::Rng& rng, double low, double high) {
  return low + (high - low) * rng.Uniform();
}

inline double LogNormal(base::Rng& rng, double deviation) {
  return std::exp(deviation * rng.Normal());
}

inline double Exponential(base::Rng& rng, double mean) {
  return -mean * std::log(1.0 - rng.Uniform());
}

template <typename List>
const auto& OneOf(base::Rng& rng, const List& list) {
  return list[rng.Below(list.size())];
}

// `n` different numbers below `of`, in the order drawn.
inline std::vector<uint32_t> SomeOf(base::Rng& rng, uint32_t of, size_t n) {
  std::vector<uint32_t> some;
  while (some.size() < std::min<size_t>(n, of)) {
    const auto one = static_cast<uint32_t>(rng.Below(of));
    if (std::find(some.begin(), some.end(), one) == some.end()) some.push_back(one);
  }
  return some;
}

// The times of a user's visits, in days, ascending: Poisson numbers a day, most in the evening.
inline std::vector<double> VisitTimes(base::Rng& rng, int days, double per_day) {
  std::vector<double> times;
  for (int day = 0; day < days; ++day) {
    for (int n = Poisson(rng, per_day); n > 0; --n) {
      const double evening = std::max(Between(rng, 0.25, 1), Between(rng, 0.25, 1));
      times.push_back(day + evening);
    }
  }
  std::sort(times.begin(), times.end());
  return times;
}

inline std::string_view SiteDevice(base::Rng& rng) {
  constexpr std::array<double, 3> kShares = {6, 3, 1};
  constexpr std::array<std::string_view, 3> kNames = {"phone", "desktop", "tablet"};
  return kNames[PickWeighted<double>(rng, kShares)];
}

inline std::string_view SiteRegion(base::Rng& rng) {
  constexpr std::array<double, 4> kShares = {4, 3, 2, 2};
  constexpr std::array<std::string_view, 4> kNames = {"north", "south", "east", "west"};
  return kNames[PickWeighted<double>(rng, kShares)];
}

inline constexpr double kSecond = 1.0 / 86'400;  // in days

}  // namespace upnext::simulator

#endif  // UPNEXT_SIMULATOR_SITE_DRAWS_H_
