// Compares what SQL finds in the written files with the parameters of the world and with the ground
// truth in the same folder.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <filesystem>
#include <memory>
#include <string>

#include "base/file.h"
#include "simulator/policy.h"
#include "simulator/test_log.h"
#include "simulator/test_world.h"
#include "simulator/value.h"

namespace upnext::simulator {
namespace {

WorldOptions TruthWorld() {
  WorldOptions options;
  options.users = 1500;
  options.items = 1200;
  options.days = 14;
  options.seed = 4;
  options.policy.random_share = 0.5;
  options.response.survey_rate = 0.3;
  options.response.leniency = 0.3;
  // Watch time does not depend on user and item, so its distribution can be written in SQL.
  options.response.watch_topic = options.response.watch_style = options.response.watch_quality = 0;
  options.response.watch_clickbait = options.response.watch_language = 0;
  options.response.watch_next_episode = 0;
  return options;
}

class Truth : public testing::Test {
 protected:
  static void SetUpTestSuite() { log_ = std::make_unique<TestLog>(TruthWorld()); }
  static void TearDownTestSuite() { log_.reset(); }
  static std::unique_ptr<TestLog> log_;
};
std::unique_ptr<TestLog> Truth::log_;

constexpr char kImpressions[] =
    "(SELECT t.*, e.source, e.propensity, (c.item IS NOT NULL)::INT AS clicked FROM truth t "
    "JOIN (SELECT * FROM events WHERE type = 'impression') e USING (request, item) "
    "LEFT JOIN (SELECT request, item FROM events WHERE type = 'click') c USING (request, item))";

TEST_F(Truth, HasOneRowForEveryImpression) {
  EXPECT_GT(log_->Number("SELECT count(*) FROM truth"), 200'000);
  EXPECT_EQ(log_->Number("SELECT count(*) FROM truth"),
            log_->Number("SELECT count(*) FROM events WHERE type = 'impression'"));
  EXPECT_EQ(log_->Number("SELECT count(*) FROM truth t JOIN events e ON e.type = 'impression' AND "
                         "e.request = t.request AND e.position = t.position AND e.item = t.item "
                         "AND e.device = t.device AND e.\"user\" = t.\"user\""),
            log_->Number("SELECT count(*) FROM truth"));
  EXPECT_EQ(log_->Number("SELECT count(*) FROM truth t JOIN examination x USING (device, position) "
                         "WHERE abs(t.examination - x.probability) > 1e-6"),
            0);
  EXPECT_EQ(log_->Number("SELECT count(*) FROM examination"), 40);
  EXPECT_EQ(log_->Number("SELECT count(*) FROM items JOIN qualities USING (item)"), 1200);
}

TEST_F(Truth, ExaminationsAndClicksMatchTheirProbabilities) {
  ExpectCalibrated(*log_,
                   "SELECT sum(examined::INT), sum(examination), "
                   "sum(examination * (1 - examination)) FROM truth WHERE position > 1 "
                   "GROUP BY device, position",
                   36);
  ExpectCalibrated(*log_,
                   "SELECT sum(clicked), sum(click), sum(click * (1 - click)) FROM (SELECT *, "
                   "ntile(20) OVER (ORDER BY click) cell FROM " +
                       std::string(kImpressions) + " WHERE examined) GROUP BY cell",
                   20);
}

// In random traffic any item can be at any position, so the mean relevance is the same at every
// position, and CTR = examination x mean relevance of the device's users.
TEST_F(Truth, CtrByPositionOnRandomTrafficIsTheExaminationCurveTimesTheMeanRelevance) {
  ExpectCalibrated(
      *log_,
      "WITH r AS (SELECT * FROM " + std::string(kImpressions) +
          " WHERE source = 'random'), m AS (SELECT device, avg(click) relevance FROM r "
          "GROUP BY device) SELECT sum(clicked), count(*) * any_value(probability * relevance), "
          "count(*) * any_value(probability * relevance * (1 - probability * relevance)) FROM r "
          "JOIN m USING (device) JOIN examination USING (device, position) "
          "GROUP BY device, position",
      40);
}

TEST_F(Truth, WatchTimeFollowsThePlantedDistribution) {
  // b: bounce; m: mean of the uncut watch; s: mean of a bounce; d: duration.
  const std::string watches =
      "(SELECT value, duration d, 1 / (1 + exp(1.6)) b, 6.0 s, 1.3 * duration * "
      "pow(duration / 300, -0.3) * CASE device WHEN 'phone' THEN 0.9 WHEN 'tablet' THEN 1.05 "
      "WHEN 'tv' THEN 1.3 ELSE 1.0 END m FROM events JOIN items USING (item) WHERE type = 'watch')";
  for (const char* t : {"2", "6", "20", "60", "180", "600"}) {
    const std::string below =
        "(b * (1 - exp(-" + std::string(t) + " / s)) + (1 - b) * (1 - exp(-" + t + " / m)))";
    ExpectCalibrated(
        *log_,
        fmt::format(
            "SELECT sum((value < {0})::INT), sum({1}), sum({1} * (1 - {1})) FROM {2} WHERE d > {0}",
            t, below, watches),
        1);
  }
  ExpectCalibrated(*log_,
                   "SELECT sum((value >= d)::INT), sum(p), sum(p * (1 - p)) FROM (SELECT *, "
                   "b * exp(-d / s) + (1 - b) * exp(-d / m) p FROM " +
                       watches + ")",
                   1);
  // The mean equals the expectation in the truth, for watches that started with a click.
  const auto rows = log_->Rows(
      "SELECT sum(e.value - t.watch_s), sqrt(sum(pow(e.value - t.watch_s, 2))), count(*) "
      "FROM truth t JOIN events e USING (request, item) WHERE e.type = 'watch'");
  EXPECT_GT(rows[0][2], 10'000);
  EXPECT_LT(std::abs(rows[0][0]), 4 * rows[0][1]);
}

TEST_F(Truth, RatingsIncreaseWithTheTrueSatisfactionAndTheLeniencyOfTheUser) {
  // A rating is round(1 + 4 s + leniency + 0.6 z) cut to 1 to 5, which is linear where no cut is near.
  const World world = MakeWorld(TruthWorld());
  const auto rows = log_->Rows(
      "SELECT substr(e.\"user\", 2)::INT, value - 1 - 4 * satisfaction FROM events e JOIN truth t "
      "USING (request, item) WHERE e.type = 'rating' AND satisfaction BETWEEN 0.4 AND 0.6");
  ASSERT_GT(rows.size(), 500u);
  double sum = 0, squares = 0, along = 0, along_squares = 0;
  for (const auto& row : rows) {
    const double leniency = world.user(static_cast<uint32_t>(row[0])).leniency;
    const double rest = row[1] - leniency;
    sum += rest;
    squares += rest * rest;
    along += rest * leniency;
    along_squares += rest * leniency * rest * leniency;
  }
  EXPECT_LT(std::abs(sum), 4 * std::sqrt(squares));
  EXPECT_LT(std::abs(along), 4 * std::sqrt(along_squares));
}

// The query of the guide, verbatim.
std::string QueryOfTheGuide() {
  const auto guide = std::filesystem::path(UPNEXT_CONFIGS) / ".." / "docs/guides/simulator.md";
  const auto text = base::ReadFile(guide);
  EXPECT_TRUE(text);
  if (!text) return "";
  const size_t begin = text->find("    SELECT e.source = 'random'");
  EXPECT_NE(begin, std::string::npos);
  if (begin == std::string::npos) return "";
  std::string sql = text->substr(begin, text->find("\n\n", begin) - begin);
  for (const std::string table : {"truth", "events"}) {
    const std::string files = "'" + table + "*.parquet'";
    const size_t at = sql.find(files);
    EXPECT_NE(at, std::string::npos) << files;
    if (at != std::string::npos) sql.replace(at, files.size(), table);
  }
  return sql;
}

TEST_F(Truth, TheGuidesQueryGivesTheValueOfThePolicyAndOfRandomTraffic) {
  const World world = MakeWorld(TruthWorld());
  LoggingPolicy policy(world);
  std::array<UserValues, 2> values = {UserValues(world.options().users),
                                      UserValues(world.options().users)};
  base::ThreadPool pool(2);
  const Status ran = SimulateUsers(world, policy, {.truth = true}, pool, base::NoProgress(),
                                   [&](const UserRows& rows) {
                                     std::array<UserRows, 2> split;
                                     for (const LogRow& row : rows.rows) {
                                       split[row.source == Source::kRandom].rows.push_back(row);
                                     }
                                     for (size_t k = 0; k < 2; ++k) values[k].Add(split[k]);
                                     return Ok();
                                   });
  ASSERT_TRUE(ran);
  const auto rows = log_->Rows(QueryOfTheGuide() + " ORDER BY 1");
  ASSERT_EQ(rows.size(), 2u);
  for (size_t k = 0; k < 2; ++k) {
    EXPECT_EQ(rows[k][0], static_cast<double>(k));
    EXPECT_EQ(rows[k][1], values[k].total().slates);
    EXPECT_NEAR(rows[k][2] / PerSlate(values[k], &Value::clicks).mean, 1, 1e-6);
    EXPECT_NEAR(rows[k][3] / PerSlate(values[k], &Value::watch_s).mean, 1, 1e-6);
    EXPECT_NEAR(rows[k][4] / PerSlate(values[k], &Value::satisfaction).mean, 1, 1e-6);
  }
  // For each source separately it differs: a slate of the mixture contains several sources.
  for (const auto& row : log_->Rows(
           "SELECT sum(examination * click) / count(DISTINCT request) FROM truth JOIN events "
           "USING (request, item) WHERE type = 'impression' AND source != 'random' GROUP BY "
           "source")) {
    EXPECT_LT(row[0], 0.95 * rows[0][2]);
  }
}

// The number of times that a site of popular items shows an item first, per unit of its base
// popularity, falls with the item's age as 1 + burst exp(-age / burst_days). Measured at the first
// position only: further down, the items above are excluded.
TEST(Burst, PopularityBurstsAndDecaysAsConfigured) {
  WorldOptions options = TruthWorld();
  options.items = 3000;
  options.policy.random_share = options.policy.topical = options.policy.subscribed = 0;
  options.policy.related = 0;
  const TestLog log(options);
  const auto rows = log.Rows(
      "WITH s AS (SELECT unnest(generate_series(TIMESTAMP '2026-01-01', TIMESTAMP "
      "'2026-01-14 18:00', INTERVAL 6 HOUR)) slice), "
      "w AS (SELECT item, slice, base_popularity base, epoch(slice - created) / 86400 age FROM s "
      "JOIN (items JOIN qualities USING (item)) ON created <= slice WHERE language = 'en'), "
      "n AS (SELECT e.item, time_bucket(INTERVAL 6 HOUR, time) slice, count(*) shown FROM events e "
      "JOIN users u USING (\"user\") WHERE type = 'impression' AND position = 1 AND current_item IS NULL "
      "AND u.language = 'en' GROUP BY ALL) "
      "SELECT cell, sum(coalesce(shown, 0)), sum(base) FROM (SELECT *, CASE WHEN age < 8 THEN "
      "floor(age) ELSE 99 END cell FROM w LEFT JOIN n USING (item, slice) WHERE age < 8 OR age > "
      "40) GROUP BY cell ORDER BY cell");
  ASSERT_EQ(rows.size(), 9u);
  const std::vector<double>& old = rows.back();
  const CatalogueOptions& planted = options.catalogue;
  for (size_t day = 0; day + 1 < rows.size(); ++day) {
    // The mean of the curve over the day, and the count expected from the old items.
    const double from = static_cast<double>(day) / planted.burst_days;
    const double mean = 1 + planted.burst * planted.burst_days *
                                (std::exp(-from) - std::exp(-from - 1 / planted.burst_days));
    const double expected = old[1] / old[2] * mean * rows[day][2];
    EXPECT_GT(expected, 50) << "day " << day;
    const double error = std::sqrt(expected + expected * expected / old[1]);
    EXPECT_LT(std::abs(rows[day][1] - expected), 4.2 * error)
        << "day " << day << ": " << rows[day][1] << " instead of " << expected;
  }
}

TEST(TrustBias, ClicksOnRandomTrafficAreNoLongerExaminationTimesRelevance) {
  WorldOptions options = TruthWorld();
  options.users = 800;
  options.examination.trust = 1.5;
  const TestLog log(options);
  const std::string random =
      "(SELECT * FROM " + std::string(kImpressions) + " WHERE source = 'random')";
  // The truth of each position includes the trust bias and predicts the outcome.
  ExpectCalibrated(log,
                   "SELECT sum(clicked), sum(examination * click), sum(examination * click * "
                   "(1 - examination * click)) FROM " +
                       random + " GROUP BY position",
                   10);
  // Relevance as clicks over examination is the same at all positions without trust bias, and
  // differs with it.
  const auto rows = log.Rows(
      "SELECT sum(clicked) FILTER (position = 1) / sum(examination) FILTER (position = 1), "
      "sum(clicked) FILTER (position > 5) / sum(examination) FILTER (position > 5) FROM " +
      random);
  EXPECT_GT(rows[0][0], 1.8 * rows[0][1]);
}

}  // namespace
}  // namespace upnext::simulator
