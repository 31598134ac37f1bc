#include "cli/progress_bar.h"

#include <gtest/gtest.h>

namespace upnext::cli {
namespace {

TEST(Human, NumbersReadWell) {
  EXPECT_EQ(HumanRate(12.34), "12.3");
  EXPECT_EQ(HumanRate(12345), "12.3 k");
  EXPECT_EQ(HumanRate(2.5e6), "2.50 M");
  EXPECT_EQ(HumanSeconds(1.26), "1.3 s");
  EXPECT_EQ(HumanSeconds(65), "1 min 05 s");
  EXPECT_EQ(HumanSeconds(3700), "1 h 01 min");
}

}  // namespace
}  // namespace upnext::cli
