#include "serving/explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>

#include "base/config.h"
#include "bundle/test_bundle.h"
#include "features/feature_extractor.h"
#include "ranking/ranker.h"
#include "schema/event.h"
#include "serving/scenario.h"
#include "serving/test_service.h"
#include "store/test_store.h"

namespace upnext::serving {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

class ExplainTest : public testing::Test {
 protected:
  static bundle::TestProjectOptions WithTower() {
    return {.bias = {.method = ranking::BiasMethod::kTower}};
  }
  void Start(std::string_view toml) {
    const auto config = base::Config::Parse(toml, "upnext.toml");
    ASSERT_TRUE(config) << config.error().message;
    EngineOptions options;
    options.scenarios = Scenarios::FromConfig(*config, service_.project().schema());
    ASSERT_TRUE(config->Check()) << config->Check().error().message;
    service_.Restart(options);
  }
  Slate Ask(Request request) {
    if (request.user.empty()) request.user = "u5";
    request.explain = true;
    auto slate = service_->Recommend(request);
    if (!slate) ADD_FAILURE() << slate.error().message;
    return slate ? *std::move(slate) : Slate{};
  }
  // How many candidates are not shown for this reason.
  static std::map<std::string, size_t> Reasons(const Slate& slate) {
    std::map<std::string, size_t> reasons;
    for (const DroppedItem& one : slate.dropped) ++reasons[one.reason];
    return reasons;
  }
  static std::vector<std::string> Ids(const Slate& slate) {
    std::vector<std::string> ids;
    for (const Recommendation& one : slate.items) ids.push_back(one.id);
    return ids;
  }
  TestService service_{WithTower()};
};

TEST_F(ExplainTest, EveryCandidateIsShownOrDroppedWithItsReason) {
  Start("[serving]\nat_most = { channel = 2 }\n");
  const Slate slate = Ask({.n = 5, .exclude = {"i3"}});
  const auto reasons = Reasons(slate);
  for (const FilterReason& one : slate.counts.filtered) {
    const auto found = reasons.find("filter " + std::string(one.filter));
    EXPECT_EQ(found == reasons.end() ? 0 : found->second, one.items) << one.filter;
  }
  EXPECT_THAT(reasons, Contains(Pair("filter excluded", 1u)));
  EXPECT_THAT(reasons, Contains(testing::Key("at_most: 2 of one channel")));
  EXPECT_THAT(reasons, Contains(testing::Key("it is below the last place")));
  EXPECT_EQ(slate.dropped.size() + slate.items.size(), slate.counts.distinct);
  const auto with_score = std::ranges::find_if(
      slate.dropped, [](const DroppedItem& one) { return one.score.has_value(); });
  EXPECT_TRUE(std::ranges::is_sorted(
      with_score, slate.dropped.end(),
      [](const DroppedItem& a, const DroppedItem& b) { return *a.score > *b.score; }));
}

TEST_F(ExplainTest, ThereIsRoomForAllOfASmallRequestAndNothingWithoutExplain) {
  Start("");
  Request request{.n = 1};
  for (int i = 0; i < 20; ++i) request.exclude.push_back(features::Numbered("i", i));
  const Slate some = Ask(request);
  EXPECT_EQ(some.dropped.size() + 1, some.counts.distinct) << "there is room for all";
  const auto& engine = service_->generation()->engine();
  EXPECT_EQ(some.exponents, ranking::ExponentsOf(engine.objectives()));
  request.explain = false;
  EXPECT_TRUE(service_->Recommend(request)->dropped.empty());
}

TEST_F(ExplainTest, AMinimumOfTheScoreIsAReason) {
  Start("");
  const Slate all = Ask({.n = 20});
  Start(fmt::format("[serving]\nmin_score = {:.17g}\n", all.items[9].score));
  const Slate slate = Ask({.n = 20});
  EXPECT_EQ(slate.items.size(), 10u);
  EXPECT_EQ(Reasons(slate)["its score is below min_score"], slate.counts.ranked - 10);
}

TEST_F(ExplainTest, ItemsSayWhatGaveThemTheirPlace) {
  Start("");
  const std::vector<std::string> feed = Ids(Ask({.n = 30}));
  Start("[[serving.pin]]\nitem = \"" + feed[20] + "\"\nposition = 2\n");
  const Slate slate = Ask({.n = 5});
  EXPECT_EQ(slate.items[0].by, PlacedBy::kScore);
  EXPECT_EQ(slate.items[0].place_by_score, 0u);
  EXPECT_EQ(slate.items[1].by, PlacedBy::kPin);
  EXPECT_EQ(slate.items[1].place_by_score, 20u);
  EXPECT_EQ(slate.items[2].by, PlacedBy::kScore);
  EXPECT_EQ(slate.items[2].place_by_score, 1u);
}

TEST_F(ExplainTest, ABiasTowerSaysWhatIsLeftOutOfPredictions) {
  Start("");
  const Slate slate = Ask({.n = 3});
  const auto generation = service_->generation();
  const ranking::Ranker& ranker = *generation->bundle().ranker()->trained();
  features::FeatureBlock query;
  features::FeatureExtractor(generation->bundle().tables(), generation->catalogue(),
                             features::Model::kRanking)
      .AppendQuery(**generation->states().Get("u5"),
                   generation->catalogue().Find(schema::IdSpace::kUser, "u5"),
                   {.time_ms = service_.clock().NowMs()}, &query);
  bool any = false;
  for (size_t k = 0; k < ranker.objectives().size(); ++k) {
    if (!ranker.bias().HasBias(k)) continue;
    const auto logits = ranker.bias().LogitsByPosition(k, query, 3);
    for (size_t i = 0; i < 3; ++i) EXPECT_EQ(slate.items[i].bias_removed[k], logits[i]);
    any |= logits[2] != 0;
  }
  EXPECT_TRUE(any) << "the case needs a tower that learned something";
}

TEST_F(ExplainTest, UnknownNamesOfARequestAreMissing) {
  Start("");
  EXPECT_TRUE(Ask({}).missing.empty());
  const Slate slate = Ask({.user = "nobody",
                           .device = "kiosk",
                           .region = "DE",
                           .current_item = "i404",
                           .exclude = {"i2", "v1x", "v2x"}});
  std::map<std::string, std::vector<std::string>> missing;
  for (const MissingNames& one : slate.missing) missing[std::string(one.parameter)] = one.names;
  EXPECT_THAT(
      missing,
      ElementsAre(Pair("current_item", ElementsAre("i404")), Pair("device", ElementsAre("kiosk")),
                  Pair("exclude", ElementsAre("v1x", "v2x")), Pair("user", ElementsAre("nobody"))));
}

// A store that cannot be read.
class BlindStore : public store::HookedStore {
 public:
  using HookedStore::HookedStore;
  Status EventsOf(std::string_view, uint64_t,
                  const std::function<Status(uint64_t, const schema::RawEvent&)>&) const override {
    return Unavailable("the disk is gone");
  }
};

TEST(UnreadableState, TheListIsThatOfAnUnknownUserAndSaysSo) {
  TestService service;
  const Slate unknown = *service->Recommend({.user = "nobody"});
  auto options = service.options();
  auto blind_service = Service::Start(options, std::make_shared<BlindStore>(service.store()));
  ASSERT_TRUE(blind_service) << blind_service.error().message;
  const auto slate = (*blind_service)->Recommend({.user = "u5"});
  ASSERT_TRUE(slate) << slate.error().message;
  ASSERT_EQ(slate->degraded.size(), 1u);
  EXPECT_EQ(slate->degraded[0].stage, "state");
  EXPECT_THAT(slate->degraded[0].reason, HasSubstr("the disk is gone"));
  ASSERT_EQ(slate->items.size(), unknown.items.size());
  EXPECT_EQ(slate->stages[0].stage, "state");
  EXPECT_TRUE(unknown.degraded.empty());
}

}  // namespace
}  // namespace upnext::serving
