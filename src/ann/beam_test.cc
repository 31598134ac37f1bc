#include "ann/beam.h"

#include <gtest/gtest.h>

#include <limits>
#include <set>

#include "base/rng.h"

namespace upnext::ann {
namespace {

TEST(Beam, KeepsTheBestThatPassAndWhatIsBetterThanTheLastOfThem) {
  base::Rng rng(1);
  for (const size_t width : {1, 3, 40}) {
    for (const uint64_t one_of : {1, 2, 7}) {
      Beam beam;
      beam.Start(width);
      std::vector<float> passing;
      for (uint32_t row = 0; row < 200; ++row) {
        const auto score = static_cast<float>(rng.Below(1'000'000));
        const bool passes = rng.Below(one_of) == 0;
        if (passes) passing.push_back(score);
        if (beam.Wants(score)) beam.Add(row, score, passes);
      }
      std::ranges::sort(passing, std::greater<>());
      passing.resize(std::min(width, passing.size()));
      std::vector<float> kept;
      for (const Beam::Entry& entry : beam.entries()) {
        if (entry.passes) kept.push_back(entry.score);
      }
      EXPECT_EQ(kept, passing);
      EXPECT_EQ(beam.passing(), passing.size());
      EXPECT_TRUE(std::ranges::is_sorted(beam.entries(), std::greater<>(), &Beam::Entry::score));
      if (passing.size() == width) {
        EXPECT_EQ(beam.entries().back().score, passing.back());
      }
    }
  }
}

TEST(Beam, FollowsEveryRowOnceBestFirstAlsoThoseThatComeBetweenLater) {
  Beam beam;
  beam.Start(10);
  beam.Add(1, 5, true);
  beam.Add(2, 3, false);
  uint32_t row = 0;
  ASSERT_TRUE(beam.Next(&row));
  EXPECT_EQ(row, 1u);
  beam.Add(3, 4, true);
  beam.Add(4, 9, true);
  std::vector<uint32_t> followed;
  while (beam.Next(&row)) followed.push_back(row);
  EXPECT_EQ(followed, (std::vector<uint32_t>{4, 3, 2}));
}

TEST(Beam, NeverWantsWhatIsNotANumber) {
  Beam beam;
  beam.Start(1);
  EXPECT_FALSE(beam.Wants(std::numeric_limits<float>::quiet_NaN()));
  beam.Add(0, 1, true);
  EXPECT_FALSE(beam.Wants(std::numeric_limits<float>::quiet_NaN()));
  beam.Start(0);
  EXPECT_FALSE(beam.Wants(1));
}

}  // namespace
}  // namespace upnext::ann
