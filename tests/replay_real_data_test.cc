// Labels, splits and features of the project files in configs/ on their data sets. Needs
// UPNEXT_DATA (the folder with kuairand/, ml-1m/ and beauty/), which may not be distributed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/config.h"
#include "base/test_folder.h"
#include "examples/candidate_stream.h"
#include "examples/holdout.h"
#include "examples/learn.h"
#include "examples/ranking_stream.h"
#include "features/signal_options.h"
#include "import/import.h"

namespace upnext::examples {
namespace {

using schema::EventType;

// A project of configs/: imported, split and with features learned as configured.
struct Project {
  explicit Project(log::EventLog opened, const base::Config& config)
      : log(std::move(opened)),
        catalogue(log),
        rule(features::SignalOptions::FromConfig(config, log.schema())
                 .Resolve(log.schema(), log.stats().by_type)),
        split(Split::Make(SplitOptions::FromConfig(config.Table("split")), log, rule).value()),
        tables(LearnFeatures(source, features::FeatureSpec::FromConfig(config.Table("features")),
                             pool, base::NoProgress())
                   .value()) {}
  const log::EventLog log;
  const catalogue::Catalogue catalogue;
  const features::PositiveRule rule;
  const Split split;
  const ReplaySource source{log, catalogue, rule, split};
  base::ThreadPool pool;
  const features::FeatureStatistics tables;
};

class RealData : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::getenv("UPNEXT_DATA") == nullptr) GTEST_SKIP() << "UPNEXT_DATA is not set";
  }
  std::unique_ptr<Project> Open(const std::string& name) {
    const auto file = std::filesystem::path(UPNEXT_CONFIGS) / (name + ".toml");
    const base::Config config = base::Config::Load(file).value();
    import::ImportOptions options = import::ImportOptions::FromConfig(config);
    options.data = std::getenv("UPNEXT_DATA");
    const auto report = import::Import(options, folder_ / "log", base::NoProgress());
    if (!report) ADD_FAILURE() << report.error().message;
    auto project = std::make_unique<Project>(
        log::EventLog::Open(folder_ / "log" / report->version).value(), config);
    return project;
  }

  base::TestFolder folder_;
};

// Protocol A: every user has a case, and its list is made before the user's last line.
void ExpectLeaveOneOut(Project& project, size_t users, uint64_t lines) {
  const auto test = HoldoutCases(project.source, SplitPart::kTest, project.pool);
  const auto validation = HoldoutCases(project.source, SplitPart::kValidation, project.pool);
  ASSERT_EQ(test.size(), users);
  ASSERT_EQ(validation.size(), users);
  for (size_t i = 0; i < users; ++i) {
    EXPECT_EQ(test[i].end_row + 1, project.log.end(test[i].user));
    EXPECT_EQ(validation[i].end_row + 2, project.log.end(test[i].user));
    EXPECT_EQ(test[i].targets, std::vector<uint32_t>{project.log.item_of(test[i].end_row)});
  }
  // Without a cap, all training lines but each user's first are labels.
  CandidateStream all(project.source, project.tables, {.max_per_user = 100'000}, project.pool);
  EXPECT_EQ(all.examples_per_epoch(), lines - 3 * users);
  const features::Vocabulary& items = project.tables.vocabulary(features::kRankedItemVocabulary);
  EXPECT_GT(items.rows(), 1u) << "a log without impressions ranks by complete watches";
}

TEST_F(RealData, MovieLensIsProtocolA) {
  const auto project = Open("ml-1m");
  ExpectLeaveOneOut(*project, 6'040, 999'611);
  CandidateStream stream(project->source, project->tables, {.max_per_user = 50}, project->pool);
  features::CandidateBatch batch;
  uint64_t examples = 0;
  stream.StartEpoch(0);
  while (stream.Next(1024, &batch)) {
    examples += batch.size();
    const std::vector<float>& dense = batch.features.dense;
    const size_t width = dense.size() / batch.size();
    for (size_t i = 0; i < dense.size(); ++i) {  // example_age, the last, is dropped
      if (i % width >= 6) {
        ASSERT_EQ(dense[i], 0);
      }
    }
  }
  EXPECT_EQ(examples, stream.examples_per_epoch());
}

TEST_F(RealData, BeautyIsProtocolA) {
  const auto project = Open("beauty");
  ExpectLeaveOneOut(*project, 40'226, 353'962);
}

TEST_F(RealData, TR03_KuaiRandIsProtocolBAndEveryLabelJoinsItsLine) {
  const auto project = Open("kuairand");
  std::map<SplitPart, uint64_t> impressions;
  std::map<SplitPart, std::pair<int64_t, int64_t>> span;
  std::set<uint32_t> test_users;
  uint64_t joined[schema::kEventTypes] = {};
  double watch_s = 0, logged_watch_s = 0;
  for (uint32_t user = 0; user < project->log.users(); ++user) {
    ReplayImpressions(project->source, user, features::StateSpec(),
                      [&](const features::UserState&, const ImpressionGroup& group) {
                        ASSERT_EQ(group.impressions.size(), 1u);
                        const Impression& impression = group.impressions[0];
                        ++impressions[impression.part];
                        if (impression.part == SplitPart::kTest) test_users.insert(user);
                        auto [entry, is_new] = span.try_emplace(impression.part, impression.time_ms,
                                                                impression.time_ms);
                        auto& [first, last] = entry->second;
                        first = std::min(first, impression.time_ms);
                        last = std::max(last, impression.time_ms);
                        watch_s += static_cast<double>(impression.labels.watch_s);
                        for (size_t type = 1; type < schema::kEventTypes; ++type) {
                          joined[type] += impression.labels.Has(static_cast<EventType>(type));
                        }
                      });
    for (uint64_t row = project->log.begin(user); row < project->log.end(user); ++row) {
      const schema::Event event = project->log.event(row);
      if (event.type == EventType::kWatch) logged_watch_s += static_cast<double>(event.value);
    }
  }
  // By time_ms. Protocol B counts 35,716 / 2,277 / 3,835 lines by the `date` column, in which 16
  // and 14 lines before the two midnights have the next day's date. Days by `date` overlap in time,
  // so no split by time can equal them and satisfy TR-03.
  EXPECT_EQ(impressions[SplitPart::kTrain], 35'716u + 16);
  EXPECT_EQ(impressions[SplitPart::kValidation], 2'277u - 16 + 14);
  EXPECT_EQ(impressions[SplitPart::kTest], 3'835u - 14);
  EXPECT_EQ(test_users.size(), 542u);
  EXPECT_LT(span[SplitPart::kTrain].second, span[SplitPart::kValidation].first);
  EXPECT_LT(span[SplitPart::kValidation].second, span[SplitPart::kTest].first);
  EXPECT_NEAR(watch_s, logged_watch_s, 1e-6 * logged_watch_s);
  const log::LogStats& stats = project->log.stats();
  for (const EventType type : {EventType::kClick, EventType::kWatch, EventType::kComplete,
                               EventType::kLike, EventType::kDislike, EventType::kVisit}) {
    EXPECT_EQ(joined[static_cast<size_t>(type)], stats.by_type[static_cast<size_t>(type)])
        << schema::EventTypeName(type);
  }
  RankingStream train(project->source, project->tables, {}, project->pool);
  EXPECT_EQ(train.examples_per_epoch(), impressions[SplitPart::kTrain]);
  EXPECT_GT(HoldoutCases(project->source, SplitPart::kTest, project->pool).size(), 300u);
}

}  // namespace
}  // namespace upnext::examples
