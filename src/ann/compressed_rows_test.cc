#include "ann/compressed_rows.h"

#include <gtest/gtest.h>

#include <cmath>

#include "ann/test_vectors.h"

namespace upnext::ann {
namespace {

double Length(std::span<const float> vector) {
  double squares = 0;
  for (const float x : vector) squares += double{x} * x;
  return std::sqrt(squares);
}

double Largest(std::span<const float> vector) {
  double largest = 0;
  for (const float x : vector) largest = std::max(largest, std::abs(double{x}));
  return largest;
}

TEST(CompressedRows, ScoresDifferFromTheProductsByAtMostTheErrorThatTheyState) {
  base::Rng rng(3);
  for (const size_t dim : {1, 8, 33, 128, 700}) {
    const TestVectors vectors = SkewedVectors(200, dim);
    const CompressedRows rows(vectors, nullptr);
    std::vector<uint32_t> all(200);
    for (uint32_t i = 0; i < 200; ++i) all[i] = 199 - i;
    for (int round = 0; round < 10; ++round) {
      const std::vector<float> query_vector = RandomQueries(1, dim, rng);
      CompressedRows::Query query(rows, query_vector);
      std::vector<float> scores(200), in_order(200);
      query.Scores(all, scores.data());
      query.ScoresFrom(0, 200, in_order.data());
      for (uint32_t row = 0; row < 200; ++row) {
        double product = 0;
        for (size_t d = 0; d < dim; ++d) {
          product += double{query_vector[d]} * vectors.row(row)[d];
        }
        EXPECT_EQ(scores[199 - row], in_order[row]);
        EXPECT_LE(std::abs(in_order[row] - product), query.Error(row)) << dim;
        // Half a step of 1/127 of the largest number in each of dim places; a bound that is much
        // larger would be of no use.
        EXPECT_LE(query.Error(row), 1.1 * Length(query_vector) *
                                        std::sqrt(static_cast<double>(dim)) *
                                        Largest(vectors.row(row)) / 254);
      }
    }
  }
}

}  // namespace
}  // namespace upnext::ann
