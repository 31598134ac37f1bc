#include "studies/retraining.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "base/test_folder.h"
#include "log/event_log.h"
#include "schema/event.h"
#include "simulator/recommender.h"

namespace upnext::studies {
namespace {

// The sources of the slates that a log has.
std::set<std::string> SourcesOf(const log::EventLog& log) {
  std::set<std::string> sources;
  for (uint64_t row = 0; row < log.events(); ++row) {
    const schema::Event event = log.event(row);
    if (event.type != schema::EventType::kImpression) continue;
    sources.emplace(log.dictionary(schema::IdSpace::kSource).name(event.source));
  }
  return sources;
}

TEST(Retrain, TheLogHasMoreAndMoreOfTheEnginesOwnSlatesAndInTheEndNoOthers) {
  const base::TestFolder folder;
  base::ThreadPool pool(2);
  const StudyRun run{.seed = 1,
                     .scale = Scale::kTiny,
                     .folder = folder.path(),
                     .pool = pool,
                     .progress = base::NoProgress()};
  Rounds rounds{.world = {}, .first = 5, .days = 2, .count = 3, .memory = 4};
  rounds.world.users = 100;
  rounds.world.items = 200;
  rounds.world.days = rounds.DayOf(rounds.count);
  const auto world = simulator::World::Create(rounds.world);
  ASSERT_TRUE(world);
  auto kept = KeptUntil(run, *world, rounds.first);
  ASSERT_TRUE(kept) << kept.error().message;
  const RoundArm arm{"own", TrainingOf(run.scale, run.seed), {}};
  std::vector<std::set<std::string>> sources;
  for (int number = 0; number < rounds.count; ++number) {
    const Status done = Retrain(run, rounds, number, *world, arm, &kept->rows,
                                [&](const Trained& trained, LiveEngine& engine) {
                                  sources.push_back(SourcesOf(trained.source().log));
                                  return KeptRound(run, rounds, number, engine, &*kept,
                                                   [](const simulator::UserRows&) { return Ok(); });
                                });
    ASSERT_TRUE(done) << done.error().message;
  }
  // "topical" is a source of the logging policy alone, "candidate-model" of the engine alone.
  EXPECT_FALSE(sources[0].contains("candidate-model"));
  EXPECT_TRUE(sources[1].contains("candidate-model"));
  EXPECT_TRUE(sources[1].contains("topical")) << "two days of the logging policy are kept";
  EXPECT_TRUE(sources[2].contains("candidate-model"));
  EXPECT_FALSE(sources[2].contains("topical"));
}

}  // namespace
}  // namespace upnext::studies
