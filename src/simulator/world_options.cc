#include "simulator/world_options.h"

#include <fmt/format.h>

#include <cmath>
#include <span>
#include <string>
#include <vector>

#include "simulator/population.h"

namespace upnext::simulator {
namespace {

constexpr base::RealRange kShare{.min = 0, .max = 1};
constexpr base::RealRange kLogit{.min = -20, .max = 20};
constexpr base::RealRange kPositive{.min = 1e-6, .max = 1e6};
constexpr base::RealRange kNotNegative{.min = 0, .max = 1e6};

constexpr char kExpectedWeights[] = "expected no negative one and a sum of more than 0";

// Whether the weights define a distribution.
template <typename T>
bool AreWeights(std::span<const T> weights) {
  double sum = 0;
  for (const T weight : weights) {
    if (!(weight >= T(0))) return false;
    sum += static_cast<double>(weight);
  }
  return sum > 0 && std::isfinite(sum);
}

// Reads a table of weights, one for each name.
template <size_t kCount, typename NameOf>
std::array<double, kCount> ReadWeights(const base::ConfigTable& parent, std::string_view key,
                                       std::array<double, kCount> weights, NameOf name_of) {
  const base::ConfigTable table = parent.Table(key);
  for (size_t i = 0; i < kCount; ++i) {
    weights[i] = table.Real(name_of(i), weights[i], kNotNegative);
  }
  if (!AreWeights<double>(weights)) parent.Fail(key, fmt::format("{}: {}", key, kExpectedWeights));
  return weights;
}

CatalogueOptions ReadCatalogue(const base::ConfigTable& table) {
  CatalogueOptions o;
  o.topics = static_cast<uint32_t>(table.Int("topics", o.topics, {.min = 2, .max = 24}));
  o.items_per_channel =
      table.Real("items_per_channel", o.items_per_channel, {.min = 1, .max = 1e6});
  o.channel_exponent = table.Real("channel_exponent", o.channel_exponent, {.min = 0, .max = 3});
  o.channel_shift = table.Real("channel_shift", o.channel_shift, kNotNegative);
  o.languages =
      ReadWeights(table, "languages", o.languages, [](size_t l) { return kLanguageNames[l]; });
  o.second_topic_share = table.Real("second_topic_share", o.second_topic_share, kShare);
  o.series_share = table.Real("series_share", o.series_share, kShare);
  o.series_min = static_cast<int>(table.Int("series_min", o.series_min, {.min = 2, .max = 200}));
  o.series_max = static_cast<int>(table.Int("series_max", o.series_max, {.min = 2, .max = 200}));
  if (o.series_max < o.series_min) {
    table.Fail("series_max", fmt::format("expected at least series_min = {}, found {}",
                                         o.series_min, o.series_max));
  }
  o.history_days = table.Real("history_days", o.history_days, {.min = 1, .max = 36500});
  o.window_share = table.Real("window_share", o.window_share, {.min = 0, .max = 0.9});
  o.zipf_exponent = table.Real("zipf_exponent", o.zipf_exponent, {.min = 0, .max = 3});
  o.zipf_shift = table.Real("zipf_shift", o.zipf_shift, kNotNegative);
  o.burst = table.Real("burst", o.burst, kNotNegative);
  o.burst_days = table.Real("burst_days", o.burst_days, kPositive);
  o.duration_median_s =
      table.Real("duration_median_s", o.duration_median_s, {.min = 15, .max = 7200});
  o.duration_spread = table.Real("duration_spread", o.duration_spread, {.min = 0, .max = 5});
  o.refresh_hours = table.Real("refresh_hours", o.refresh_hours, {.min = 0.25, .max = 168});
  return o;
}

AudienceOptions ReadAudience(const base::ConfigTable& table) {
  AudienceOptions o;
  o.sessions_per_day = table.Real("sessions_per_day", o.sessions_per_day, {.min = 1e-4, .max = 20});
  o.activity_exponent =
      table.Real("activity_exponent", o.activity_exponent, {.min = 1.1, .max = 10});
  o.activity_cut = table.Real("activity_cut", o.activity_cut, {.min = 1, .max = 1e6});
  o.interest_spread = table.Real("interest_spread", o.interest_spread, {.min = 0, .max = 10});
  o.interest_region = table.Real("interest_region", o.interest_region, {.min = 0, .max = 10});
  o.interest_drift = table.Real("interest_drift", o.interest_drift, {.min = 0, .max = 10});
  o.logged_in_share = table.Real("logged_in_share", o.logged_in_share, kShare);
  o.regions =
      ReadWeights(table, "regions", o.regions, [](size_t r) { return kRegionTable[r].name; });
  o.devices = ReadWeights(table, "devices", o.devices, [](size_t d) { return kDeviceNames[d]; });
  // Positive, so that a user with a single device uses it at any hour.
  o.tv_evening = table.Real("tv_evening", o.tv_evening, kPositive);
  o.tv_else = table.Real("tv_else", o.tv_else, kPositive);
  o.desktop_office = table.Real("desktop_office", o.desktop_office, kPositive);
  o.desktop_else = table.Real("desktop_else", o.desktop_else, kPositive);
  return o;
}

void ReadClick(const base::ConfigTable& table, ResponseOptions& o) {
  o.click_base = table.Real("click_base", o.click_base, kLogit);
  o.click_topic = table.Real("click_topic", o.click_topic, kLogit);
  o.click_style = table.Real("click_style", o.click_style, kLogit);
  o.click_quality = table.Real("click_quality", o.click_quality, kLogit);
  o.click_clickbait = table.Real("click_clickbait", o.click_clickbait, kLogit);
  o.click_popular = table.Real("click_popular", o.click_popular, kLogit);
  o.click_region = table.Real("click_region", o.click_region, {.min = 0, .max = 20});
  o.click_fresh = table.Real("click_fresh", o.click_fresh, kLogit);
  o.click_language = table.Real("click_language", o.click_language, kLogit);
  o.click_length = table.Real("click_length", o.click_length, kLogit);
  o.click_current_topic = table.Real("click_current_topic", o.click_current_topic, kLogit);
  o.click_current_channel = table.Real("click_current_channel", o.click_current_channel, kLogit);
  o.click_next_episode = table.Real("click_next_episode", o.click_next_episode, kLogit);
  o.click_mid_series = table.Real("click_mid_series", o.click_mid_series, kLogit);
  o.click_watched = table.Real("click_watched", o.click_watched, kLogit);
}

void ReadWatch(const base::ConfigTable& table, ResponseOptions& o) {
  o.watch_topic = table.Real("watch_topic", o.watch_topic, kLogit);
  o.watch_style = table.Real("watch_style", o.watch_style, kLogit);
  o.watch_quality = table.Real("watch_quality", o.watch_quality, kLogit);
  o.watch_clickbait = table.Real("watch_clickbait", o.watch_clickbait, kLogit);
  o.watch_language = table.Real("watch_language", o.watch_language, kLogit);
  o.watch_next_episode = table.Real("watch_next_episode", o.watch_next_episode, kLogit);
  o.bounce_base = table.Real("bounce_base", o.bounce_base, kLogit);
  o.bounce_s = table.Real("bounce_s", o.bounce_s, kPositive);
  o.hold = table.Real("hold", o.hold, kPositive);
  o.hold_duration = table.Real("hold_duration", o.hold_duration, {.min = -2, .max = 2});
}

ResponseOptions ReadResponse(const base::ConfigTable& table) {
  ResponseOptions o;
  ReadClick(table, o);
  ReadWatch(table, o);
  for (size_t d = 0; d < kDevices; ++d) {
    const base::ConfigTable device = table.Table(kDeviceNames[d]);
    o.length_leaning[d] = device.Real("length_leaning", o.length_leaning[d], kLogit);
    o.stay[d] = device.Real("stay", o.stay[d], kPositive);
  }
  o.satisfaction_correlation =
      table.Real("satisfaction_correlation", o.satisfaction_correlation, {.min = -1, .max = 1});
  o.satisfaction_base = table.Real("satisfaction_base", o.satisfaction_base, kLogit);
  o.satisfaction_gain = table.Real("satisfaction_gain", o.satisfaction_gain, kLogit);
  o.like_rate = table.Real("like_rate", o.like_rate, kShare);
  o.dislike_rate = table.Real("dislike_rate", o.dislike_rate, kShare);
  o.share_rate = table.Real("share_rate", o.share_rate, kShare);
  o.survey_rate = table.Real("survey_rate", o.survey_rate, kShare);
  o.leniency = table.Real("leniency", o.leniency, {.min = 0, .max = 4});
  o.dismiss_rate = table.Real("dismiss_rate", o.dismiss_rate, kShare);
  return o;
}

ExaminationOptions ReadExamination(const base::ConfigTable& table) {
  ExaminationOptions o;
  for (size_t d = 0; d < kDevices; ++d) {
    const base::ConfigTable device = table.Table(kDeviceNames[d]);
    o.floor[d] = device.Real("floor", o.floor[d], kShare);
    o.scale[d] = device.Real("scale", o.scale[d], kPositive);
  }
  o.trust = table.Real("trust", o.trust, kLogit);
  o.trust_scale = table.Real("trust_scale", o.trust_scale, kPositive);
  return o;
}

void ReadHours(const base::ConfigTable& table, SessionOptions& o) {
  const std::vector<int64_t> hours =
      table.Ints("hours", {o.hours.begin(), o.hours.end()}, {.min = 0, .max = 1'000'000});
  if (hours.size() != o.hours.size() || !AreWeights<int64_t>(hours)) {
    table.Fail("hours", fmt::format("hours: expected {} numbers, {}; found {}", o.hours.size(),
                                    kExpectedWeights, hours.size()));
    return;
  }
  for (size_t h = 0; h < hours.size(); ++h) o.hours[h] = static_cast<int>(hours[h]);
}

// Reads what users do without a slate: searches, watches on other sites, continued series.
void ReadWanted(const base::ConfigTable& table, SessionOptions& o) {
  o.followed = table.Real("followed", o.followed, kShare);
  o.continue_most =
      static_cast<int>(table.Int("continue_most", o.continue_most, {.min = 1, .max = 1000}));
  o.continue_stop = table.Real("continue_stop", o.continue_stop, kShare);
  o.wanted_pull = table.Real("wanted_pull", o.wanted_pull, kNotNegative);
  o.wanted_tries =
      static_cast<int>(table.Int("wanted_tries", o.wanted_tries, {.min = 1, .max = 1000}));
  o.wanted_second_language = table.Real("wanted_second_language", o.wanted_second_language, kShare);
  o.off_site_any_topic = table.Real("off_site_any_topic", o.off_site_any_topic, kShare);
  o.search_any_topic = table.Real("search_any_topic", o.search_any_topic, kShare);
  o.search_again = table.Real("search_again", o.search_again, kShare);
  o.search_episode = table.Real("search_episode", o.search_episode, kShare);
  o.search_channel = table.Real("search_channel", o.search_channel, kShare);
  o.search_in_vain = table.Real("search_in_vain", o.search_in_vain, kShare);
}

SessionOptions ReadSessions(const base::ConfigTable& table) {
  SessionOptions o;
  o.slate_size =
      static_cast<uint32_t>(table.Int("slate_size", o.slate_size, {.min = 1, .max = 50}));
  o.more_pages = table.Real("more_pages", o.more_pages, {.min = 0, .max = 0.95});
  o.watch_next = table.Real("watch_next", o.watch_next, {.min = 0, .max = 1});
  o.max_chain = static_cast<int>(table.Int("max_chain", o.max_chain, {.min = 0, .max = 100}));
  o.weekend = table.Real("weekend", o.weekend, {.min = 0, .max = 100});
  ReadHours(table, o);
  ReadWanted(table, o);
  o.search_share = table.Real("search_share", o.search_share, kShare);
  o.off_site_share = table.Real("off_site_share", o.off_site_share, kShare);
  o.continue_share = table.Real("continue_share", o.continue_share, kShare);
  if (o.search_share + o.off_site_share + o.continue_share > 1) {
    table.Fail("search_share",
               "search_share + off_site_share + continue_share: expected at most 1");
  }
  return o;
}

PolicyOptions ReadPolicy(const base::ConfigTable& table) {
  PolicyOptions o;
  o.kind = static_cast<PolicyKind>(table.Choice("kind", {kPolicyKinds.begin(), kPolicyKinds.end()},
                                                static_cast<size_t>(o.kind)));
  o.random_share = table.Real("random_share", o.random_share, kShare);
  // `popular` must be positive: only this source can show every item.
  o.popular = table.Real("popular", o.popular, {.min = 0.01, .max = 1e6});
  o.topical = table.Real("topical", o.topical, kNotNegative);
  o.subscribed = table.Real("subscribed", o.subscribed, kNotNegative);
  o.related = table.Real("related", o.related, kNotNegative);
  o.popular_growth = table.Real("popular_growth", o.popular_growth, kNotNegative);
  o.interest_noise = table.Real("interest_noise", o.interest_noise, {.min = 0, .max = 10});
  o.interest_spill = table.Real("interest_spill", o.interest_spill, kShare);
  o.guess_age_days = table.Real("guess_age_days", o.guess_age_days, {.min = 0, .max = 3650});
  // Less than 1, so that items of other languages can be shown.
  o.own_language = table.Real("own_language", o.own_language, {.min = 0, .max = 0.99});
  o.first_language = table.Real("first_language", o.first_language, kShare);
  o.latest = static_cast<uint32_t>(table.Int("latest", o.latest, {.min = 1, .max = 1000}));
  o.position_scale = table.Real("position_scale", o.position_scale, kPositive);
  o.related_next = table.Real("related_next", o.related_next, kShare);
  o.related_channel = table.Real("related_channel", o.related_channel, kShare);
  if (o.related_next + o.related_channel > 1) {
    table.Fail("related_next", "related_next + related_channel: expected at most 1");
  }
  return o;
}

Status ValidateWeights(const WorldOptions& o) {
  const auto refused = [](const char* key) {
    return InvalidArgument("{}: {}", key, kExpectedWeights);
  };
  if (!AreWeights<double>(o.catalogue.languages)) return refused("catalogue.languages");
  if (!AreWeights<double>(o.audience.regions)) return refused("audience.regions");
  if (!AreWeights<double>(o.audience.devices)) return refused("audience.devices");
  if (!AreWeights<int>(o.sessions.hours)) return refused("sessions.hours");
  return Ok();
}

Status ValidatePolicy(const PolicyOptions& policy) {
  if (!(policy.popular > 0)) {
    return InvalidArgument(
        "policy.popular: expected more than 0, found {}; only this source can show every item",
        policy.popular);
  }
  if (!(policy.own_language >= 0 && policy.own_language < 1)) {
    return InvalidArgument(
        "policy.own_language: expected 0 to 0.99, found {}; items of other languages must occur",
        policy.own_language);
  }
  if (policy.latest < 1) return InvalidArgument("policy.latest: expected at least 1, found 0");
  if (!(policy.related_next >= 0 && policy.related_channel >= 0 &&
        policy.related_next + policy.related_channel <= 1)) {
    return InvalidArgument(
        "policy.related_next + policy.related_channel: expected 0 to 1, found {} and {}",
        policy.related_next, policy.related_channel);
  }
  return Ok();
}

}  // namespace

WorldOptions WorldOptions::FromConfig(const base::ConfigTable& world) {
  WorldOptions o;
  o.users = static_cast<uint32_t>(world.Int("users", o.users, {.min = 1, .max = 1'000'000'000}));
  o.items = static_cast<uint32_t>(world.Int("items", o.items, {.min = 100, .max = 1'000'000'000}));
  o.days = static_cast<int>(world.Int("days", o.days, {.min = 1, .max = 3650}));
  o.seed = static_cast<uint64_t>(
      world.Int("seed", static_cast<int64_t>(o.seed), {.min = 0, .max = INT64_MAX}));
  o.start_s = world.Int("start_s", o.start_s, {.min = 0, .max = int64_t{1} << 36});
  o.threads = static_cast<int>(world.Int("threads", o.threads, {.min = 0, .max = 1024}));
  o.catalogue = ReadCatalogue(world.Table("catalogue"));
  o.audience = ReadAudience(world.Table("audience"));
  o.response = ReadResponse(world.Table("response"));
  o.examination = ReadExamination(world.Table("examination"));
  o.sessions = ReadSessions(world.Table("sessions"));
  o.policy = ReadPolicy(world.Table("policy"));
  return o;
}

Status WorldOptions::Validate() const {
  if (users == 0) return InvalidArgument("users: expected at least 1, found 0");
  if (items < 100) {
    return InvalidArgument("items: expected at least 100, found {}; a slate has {} items", items,
                           sessions.slate_size);
  }
  if (days < 1) return InvalidArgument("days: expected at least 1, found {}", days);
  if (catalogue.topics < 2 || catalogue.topics > 24) {
    return InvalidArgument("catalogue.topics: expected 2 to 24, found {}", catalogue.topics);
  }
  if (catalogue.series_min < 2 || catalogue.series_max < catalogue.series_min) {
    return InvalidArgument("catalogue: expected 2 <= series_min <= series_max, found {} and {}",
                           catalogue.series_min, catalogue.series_max);
  }
  if (sessions.slate_size < 1 || sessions.slate_size > 50) {
    return InvalidArgument("sessions.slate_size: expected 1 to 50, found {}", sessions.slate_size);
  }
  if (!(audience.activity_cut >= 1)) {
    return InvalidArgument("audience.activity_cut: expected at least 1, found {}",
                           audience.activity_cut);
  }
  UPNEXT_RETURN_IF_ERROR(ValidateWeights(*this));
  UPNEXT_RETURN_IF_ERROR(ValidatePolicy(policy));
  const double c = response.satisfaction_correlation;
  if (!(c >= -1 && c <= 1)) {
    return InvalidArgument("response.satisfaction_correlation: expected -1 to 1, found {}", c);
  }
  // Otherwise the running sums of popularity exceed the range of a double.
  if (catalogue.burst > 0 && days > 1300 * catalogue.burst_days) {
    return InvalidArgument(
        "catalogue.burst_days: expected at least days / 1300 = {}, found {}; for no burst set "
        "catalogue.burst = 0",
        days / 1300.0, catalogue.burst_days);
  }
  if (!(catalogue.refresh_hours > 0)) {
    return InvalidArgument("catalogue.refresh_hours: expected more than 0, found {}",
                           catalogue.refresh_hours);
  }
  return Ok();
}

}  // namespace upnext::simulator
