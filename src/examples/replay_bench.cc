// How fast examples are made, on a log of 20,000 users with 50 complete watches each:
// BM_ReplayWatches is the fold alone, the streams add extraction, mixing and batches.
// One thread; items_per_second are examples.
#include <benchmark/benchmark.h>

#include <memory>

#include "base/rng.h"
#include "examples/candidate_stream.h"
#include "examples/ranking_stream.h"
#include "examples/test_world.h"
#include "features/feature_plan.h"

namespace upnext::examples {
namespace {

constexpr uint32_t kUsers = 20'000, kWatches = 50, kItems = 50'000;

// Watches only, or watches that each follow a page of five impressions.
std::unique_ptr<World> MakeWorld(bool pages) {
  base::Rng rng(1);
  WorldOptions options;
  options.split.kind = SplitOptions::Kind::kNone;
  options.rule = features::PositiveRule::CompleteEvents();
  const uint32_t users = pages ? kUsers / 10 : kUsers;
  for (uint32_t u = 0; u < users; ++u) {
    const std::string user = fmt::format("u{}", u);
    for (uint32_t i = 0; i < kWatches; ++i) {
      const auto item = [&] {
        return fmt::format("i{}", rng.Below(kItems) * rng.Below(kItems) / kItems);
      };
      const std::string watched = item(), request = fmt::format("q{}-{}", u, i);
      const int64_t at = i * kHour;
      for (int shown = 0; pages && shown < 5; ++shown) {
        options.events.push_back(Shown(user, shown == 2 ? watched : item(), at, request));
      }
      options.events.push_back(
          Raw(user, watched, at + 1, schema::EventType::kComplete, schema::kAbsent, request));
    }
  }
  return std::make_unique<World>(options);
}

const features::FeaturePlan& Plan() {
  static const features::FeaturePlan plan;
  return plan;
}

const World& Watches() {
  static const std::unique_ptr<World> world = MakeWorld(false);
  return *world;
}
const World& Pages() {
  static const std::unique_ptr<World> world = MakeWorld(true);
  return *world;
}

void BM_ReplayWatches(benchmark::State& state) {
  const World& world = Watches();
  int64_t examples = 0;
  for (auto _ : state) {
    for (uint32_t user = 0; user < world.log.users(); ++user) {
      ReplayWatches(world.source, user, Plan().retrieval_state(),
                    [&](const features::UserState& before, const WatchExample&) {
                      benchmark::DoNotOptimize(before.watches().data());
                      ++examples;
                    });
    }
  }
  state.SetItemsProcessed(examples);
}
BENCHMARK(BM_ReplayWatches)->Unit(benchmark::kMillisecond);

// Argument: examples per user and epoch. With few, bags of all lengths up to 50 are made and most
// of the fold is thrown away; with 50 each row is an example.
void BM_CandidateStream(benchmark::State& state) {
  const World& world = Watches();
  static const features::FeatureStatistics tables = world.Learn();
  base::ThreadPool pool(1);
  CandidateStream stream(world.source, tables,
                         {.max_per_user = static_cast<uint32_t>(state.range(0))}, pool);
  features::CandidateBatch batch;
  int64_t examples = 0;
  uint32_t epoch = 0;
  for (auto _ : state) {
    stream.StartEpoch(epoch++);
    while (stream.Next(1024, &batch)) examples += static_cast<int64_t>(batch.size());
  }
  state.SetItemsProcessed(examples);
}
BENCHMARK(BM_CandidateStream)->Arg(5)->Arg(50)->Unit(benchmark::kMillisecond);

void BM_RankingStream(benchmark::State& state) {
  const World& world = Pages();
  static const features::FeatureStatistics tables = world.Learn();
  base::ThreadPool pool(1);
  RankingStream stream(world.source, tables, {}, pool);
  RankingBatch batch;
  int64_t examples = 0;
  uint32_t epoch = 0;
  for (auto _ : state) {
    stream.StartEpoch(epoch++);
    while (stream.Next(1024, &batch)) examples += static_cast<int64_t>(batch.size());
  }
  state.SetItemsProcessed(examples);
}
BENCHMARK(BM_RankingStream)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace upnext::examples
