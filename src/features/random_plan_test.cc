// Random plans over random histories: what is stored and read again between any two events gives
// the features of an uninterrupted replay, to the byte, and no feature depends on what comes later.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "features/feature_extractor.h"
#include "features/random_expressions.h"
#include "features/test_log.h"
#include "features/test_tables.h"
#include "schema/event.h"

namespace upnext::features {
namespace {

class RandomPlan : public testing::TestWithParam<uint64_t> {};

TEST_P(RandomPlan, StoredStatesGiveTheFeaturesOfAReplayToTheByte) {
  const FeatureSpec spec = RandomExpressions(GetParam()).Spec(/*ranking=*/20, /*retrieval=*/8);
  auto [events, items] = RandomHistory(250, 15, GetParam());
  schema::RawUser user;
  user.user = "u";
  user.region = "north";
  user.language = "en";
  for (size_t i = 0; i < events.size(); i += 3) events[i].device = i % 2 == 0 ? "tv" : "phone";
  const TestLog log(events, items, {user});
  const FeatureStatistics tables = LearnTables(log, spec);
  const FeatureExtractor retrieval(tables, log.catalogue(), Model::kRetrieval),
      ranking(tables, log.catalogue(), Model::kRanking);
  const uint32_t id = log.Id(schema::IdSpace::kUser, "u");
  UserState replayed(tables.plan.state()), stored(tables.plan.state());
  UserState narrow(tables.plan.retrieval_state());
  uint32_t item = 0;
  for (const schema::Event& event : log.Events("u")) {
    const Context context{
        .time_ms = event.time_ms, .device = event.device, .current_item = event.item};
    FeatureBlock blocks[2][3], of_narrow;
    const Candidate candidate{.item = item++ % 15};
    Result<UserState> parsed = UserState::Parse(stored.Serialize(), tables.plan.state());
    ASSERT_TRUE(parsed) << parsed.error().message;
    stored = *std::move(parsed);
    for (const size_t i : {0u, 1u}) {
      const UserState& state = i == 0 ? replayed : stored;
      retrieval.AppendQuery(state, id, context, &blocks[i][0]);
      ranking.AppendQuery(state, id, context, &blocks[i][1]);
      ranking.AppendImpression(state, id, context, candidate, &blocks[i][2]);
    }
    retrieval.AppendQuery(narrow, id, context, &of_narrow);
    for (const size_t b : {0u, 1u, 2u}) {
      ASSERT_EQ(Digest(blocks[0][b]), Digest(blocks[1][b])) << b;
    }
    ASSERT_EQ(Digest(of_narrow), Digest(blocks[0][0]));
    for (UserState* state : {&replayed, &stored, &narrow}) state->Apply(event, log.catalogue(), {});
  }
  EXPECT_EQ(replayed.Serialize(), stored.Serialize());
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomPlan, testing::Range<uint64_t>(1, 25));

}  // namespace
}  // namespace upnext::features
