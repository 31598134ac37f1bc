#include "ann/score_space.h"

#include <gtest/gtest.h>

#include "ann/test_vectors.h"

namespace upnext::ann {
namespace {

// By the definition: nine tenths of the mean square of the difference of scores, scaled so that the
// mean of q^2 is one a dimension, and a tenth of the distance of the vectors.
TEST(ScoreSpace, DistancesAreMeanSquaresOfDifferencesOfScores) {
  constexpr size_t kDim = 12, kQueries = 300;
  const TestVectors vectors = SkewedVectors(50, kDim);
  base::Rng rng(2);
  std::vector<float> queries = RandomQueries(kQueries, kDim, rng);
  for (size_t q = 0; q < kQueries; ++q) queries[q * kDim] *= 9;  // a direction that counts more
  base::ThreadPool pool(2);
  const ScoreSpace space(vectors, queries, pool);
  double squares = 0;
  for (const float x : queries) squares += double{x} * x;
  std::vector<uint32_t> all(50);
  for (uint32_t i = 0; i < 50; ++i) all[i] = i;
  std::vector<float> distances(50);
  for (uint32_t row = 0; row < 50; row += 7) {
    ScoreSpace::Point point(space);
    point.Set(row);
    point.Distances(all, distances.data());
    double largest = 0;
    std::vector<double> expected;
    for (uint32_t other = 0; other < 50; ++other) {
      double by_score = 0, by_vector = 0;
      for (size_t q = 0; q < kQueries; ++q) {
        double difference = 0;
        for (size_t d = 0; d < kDim; ++d) {
          difference +=
              queries[q * kDim + d] * (double{vectors.row(row)[d]} - double{vectors.row(other)[d]});
        }
        by_score += difference * difference;
      }
      for (size_t d = 0; d < kDim; ++d) {
        const double difference = double{vectors.row(row)[d]} - vectors.row(other)[d];
        by_vector += difference * difference;
      }
      expected.push_back(0.9 * by_score / squares * kDim + 0.1 * by_vector);
      largest = std::max(largest, expected.back());
    }
    // Rows are compressed: two errors of a half in 127 next to the larger of the vectors.
    for (size_t i = 0; i < 50; ++i) EXPECT_NEAR(distances[i], expected[i], 0.03 * largest);
  }
}

TEST(ScoreSpace, WithoutQueriesDistancesAreThoseOfTheVectors) {
  const TestVectors vectors{.dim = 2, .ids = {0, 1, 2}, .values = {3, 4, 0, 0, 3, -4}};
  base::ThreadPool pool(1);
  const ScoreSpace space(vectors, {}, pool);
  ScoreSpace::Point point(space);
  point.Set(0);
  const std::vector<uint32_t> others = {1, 2};
  std::vector<float> distances(2);
  point.Distances(others, distances.data());
  EXPECT_NEAR(distances[0], 25, 0.5);
  EXPECT_NEAR(distances[1], 64, 0.5);
}

}  // namespace
}  // namespace upnext::ann
