// Random plans over random histories: what is stored and read again between any two events gives
// the features of an uninterrupted replay, to the byte, and no feature depends on what comes later.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"
#include "features/feature_extractor.h"
#include "features/test_log.h"
#include "features/test_tables.h"
#include "schema/event.h"

namespace upnext::features {
namespace {

class RandomExpressions {
 public:
  explicit RandomExpressions(uint64_t seed) : rng_(seed) {}

  std::string Ranking() {
    switch (rng_.Below(9)) {
      case 0:
        return fmt::format("count({}{})", Events(), Key());
      case 1:
        return fmt::format("since({}{})", Events(), Key());
      case 2:
        return fmt::format("rate({}, {}{}, {})", Events(), Events(), Key(), rng_.Below(20));
      case 3:
        return fmt::format("mean(watch.value{}, {})", Key(), rng_.Below(20));
      case 4:
        return fmt::format("everybody(rate({}, {}, {}, 5))", Events(), Events(), ItemKey());
      case 5:
        return fmt::format("count({} after {}{})", Events(), Events(), Key());
      case 6:
        return fmt::format("cross({}, {}, {})", One(kCategories), One(kCategories),
                           2 + rng_.Below(50));
      case 7:
        return One({"item.duration", "age(item.created)", "hour(request.time)",
                    "match(user.language, item.language)", "weekday(request.time)"});
      default:
        return Retrieval();
    }
  }
  std::string Retrieval() {
    switch (rng_.Below(6)) {
      case 0:
        return fmt::format("history({}, {}, {})", Events(), ItemKey(), 1 + rng_.Below(60));
      case 1:
        return fmt::format("history({} unless {}, item, {})", Events(), Events(),
                           1 + rng_.Below(60));
      case 2:
        return fmt::format("sorted(history({}, item, {}))", Events(), 1 + rng_.Below(60));
      case 3:
        return fmt::format("last({}, {})", Events(), ItemKey());
      case 4:
        return fmt::format("tokens(history(search, query, {}))", 1 + rng_.Below(60));
      default:
        return fmt::format("count({})", Events());
    }
  }

 private:
  std::string One(const std::vector<std::string>& texts) { return texts[rng_.Below(texts.size())]; }
  std::string Events() {
    std::string events = One(kEvents);
    while (rng_.Below(3) == 0) events += " or " + One(kEvents);
    return events;
  }
  std::string ItemKey() { return One({"item", "item.channel", "item.topics", "item.language"}); }
  std::string Key() {
    return rng_.Below(3) == 0 ? "" : ", " + (rng_.Below(5) == 0 ? "request.device" : ItemKey());
  }
  const std::vector<std::string> kEvents = {"any",     "positive", "watch", "like",  "click",
                                            "dislike", "complete", "share", "rating"};
  const std::vector<std::string> kCategories = {"user.region", "item.channel", "item.topics",
                                                "request.device", "item"};
  base::Rng rng_;
};

class RandomPlan : public testing::TestWithParam<uint64_t> {};

TEST_P(RandomPlan, StoredStatesGiveTheFeaturesOfAReplayToTheByte) {
  RandomExpressions expressions(GetParam());
  FeatureSpec spec{.defaults = false};
  for (int i = 0; i < 20; ++i) {
    spec.ranking.push_back({fmt::format("r{}", i), expressions.Ranking(), ""});
    if (i < 8) spec.retrieval.push_back({fmt::format("c{}", i), expressions.Retrieval(), ""});
  }
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
    const Context context{.time_ms = event.time_ms, .device = event.device};
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
