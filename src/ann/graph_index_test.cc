#include "ann/graph_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "ann/test_vectors.h"

namespace upnext::ann {
namespace {

using testing::HasSubstr;

TEST(GraphIndex, SV01_FindsTheLargestInnerProductsWhateverTheNorms) {
  const TestVectors vectors = SkewedVectors(8000, 32);
  const auto graph = Build(vectors, {.kind = IndexOptions::Kind::kGraph});
  base::Rng rng(5);
  size_t found = 0;
  for (int i = 0; i < 50; ++i) {
    const std::vector<float> query = RandomQueries(1, 32, rng);
    const std::vector<Hit> hits = Search(*graph, query, 100);
    ASSERT_EQ(hits.size(), 100u);
    const std::vector<uint32_t> ids = Ids(hits);
    EXPECT_EQ(std::set<uint32_t>(ids.begin(), ids.end()).size(), 100u);
    found += Found(hits, BruteForce(vectors, query, 100));
  }
  EXPECT_GE(found, 50u * 95);
}

// Vectors as hard as they come for a graph: noise without any structure. A fixed effort falls short
// of what is asked for; the one that is measured on queries holds it on others.
TEST(GraphIndex, SV01_TheEffortIsChosenByTheRecallThatQueriesMeasure) {
  constexpr size_t kDim = 48;
  const TestVectors vectors = SkewedVectors(20'000, kDim);
  base::Rng rng(12);
  const std::vector<float> measured_on = RandomQueries(200, kDim, rng);
  const std::vector<float> others = RandomQueries(100, kDim, rng);
  const auto recall = [&](const Index& index) {
    size_t found = 0;
    for (size_t q = 0; q < 100; ++q) {
      const std::span<const float> query = std::span(others).subspan(q * kDim, kDim);
      found += Found(Search(index, query, 100), BruteForce(vectors, query, 100));
    }
    return static_cast<double>(found) / 1e4;
  };
  const auto of = [&](double target) {
    return Build(vectors,
                 {.kind = IndexOptions::Kind::kGraph,
                  .graph_degree = 6,
                  .graph_build_effort = 40,
                  .graph_recall = target},
                 measured_on);
  };
  const auto low = of(0.5), high = of(0.97);
  EXPECT_LT(recall(*low), 0.95) << low->Describe();
  EXPECT_GE(recall(*high), 0.96) << high->Describe();
  EXPECT_THAT(high->Describe(), HasSubstr("recall@100 0.9"));
}

TEST(GraphIndex, SV01_AFixedEffortIsMeasuredAndKept) {
  const TestVectors vectors = SkewedVectors(3000, 16);
  base::Rng rng(13);
  const std::vector<float> queries = RandomQueries(50, 16, rng);
  IndexOptions options{.kind = IndexOptions::Kind::kGraph, .graph_search_effort = 170};
  EXPECT_THAT(Build(vectors, options)->Describe(), testing::EndsWith("search effort 170"));
  EXPECT_THAT(Build(vectors, options, queries)->Describe(),
              HasSubstr("search effort 170, recall@100 "));
}

class Notes : public base::Progress {
 public:
  explicit Notes(bool stop = false) : stop_(stop) {}
  void Begin(std::string_view, std::string_view, uint64_t) override {}
  void Update(uint64_t, std::string_view) override {}
  void End() override {}
  void Note(std::string_view line) override { lines += line; }
  bool stop_requested() const override { return stop_; }
  std::string lines;

 private:
  bool stop_;
};

// More than all cannot be found: the widest beam is kept, and a note says so.
TEST(GraphIndex, SV01_ARecallThatCannotBeReachedIsReported) {
  const TestVectors vectors = SkewedVectors(3000, 16);
  base::Rng rng(14);
  const std::vector<float> query = RandomQueries(1, 16, rng);
  base::ThreadPool pool(2);
  Notes notes;
  const auto index = BuildIndex({.kind = IndexOptions::Kind::kGraph, .graph_recall = 1.5}, vectors,
                                query, pool, notes);
  ASSERT_TRUE(index) << index.error().message;
  EXPECT_THAT((*index)->Describe(), HasSubstr("search effort 5743"));
  EXPECT_THAT(notes.lines, HasSubstr("less than graph_recall = 1.5 asks for"));
  Notes stopped(/*stop=*/true);
  const auto cancelled =
      BuildIndex({.kind = IndexOptions::Kind::kGraph}, vectors, query, pool, stopped);
  ASSERT_FALSE(cancelled);
  EXPECT_EQ(cancelled.error().code, Code::kCancelled);
}

TEST(GraphIndex, FilteredIdsDoNotShrinkTheAnswer) {
  const TestVectors vectors = SkewedVectors(3000, 16);
  const auto graph = Build(vectors, {.kind = IndexOptions::Kind::kGraph});
  base::Rng rng(6);
  size_t found = 0;
  for (int i = 0; i < 10; ++i) {
    const std::vector<float> query = RandomQueries(1, 16, rng);
    // What a user has watched, which is mostly what fits best, and a third of all the rest.
    const std::vector<uint32_t> best = BruteForce(vectors, query, 50);
    const std::set<uint32_t> watched(best.begin(), best.end());
    const auto unwatched = [&](uint32_t id) { return !watched.contains(id); };
    std::vector<uint64_t> third((3 * 3000 + 5) / 64 + 1);
    for (const uint32_t id : vectors.ids) {
      if (id % 9 == 2) third[id / 64] |= uint64_t{1} << (id % 64);
    }
    Filter filter = Filter::Of(unwatched);
    filter.excluded = third;
    const std::vector<Hit> hits = Search(*graph, query, 100, filter);
    ASSERT_EQ(hits.size(), 100u);
    for (const uint32_t id : Ids(hits)) EXPECT_TRUE(unwatched(id) && id % 9 != 2) << id;
    found += Found(hits, BruteForce(vectors, query, 100, filter));
  }
  EXPECT_GE(found, 10u * 95);
}

TEST(GraphIndex, ReturnsEverythingWhenAskedForMoreThanThereIs) {
  const TestVectors vectors = SkewedVectors(300, 8);
  const auto graph = Build(vectors, {.kind = IndexOptions::Kind::kGraph});
  base::Rng rng(7);
  const std::vector<float> query = RandomQueries(1, 8, rng);
  EXPECT_EQ(Ids(Search(*graph, query, 1000)), BruteForce(vectors, query, 1000));
  const auto only = [&](uint32_t id) { return id == vectors.ids[17]; };
  EXPECT_EQ(Ids(Search(*graph, query, 1000, Filter::Of(only))),
            (std::vector<uint32_t>{vectors.ids[17]}));
}

TEST(GraphIndex, TwoBuildsFromOneSeedAnswerAlike) {
  const TestVectors vectors = SkewedVectors(2000, 16);
  const IndexOptions options{.kind = IndexOptions::Kind::kGraph, .graph_search_effort = 10};
  const auto one = Build(vectors, options), two = Build(vectors, options);
  base::Rng rng(8);
  for (int i = 0; i < 20; ++i) {
    const std::vector<float> query = RandomQueries(1, 16, rng);
    EXPECT_EQ(Search(*one, query, 10), Search(*two, query, 10));
  }
}

}  // namespace
}  // namespace upnext::ann
