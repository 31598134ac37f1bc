#include "retrieval/trending_generator.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "examples/test_world.h"
#include "features/user_state.h"
#include "retrieval/test_generator.h"
#include "retrieval/test_sequences.h"
#include "schema/raw_event.h"

namespace upnext::retrieval {
namespace {

TEST(TrendingGenerator, CountsTheLastDaysOfTrainingAlone) {
  const examples::World world(examples::RandomWorld(1));
  const auto sequences = TrainingSequences(world);
  int64_t last = 0;
  for (const auto& sequence : sequences) {
    for (const auto& watch : sequence) last = std::max(last, watch.time_ms);
  }
  size_t before = 0;
  for (const int days : {1, 3, 7}) {
    std::vector<uint64_t> recent(world.log.items());
    for (const auto& sequence : sequences) {
      for (const auto& watch : sequence) {
        if (watch.time_ms > last - days * examples::kDay) ++recent[watch.item];
      }
    }
    const std::string options = days == 7 ? "" : fmt::format("days = {}", days);
    const LearnedGenerator trending(world, "trending", options);
    const std::vector<Candidate> all = trending.Candidates(features::UserState(), 1'000);
    std::vector<ScoredItem> found;
    for (const Candidate& one : all) found.push_back({one.item, one.score});
    EXPECT_EQ(found, RankByCount(recent)) << days;
    size_t watches = 0;
    for (const uint64_t n : recent) watches += n;
    EXPECT_GT(watches, before) << "more days must count more";
    before = watches;
    EXPECT_EQ(trending.Reason(features::UserState(), all[0]), "popular these days");
    EXPECT_FALSE(trending->FillsSlate());
  }
}

TEST(TrendingGenerator, ProposesWhatIsChosenNowInTheRegionFirstAndNothingTooOld) {
  examples::WorldOptions options = examples::RandomWorld(1);
  for (schema::RawItem& item : options.items) item.created_ms = examples::kStart;
  const examples::World world(options);
  const LearnedGenerator trending(world, "trending");
  constexpr uint32_t kNew = 1'000'000;  // beyond the log
  features::LiveLists live;
  live.overall = {{kNew, 9}, {1, 5}, {2, 4}, {3, 1}};
  live.by_region[7] = {{2, 4}, {kNew, 1}};
  const auto items = [&](const features::Context& context, size_t n) {
    std::vector<uint32_t> ids;
    for (const Candidate& one : trending.Candidates(live, n, context)) ids.push_back(one.item);
    return ids;
  };
  features::Context context{.time_ms = 0};
  EXPECT_EQ(items(context, 3), (std::vector<uint32_t>{kNew, 1, 2}));
  context.region = 7;
  EXPECT_EQ(items(context, 3), (std::vector<uint32_t>{2, kNew, 1}));
  context.region = schema::kNone;
  live.max_age_ms = examples::kDay;
  context.time_ms = examples::kStart + 2 * examples::kDay;
  EXPECT_EQ(items(context, 4), std::vector<uint32_t>{kNew}) << "its age is not known";
  EXPECT_GT(trending.Candidates(features::LiveLists(), 3, context).size(), 1u)
      << "without counts, as trained";
}

}  // namespace
}  // namespace upnext::retrieval
