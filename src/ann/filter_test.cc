#include "ann/filter.h"

#include <gtest/gtest.h>

#include <vector>

namespace upnext::ann {
namespace {

TEST(Filter, ByDefaultEveryIdPasses) {
  for (const uint32_t id : {0u, 63u, 64u, UINT32_MAX}) EXPECT_TRUE(Filter().Passes(id));
}

TEST(Filter, SetBitsLeaveTheirIdsOutAndIdsBeyondTheBitmapPass) {
  const std::vector<uint64_t> words = {uint64_t{1} << 63, 0b101};
  const Filter filter{.excluded = words};
  for (const uint32_t id : {63u, 64u, 66u}) EXPECT_FALSE(filter.Passes(id)) << id;
  for (const uint32_t id : {0u, 62u, 65u, 127u, 128u, UINT32_MAX}) {
    EXPECT_TRUE(filter.Passes(id)) << id;
  }
}

TEST(Filter, ThePredicateIsAskedOnlyForWhatTheBitmapLeaves) {
  std::vector<uint32_t> asked;
  const auto is_even = [&](uint32_t id) {
    asked.push_back(id);
    return id % 2 == 0;
  };
  Filter filter = Filter::Of(is_even);
  const std::vector<uint64_t> words = {0b1};
  filter.excluded = words;
  EXPECT_FALSE(filter.Passes(0));
  EXPECT_FALSE(filter.Passes(1));
  EXPECT_TRUE(filter.Passes(2));
  EXPECT_EQ(asked, (std::vector<uint32_t>{1, 2}));
}

}  // namespace
}  // namespace upnext::ann
