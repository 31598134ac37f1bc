#include "cli/memory_budget.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace upnext::cli {
namespace {

constexpr uint64_t kTestMiB = 1 << 20;

TEST(MemoryBudget, TheSharesAreTheTotalAndNoMore) {
  const MemoryNeeds needs{
      .total = 2048 * kTestMiB, .bundle_bytes = 100 * kTestMiB, .one_body = 8 * kTestMiB};
  const auto budget = DivideMemory(needs);
  ASSERT_TRUE(budget) << budget.error().message;
  const uint64_t all = 2 * needs.bundle_bytes + 192 * kTestMiB + 2 * budget->states +
                       budget->records + 100 * budget->names + budget->slates + 2 * budget->bodies;
  EXPECT_LE(all, needs.total);
  EXPECT_GT(all, needs.total - kTestMiB);
  EXPECT_GE(budget->bodies, needs.one_body);
}

TEST(MemoryBudget, ABundleThatDoesNotFitIsRefusedWithTheNumbers) {
  const auto refused = DivideMemory(
      {.total = 512 * kTestMiB, .bundle_bytes = 200 * kTestMiB, .one_body = 8 * kTestMiB});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message,
              testing::HasSubstr("expected at least 672.0 MiB, found 512.0 MiB: twice 200.0 MiB"));
  EXPECT_TRUE(DivideMemory(
      {.total = 672 * kTestMiB, .bundle_bytes = 200 * kTestMiB, .one_body = 8 * kTestMiB}));
}

TEST(MemoryBudget, SetsTheLimitsOfTheServerIfThereIsOne) {
  net::ServerOptions server;
  serving::GenerationOptions generation;
  ASSERT_TRUE(ApplyMemory(0, &server, &generation));
  EXPECT_EQ(generation.state_cache_bytes, serving::GenerationOptions().state_cache_bytes);
  server.memory_bytes = 392 * kTestMiB;  // 200 MiB beside store and process
  ASSERT_TRUE(ApplyMemory(0, &server, &generation));
  EXPECT_NEAR(static_cast<double>(generation.state_cache_bytes), 45.0 * kTestMiB, 1000);
  EXPECT_NEAR(static_cast<double>(generation.records_bytes), 40.0 * kTestMiB, 1000);
  EXPECT_NEAR(static_cast<double>(server.max_bodies_bytes), 20.0 * kTestMiB, 1000);
  EXPECT_LT(generation.max_new_names, 220'000u);
}

TEST(MemoryBudget, TheProcessHasMemory) { EXPECT_GT(ResidentBytes(), kTestMiB); }

}  // namespace
}  // namespace upnext::cli
