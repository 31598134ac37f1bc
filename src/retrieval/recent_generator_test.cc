#include "retrieval/recent_generator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
  const auto generator = RecentGenerator::Load({.part = std::nullopt, .tables = tables});
  ASSERT_TRUE(generator);
  const features::UserState state = features::Fold(log, "u");
  const features::Context context;
  const ProposeRequest request{log.catalogue(), state, 0, context};
  auto not_e = [&](uint32_t item) { return item != log.item("e"); };
  std::vector<Candidate> out;
  (*generator)->Propose(request, 5, ItemFilter(not_e), &out);
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(out[0].item, log.item("a"));
  EXPECT_EQ(out[1].item, log.item("b"));
  EXPECT_EQ((*generator)->Reason(request, out[0]), "you looked at it");
  out.clear();
  (*generator)->Propose(request, 1, ItemFilter(), &out);
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].item, log.item("e"));
}

}  // namespace
}  // namespace upnext::retrieval
