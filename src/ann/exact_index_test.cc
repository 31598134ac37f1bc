#include "ann/exact_index.h"

#include <gtest/gtest.h>

#include <functional>

#include "ann/test_vectors.h"
#include "base/rng.h"
#include "base/thread_pool.h"

namespace upnext::ann {
namespace {

TEST(ExactIndex, SV01_EqualsBruteForceBestFirst) {
  const TestVectors vectors = SkewedVectors(700, 24);
  const ExactIndex index(vectors);
  base::Rng rng(3);
  for (int i = 0; i < 20; ++i) {
    const std::vector<float> query = RandomQueries(1, 24, rng);
    EXPECT_EQ(Ids(Search(index, query, 50)), BruteForce(vectors, query, 50));
  }
}

// With rows whose scores lie closer together than their compression is exact, as vectors with a
// large part in common have; and for k around the number of rows.
TEST(ExactIndex, SV01_ASearchOfCompressedRowsEqualsTheScanInFp32) {
  base::ThreadPool pool(2);
  base::Rng rng(5);
  for (const float common : {0.0f, 10.0f, 1000.0f}) {
    TestVectors vectors = SkewedVectors(5000, 33);
    for (size_t i = 0; i < vectors.ids.size(); ++i) vectors.values[i * 33] += common;
    const ExactIndex compressed(vectors, &pool), plain(vectors);
    const auto odd = [](uint32_t id) { return id % 2 == 1; };
    for (const size_t k : {1, 100, 4999, 5000, 6000}) {
      const std::vector<float> query = RandomQueries(1, 33, rng);
      EXPECT_EQ(Search(compressed, query, k), Search(plain, query, k)) << common << " " << k;
      EXPECT_EQ(Search(compressed, query, k, Filter::Of(odd)),
                Search(plain, query, k, Filter::Of(odd)));
    }
  }
}

TEST(ExactIndex, ABatchOverCompressedRowsHasTheAnswersOfItsSearches) {
  const TestVectors vectors = SkewedVectors(5000, 33);
  base::ThreadPool pool(2);
  const ExactIndex index(vectors, &pool);
  base::Rng rng(6);
  const std::vector<float> queries = RandomQueries(70, 33, rng);
  std::vector<std::function<bool(uint32_t)>> passes;
  for (uint32_t q = 0; q < 70; ++q) passes.push_back([q](uint32_t id) { return id % 7 != q % 7; });
  std::vector<Filter> filters;
  for (const auto& one : passes) filters.push_back(Filter::Of(one));
  std::vector<std::vector<Hit>> batch;
  index.SearchBatch(queries, 10, filters, pool, &batch);
  ASSERT_EQ(batch.size(), 70u);
  for (size_t q = 0; q < 70; ++q) {
    EXPECT_EQ(batch[q], Search(index, std::span(queries).subspan(q * 33, 33), 10, filters[q]));
  }
}

TEST(ExactIndex, RowsThatAreNotNumbersAreNeverFoundAndHideNoOthers) {
  TestVectors vectors = SkewedVectors(300, 4);
  for (const size_t row : {0, 7, 299}) vectors.values[row * 4 + 1] = std::nanf("");
  const ExactIndex compressed(vectors, nullptr), plain(vectors);
  const std::vector<float> query = {1, 2, 0.5, 1};
  EXPECT_EQ(Search(compressed, query, 299), Search(plain, query, 299));
  EXPECT_EQ(Search(compressed, query, 299).size(), 297u);
}

TEST(ExactIndex, TiesGoToTheEarlierVector) {
  const TestVectors vectors{
      .dim = 2, .ids = {9, 4, 7, 0, 2}, .values = {-1, 0, -1, 0, -1, 0, -1, 0, -1, 0}};
  const ExactIndex index(vectors);
  const std::vector<float> query = {1.0f, 0.0f};
  EXPECT_EQ(Ids(Search(index, query, 3)), (std::vector<uint32_t>{9, 4, 7}));
  EXPECT_EQ(Ids(Search(index, query, 30)), vectors.ids);
}

TEST(ExactIndex, FilteredIdsDoNotShrinkTheAnswer) {
  const TestVectors vectors = SkewedVectors(900, 16);
  const ExactIndex index(vectors);
  base::Rng rng(4);
  std::vector<uint64_t> excluded(3000 / 64);
  for (uint64_t& word : excluded) word = rng.Next();
  const auto not_a_third = [](uint32_t id) { return id % 9 != 5; };
  Filter filter = Filter::Of(not_a_third);
  filter.excluded = excluded;
  for (int i = 0; i < 20; ++i) {
    const std::vector<float> query = RandomQueries(1, 16, rng);
    EXPECT_EQ(Ids(Search(index, query, 100, filter)), BruteForce(vectors, query, 100, filter));
  }
}

TEST(ExactIndex, ABatchAnswersAsOneByOne) {
  constexpr size_t kQueries = 75;
  const TestVectors vectors = SkewedVectors(5000, 16);
  const ExactIndex index(vectors);
  base::Rng rng(4);
  const std::vector<float> queries = RandomQueries(kQueries, 16, rng);
  std::vector<std::vector<uint64_t>> excluded(kQueries, std::vector<uint64_t>(15'005 / 64));
  std::vector<Filter> filters;
  for (std::vector<uint64_t>& words : excluded) {
    for (uint64_t& word : words) word = rng.Next();
    filters.push_back({.excluded = words});
  }
  base::ThreadPool pool(2);
  for (const auto& of_queries : {std::span<const Filter>(), std::span<const Filter>(filters)}) {
    std::vector<std::vector<Hit>> batch;
    index.SearchBatch(queries, 20, of_queries, pool, &batch);
    ASSERT_EQ(batch.size(), kQueries);
    for (size_t q = 0; q < kQueries; ++q) {
      const std::vector<Hit> hits = Search(index, std::span(queries).subspan(q * 16, 16), 20,
                                           of_queries.empty() ? Filter() : filters[q]);
      ASSERT_EQ(Ids(batch[q]), Ids(hits)) << q;
      for (size_t i = 0; i < hits.size(); ++i) EXPECT_NEAR(batch[q][i].score, hits[i].score, 1e-3);
    }
  }
}

}  // namespace
}  // namespace upnext::ann
