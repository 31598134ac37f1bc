#include "simulator/log_writer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>

#include "base/file.h"
#include "base/test_folder.h"
#include "import/duckdb.h"
#include "schema/event.h"
#include "simulator/policies.h"
#include "simulator/policy.h"
#include "simulator/test_log.h"

namespace upnext::simulator {
namespace {

namespace fs = std::filesystem;

WorldOptions LogWorld() {
  WorldOptions options;
  options.users = 1200;
  options.items = 1500;
  options.days = 14;
  options.seed = 3;
  options.policy.random_share = 0.4;  // enough random traffic to measure positions on
  return options;
}

class WrittenLog : public testing::Test {
 protected:
  static void SetUpTestSuite() { log_ = std::make_unique<TestLog>(LogWorld()); }
  static void TearDownTestSuite() { log_.reset(); }
  static std::vector<std::vector<double>> Rows(const std::string& sql) { return log_->Rows(sql); }
  static double Number(const std::string& sql) { return log_->Number(sql); }
  static std::unique_ptr<TestLog> log_;
};
std::unique_ptr<TestLog> WrittenLog::log_;

TEST_F(WrittenLog, HasTheCanonicalColumnsAndEveryKindOfEvent) {
  const auto names = [&](const char* table) {
    const auto columns = log_->database().Describe(std::string("SELECT * FROM ") + table);
    std::string out;
    if (columns) {
      for (const import::Column& column : *columns) out += column.name + " ";
    }
    return out;
  };
  EXPECT_EQ(
      names("events"),
      "user item time type value query request position source propensity device region current_item "
      "off_site source_score ");
  EXPECT_EQ(names("items"), "item created duration channel topics language title removed ");
  EXPECT_EQ(names("users"), "user region language age gender logged_in ");
  EXPECT_EQ(Number("SELECT count(DISTINCT type) FROM events"), 9);
  EXPECT_EQ(Number("SELECT count(*) FROM items"), 1500);
  EXPECT_EQ(Number("SELECT count(*) FROM users"), 1200);
  EXPECT_EQ(Number("SELECT count(DISTINCT item) FROM items"), 1500);
  EXPECT_EQ(
      Number("SELECT count(*) FROM events WHERE \"user\" IS NULL OR time IS NULL OR type IS NULL"),
      0);
  EXPECT_EQ(Number("SELECT count(*) FROM events WHERE (type = 'search') != (item IS NULL)"), 0);
  EXPECT_EQ(Number("SELECT count(*) FROM users WHERE gender < 0 OR gender > 1"), 0);
  EXPECT_GT(Number("SELECT count(*) FROM events WHERE off_site AND request IS NULL"), 300);
  EXPECT_EQ(Number("SELECT count(*) FROM events WHERE (source_score > 0) IS NOT TRUE AND "
                   "type = 'impression' AND source <> 'random'"),
            0);
  EXPECT_EQ(Number("SELECT count(source_score) FROM events WHERE type <> 'impression' OR "
                   "source = 'random'"),
            0);
}

TEST_F(WrittenLog, NoEventIsAboutAnItemBeforeItsUploadOrOutsideTheWindow) {
  EXPECT_EQ(Number("SELECT count(*) FROM events JOIN items USING (item) WHERE time < created"), 0);
  EXPECT_EQ(
      Number(
          "SELECT count(*) FROM events e JOIN items i ON e.current_item = i.item WHERE time < created"),
      0);
  EXPECT_EQ(Number("SELECT count(*) FROM events WHERE time < TIMESTAMP '2026-01-01' OR "
                   "time >= TIMESTAMP '2026-01-15'"),
            0);
  EXPECT_EQ(Number("SELECT count(DISTINCT created::DATE) FROM items WHERE created >= TIMESTAMP "
                   "'2026-01-01'"),
            14);
}

TEST_F(WrittenLog, WatchesEndAtTheDurationAtTheLatest) {
  EXPECT_EQ(Number("SELECT count(*) FROM events JOIN items USING (item) WHERE type = 'watch' AND "
                   "(value < 0 OR value > duration)"),
            0);
  const double complete = Number(
      "SELECT avg((value >= 0.7 * duration)::INT) FROM events JOIN items USING (item) "
      "WHERE type = 'watch'");
  EXPECT_GT(complete, 0.35);
  EXPECT_LT(complete, 0.8);
}

TEST_F(WrittenLog, SlatesAreNumberedFromOneWithPropensitiesInTheUnitInterval) {
  EXPECT_EQ(Number("SELECT count(*) FROM events WHERE type = 'impression' AND "
                   "(propensity IS NULL OR propensity <= 0 OR propensity > 1 OR request IS NULL OR "
                   "source IS NULL)"),
            0);
  EXPECT_EQ(Number("SELECT count(*) FROM (SELECT request, count(*) n, count(DISTINCT position) d, "
                   "max(position) m, count(DISTINCT item) i FROM events WHERE type = 'impression' "
                   "GROUP BY request) WHERE n != d OR n != m OR n != i"),
            0);
  EXPECT_EQ(Number("SELECT count(*) FROM events c WHERE type = 'click' AND NOT EXISTS (SELECT 1 "
                   "FROM events i WHERE "
                   "i.type = 'impression' AND i.request = c.request AND i.item = c.item AND "
                   "i.position = c.position AND i.time <= c.time)"),
            0);
  const double random =
      Number("SELECT avg((source = 'random')::INT) FROM events WHERE type = 'impression'");
  EXPECT_NEAR(random, 0.4, 0.02);
}

// On random traffic, CTR by device and position = examination x mean click probability, where the
// mean is taken from the truth for the same users and traffic.
TEST_F(WrittenLog, RandomTrafficShowsTheExaminationCurve) {
  Result<World> world = World::Create(LogWorld());
  ASSERT_TRUE(world);
  base::ThreadPool pool(2);
  std::array<double, kDevices> probability{}, impressions{};
  const Status simulated =
      SimulateUsers(*world, pool, base::NoProgress(), [&](const UserRows& user) {
        for (const LogRow& row : user.rows) {
          if (row.type != schema::EventType::kImpression || row.source != Source::kRandom) continue;
          probability[static_cast<size_t>(row.device)] += row.click_probability;
          impressions[static_cast<size_t>(row.device)] += 1;
        }
        return Ok();
      });
  ASSERT_TRUE(simulated);
  double chi = 0;
  int cells = 0;
  for (size_t d = 0; d < kDevices; ++d) {
    const auto rows = Rows(
        std::string("SELECT position, sum((type = 'impression')::INT), sum((type = 'click')::INT) "
                    "FROM events WHERE source = 'random' AND device = '") +
        kDeviceNames[d] + "' GROUP BY position ORDER BY position");
    ASSERT_EQ(rows.size(), 10u);
    for (const auto& row : rows) {
      const double p =
          probability[d] / impressions[d] *
          world->ExaminationProbability(static_cast<uint32_t>(row[0]), static_cast<Device>(d));
      const double expected = row[1] * p;
      const double z = (row[2] - expected) / std::sqrt(expected * (1 - p));
      EXPECT_LT(std::abs(z), 4.2) << kDeviceNames[d] << " at " << row[0];
      chi += z * z;
      ++cells;
    }
  }
  EXPECT_LT(chi, cells + 4 * std::sqrt(2.0 * cells));
}

// The frequencies of items from the popular source recover the configured exponent.
TEST_F(WrittenLog, PopularityFollowsThePlantedExponent) {
  const double slope = Number(
      "SELECT regr_slope(ln(n), ln(r)) FROM (SELECT n, row_number() OVER (ORDER BY n DESC) r FROM ("
      "SELECT count(*) n FROM events e JOIN items i USING (item) JOIN users u ON u.\"user\" = "
      "e.\"user\" WHERE "
      "type = 'impression' AND source = 'popular' AND i.language = 'en' AND u.language = 'en' AND "
      "created < TIMESTAMP '2025-12-01' GROUP BY item)) WHERE r BETWEEN 10 AND 300");
  EXPECT_NEAR(-slope, LogWorld().catalogue.zipf_exponent, 0.1);
}

TEST_F(WrittenLog, NewUploadsBurstAndDecay) {
  const auto rate = [&](int from, int to) {
    // Off-site watches, which no policy influences, per item and day of age.
    return Number(
        "SELECT count(*) FROM events JOIN items USING (item) WHERE type = 'watch' AND request IS "
        "NULL AND "
        "created BETWEEN TIMESTAMP '2026-01-01' AND TIMESTAMP '2026-01-04' AND time - created "
        "BETWEEN "
        "INTERVAL " +
        std::to_string(from) + " DAY AND INTERVAL " + std::to_string(to) + " DAY");
  };
  EXPECT_GT(rate(0, 3), 2 * rate(7, 10));
}

TEST_F(WrittenLog, SeriesAreWatchedInOrderMoreOftenThanNot) {
  // Among all pairs of neighbouring episodes that a user watched for the first time, the earlier
  // came first.
  const std::string first =
      "(SELECT \"user\", item, min(time) t FROM events WHERE type = 'watch' GROUP BY ALL)";
  const std::string series =
      "(SELECT item, channel, regexp_replace(title, '[0-9]+$', '') series, "
      "regexp_extract(title, '[0-9]+$')::INT episode, created FROM items WHERE "
      "regexp_matches(title, '[^ ]+ [0-9]+$') "
      "AND regexp_matches(title, ', (part|Teil|parte|partie) '))";
  const auto rows = Rows("SELECT count(*), sum((a.t < b.t)::INT) FROM " + first + " a JOIN " +
                         series + " x USING (item) JOIN " + series +
                         " y ON x.channel = y.channel AND x.series = y.series AND "
                         "y.episode = x.episode + 1 AND y.created > x.created AND y.created - "
                         "x.created < INTERVAL 6 DAY "
                         "JOIN " +
                         first + " b ON b.item = y.item AND b.\"user\" = a.\"user\"");
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_GT(rows[0][0], 500);
  EXPECT_GT(rows[0][1] / rows[0][0], 0.75);
}

TEST_F(WrittenLog, ProductiveQueriesCarryWordsOfTheItemWatchedNext) {
  // Words of the item: subject and topic in the title or topics, or the name of the channel.
  const auto rows = Rows(
      "WITH q AS (SELECT \"user\", type, query, item, lead(type) OVER w next_type, lead(item) OVER "
      "w next_item, "
      "lead(source) OVER w next_source FROM (SELECT *, row_number() OVER () n FROM events) "
      "WINDOW w AS (PARTITION BY \"user\" ORDER BY time, n)) "
      "SELECT count(*), sum((contains(query, lower(channel)) OR "
      "len(list_intersect(string_split(query, ' '), "
      "string_split(replace(replace(lower(title), ',', ''), '-', ' '), ' '))) > 0 OR "
      "len(list_intersect(string_split(replace(query, '-', ' '), ' '), "
      "string_split(replace(replace(replace(replace("
      "lower(title), ',', ''), ':', ''), '-', ' '), '!', ''), ' '))) > 0)::INT) "
      "FROM q JOIN items ON items.item = next_item WHERE type = 'search' AND next_type = 'watch' "
      "AND "
      "next_source = 'search'");
  EXPECT_GT(rows[0][0], 500);
  EXPECT_GT(rows[0][1] / rows[0][0], 0.99);
}

TEST_F(WrittenLog, TheTopicalSourceBeatsPopularityAndThatBeatsRandom) {
  const auto ctr = [&](const char* source) {
    return Number(
        std::string(
            "SELECT sum((type = 'click')::INT) / sum((type = 'impression')::INT) FROM events WHERE "
            "position = 1 AND current_item IS NULL AND source = '") +
        source + "'");
  };
  EXPECT_GT(ctr("topical"), 1.5 * ctr("popular"));
  EXPECT_GT(ctr("popular"), 1.3 * ctr("random"));
}

std::map<std::string, std::string> ReadAll(const fs::path& folder) {
  std::map<std::string, std::string> bytes;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".parquet") continue;
    const auto read = base::ReadFile(entry.path());
    EXPECT_TRUE(read);
    if (read) bytes[entry.path().filename().string()] = *read;
  }
  return bytes;
}

TEST(SimulateLog, OneSeedGivesTheSameBytesForAnyNumberOfThreads) {
  WorldOptions options;
  options.users = 700;
  options.items = 300;
  options.days = 2;
  options.audience.sessions_per_day = 20;  // enough for more than one part
  const base::TestFolder folder;
  const fs::path& root = folder.path();
  std::map<std::string, std::string> bytes;
  for (const int threads : {1, 3}) {
    options.threads = threads;
    const auto written = SimulateLog(options, {.truth = true}, root, base::NoProgress());
    ASSERT_TRUE(written) << written.error().message;
    if (threads == 1) bytes = ReadAll(root);
  }
  for (const char* file :
       {"events-0000.parquet", "events-0001.parquet", "truth-0001.parquet", "items.parquet",
        "users.parquet", "examination.parquet", "qualities.parquet"}) {
    EXPECT_TRUE(bytes.contains(file)) << file;
  }
  const bool same = ReadAll(root) == bytes;
  EXPECT_TRUE(same);
  // A smaller log replaces all files of the larger one, and another seed gives another log.
  options.users = 40;
  options.seed = 2;
  ASSERT_TRUE(SimulateLog(options, root, base::NoProgress()));
  const auto other = ReadAll(root);
  EXPECT_EQ(other.size(), 3u);
  EXPECT_FALSE(other.at("items.parquet") == bytes["items.parquet"]);
  EXPECT_FALSE(fs::exists(root / ".simulating"));
}

TEST(SimulateLog, ALogOfSomeDaysIsThatPartOfTheWholeLogAndMayHaveAnotherPolicy) {
  WorldOptions options;
  options.users = 200;
  options.items = 400;
  options.days = 8;
  const base::TestFolder folder;
  ASSERT_TRUE(SimulateLog(options, {.end_day = 5}, folder / "begin", base::NoProgress()));
  ASSERT_TRUE(SimulateLog(options, {}, folder / "whole", base::NoProgress()));
  ASSERT_TRUE(SimulateLog(options, {.first_day = 5}, folder / "rest", base::NoProgress()));
  Result<World> world = World::Create(options);
  ASSERT_TRUE(world);
  PopularityPolicy popularity(*world);
  ASSERT_TRUE(SimulateLog(options, {.first_day = 5, .policy = &popularity}, folder / "popularity",
                          base::NoProgress()));
  EXPECT_FALSE(SimulateLog(options, {.end_day = 9}, folder / "none", base::NoProgress()));
  auto db = import::Database::Open({});
  ASSERT_TRUE(db);
  const auto count = [&](const std::string& of, const std::string& where) {
    int64_t n = -1;
    const Status done = db->Query("SELECT count(*) FROM " + of + " WHERE " + where,
                                  [&](const import::Chunk& chunk) {
                                    n = chunk.Values<int64_t>(0)[0];
                                    return Ok();
                                  });
    EXPECT_TRUE(done) << done.error().message;
    return n;
  };
  const auto table = [&](const char* log, const char* name) {
    const fs::path file = folder.path() / log / (std::string(name) + ".parquet");
    return "read_parquet(" + import::QuoteSql(file.string()) + ")";
  };
  // A session may continue past midnight.
  const int64_t begin = count(table("begin", "events"), "true");
  EXPECT_GT(begin, 1000);
  EXPECT_NEAR(static_cast<double>(begin),
              static_cast<double>(count(table("whole", "events"), "time < TIMESTAMP '2026-01-06'")),
              static_cast<double>(begin) / 100);
  EXPECT_EQ(count("(SELECT * FROM " + table("begin", "events") + " EXCEPT ALL SELECT * FROM " +
                      table("whole", "events") + ")",
                  "true"),
            0);
  // The rest of the log, under the same policy and under another one.
  EXPECT_EQ(begin + count(table("rest", "events"), "true"),
            count(table("whole", "events"), "true"));
  EXPECT_GT(count(table("rest", "events"), "source = 'topical'"), 100);
  EXPECT_GT(count(table("popularity", "events"), "source = 'popular'"), 100);
  EXPECT_EQ(count(table("popularity", "events"), "source IN ('topical', 'random')"), 0);
  EXPECT_EQ(count(table("popularity", "events"), "time < TIMESTAMP '2026-01-06'"), 0);
  EXPECT_GE(count(table("begin", "items"), "true"),
            count(table("whole", "items"), "created < TIMESTAMP '2026-01-06'"));
  EXPECT_LT(count(table("begin", "items"), "true"), 400);
}

// Sessions that start in the last hour of the log continue on the next day and see its uploads.
TEST(SimulateLog, AllThatItsEventsNameIsAmongItsItems) {
  WorldOptions options;
  options.users = 400;
  options.items = 3000;
  options.days = 6;
  options.catalogue.window_share = 0.9;
  options.catalogue.refresh_hours = 0.25;
  options.audience.activity_exponent = 10;              // no user's sessions fill the next day
  options.audience.regions = {0, 1, 0, 0, 0, 0, 0, 0};  // local time is UTC
  options.sessions.hours.fill(0);
  options.sessions.hours[23] = 1;
  options.sessions.more_pages = 0.9;
  const TestLog log(options, {.end_day = 2, .truth = true});
  for (const char* column : {"item", "current_item"}) {
    EXPECT_EQ(log.Number(std::string("SELECT count(*) FROM events WHERE ") + column +
                         " IS NOT NULL AND " + column + " NOT IN (SELECT item FROM items)"),
              0)
        << column;
  }
  // Some were uploaded after the last day, others not before the log ends.
  EXPECT_GT(log.Number("SELECT count(*) FROM events JOIN items USING (item) WHERE created >= "
                       "TIMESTAMP '2026-01-03'"),
            100);
  EXPECT_LT(log.Number("SELECT count(*) FROM items"), 2900);
  EXPECT_EQ(log.Number("SELECT count(*) FROM items"), log.Number("SELECT count(*) FROM qualities"));
  EXPECT_LE(log.Number("SELECT epoch(max(created)) FROM items"),
            log.Number("SELECT epoch(max(time)) FROM events"));
}

class StoppedProgress : public base::Progress {
 public:
  void Begin(std::string_view, std::string_view, uint64_t) override {}
  void Update(uint64_t, std::string_view) override {}
  void End() override {}
  void Note(std::string_view) override {}
  bool stop_requested() const override { return true; }
};

TEST(SimulateLog, StoppedOnRequestItLeavesNoFiles) {
  WorldOptions options;
  options.users = 50;
  options.items = 200;
  const base::TestFolder folder;
  const fs::path& root = folder.path();
  StoppedProgress progress;
  const Status status = SimulateLog(options, root, progress);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kCancelled);
  EXPECT_FALSE(fs::exists(root / "events.parquet"));
  EXPECT_FALSE(fs::exists(root / ".simulating"));
}

TEST(UserSimulator, AUsersRowsDoNotDependOnOtherUsers) {
  WorldOptions options;
  options.items = 300;
  options.days = 10;
  Result<World> world = World::Create(options);
  ASSERT_TRUE(world);
  LoggingPolicy policy(*world);
  UserSimulator used(*world, {}), fresh(*world, {});
  UserRows warm_up, a, b;
  for (uint32_t user = 0; user < 20; ++user) ASSERT_TRUE(used.Run(user, policy, warm_up));
  ASSERT_TRUE(used.Run(7, policy, a));
  ASSERT_TRUE(fresh.Run(7, policy, b));
  ASSERT_EQ(a.rows.size(), b.rows.size());
  ASSERT_GT(a.rows.size(), 0u);
  for (size_t i = 0; i < a.rows.size(); ++i) {
    EXPECT_EQ(a.rows[i].time_ms, b.rows[i].time_ms);
    EXPECT_EQ(a.rows[i].item, b.rows[i].item);
    EXPECT_EQ(a.rows[i].click_probability, b.rows[i].click_probability);
    if (i > 0) {
      EXPECT_LE(a.rows[i - 1].time_ms, a.rows[i].time_ms);
    }
  }
}

}  // namespace
}  // namespace upnext::simulator
