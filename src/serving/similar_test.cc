#include "serving/similar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "bundle/test_bundle.h"
#include "retrieval/site_verb.h"
#include "retrieval/training_watches.h"
#include "schema/event.h"

namespace upnext::serving {
namespace {

using testing::HasSubstr;

class SimilarItemsTest : public testing::Test {
 protected:
  const bundle::TestProject project_;
  const std::unique_ptr<bundle::Bundle> bundle_ = project_.Open();
};

// What items are found by, in the order of the list.
std::vector<std::string> GroundsOf(const std::vector<Recommendation>& items) {
  std::vector<std::string> grounds;
  for (const Recommendation& item : items) {
    if (grounds.empty() || grounds.back() != item.reason) grounds.push_back(item.reason);
  }
  return grounds;
}

TEST_F(SimilarItemsTest, ComeFromWhatPeopleDidThenFromVectors) {
  const auto similar = SimilarItems(*bundle_, project_.log().catalogue(), "i2", 38);
  ASSERT_TRUE(similar) << similar.error().message;
  EXPECT_EQ(similar->size(), 38u);  // all but itself and the removed one
  EXPECT_THAT(GroundsOf(*similar),
              testing::ElementsAre("watched next", "watched by the same people",
                                   "watched after similar histories"));
  std::set<std::string> ids;
  for (size_t i = 0; i < similar->size(); ++i) {
    const Recommendation& item = (*similar)[i];
    EXPECT_TRUE(ids.insert(item.id).second);
    EXPECT_THAT(item.id, testing::AllOf(testing::Ne("i2"), testing::Ne("i1")));
    if (i == 0 || item.reason != (*similar)[i - 1].reason) continue;
    EXPECT_LE(item.score, (*similar)[i - 1].score + 1e-12);
  }
  EXPECT_EQ(SimilarItems(*bundle_, project_.log().catalogue(), "i2", 3)->size(), 3u);
  EXPECT_TRUE(SimilarItems(*bundle_, project_.log().catalogue(), "i2", 0)->empty());
}

TEST_F(SimilarItemsTest, WithoutAModelTopicsAndChannelsThenEverything) {
  const bundle::TestProject project({.candidate = false, .ranker = false});
  const auto bundle = project.Open();
  const auto& catalogue = project.log().catalogue();
  // An item that nobody watched: neither people nor vectors know it.
  uint32_t unwatched = 0;
  while (!bundle->generators().empty() && retrieval::CountWatches(project.source())[unwatched] > 0)
    ++unwatched;
  const std::string id = catalogue.Name(schema::IdSpace::kItem, unwatched);
  const auto similar = SimilarItems(*bundle, catalogue, id, 100, retrieval::SiteVerb::Of("read"));
  ASSERT_TRUE(similar);
  EXPECT_EQ(similar->size(), 38u) << "the whole catalogue without itself and the removed one";
  const std::vector<std::string> grounds = GroundsOf(*similar);
  EXPECT_THAT(grounds, testing::ElementsAre("with a similar description", "popular", "new"));
  const int n = std::stoi(id.substr(1));
  for (const Recommendation& item : *similar) {
    const int other = std::stoi(item.id.substr(1));
    const bool alike = other % 3 == n % 3 || other % 4 == n % 4;
    EXPECT_EQ(alike, item.reason == "with a similar description") << item.id;
  }
}

TEST_F(SimilarItemsTest, OfAnUnknownItemAreAnError) {
  const auto similar = SimilarItems(*bundle_, project_.log().catalogue(), "no such item", 3);
  ASSERT_FALSE(similar);
  EXPECT_EQ(similar.error().code, Code::kNotFound);
  EXPECT_THAT(similar.error().message, HasSubstr("no such item"));
}

}  // namespace
}  // namespace upnext::serving
