#include "retrieval/feed_order.h"

#include <gtest/gtest.h>

#include <set>

#include "retrieval/generator_registry.h"

namespace upnext::retrieval {
namespace {

TEST(FeedOrder, IsReadAsAWeightForEachGenerator) {
  const FeedOrder order{{{"candidate-model", 0.7}, {"co-watch", 0.3}}};
  EXPECT_EQ(order.WeightOf("co-watch"), 0.3);
  EXPECT_EQ(order.WeightOf("popular"), 0);
  EXPECT_EQ(order.ToText(), "0.7 candidate-model + 0.3 co-watch");
  EXPECT_EQ((FeedOrder{{{"recent", 1}}}).ToText(), "recent");
  const FeedOrder trend{{{"candidate-model", 0.3}, {"trending", 0.7, 6}}};
  EXPECT_EQ(trend.ToText(), "0.3 candidate-model + 0.7 trending (6 h)");
  EXPECT_EQ(trend.HalfLifeHours(), 6);
  EXPECT_EQ(order.HalfLifeHours(), 0);
}

TEST(FeedOrder, EveryRuleNamesGeneratorsOfTheRegistryAndAutoHasTheOrdersOfAll) {
  std::set<std::string, std::less<>> names;
  for (const GeneratorEntry& entry : BuiltInGenerators()) names.emplace(entry.name);
  std::set<std::string> every;
  for (const OrderRule rule :
       {OrderRule::kModel, OrderRule::kItemKnn, OrderRule::kBlend, OrderRule::kTrending}) {
    for (const FeedOrder& order : OrdersOf(rule)) every.insert(order.ToText());
  }
  std::set<std::string> of_auto;
  for (const FeedOrder& order : OrdersOf(OrderRule::kAuto)) {
    of_auto.insert(order.ToText());
    for (const FeedOrder::Part& part : order.parts) EXPECT_TRUE(names.contains(part.generator));
  }
  for (const std::string& one : every) EXPECT_TRUE(of_auto.contains(one)) << one;
  EXPECT_EQ(OrdersOf(OrderRule::kAuto).front(), OrdersOf(OrderRule::kModel).front());
}

TEST(FeedOrder, AHalfLifeThatTheProjectFileFixesIsTheOnlyOne) {
  const double hours = 7;
  const auto trends = OrdersOf(OrderRule::kTrending, std::span(&hours, 1));
  ASSERT_EQ(trends.size(), 1u);
  EXPECT_EQ(trends.front().HalfLifeHours(), 7);
  for (const FeedOrder& order : OrdersOf(OrderRule::kAuto, std::span(&hours, 1))) {
    const double half_life = order.HalfLifeHours();
    EXPECT_TRUE(half_life == 0 || half_life == 7) << order.ToText();
  }
}

}  // namespace
}  // namespace upnext::retrieval
