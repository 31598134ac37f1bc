#include "store/name_quota.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/clock.h"

namespace upnext::store {
namespace {

// How many names of 100 the client gets.
int TakeMany(NameQuota& quota, std::string_view client, int64_t now_ms) {
  int taken = 0;
  for (int i = 0; i < 100; ++i) taken += quota.Take(client, now_ms);
  return taken;
}

TEST(NameQuota, AClientTakesFromItsOwnNamesOfADay) {
  NameQuota quota(10);
  const int64_t noon = 20'000 * base::kDayMs + base::kDayMs / 2;
  EXPECT_EQ(TakeMany(quota, "one", noon), 10);
  EXPECT_EQ(TakeMany(quota, "one", noon + base::kDayMs / 4), 0);
  EXPECT_EQ(TakeMany(quota, "two", noon), 10);
  EXPECT_EQ(TakeMany(quota, "", noon), 10);
  EXPECT_EQ(TakeMany(quota, "one", noon + base::kDayMs), 10) << "the next day";
}

TEST(NameQuota, ManyClientsCannotFillTheMemory) {
  NameQuota quota(10);
  for (size_t i = 0; i < NameQuota::kMostClients; ++i) {
    ASSERT_TRUE(quota.Take(fmt::format("client {}", i), 0));
  }
  int taken = 0;
  for (int i = 0; i < 100; ++i) taken += quota.Take(fmt::format("late client {}", i), 0);
  EXPECT_EQ(taken, 10) << "they share one quota";
  EXPECT_TRUE(quota.Take("client 7", 0)) << "an early one keeps its own";
}

}  // namespace
}  // namespace upnext::store
