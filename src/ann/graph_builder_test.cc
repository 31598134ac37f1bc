#include "ann/graph_builder.h"

#include <gtest/gtest.h>

#include <set>

#include "ann/test_vectors.h"

namespace upnext::ann {
namespace {

Graph BuildGraph(const TestVectors& vectors, std::span<const float> queries, int threads,
                 const GraphOptions& options = {}) {
  const Vectors view = vectors;
  base::ThreadPool pool(threads);
  GraphBuilder builder(options, view, queries, pool);
  EXPECT_TRUE(builder.Run(base::NoProgress()));
  return builder.Take();
}

TEST(GraphBuilder, TheGraphDoesNotDependOnTheNumberOfThreads) {
  const TestVectors vectors = SkewedVectors(3000, 16);
  base::Rng rng(1);
  const std::vector<float> queries = RandomQueries(300, 16, rng);
  const Graph one = BuildGraph(vectors, queries, 1), three = BuildGraph(vectors, queries, 3);
  EXPECT_TRUE(std::ranges::equal(one.lists(), three.lists()));
  EXPECT_EQ(one.entries(), three.entries());
  const Graph other = BuildGraph(vectors, queries, 1, {.seed = 2});
  EXPECT_FALSE(std::ranges::equal(one.lists(), other.lists()));
}

TEST(GraphBuilder, EveryRowIsReachedAndLinksAreDistinctRowsOtherThanTheirOwn) {
  // With few links a row, and with rows that are all the same, rows get lost without repair.
  for (const size_t distinct : {1, 40, 2000}) {
    TestVectors vectors = SkewedVectors(2000, 8);
    for (size_t i = 0; i < vectors.values.size(); ++i) {
      vectors.values[i] = vectors.values[i / 8 % distinct * 8 + i % 8];
    }
    base::Rng rng(2);
    const std::vector<float> queries = RandomQueries(100, 8, rng);
    const Graph graph = BuildGraph(vectors, queries, 2, {.degree = 4, .effort = 10});
    EXPECT_EQ(std::ranges::count(Reached(graph), 1), 2000) << distinct;
    for (uint32_t row = 0; row < 2000; ++row) {
      const auto links = graph.Links(row);
      const std::set<uint32_t> set(links.begin(), links.end());
      EXPECT_EQ(set.size(), links.size());
      EXPECT_FALSE(set.contains(row));
    }
  }
}

// On the line of 1 .. n a link of length h is hidden by one of length g to the same side where
// h < 6 g, by the slack of 1.2. So a row that is inserted keeps at most one link of each length from
// 6^i on, to each side, and each of these may be linked back. Without slack it would keep the
// nearest row to each side.
TEST(GraphBuilder, LinksHideOthersInTheirDirectionButMuchLongerOnes) {
  constexpr size_t kRows = 200, kLengths = 3;  // 6^3 > 200
  TestVectors line{.dim = 1, .ids = {}, .values = {}};
  for (uint32_t row = 0; row < kRows; ++row) {
    line.ids.push_back(row);
    line.values.push_back(static_cast<float>(row + 1));
  }
  const Graph graph = BuildGraph(line, {}, 1, {.degree = 64});
  const size_t links = kRows * 64 - static_cast<size_t>(std::ranges::count(graph.lists(), kNoRow));
  EXPECT_LE(links, kRows * 2 * kLengths * 2);
  EXPECT_GT(links, kRows * 2 * 2);
}

TEST(GraphBuilder, NoneOneAndTwoRowsAreBuilt) {
  for (const size_t count : {0, 1, 2}) {
    const Graph graph = BuildGraph(SkewedVectors(count, 4), {}, 1);
    EXPECT_EQ(std::ranges::count(Reached(graph), 1), static_cast<std::ptrdiff_t>(count));
  }
}

// What queries to come find, next to a graph that was built without a sample of them.
TEST(GraphBuilder, SampleQueriesMakeOthersFindMore) {
  constexpr size_t kDim = 24, kBest = 50;
  const TestVectors vectors = SkewedVectors(6000, kDim);
  base::Rng rng(3);
  const std::vector<float> sample = RandomQueries(1000, kDim, rng);
  const std::vector<float> others = RandomQueries(100, kDim, rng);
  const CompressedRows rows(vectors, nullptr);
  const auto found = [&](const Graph& graph) {
    size_t sum = 0;
    Walk walk;
    for (size_t q = 0; q < 100; ++q) {
      const std::span<const float> vector = std::span(others).subspan(q * kDim, kDim);
      CompressedRows::Query query(rows, vector);
      walk.Run(graph, query, kBest);
      std::vector<Hit> hits;
      for (const Beam::Entry& e : walk.beam().entries()) hits.push_back({vectors.ids[e.row], 0});
      sum += Found(hits, BruteForce(vectors, vector, kBest));
    }
    return sum;
  };
  const GraphOptions options{.degree = 12, .effort = 30};
  const size_t with = found(BuildGraph(vectors, sample, 2, options));
  const size_t without = found(BuildGraph(vectors, {}, 2, options));
  EXPECT_GT(with, without + (100 * kBest - without) / 4) << without;  // a quarter of what is missed
}

}  // namespace
}  // namespace upnext::ann
