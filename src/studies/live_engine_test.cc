#include "studies/live_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/clock.h"
#include "base/test_folder.h"
#include "catalogue/catalogue.h"
#include "schema/event.h"
#include "simulator/live.h"
#include "studies/live_value.h"
#include "studies/simulated_log.h"
#include "studies/test_bundle.h"

namespace upnext::studies {
namespace {

using simulator::LiveSite;
using simulator::Source;
using simulator::UserRows;
using testing::HasSubstr;

constexpr int kFrom = 7;  // the first live day

// A site whose first days are the log on which a bundle was trained.
class LiveEngineTest : public testing::Test {
 protected:
  static simulator::WorldOptions Options() {
    simulator::WorldOptions options;
    options.users = 150;
    options.items = 250;
    options.days = 9;
    return options;
  }
  void SetUp() override {
    auto world = simulator::World::Create(Options());
    ASSERT_TRUE(world);
    world_ = std::make_unique<simulator::World>(*std::move(world));
    SimulatedLog rows(*world_);
    auto site = SiteAt(*world_, kFrom, pool_, base::NoProgress(), [&](const UserRows& user) {
      rows.Add(user);
      return Ok();
    });
    ASSERT_TRUE(site);
    site_ = std::make_unique<LiveSite>(*site);
    auto log = rows.Write(folder_ / "log", Options().start_ms() + kFrom * base::kDayMs);
    ASSERT_TRUE(log) << log.error().message;
    log_ = std::make_unique<log::EventLog>(*log);
    auto bundle = TinyBundleOf(*log_, folder_ / "bundle", pool_);
    ASSERT_TRUE(bundle) << bundle.error().message;
    bundle_ = *std::move(bundle);
  }
  std::unique_ptr<LiveEngine> Make(const LiveEngineOptions& options = {}) {
    auto engine = LiveEngine::Make(*world_, *log_, *bundle_, options, pool_);
    EXPECT_TRUE(engine) << engine.error().message;
    return *std::move(engine);
  }
  // The rows of the live days.
  std::vector<simulator::LogRow> Live(LiveEngine& engine, base::ThreadPool& pool) {
    std::vector<simulator::LogRow> all;
    const auto values = LiveDays(*site_, *world_, engine, kFrom, Options().days, pool,
                                 base::NoProgress(), [&](const UserRows& rows) {
                                   all.insert(all.end(), rows.rows.begin(), rows.rows.end());
                                   return Ok();
                                 });
    EXPECT_TRUE(values) << values.error().message;
    return all;
  }

  base::TestFolder folder_;
  base::ThreadPool pool_{2};
  std::unique_ptr<simulator::World> world_;
  std::unique_ptr<LiveSite> site_;
  std::unique_ptr<log::EventLog> log_;
  std::unique_ptr<bundle::Bundle> bundle_;
};

TEST_F(LiveEngineTest, ShowsWhatTheServerWouldShow) {
  const std::unique_ptr<LiveEngine> engine = Make();
  const catalogue::Catalogue catalogue(*log_);
  const serving::Engine server(*bundle_, catalogue, {});
  for (uint32_t user = 0; user < 20; ++user) {
    const simulator::User person = world_->user(user);
    const simulator::SlateRequest request{
        .user = person,
        .memory = site_->memory(user),
        .time_ms = Options().start_ms() + kFrom * base::kDayMs + 1000,
        .device = simulator::Device::kTv};
    base::Rng rng(1);
    std::vector<simulator::ShownItem> slate;
    ASSERT_TRUE(engine->Recommend(request, rng, slate));
    features::UserState state(features::FeaturePlan().state());
    for (uint64_t row = log_->begin(user); row < log_->end(user); ++row) {
      state.Apply(log_->event(row), catalogue, {});
    }
    const auto expected =
        server.Recommend(state, {.user = UserName(user),
                                 .n = 10,
                                 .device = "tv",
                                 .region = std::string(simulator::kRegionTable[person.region].name),
                                 .time_ms = request.time_ms});
    ASSERT_TRUE(expected);
    ASSERT_EQ(slate.size(), expected->items.size());
    for (size_t p = 0; p < slate.size(); ++p) {
      EXPECT_EQ(ItemName(slate[p].item), expected->items[p].id);
      const serving::SourceScore& first = expected->items[p].sources.front();
      EXPECT_EQ(simulator::kSourceNames[static_cast<size_t>(slate[p].source)], first.source);
      EXPECT_EQ(slate[p].source_score, static_cast<float>(first.score));
    }
  }
}

TEST_F(LiveEngineTest, AppliesEventsSoThatWatchedItemsAreNotShownAgain) {
  const std::unique_ptr<LiveEngine> engine = Make();
  std::vector<uint64_t> events(Options().users);
  for (uint32_t user = 0; user < Options().users; ++user) {
    events[user] = engine->state(user).totals().events;
  }
  std::set<std::pair<uint32_t, uint32_t>> watched;
  uint64_t shown = 0;
  for (const simulator::LogRow& row : Live(*engine, pool_)) {
    ++events[row.user];
    if (row.type == schema::EventType::kWatch) watched.emplace(row.user, row.item);
    if (row.type != schema::EventType::kImpression) continue;
    ++shown;
    EXPECT_FALSE(watched.contains({row.user, row.item})) << row.user << " " << row.item;
  }
  EXPECT_GT(shown, 500u);
  for (uint32_t user = 0; user < Options().users; ++user) {
    EXPECT_EQ(engine->state(user).totals().events, events[user]) << user;
  }
}

TEST_F(LiveEngineTest, AnswersTheSameForAnyNumberOfThreads) {
  base::ThreadPool one(1);
  const auto a = Live(*Make({.explore = 0.2}), pool_), b = Live(*Make({.explore = 0.2}), one);
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    ASSERT_EQ(a[i].item, b[i].item) << i;
    ASSERT_EQ(a[i].time_ms, b[i].time_ms) << i;
  }
}

TEST_F(LiveEngineTest, ExploresTheRequestedShareWithPropensities) {
  double random = 0, slates = 0;
  for (const simulator::LogRow& row : Live(*Make({.explore = 0.3}), pool_)) {
    if (row.type != schema::EventType::kImpression) continue;
    if (row.source == Source::kRandom) {
      EXPECT_LT(row.propensity, 0.01);
    }
    if (row.position != 1) continue;
    slates += 1;
    random += row.source == Source::kRandom ? 1 : 0;
  }
  EXPECT_NEAR(random / slates, 0.3, 4 * std::sqrt(0.3 * 0.7 / slates));
  EXPECT_FALSE(LiveEngine::Make(*world_, *log_, *bundle_, {.explore = 1.5}, pool_));
}

TEST_F(LiveEngineTest, RefusesALogOfAnotherWorld) {
  simulator::WorldOptions other = Options();
  other.seed = 99;
  const auto world = simulator::World::Create(other);
  ASSERT_TRUE(world);
  const auto engine = LiveEngine::Make(*world, *log_, *bundle_, {}, pool_);
  ASSERT_FALSE(engine);
  EXPECT_THAT(engine.error().message, HasSubstr("not among the world's"));
}

}  // namespace
}  // namespace upnext::studies
