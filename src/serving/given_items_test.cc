#include "serving/given_items.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "base/config.h"
#include "schema/event.h"
#include "serving/test_service.h"

namespace upnext::serving {
namespace {

using testing::ElementsAre;
using testing::IsSubsetOf;
using testing::UnorderedElementsAre;

std::vector<std::string> GivenIds(const Slate& slate) {
  std::vector<std::string> ids;
  for (const Recommendation& one : slate.items) ids.push_back(one.id);
  return ids;
}

Slate Ask(const TestService& service, Request request) {
  request.user = "u";
  request.n = 100;
  const auto slate = service->Recommend(std::move(request));
  EXPECT_TRUE(slate) << slate.error().message;
  return slate ? *slate : Slate();
}

TEST(GivenItems, AreRankedAsAFeedRanksThem) {
  const TestService service;
  const Slate feed = Ask(service, {});
  ASSERT_GT(feed.items.size(), 10u);
  std::vector<std::string> ids = GivenIds(feed);
  std::ranges::sort(ids);
  const Slate given = Ask(service, {.items = ids});
  // Scores do not depend on the source here: the tables of this bundle have no feature of it.
  EXPECT_EQ(GivenIds(given), GivenIds(feed));
  for (size_t i = 0; i < given.items.size(); ++i) {
    EXPECT_EQ(given.items[i].score, feed.items[i].score);
    EXPECT_EQ(given.items[i].predictions, feed.items[i].predictions);
    ASSERT_EQ(given.items[i].sources.size(), 1u);
    EXPECT_EQ(given.items[i].sources[0].source, "given");
    EXPECT_EQ(given.items[i].reason, "in the list of the request");
  }
  EXPECT_EQ(given.counts.proposed, ids.size());
  EXPECT_EQ(given.counts.ranked, ids.size());
}

TEST(GivenItems, LeaveOutWhatMayNotBeShownAndKeepWhatWasSeen) {
  const TestService service;
  const auto state = service->State("u");
  std::string seen;
  for (const auto& watch : state->watches()) {
    const std::string id =
        service->generation()->catalogue().Name(schema::IdSpace::kItem, watch.id);
    if (id != "i1" && id != "i3" && id != "i5" && id != "i7" && id != "i8") seen = id;
  }
  ASSERT_FALSE(seen.empty());
  // i1 is removed.
  const Request request{.current_item = "i7",
                        .exclude = {"i5"},
                        .items = {"i3", "i5", "i1", "i7", "unknown", "i3", "i8", seen},
                        .filter = "item != 'i8'"};
  EXPECT_THAT(GivenIds(Ask(service, request)), UnorderedElementsAre("i3"));
  Request keeps = request;
  keeps.keeps_seen = true;
  const Slate slate = Ask(service, keeps);
  EXPECT_THAT(GivenIds(slate), UnorderedElementsAre("i3", seen));
  std::map<std::string_view, uint32_t> left_out;
  for (const FilterReason& reason : slate.counts.filtered) left_out[reason.filter] = reason.items;
  EXPECT_EQ(left_out["removed"], 1u);
  EXPECT_EQ(left_out["excluded"], 2u);
  EXPECT_EQ(left_out["filter"], 1u);
  EXPECT_EQ(left_out["seen"], 0u);
}

TEST(GivenItems, AreInTheOrderOfTheGeneratorsWithoutARanker) {
  const TestService service({.ranker = false});
  std::vector<std::string> feed = GivenIds(Ask(service, {}));
  const std::vector<std::string> given = {feed[8], feed[2], feed[5]};
  EXPECT_THAT(GivenIds(Ask(service, {.items = given})), ElementsAre(feed[2], feed[5], feed[8]));
  const TestService bare({.candidate = false, .ranker = false, .generators = false});
  EXPECT_THAT(GivenIds(Ask(bare, {.items = given})), ElementsAre(feed[8], feed[2], feed[5]))
      << "nothing has an order: the given one";
}

TEST(GivenItems, RulesOfTheScenarioHold) {
  Scenarios scenarios;
  const auto config = base::Config::Parse(
      "[scenario.home]\nat_most = { channel = 1 }\n[[scenario.home.hide]]\nitem = 'i3'\n",
      "f.toml");
  ASSERT_TRUE(config);
  EngineOptions engine;
  engine.scenarios = Scenarios::FromConfig(*config, {});
  TestService service;
  service.Restart(engine);
  const Slate slate = Ask(
      service, {.items = {"i3", "i2", "i6", "i10", "i4"}, .keeps_seen = true, .scenario = "home"});
  EXPECT_EQ(slate.items.size(), 2u) << "i2, i6 and i10 are of one channel, i3 is hidden";
  EXPECT_THAT(GivenIds(slate), IsSubsetOf({"i2", "i6", "i10", "i4"}));
}

}  // namespace
}  // namespace upnext::serving
