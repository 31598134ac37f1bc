// Recovers the parameters that the guide documents by SQL from written logs, and checks that
// another parameter gives another result.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "simulator/test_log.h"
#include "simulator/test_world.h"

namespace upnext::simulator {
namespace {

// Many users with rare, short sessions, so that sessions are clearly separated.
WorldOptions HabitWorld() {
  WorldOptions options;
  options.users = 15'000;
  options.items = 200;
  options.days = 14;
  options.seed = 6;
  options.catalogue.duration_median_s = 60;
  options.catalogue.duration_spread = 0.3;
  options.audience.sessions_per_day = 0.1;
  options.audience.activity_exponent = 10;  // all about equally
  options.sessions.slate_size = 2;
  options.sessions.more_pages = options.sessions.watch_next = 0;
  return options;
}

struct SessionStart {
  uint32_t user;
  double local_hour;
  int day;  // UTC
  size_t device;
};

// The first event after a pause of half an hour.
std::vector<SessionStart> SessionStarts(const TestLog& log, const World& world) {
  const auto rows = log.Rows(
      "SELECT substr(\"user\", 2)::INT, date_diff('day', TIMESTAMP '2026-01-01', time), "
      "epoch(time - date_trunc('day', time)) / 3600, "
      "list_position(['phone', 'desktop', 'tablet', 'tv'], device) - 1 FROM (SELECT *, time - "
      "lag(time) OVER (PARTITION BY \"user\" ORDER BY time) pause FROM events) "
      "WHERE pause IS NULL OR pause > INTERVAL 30 MINUTE");
  std::vector<SessionStart> starts;
  for (const auto& row : rows) {
    const auto user = static_cast<uint32_t>(row[0]);
    const int offset = kRegionTable[world.user(user).region].utc_offset_hours;
    starts.push_back({.user = user,
                      .local_hour = std::fmod(row[2] + offset + 24, 24.0),
                      .day = static_cast<int>(row[1]),
                      .device = static_cast<size_t>(row[3])});
  }
  return starts;
}

// Sum of squared z-values of counts whose expectations are in proportion to `weights`.
double ChiSquare(const std::vector<double>& counts, const std::vector<double>& weights) {
  double n = 0, total = 0, chi = 0;
  for (const double count : counts) n += count;
  for (const double weight : weights) total += weight;
  for (size_t i = 0; i < counts.size(); ++i) {
    const double expected = n * weights[i] / total;
    chi += (counts[i] - expected) * (counts[i] - expected) / expected;
  }
  return chi;
}

TEST(Planted, SessionsBeginAtThePlantedLocalHours) {
  std::vector<std::vector<double>> counts, weights;
  for (const int shift : {0, 9}) {
    WorldOptions options = HabitWorld();
    std::ranges::rotate(options.sessions.hours, options.sessions.hours.begin() + shift);
    const World world = MakeWorld(options);
    std::vector<double>& count = counts.emplace_back(24, 0.0);
    for (const SessionStart& start : SessionStarts(TestLog(options), world)) {
      count[static_cast<size_t>(start.local_hour)] += 1;
    }
    weights.emplace_back(options.sessions.hours.begin(), options.sessions.hours.end());
  }
  for (size_t k = 0; k < 2; ++k) {
    EXPECT_LT(ChiSquare(counts[k], weights[k]), 23 + 4 * std::sqrt(2 * 23.0)) << k;
    EXPECT_GT(ChiSquare(counts[k], weights[1 - k]), 1000) << k;
  }
}

TEST(Planted, WeekendsAreBusierByThePlantedFactor) {
  for (const double weekend : {1.0, 1.25, 2.0}) {
    WorldOptions options = HabitWorld();
    options.sessions.weekend = weekend;
    const World world = MakeWorld(options);
    std::vector<double> count(14, 0.0), planted(14, 1.0), another(14, 1.0);
    for (const SessionStart& start : SessionStarts(TestLog(options), world)) {
      count[static_cast<size_t>(start.day)] += 1;
    }
    for (const size_t day : {5u, 6u, 12u, 13u}) planted[day] = weekend, another[day] = 1.5;
    EXPECT_LT(ChiSquare(count, planted), 13 + 4 * std::sqrt(2 * 13.0)) << weekend;
    EXPECT_GT(ChiSquare(count, another), 13 + 8 * std::sqrt(2 * 13.0)) << weekend;
  }
}

// The largest |z| over devices and parts of the day of how often each device was used, against the
// expectation from `audience`.
double WorstDeviceShare(const std::vector<SessionStart>& starts, const World& world,
                        const AudienceOptions& audience) {
  std::map<std::pair<size_t, int>, std::array<double, 3>> cells;  // happened, expected, variance
  for (const SessionStart& start : starts) {
    const double hour = start.local_hour;
    const bool evening = hour >= 18, office = hour >= 9 && hour < 17;
    std::array<double, kDevices> weight = world.user(start.user).devices;
    weight[3] *= evening ? audience.tv_evening : audience.tv_else;
    weight[1] *= office ? audience.desktop_office : audience.desktop_else;
    double total = 0;
    for (const double w : weight) total += w;
    for (size_t d = 0; d < kDevices; ++d) {
      const double p = weight[d] / total;
      auto& cell = cells[{d, evening ? 2 : office ? 1 : 0}];
      cell[0] += d == start.device ? 1 : 0;
      cell[1] += p;
      cell[2] += p * (1 - p);
    }
  }
  EXPECT_EQ(cells.size(), 12u);
  double worst = 0;
  for (const auto& [_, cell] : cells) {
    worst = std::max(worst, std::abs(cell[0] - cell[1]) / std::sqrt(cell[2]));
  }
  return worst;
}

TEST(Planted, DevicesFollowTheUserAndTheHour) {
  const WorldOptions options = HabitWorld();
  const World world = MakeWorld(options);
  const std::vector<SessionStart> starts = SessionStarts(TestLog(options), world);
  EXPECT_GT(starts.size(), 15'000u);
  EXPECT_LT(WorstDeviceShare(starts, world, options.audience), 4.2);
  AudienceOptions flat = options.audience;
  flat.tv_evening = flat.tv_else = flat.desktop_office = flat.desktop_else = 1;
  EXPECT_GT(WorstDeviceShare(starts, world, flat), 15);
}

TEST(Planted, DevicesAreMixedAsTheSharesSay) {
  for (const std::array<double, kDevices>& shares :
       {AudienceOptions{}.devices, std::array<double, kDevices>{0.1, 0.1, 0.1, 0.7}}) {
    WorldOptions options = HabitWorld();
    options.audience.devices = shares;
    const World world = MakeWorld(options);
    // A user's preference for a device is a factor of exp(1.2 z), whose logarithm is 0 on average.
    std::array<double, kDevices> mean{};
    for (uint32_t u = 0; u < options.users; ++u) {
      const User user = world.user(u);
      for (size_t d = 0; d < kDevices; ++d) mean[d] += std::log(user.devices[d] / shares[d]);
    }
    for (const double sum : mean) {
      EXPECT_NEAR(sum / options.users, 0, 4.2 * 1.2 / std::sqrt(options.users));
    }
    std::array<double, kDevices> taken{};
    for (const SessionStart& start : SessionStarts(TestLog(options), world)) taken[start.device]++;
    EXPECT_EQ(std::ranges::max_element(taken) - taken.begin(),
              std::ranges::max_element(shares) - shares.begin());
  }
}

std::string NamesOf(size_t count, auto name_of) {
  std::string list;
  for (size_t i = 0; i < count; ++i) list += fmt::format("{}'{}'", i == 0 ? "" : ", ", name_of(i));
  return "[" + list + "]";
}

// The slope of the logarithm of clicks per examination in a region's taste for a topic, on random
// traffic, within topics; each (region, topic) is weighted by its clicks.
double SlopeOfRegionalTaste(double click_region) {
  WorldOptions options;
  options.users = 3000;
  options.items = 1200;
  options.days = 10;
  options.seed = 8;
  options.policy.kind = PolicyKind::kRandom;
  // The regions differ in nothing else.
  options.response.click_language = 0;
  options.audience.interest_region = 0;
  options.response.click_region = click_region;
  const TestLog log(options);
  const auto rows = log.Rows(
      "SELECT list_position(" + NamesOf(kRegions, [](size_t r) { return kRegionTable[r].name; }) +
      ", e.region) - 1, list_position(" +
      NamesOf(options.catalogue.topics,
              [](size_t t) { return Topic(static_cast<uint32_t>(t)).name; }) +
      ", topics[1]) - 1, count(*), count(c.item) FROM truth t JOIN (SELECT * FROM events WHERE "
      "type = 'impression') e USING (request, item) LEFT JOIN (SELECT request, item FROM events "
      "WHERE type = 'click') c USING (request, item) JOIN items i USING (item) WHERE examined "
      "GROUP BY ALL");
  EXPECT_EQ(rows.size(), kRegions * options.catalogue.topics);
  const TopicTastes tastes = TopicTastes::Of(options);
  struct Topical {
    double w = 0, x = 0, y = 0, xx = 0, xy = 0;
  };
  std::map<double, Topical> topics;
  for (const auto& row : rows) {
    const double taste =
        tastes.OfRegion(static_cast<uint32_t>(row[0]), static_cast<uint32_t>(row[1]));
    const double w = row[3] + 0.5, y = std::log(w / row[2]);
    Topical& t = topics[row[1]];
    t.w += w, t.x += w * taste, t.y += w * y, t.xx += w * taste * taste, t.xy += w * taste * y;
  }
  double xx = 0, xy = 0;
  for (const auto& [_, t] : topics) xx += t.xx - t.x * t.x / t.w, xy += t.xy - t.x * t.y / t.w;
  return xy / xx;
}

TEST(Planted, ClicksFollowTheTasteOfTheRegion) {
  // Less than the parameter itself: the odds of a click vary much among users and items.
  const double slope = SlopeOfRegionalTaste(0.8);
  EXPECT_GT(slope, 0.4);
  EXPECT_LT(slope, 0.8);
  EXPECT_NEAR(SlopeOfRegionalTaste(0), 0, 0.1);
}

TEST(Planted, RegionsHaveTheInterestsThatTheyHaveATasteFor) {
  const auto mean_taste = [](double interest_region) {
    WorldOptions options;
    options.audience.interest_region = interest_region;
    const TopicTastes tastes = TopicTastes::Of(options);
    double sum = 0, n = 0;
    for (uint32_t u = 0; u < 5000; ++u) {
      const User user = MakeUser(options, tastes, u);
      for (size_t k = 0; k < static_cast<size_t>(user.interests); ++k, ++n) {
        // Relative to the mean over all regions, for topics that are popular everywhere.
        double all = 0;
        for (uint32_t r = 0; r < kRegions; ++r) all += tastes.OfRegion(r, user.topic[k]) / kRegions;
        sum += tastes.OfRegion(user.region, user.topic[k]) - all;
      }
    }
    return sum / n;
  };
  const double none = mean_taste(0);
  EXPECT_NEAR(none, 0, 0.15);
  EXPECT_GT(mean_taste(0.6), none + 0.25);
}

TEST(Planted, DurationsAreLognormalWithinTheCuts) {
  for (const auto& [median, spread] : {std::pair{240.0, 0.9}, std::pair{60.0, 3.0}}) {
    WorldOptions options;
    options.users = 1;
    options.items = 4000;
    options.days = 1;
    // One item per channel, so that items are nearly independent of each other.
    options.catalogue.items_per_channel = 1;
    options.catalogue.channel_exponent = options.catalogue.series_share = 0;
    options.catalogue.duration_median_s = median;
    options.catalogue.duration_spread = spread;
    const TestLog log(options);
    EXPECT_EQ(log.Number("SELECT min(duration) FROM items"), 15);
    EXPECT_LE(log.Number("SELECT max(duration) FROM items"), 7200);
    // Rounded to whole seconds, then cut.
    for (const double z : {-3.0, -1.5, -0.5, 0.0, 0.5, 1.5, 3.0}) {
      const double edge = std::floor(median * std::exp(z * spread)) + 0.5;
      if (edge < 15 || edge > 7200) continue;
      const double p = 0.5 * std::erfc(-std::log(edge / median) / spread / std::sqrt(2.0));
      const double found =
          log.Number(fmt::format("SELECT avg((duration < {})::INT) FROM items", edge));
      EXPECT_NEAR(found, p, 0.004 + 5 * std::sqrt(p * (1 - p) / 4000)) << "z " << z;
    }
    const double cut = 0.5 * std::erfc(-std::log(15.5 / median) / spread / std::sqrt(2.0));
    EXPECT_NEAR(log.Number("SELECT avg((duration = 15)::INT) FROM items"), cut,
                0.004 + 5 * std::sqrt(cut * (1 - cut) / 4000));
  }
}

WorldOptions FeedbackWorld() {
  WorldOptions options;
  options.users = 1000;
  options.items = 800;
  options.days = 10;
  options.seed = 9;
  options.response.like_rate = 0.5;
  options.response.dislike_rate = 0.45;
  options.response.share_rate = 0.3;
  options.response.dismiss_rate = 0.2;
  return options;
}

TEST(Planted, FeedbackIsGivenAtTheRatesThatSatisfactionAsksFor) {
  const TestLog log(FeedbackWorld());
  const std::string watches =
      "FROM events w JOIN truth t USING (request, item) WHERE w.type = 'watch'";
  const std::string left =
      "FROM truth t WHERE examined AND NOT EXISTS (SELECT 1 FROM events c "
      "WHERE c.type = 'click' AND c.request = t.request AND c.item = t.item)";
  struct Kind {
    const char* type;
    const std::string &of, rate, another;  // probability at satisfaction s, and a wrong one
  };
  for (const Kind& kind : {Kind{"like", watches, "0.5 * s * s", "0.5 * s"},
                           Kind{"dislike", watches, "0.45 * (1 - s) * (1 - s)", "0.45 * (1 - s)"},
                           Kind{"share", watches, "0.3 * s * s", "0.3 * s"},
                           Kind{"dismiss", left, "0.2 * (1 - s)", "0.2"}}) {
    SCOPED_TRACE(kind.type);
    const std::string cells =
        "(SELECT *, ntile(10) OVER (ORDER BY s) cell FROM (SELECT satisfaction::DOUBLE s, "
        "(request, item) IN (SELECT (request, item) FROM events WHERE type = '" +
        std::string(kind.type) + "') given " + kind.of + "))";
    const auto sums = [&](const std::string& rate) {
      return fmt::format("SELECT sum(given::INT), sum({0}), sum({0} * (1 - {0})) FROM {1}", rate,
                         cells);
    };
    EXPECT_GT(log.Number("SELECT count(*) FROM " + cells), 5000);
    ExpectCalibrated(log, sums(kind.rate) + " GROUP BY cell", 10);
    const auto other = log.Rows(sums(kind.another));
    EXPECT_GT(std::abs(other[0][0] - other[0][1]) / std::sqrt(other[0][2]), 10);
  }
}

TEST(Planted, NoFeedbackIsGivenWhenItsRatesAreZero) {
  WorldOptions options = FeedbackWorld();
  options.response.like_rate = options.response.dislike_rate = options.response.share_rate = 0;
  options.response.dismiss_rate = options.response.survey_rate = 0;
  const TestLog log(options);
  EXPECT_GT(log.Number("SELECT count(*) FROM events WHERE type = 'watch'"), 5000);
  EXPECT_EQ(log.Number("SELECT count(*) FROM events WHERE type IN ('like', 'dislike', 'share', "
                       "'dismiss', 'rating')"),
            0);
}

TEST(Planted, AgeAndGenderAreWrittenOnlyForLoggedInUsers) {
  for (const double share : {0.0, 0.6, 1.0}) {
    WorldOptions options;
    options.users = 3000;
    options.items = 100;
    options.days = 1;
    options.audience.logged_in_share = share;
    const TestLog log(options);
    EXPECT_EQ(log.Number("SELECT count(*) FROM users WHERE logged_in != (age IS NOT NULL) OR "
                         "logged_in != (gender IS NOT NULL)"),
              0);
    EXPECT_NEAR(log.Number("SELECT avg(logged_in::INT) FROM users"), share,
                4.2 * std::sqrt(share * (1 - share) / 3000));
  }
}

// Among all neighbouring episodes that a user watched, both uploaded long before the window, the
// share whose earlier one was watched first. The order of upload does not affect it.
double SharePlayedInOrder(const WorldOptions& options) {
  const TestLog log(options);
  const std::string first =
      "(SELECT \"user\", item, min(time) t FROM events WHERE type = 'watch' GROUP BY ALL)";
  const auto rows = log.Rows(
      "SELECT count(*), avg((a.t < b.t)::INT) FROM qualities q JOIN items x ON x.item = q.next "
      "JOIN " +
      first + " a ON a.item = q.item JOIN " + first +
      " b ON b.item = q.next AND b.\"user\" = a.\"user\" WHERE x.created < TIMESTAMP '2025-12-01'");
  EXPECT_GT(rows[0][0], 800);
  return rows[0][1];
}

TEST(Planted, OldSeriesArePlayedInOrderForTheirNextEpisodesAndNotForTheirUploads) {
  WorldOptions options;
  options.users = 1500;
  options.items = 1000;
  options.days = 14;
  options.seed = 3;
  options.response.click_mid_series = 0;  // otherwise first episodes would be preferred
  const double planted = SharePlayedInOrder(options);
  options.response.click_next_episode = options.response.watch_next_episode = 0;
  options.sessions.continue_share = options.sessions.search_episode = 0;
  options.policy.related_next = 0;
  const double control = SharePlayedInOrder(options);
  EXPECT_NEAR(control, 0.5, 0.06);
  EXPECT_GT(planted, control + 0.15);
}

}  // namespace
}  // namespace upnext::simulator
