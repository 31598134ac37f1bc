#include "base/machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace upnext::base {
namespace {

TEST(MachineName, EndsWithThreadsAndPrecisionAfterTheProcessor) {
  EXPECT_THAT(MachineName(1, "fp32"), testing::MatchesRegex("..*, 1 thread, fp32"));
  EXPECT_THAT(MachineName(16, "bf16"), testing::MatchesRegex("..*, 16 threads, bf16"));
}

}  // namespace
}  // namespace upnext::base
