#include "simulator/population.h"

#include <algorithm>
#include <cmath>

#include "simulator/draws.h"
#include "simulator/words.h"

namespace upnext::simulator {
namespace {

constexpr double kMonthMs = 30.0 * 86'400'000;

// Pareto scaled to mean 1: P(x > t) ~ t^-(exponent - 1), cut at this multiple of the minimum.
double DrawActivity(base::Rng& rng, double exponent, double cut) {
  const double tail = exponent - 1.0;
  const double mean = std::abs(tail - 1.0) < 1e-9
                          ? 1.0 + std::log(cut)
                          : 1.0 + (1.0 - std::pow(cut, 1.0 - tail)) / (tail - 1.0);
  return std::min(cut, std::pow(1.0 - rng.Uniform(), -1.0 / tail)) / mean;
}

void DrawInterests(const WorldOptions& options, const TopicTastes& tastes, base::Rng& rng,
                   User& user) {
  std::array<double, kMaxTopics> weight{};
  const double age = (static_cast<double>(user.age) - 35.0) / 15.0;
  const double gender = 2.0 * static_cast<double>(user.gender) - 1.0;
  for (uint32_t t = 0; t < options.catalogue.topics; ++t) {
    const TopicTastes::Leaning& leaning = tastes.leanings()[t];
    weight[t] = std::exp(leaning.size + leaning.age * age + leaning.gender * gender +
                         options.audience.interest_region * tastes.OfRegion(user.region, t));
  }
  const int wanted = 2 + static_cast<int>(rng.Below(4));
  user.interests = std::min(wanted, static_cast<int>(options.catalogue.topics));
  for (size_t k = 0; k < static_cast<size_t>(user.interests); ++k) {
    const size_t topic =
        PickWeighted<double>(rng, std::span(weight).first(options.catalogue.topics));
    user.topic[k] = static_cast<uint8_t>(topic);
    weight[topic] = 0;
    user.level[k] = options.audience.interest_spread * rng.Normal();
    user.drift[k] = options.audience.interest_drift * rng.Normal();
  }
}

}  // namespace

const std::array<Region, kRegions> kRegionTable = {{
    {"US", -6, 0},
    {"GB", 0, 0},
    {"IN", 5, 0},
    {"DE", 1, 1},
    {"ES", 1, 2},
    {"MX", -6, 2},
    {"FR", 1, 3},
    {"BR", -3, 4},
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
  const AudienceOptions& audience = options.audience;
  user.region = static_cast<uint8_t>(PickWeighted<double>(rng, audience.regions));
  user.language = kRegionTable[user.region].language;
  // One user in ten speaks another language than the region's; half of the others also know
  // English.
  if (rng.Uniform() < 0.1) user.language = static_cast<uint8_t>(rng.Below(kLanguages));
  if (user.language != 0 && rng.Uniform() < 0.5) user.second_language = 0;
  user.logged_in = rng.Uniform() < audience.logged_in_share;
  user.age = static_cast<float>(std::clamp(std::round(35 + 14 * rng.Normal()), 13.0, 90.0));
  user.gender = rng.Uniform() < 0.5 ? 0.0f : 1.0f;
  user.sessions_per_day = audience.sessions_per_day *
                          DrawActivity(rng, audience.activity_exponent, audience.activity_cut);
  for (size_t d = 0; d < kDevices; ++d) {
    user.devices[d] = audience.devices[d] * std::exp(1.2 * rng.Normal());
  }
  for (float& x : user.style) x = static_cast<float>(rng.Normal());
  user.drift_from_ms = options.start_ms();
  DrawInterests(options, tastes, rng, user);
  user.leniency = options.response.leniency * rng.Normal();
  return user;
}

double DrawHour(const SessionOptions& options, base::Rng& rng) {
  const auto hour = static_cast<double>(PickWeighted<int>(rng, options.hours));
  return hour + rng.Uniform();
}

Device DrawDevice(const AudienceOptions& options, const User& user, double local_hour,
                  base::Rng& rng) {
  std::array<double, kDevices> weight = user.devices;
  const bool evening = local_hour >= 18 && local_hour < 24;
  const bool office = local_hour >= 9 && local_hour < 17;
  weight[static_cast<size_t>(Device::kTv)] *= evening ? options.tv_evening : options.tv_else;
  weight[static_cast<size_t>(Device::kDesktop)] *=
      office ? options.desktop_office : options.desktop_else;
  return static_cast<Device>(PickWeighted<double>(rng, weight));
}

}  // namespace upnext::simulator
