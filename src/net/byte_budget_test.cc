#include "net/byte_budget.h"

#include <gtest/gtest.h>

namespace upnext::net {
namespace {

TEST(ByteBudget, SharesTogetherStayWithinItAndGiveBack) {
  ByteBudget budget(100);
  ByteBudget::Share first(budget);
  EXPECT_TRUE(first.GrowTo(60));
  {
    ByteBudget::Share second(budget);
    EXPECT_TRUE(second.GrowTo(40));
    EXPECT_FALSE(second.GrowTo(41));
    EXPECT_FALSE(first.GrowTo(61));
    EXPECT_EQ(budget.used(), 100u);
    EXPECT_TRUE(second.GrowTo(10)) << "a share does not shrink";
    EXPECT_EQ(budget.used(), 100u);
  }
  EXPECT_EQ(budget.used(), 60u);
  EXPECT_TRUE(first.GrowTo(100));
  EXPECT_FALSE(first.GrowTo(101));
}

}  // namespace
}  // namespace upnext::net
