#include "retrieval/recent_generator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalogue/test_log.h"
#include "features/test_log.h"
#include "features/test_tables.h"
#include "schema/event.h"

namespace upnext::retrieval {
namespace {

using features::Minutes;
using features::Of;
using schema::EventType;

TEST(RecentGenerator, ProposesWhatWasLookedAtAndNotYetBoughtTheNewestFirst) {
  const features::TestLog log(
      {Of(EventType::kClick, "u", "a", Minutes(1)), Of(EventType::kVisit, "u", "b", Minutes(2)),
       Of(EventType::kAddToCart, "u", "c", Minutes(3)),
       Of(EventType::kPurchase, "u", "c", Minutes(4)), Of(EventType::kClick, "u", "a", Minutes(5)),
       Of(EventType::kImpression, "u", "d", Minutes(6)),
       Of(EventType::kClick, "u", "e", Minutes(7))},
      {}, {});
  const features::FeatureStatistics tables = features::LearnTables(log);
  const auto generator =
      RecentGenerator::Load<RecentGenerator::Of::kViewed>({.part = std::nullopt, .tables = tables});
  ASSERT_TRUE(generator);
  const features::UserState state = features::Fold(log, "u");
  const features::Context context;
  const ProposeRequest request{log.catalogue(), state, 0, context};
  auto not_e = [&](uint32_t item) { return item != log.item("e"); };
  std::vector<Candidate> out;
  EXPECT_TRUE((*generator)->Propose(request, 5, ItemFilter(not_e), &out));
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(out[0].item, log.item("a"));
  EXPECT_EQ(out[1].item, log.item("b"));
  EXPECT_EQ((*generator)->Reason(request, out[0]), "you looked at it");
  out.clear();
  EXPECT_TRUE((*generator)->Propose(request, 1, ItemFilter(), &out));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].item, log.item("e"));
}

TEST(ContinueGenerator, ProposesWhatWasWatchedInPartAndNotFinishedSinceTheNewestFirst) {
  std::vector<schema::RawItem> items;
  for (const char* name : {"begun", "done", "finished", "again", "clicked"}) {
    items.push_back({.item = name, .duration_s = 100});
  }
  const features::TestLog log({catalogue::Watch("u", "begun", Minutes(1), 10),
                               catalogue::Watch("u", "done", Minutes(2), 99),
                               catalogue::Watch("u", "finished", Minutes(3), 10),
                               catalogue::Watch("u", "finished", Minutes(4), 99),
                               catalogue::Watch("u", "again", Minutes(5), 99),
                               catalogue::Watch("u", "again", Minutes(6), 10),
                               Of(EventType::kClick, "u", "clicked", Minutes(7))},
                              items, {});
  const features::FeatureStatistics tables = features::LearnTables(log);
  const auto generator = RecentGenerator::Load<RecentGenerator::Of::kStarted>(
      {.part = std::nullopt, .tables = tables});
  ASSERT_TRUE(generator);
  const features::UserState state = features::Fold(log, "u");
  const features::Context context;
  const ProposeRequest request{log.catalogue(), state, 0, context};
  const auto proposed = [&](size_t n, const ItemFilter& filter) {
    std::vector<std::string> names;
    std::vector<Candidate> out;
    EXPECT_TRUE((*generator)->Propose(request, n, filter, &out));
    for (const Candidate& one : out) {
      EXPECT_EQ((*generator)->Reason(request, one), "you opened it and did not finish it");
      names.push_back(log.catalogue().Name(schema::IdSpace::kItem, one.item));
    }
    return names;
  };
  EXPECT_THAT(proposed(5, {}), testing::ElementsAre("again", "begun"));
  EXPECT_THAT(proposed(1, {}), testing::ElementsAre("again"));
  auto not_again = [&](uint32_t item) { return item != log.item("again"); };
  EXPECT_THAT(proposed(1, ItemFilter(not_again)), testing::ElementsAre("begun"));
}

}  // namespace
}  // namespace upnext::retrieval
