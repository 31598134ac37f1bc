// Every parameter of the simulated world, with its default. The equations are in
// docs/guides/simulator.md; configs/world.toml lists all parameters.
//
//   WorldOptions options = WorldOptions::FromConfig(config.root());
//   options.users = 2000;
//   UPNEXT_RETURN_IF_ERROR(options.Validate());
//
// Plain values. Logit weights ("per unit") are added inside a logistic function; times are in hours
// or days as named.
#ifndef UPNEXT_SIMULATOR_WORLD_OPTIONS_H_
#define UPNEXT_SIMULATOR_WORLD_OPTIONS_H_

#include <array>
#include <cstdint>

#include "base/config.h"
#include "base/status.h"
#include "simulator/words.h"

namespace upnext::simulator {

// Numbers index tables and name columns; the order is fixed.
enum class Device : uint8_t { kPhone = 0, kDesktop = 1, kTablet = 2, kTv = 3 };
inline constexpr size_t kDevices = 4;
inline constexpr std::array<const char*, kDevices> kDeviceNames = {"phone", "desktop", "tablet",
                                                                   "tv"};
inline constexpr size_t kRegions = 8;  // population.h names them

// [catalogue]
struct CatalogueOptions {
  uint32_t topics = 24;  // distinct topics, 2 to 24
  // Shares of the channels in the languages of words.h.
  std::array<double, kLanguages> languages = {0.55, 0.12, 0.13, 0.10, 0.10};
  double items_per_channel = 20;  // mean
  // The channel of rank r gets uploads in proportion to (r + channel_shift)^-channel_exponent.
  double channel_exponent = 0.7, channel_shift = 3;
  double second_topic_share = 0.4;      // share of items that have a second topic
  double series_share = 0.45;           // share of uploads that start a series
  int series_min = 3, series_max = 10;  // episodes of a series
  double history_days = 365;            // uploads start this long before the window
  double window_share = 0.2;            // share of uploads inside the window
  double zipf_exponent = 0.8;  // base popularity of rank r is (r + zipf_shift)^-zipf_exponent
  double zipf_shift = 3;
  double burst = 10;  // popularity is base * (1 + burst * exp(-age / burst_days))
  double burst_days = 3;
  double duration_median_s = 240;  // lognormal with duration_spread, cut to [15 s, 2 h]
  double duration_spread = 0.9;
  double refresh_hours = 6;  // interval at which popularity is updated and new uploads appear

  friend bool operator==(const CatalogueOptions&, const CatalogueOptions&) = default;
};

// [audience]
struct AudienceOptions {
  double sessions_per_day = 1.0;   // mean over users
  double activity_exponent = 2.2;  // P(activity > x) ~ x^-(exponent-1)
  double activity_cut = 100;       // highest activity, as a multiple of the lowest
  double interest_spread = 0.7;    // standard deviation of a log interest weight at the start
  // Weight of a region's taste for a topic, a z-value, in the choice of interests.
  double interest_region = 0.6;
  double interest_drift = 0.8;  // change of an interest's log weight in 30 days, standard deviation
  double logged_in_share = 0.85;
  // Shares of the users, in the order of kRegionTable.
  std::array<double, kRegions> regions = {0.30, 0.12, 0.12, 0.12, 0.06, 0.08, 0.10, 0.10};
  // A user's weight of a device is this times exp(1.2 z) times a factor for the hour.
  std::array<double, kDevices> devices = {0.55, 0.22, 0.08, 0.15};
  double tv_evening = 2.0, tv_else = 0.4;           // evening: 18 to 24 local time
  double desktop_office = 1.8, desktop_else = 0.8;  // office: 9 to 17

  friend bool operator==(const AudienceOptions&, const AudienceOptions&) = default;
};

// [response]: the reactions of a user to an item. z-values have mean about 0 and variance about 1.
struct ResponseOptions {
  // Click logit, given examination.
  double click_base = -3.5;
  double click_topic = 4.0;            // per unit of topic match, in [0, 1]
  double click_style = 0.8;            // per unit of style match, a z-value
  double click_quality = 0.35;         // per unit of quality, a z-value
  double click_clickbait = 0.6;        // per unit of clickbait, a z-value
  double click_popular = 0.3;          // per unit of the item's popularity score, a z-value
  double click_region = 0.4;           // standard deviation of the taste of a region for a topic
  double click_fresh = 0.8;            // at age 0, decays over burst_days
  double click_language = -2.5;        // item in a language that the user does not speak
  double click_length = 0.25;          // times length_leaning of the device, per e-fold of duration
  double click_current_topic = 0.6;    // same main topic as the item just watched
  double click_current_channel = 0.4;  // same channel as the item just watched
  double click_next_episode = 2.5;     // the user's next episode of a series
  double click_mid_series = -0.8;      // a later episode that is not the user's next one
  double click_watched = -2.0;         // watched before
  // Engagement z-value of a watch.
  double watch_topic = 2.4;  // per unit of topic match, centred at 0.35
  double watch_style = 0.5;
  double watch_quality = 0.7;
  double watch_clickbait = -0.8;
  double watch_language = -1.0;
  double watch_next_episode = 0.6;
  // Watched seconds: a bounce after a few seconds, else a constant hazard of leaving until the end.
  double bounce_base = -1.6;  // bounce probability is sigmoid(bounce_base - engagement)
  double bounce_s = 6;        // mean seconds of a bounce
  double hold = 1.3;  // mean of the uncut watch at engagement 0, in durations, for a 300 s item
  double hold_duration = -0.3;  // exponent by which that fraction falls with duration / 300 s
  // By device: preference for long items (clicks), and longer watches.
  std::array<double, kDevices> length_leaning = {-1.0, 0.2, 0.0, 1.0};
  std::array<double, kDevices> stay = {0.9, 1.0, 1.05, 1.3};
  // Satisfaction = sigmoid(base + gain * (c * engagement + sqrt(1 - c^2) * worth)).
  double satisfaction_correlation =
      0.7;  // c, in [-1, 1]; worth is an item's own independent dimension
  double satisfaction_base = 0.4;
  double satisfaction_gain = 1.2;
  // Feedback probabilities after a watch, at satisfaction s.
  double like_rate = 0.12;     // times s^2
  double dislike_rate = 0.04;  // times (1-s)^2
  double share_rate = 0.03;    // times s^2
  double survey_rate = 0.03;   // a rating of 1 to 5 stars is requested
  double leniency = 0;  // standard deviation over users of what each adds to its ratings, stars
  double dismiss_rate = 0.01;  // of an examined item not clicked, times 1-s

  friend bool operator==(const ResponseOptions&, const ResponseOptions&) = default;
};

// [examination]: P(examined) = floor + (1 - floor) * exp(-(position - 1) / scale), by device.
// The desktop's pair fits figure 7 of Zhao et al. 2019 as odds relative to position 1.
struct ExaminationOptions {
  std::array<double, kDevices> floor = {0.15, 0.36, 0.28, 0.45};
  std::array<double, kDevices> scale = {1.6, 2.2, 2.0, 3.0};
  // Trust bias: trust * exp(-(position - 1) / trust_scale) is added to the click logit.
  double trust = 0, trust_scale = 3;

  friend bool operator==(const ExaminationOptions&, const ExaminationOptions&) = default;
};

// [sessions]
struct SessionOptions {
  uint32_t slate_size = 10;
  double more_pages = 0.45;      // probability of another home slate after one
  double watch_next = 0.6;       // probability of looking at the watch-next slate after a watch
  double search_share = 0.16;    // sessions that begin with a search
  double off_site_share = 0.14;  // sessions that consist of a watch on another site
  double continue_share = 0.10;  // sessions that continue a started series directly
  // Relative numbers of sessions that start in the local hours 0 to 23: low at night, a small peak
  // at noon, a high one in the evening.
  std::array<int, 24> hours = {22, 12, 7,  5,  4,  6,  14, 26, 34, 36, 38, 42,
                               50, 48, 44, 44, 48, 54, 64, 76, 86, 88, 72, 44};
  double weekend = 1.25;       // activity on days 6 and 7 of a week, relative to other days
  int max_chain = 6;           // watch-next slates in a row
  double followed = 0.4;       // watched share of an episode after which the next is expected
  int continue_most = 4;       // episodes of a session that continues a series
  double continue_stop = 0.4;  // probability of stopping after each of them
  // A search or an off-site watch is for a wanted item. Its topic is one of the interests, or any.
  // It is drawn by popularity, up to wanted_tries times, until it is accepted with probability
  // wanted_pull * P(click | examined).
  double wanted_pull = 1.5;
  int wanted_tries = 6;
  double wanted_second_language = 0.25;  // in the second language, for users with two
  double off_site_any_topic = 0.10;
  double search_any_topic = 0.05;
  double search_again = 0.4;     // a second search in the session
  double search_episode = 0.25;  // is for the next episode of a started series, if any
  double search_channel = 0.2;   // names the channel; other searches name the subject
  double search_in_vain = 0.15;  // leads to no watch

  friend bool operator==(const SessionOptions&, const SessionOptions&) = default;
};

// Numbers index kPolicyKinds.
enum class PolicyKind : uint8_t { kMixture = 0, kPopularity = 1, kRandom = 2 };
inline constexpr std::array<const char*, 3> kPolicyKinds = {"mixture", "popularity", "random"};

// [policy]: the logging policy.
struct PolicyOptions {
  PolicyKind kind = PolicyKind::kMixture;  // the fields below are for it, except random_share
  double random_share = 0.10;              // share of requests answered uniformly at random
  double popular = 0.25, topical = 0.45,
         subscribed = 0.30;      // source weights at position 1 of a home slate
  double related = 0.60;         // replaces `subscribed` on a watch-next slate
  double popular_growth = 3.0;   // growth of `popular` towards low positions
  double interest_noise = 0.5;   // error of the policy's estimate of a log interest weight
  double interest_spill = 0.25;  // share of topical draws with any topic
  double guess_age_days = 7;     // age of the policy's estimate of the interests
  double own_language = 0.9;     // share of popular draws; the rest is over all languages
  double first_language = 0.85;  // share of topical draws, for users with two
  uint32_t latest = 5;           // items of a channel that `subscribed` chooses from
  double position_scale = 4;     // number of positions over which the mixture changes
  // Shares of related draws; the rest is from the current item's topic.
  double related_next = 0.3, related_channel = 0.3;

  friend bool operator==(const PolicyOptions&, const PolicyOptions&) = default;
};

struct WorldOptions {
  uint32_t users = 2000;
  uint32_t items = 3000;
  int days = 30;  // length of the window
  uint64_t seed = 1;
  int64_t start_s = 1767225600;  // first second of the window (2026-01-01 UTC)
  int threads = 0;               // of the simulation; 0: all; does not affect the output
  CatalogueOptions catalogue;
  AudienceOptions audience;
  ResponseOptions response;
  ExaminationOptions examination;
  SessionOptions sessions;
  PolicyOptions policy;

  // Reads a world file, or a table with the same keys. Wrong types and ranges are recorded for
  // Config::Check().
  static WorldOptions FromConfig(const base::ConfigTable& world);
  // kInvalidArgument for options set in code that FromConfig would refuse or that no world can
  // have.
  Status Validate() const;
  int64_t start_ms() const { return start_s * 1000; }
  int64_t end_ms() const { return start_ms() + int64_t{days} * 86'400'000; }
  friend bool operator==(const WorldOptions&, const WorldOptions&) = default;
};

}  // namespace upnext::simulator

#endif  // UPNEXT_SIMULATOR_WORLD_OPTIONS_H_
