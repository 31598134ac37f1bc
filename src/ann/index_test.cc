#include "ann/index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ann/test_vectors.h"

namespace upnext::ann {
namespace {

using testing::HasSubstr;

TEST(BuildIndex, ChoosesTheGraphAboveTheThreshold) {
  const TestVectors vectors = SkewedVectors(1200, 4);
  EXPECT_EQ(Build(vectors, {.exact_below = 1200})->Describe(), "exact scan of 1,200 vectors");
  EXPECT_THAT(Build(vectors, {.exact_below = 1199})->Describe(),
              HasSubstr("graph over 1,200 vectors"));
}

TEST(BuildIndex, NoVectorsGiveAnIndexThatFindsNothing) {
  const TestVectors none{.dim = 2, .ids = {}, .values = {}};
  const auto index = Build(none, {.kind = IndexOptions::Kind::kGraph});
  EXPECT_TRUE(Search(*index, std::vector<float>{1, 2}, 10).empty());
}

TEST(BuildIndex, RefusesVectorsThatAreNotNumbersAndNamesTheId) {
  TestVectors vectors = SkewedVectors(10, 2);
  vectors.values[2 * 2 + 1] = std::nanf("");
  base::ThreadPool pool(1);
  const auto index =
      BuildIndex({.kind = IndexOptions::Kind::kGraph}, vectors, {}, pool, base::NoProgress());
  ASSERT_FALSE(index);
  EXPECT_EQ(index.error().code, Code::kInvalidArgument);
  EXPECT_THAT(index.error().message, HasSubstr(fmt::format("id {}:", vectors.ids[2])));
}

TEST(BuildIndex, RefusesVectorsWithoutOneIdEach) {
  TestVectors vectors = SkewedVectors(10, 2);
  vectors.ids.pop_back();
  const Vectors view{vectors.values.data(), 10, 2, vectors.ids};
  base::ThreadPool pool(1);
  const auto index = BuildIndex({}, view, {}, pool, base::NoProgress());
  ASSERT_FALSE(index);
  EXPECT_EQ(index.error().code, Code::kInvalidArgument);
  EXPECT_THAT(index.error().message, HasSubstr("expected 10 ids, found 9"));
}

TEST(IndexOptions, ReadsItsTable) {
  const auto config = base::Config::Parse(
      "[retrieval.index]\nkind = \"graph\"\ngraph_degree = 24\nexact_below = 7\n"
      "graph_search_effort = 70\ngraph_recall = 0.8\n",
      "test");
  ASSERT_TRUE(config);
  const IndexOptions options = IndexOptions::FromConfig(config->Table("retrieval").Table("index"));
  ASSERT_TRUE(config->Check()) << config->Check().error().message;
  EXPECT_EQ(options.kind, IndexOptions::Kind::kGraph);
  EXPECT_EQ(options.graph_degree, 24u);
  EXPECT_EQ(options.exact_below, 7u);
  EXPECT_EQ(options.graph_search_effort, 70u);
  EXPECT_DOUBLE_EQ(options.graph_recall, 0.8);
}

}  // namespace
}  // namespace upnext::ann
