// Vectors, queries and the answer by definition, for the tests of this room.
//
//   const TestVectors vectors = SkewedVectors(/*count=*/700, /*dim=*/24);
//   const auto index = Build(vectors, {.kind = IndexOptions::Kind::kExact});
//   EXPECT_EQ(Ids(Search(*index, query, 50)), BruteForce(vectors, query, 50));
#ifndef UPNEXT_ANN_TEST_VECTORS_H_
#define UPNEXT_ANN_TEST_VECTORS_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include "ann/index.h"
#include "base/rng.h"

namespace upnext::ann {

struct TestVectors {
  size_t dim;
  std::vector<uint32_t> ids;
  std::vector<float> values;  // [ids, dim]
  operator Vectors() const {  // NOLINT(google-explicit-constructor): for calls
    return {values.data(), ids.size(), dim, ids};
  }
  std::span<const float> row(size_t i) const { return std::span(values).subspan(i * dim, dim); }
};

// Directions at random, lengths over a factor of 100: as training leaves vectors, and worse. The
// ids have gaps and are in no order.
inline TestVectors SkewedVectors(size_t count, size_t dim, uint64_t seed = 1) {
  base::Rng rng(seed);
  TestVectors vectors{.dim = dim, .ids = {}, .values = {}};
  for (uint32_t i = 0; i < count; ++i) {
    vectors.ids.push_back(3 * i + 5);
    const double length = std::pow(10.0, 2.0 * rng.Uniform() - 1.0);
    for (size_t d = 0; d < dim; ++d) {
      vectors.values.push_back(static_cast<float>(rng.Normal() * length));
    }
  }
  for (size_t i = count; i > 1; --i) std::swap(vectors.ids[i - 1], vectors.ids[rng.Below(i)]);
  return vectors;
}

// [count, dim], like the output of a ReLU.
inline std::vector<float> RandomQueries(size_t count, size_t dim, base::Rng& rng) {
  std::vector<float> queries(count * dim);
  for (float& x : queries) x = std::max(0.0f, static_cast<float>(rng.Normal()));
  return queries;
}

// The definition, in double.
inline std::vector<uint32_t> BruteForce(const TestVectors& vectors, std::span<const float> query,
                                        size_t k, const Filter& filter = {}) {
  std::vector<std::pair<double, size_t>> all;
  for (size_t row = 0; row < vectors.ids.size(); ++row) {
    if (!filter.Passes(vectors.ids[row])) continue;
    double score = 0;
    for (size_t d = 0; d < query.size(); ++d) score += double{query[d]} * vectors.row(row)[d];
    all.emplace_back(-score, row);
  }
  std::ranges::sort(all);
  std::vector<uint32_t> ids;
  for (size_t i = 0; i < std::min(k, all.size()); ++i) ids.push_back(vectors.ids[all[i].second]);
  return ids;
}

inline std::vector<uint32_t> Ids(const std::vector<Hit>& hits) {
  std::vector<uint32_t> ids;
  for (const Hit& hit : hits) ids.push_back(hit.id);
  return ids;
}

// Of an Index or a LiveIndex.
template <typename AnyIndex>
std::vector<Hit> Search(const AnyIndex& index, std::span<const float> query, size_t k,
                        const Filter& filter = {}) {
  std::vector<Hit> hits;
  index.Search(query, k, filter, &hits);
  return hits;
}

// Items around topics: of each topic a long one, and short ones in nearly its direction, of which
// the long one has the larger product. Queries are far from every item: they lean away from what
// all items have in common, and a little to two topics.
struct CollapseVectors {
  CollapseVectors(size_t count, size_t dim, size_t query_count, uint64_t seed = 1) {
    base::Rng rng(seed);
    constexpr size_t kTopics = 50;
    std::vector<float> topics(kTopics * dim);
    for (float& x : topics) x = static_cast<float>(rng.Normal());
    vectors.dim = dim;
    for (uint32_t i = 0; i < count; ++i) {
      vectors.ids.push_back(i);
      const size_t topic = rng.Below(kTopics);
      const double length = i % 50 == 0 ? 4 : 0.3 + 0.7 * rng.Uniform();
      for (size_t d = 0; d < dim; ++d) {
        const double common = d == 0 ? 4.0 : 0.0;
        const double x = topics[topic * dim + d] + 0.7 * rng.Normal() + common;
        vectors.values.push_back(static_cast<float>(length * x));
      }
    }
    for (size_t q = 0; q < query_count; ++q) {
      const size_t one = rng.Below(kTopics), two = rng.Below(kTopics);
      for (size_t d = 0; d < dim; ++d) {
        const double common = d == 0 ? -4.0 : 0.0;
        const double x = 0.5 * topics[one * dim + d] + 0.3 * topics[two * dim + d];
        queries.push_back(static_cast<float>(x + 0.3 * rng.Normal() + common));
      }
    }
  }
  std::span<const float> Queries(size_t first, size_t count) const {
    return std::span(queries).subspan(first * vectors.dim, count * vectors.dim);
  }
  // The share of items with a larger inner product with another than with themselves.
  double DominatedShare() const {
    size_t dominated = 0;
    for (size_t i = 0; i < vectors.ids.size(); i += 21) {
      const std::vector<uint32_t> best = BruteForce(vectors, vectors.row(i), 1);
      dominated += best.front() != vectors.ids[i] ? 1 : 0;
    }
    return static_cast<double>(dominated) / static_cast<double>((vectors.ids.size() + 20) / 21);
  }
  TestVectors vectors;
  std::vector<float> queries;  // [count, dim]
};

// How many of `wanted` are among the hits.
inline size_t Found(const std::vector<Hit>& hits, std::vector<uint32_t> wanted) {
  std::ranges::sort(wanted);
  return static_cast<size_t>(std::ranges::count_if(
      hits, [&](const Hit& hit) { return std::ranges::binary_search(wanted, hit.id); }));
}

inline std::unique_ptr<Index> Build(const Vectors& vectors, const IndexOptions& options,
                                    std::span<const float> queries = {}) {
  base::ThreadPool pool(2);
  auto index = BuildIndex(options, vectors, queries, pool, base::NoProgress());
  EXPECT_TRUE(index) << index.error().message;
  return index ? *std::move(index) : nullptr;
}

}  // namespace upnext::ann

#endif  // UPNEXT_ANN_TEST_VECTORS_H_
