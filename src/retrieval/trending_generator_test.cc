#include "retrieval/trending_generator.h"

#include <gtest/gtest.h>

#include "examples/test_world.h"
#include "features/user_state.h"
#include "retrieval/test_generator.h"
#include "retrieval/test_sequences.h"

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

}  // namespace
}  // namespace upnext::retrieval
