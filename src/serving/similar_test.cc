#include "serving/similar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "bundle/test_bundle.h"

namespace upnext::serving {
namespace {

using testing::HasSubstr;

class SimilarItemsTest : public testing::Test {
 protected:
  const bundle::TestProject project_;
  const std::unique_ptr<bundle::Bundle> bundle_ = project_.Open();
};

TEST_F(SimilarItemsTest, ComeFromCoWatchThenFromVectors) {
  const auto similar = SimilarItems(*bundle_, project_.log().catalogue(), "i2", 38);
  ASSERT_TRUE(similar) << similar.error().message;
  EXPECT_EQ(similar->size(), 38u);  // all but itself and the removed one
  std::set<std::string> ids;
  bool vectors = false;
  double last = 1e9;
  for (const Recommendation& item : *similar) {
    EXPECT_TRUE(ids.insert(item.id).second);
    EXPECT_THAT(item.id, testing::AllOf(testing::Ne("i2"), testing::Ne("i1")));
    const bool of_vectors = item.sources.front().source == "item-vectors";
    EXPECT_EQ(item.reason,
              of_vectors ? "watched after similar histories" : "watched by the same people");
    EXPECT_TRUE(of_vectors || !vectors) << "co-watch comes first";
    if (of_vectors != vectors) last = 1e9;
    vectors = of_vectors;
    EXPECT_LE(item.score, last + 1e-12);
    last = item.score;
    EXPECT_TRUE(!of_vectors || std::abs(item.score) <= 1 + 1e-6);
  }
  EXPECT_TRUE(vectors);
  EXPECT_EQ(SimilarItems(*bundle_, project_.log().catalogue(), "i2", 3)->size(), 3u);
  EXPECT_TRUE(SimilarItems(*bundle_, project_.log().catalogue(), "i2", 0)->empty());
}

TEST_F(SimilarItemsTest, OfAnUnknownItemAreAnError) {
  const auto similar = SimilarItems(*bundle_, project_.log().catalogue(), "no such item", 3);
  ASSERT_FALSE(similar);
  EXPECT_EQ(similar.error().code, Code::kNotFound);
  EXPECT_THAT(similar.error().message, HasSubstr("no such item"));
}

}  // namespace
}  // namespace upnext::serving
