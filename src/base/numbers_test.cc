#include "base/numbers.h"

#include <gtest/gtest.h>

namespace upnext::base {
namespace {

TEST(Numbers, ThousandsAreSetApart) {
  EXPECT_EQ(WithThousands(0), "0");
  EXPECT_EQ(WithThousands(999), "999");
  EXPECT_EQ(WithThousands(1000), "1,000");
  EXPECT_EQ(WithThousands(1234567), "1,234,567");
}

}  // namespace
}  // namespace upnext::base
