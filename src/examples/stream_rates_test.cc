#include "examples/stream_rates.h"

#include <gtest/gtest.h>

#include "examples/test_world.h"
#include "schema/event.h"

namespace upnext::examples {
namespace {

World TwoPages(bool pages) {
  WorldOptions options;
  options.split.kind = SplitOptions::Kind::kNone;
  options.rule = features::PositiveRule::CompleteEvents();
  for (const char* user : {"u", "v"}) {
    for (int64_t at = 0; at < 3; ++at) {
      const std::string item(1, static_cast<char>('a' + at));
      const std::string request = fmt::format("{}{}", user, at);
      if (pages) options.events.push_back(Shown(user, item, at * kHour, request));
      options.events.push_back(
          Raw(user, item, at * kHour + 1, schema::EventType::kComplete, schema::kAbsent, request));
    }
  }
  return World(options);
}

TEST(StreamRates, CountsTheExamplesOfBothStreams) {
  const World world = TwoPages(true);
  base::ThreadPool pool(2);
  const auto rates =
      MeasureStreams(world.source, world.Learn(), /*max_per_user=*/50, pool, base::NoProgress());
  ASSERT_TRUE(rates) << rates.error().message;
  EXPECT_EQ(rates->candidates.examples, 4u) << "the first watch of a user has nothing before it";
  EXPECT_EQ(rates->impressions.examples, 6u);
  EXPECT_GT(rates->candidates.per_second(), 0);
  EXPECT_GT(rates->impressions.fold_s, 0);
}

TEST(StreamRates, LogsWithoutImpressionsHaveCandidatesOnly) {
  const World world = TwoPages(false);
  base::ThreadPool pool(1);
  const auto rates = MeasureStreams(world.source, world.Learn(), 1, pool, base::NoProgress());
  ASSERT_TRUE(rates) << rates.error().message;
  EXPECT_EQ(rates->candidates.examples, 2u) << "one a user";
  EXPECT_EQ(rates->impressions.examples, 0u);
}

}  // namespace
}  // namespace upnext::examples
