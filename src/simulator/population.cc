#include "simulator/population.h"

#include <algorithm>
#include <cmath>

#include "simulator/draws.h"
#include "simulator/words.h"

namespace upnext::simulator {
namespace {

constexpr double kMonthMs = 30.0 * 86'400'000;

// Sessions by local hour: low at night, a small peak at noon, a high one in the evening.
constexpr std::array<double, 24> kHours = {2.2, 1.2, 0.7, 0.5, 0.4, 0.6, 1.4, 2.6,
                                           3.4, 3.6, 3.8, 4.2, 5.0, 4.8, 4.4, 4.4,
                                           4.8, 5.4, 6.4, 7.6, 8.6, 8.8, 7.2, 4.4};

// Pareto scaled to mean 1: P(x > t) ~ t^-(exponent - 1), cut at 100 times the least active.
double DrawActivity(base::Rng& rng, double exponent) {
  constexpr double kCut = 100;
  const double tail = exponent - 1.0;
  const double mean = std::abs(tail - 1.0) < 1e-9
                          ? 1.0 + std::log(kCut)
                          : 1.0 + (1.0 - std::pow(kCut, 1.0 - tail)) / (tail - 1.0);
  return std::min(kCut, std::pow(1.0 - rng.Uniform(), -1.0 / tail)) / mean;
}

void DrawInterests(const WorldOptions& options, const TopicTastes& tastes, base::Rng& rng,
                   User& user) {
  std::array<double, kMaxTopics> weight{};
  const double age = (static_cast<double>(user.age) - 35.0) / 15.0;
  const double gender = 2.0 * static_cast<double>(user.gender) - 1.0;
  for (uint32_t t = 0; t < options.catalogue.topics; ++t) {
    const TopicTastes::Leaning& leaning = tastes.leanings()[t];
    weight[t] = std::exp(leaning.size + leaning.age * age + leaning.gender * gender +
                         0.6 * tastes.OfRegion(user.region, t));
  }
  const int wanted = 2 + static_cast<int>(rng.Below(4));
  user.interests = std::min(wanted, static_cast<int>(options.catalogue.topics));
  for (size_t k = 0; k < static_cast<size_t>(user.interests); ++k) {
    const size_t topic =
        PickWeighted<double>(rng, std::span(weight).first(options.catalogue.topics));
    user.topic[k] = static_cast<uint8_t>(topic);
    weight[topic] = 0;
    user.level[k] = 0.7 * rng.Normal();
    user.drift[k] = options.audience.interest_drift * rng.Normal();
  }
}

}  // namespace

const std::array<Region, kRegions> kRegionTable = {{
    {"US", 0.30, -6, 0},
    {"GB", 0.12, 0, 0},
    {"IN", 0.12, 5, 0},
    {"DE", 0.12, 1, 1},
    {"ES", 0.06, 1, 2},
    {"MX", 0.08, -6, 2},
    {"FR", 0.10, 1, 3},
    {"BR", 0.10, -3, 4},
}};

std::array<double, kMaxInterests> User::InterestsAt(int64_t time_ms) const {
  std::array<double, kMaxInterests> weight{};
  const double months = static_cast<double>(time_ms - drift_from_ms) / kMonthMs;
  double total = 0;
  for (size_t k = 0; k < static_cast<size_t>(interests); ++k) {
    total += weight[k] = std::exp(level[k] + drift[k] * months);
  }
  for (double& w : weight) w /= total;
  return weight;
}

double User::Interest(uint32_t of_topic, int64_t time_ms) const {
  for (size_t k = 0; k < static_cast<size_t>(interests); ++k) {
    if (topic[k] == of_topic) return InterestsAt(time_ms)[k];
  }
  return 0;
}

TopicTastes TopicTastes::Of(const WorldOptions& options) {
  TopicTastes tastes;
  for (uint32_t topic = 0; topic < options.catalogue.topics; ++topic) {
    base::Rng rng = StreamRng(options.seed, Purpose::kTopics, topic);
    const double age = rng.Normal(), gender = rng.Normal(), size = rng.Normal();
    tastes.leaning_.push_back({.age = 0.8 * age, .gender = 0.8 * gender, .size = 0.5 * size});
  }
  for (uint64_t region = 0; region < kRegions; ++region) {
    for (uint32_t topic = 0; topic < options.catalogue.topics; ++topic) {
      base::Rng rng = StreamRng(options.seed, Purpose::kTopics, 1000 * (region + 1) + topic);
      tastes.region_.push_back(rng.Normal());
    }
  }
  return tastes;
}

User MakeUser(const WorldOptions& options, const TopicTastes& tastes, uint32_t id) {
  base::Rng rng = StreamRng(options.seed, Purpose::kUser, id);
  User user;
  user.id = id;
  std::array<double, kRegions> shares;
  for (size_t r = 0; r < kRegions; ++r) shares[r] = kRegionTable[r].share;
  user.region = static_cast<uint8_t>(PickWeighted<double>(rng, shares));
  user.language = kRegionTable[user.region].language;
  // One in ten speaks another language than their region; half of the others know English too.
  if (rng.Uniform() < 0.1) user.language = static_cast<uint8_t>(rng.Below(kLanguages));
  if (user.language != 0 && rng.Uniform() < 0.5) user.second_language = 0;
  user.logged_in = rng.Uniform() < options.audience.logged_in_share;
  user.age = static_cast<float>(std::clamp(std::round(35 + 14 * rng.Normal()), 13.0, 90.0));
  user.gender = rng.Uniform() < 0.5 ? 0.0f : 1.0f;
  user.sessions_per_day =
      options.audience.sessions_per_day * DrawActivity(rng, options.audience.activity_exponent);
  constexpr std::array<double, kDevices> kMean = {0.55, 0.22, 0.08, 0.15};
  for (size_t d = 0; d < kDevices; ++d) user.devices[d] = kMean[d] * std::exp(1.2 * rng.Normal());
  for (float& x : user.style) x = static_cast<float>(rng.Normal());
  user.drift_from_ms = options.start_ms();
  DrawInterests(options, tastes, rng, user);
  return user;
}

double DrawHour(base::Rng& rng) {
  const auto hour = static_cast<double>(PickWeighted<double>(rng, kHours));
  return hour + rng.Uniform();
}

Device DrawDevice(const User& user, double local_hour, base::Rng& rng) {
  std::array<double, kDevices> weight = user.devices;
  const bool evening = local_hour >= 18 && local_hour < 24;
  const bool office = local_hour >= 9 && local_hour < 17;
  weight[static_cast<size_t>(Device::kTv)] *= evening ? 2.0 : 0.4;
  weight[static_cast<size_t>(Device::kDesktop)] *= office ? 1.8 : 0.8;
  return static_cast<Device>(PickWeighted<double>(rng, weight));
}

}  // namespace upnext::simulator
