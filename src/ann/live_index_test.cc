#include "ann/live_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <thread>

#include "ann/exact_index.h"
#include "ann/test_vectors.h"

namespace upnext::ann {
namespace {

using testing::HasSubstr;

constexpr size_t kEnough = size_t{64} << 20;

std::unique_ptr<LiveIndex> Live(const Index& base, size_t max_bytes = kEnough) {
  auto live = LiveIndex::Make(base, max_bytes);
  EXPECT_TRUE(live) << live.error().message;
  return live ? *std::move(live) : nullptr;
}

// What a live index over some vectors should hold: brute force over this is the right answer.
class Reference {
 public:
  explicit Reference(const TestVectors& base) : dim_(base.dim) {
    for (size_t i = 0; i < base.ids.size(); ++i) {
      vectors_[base.ids[i]].assign(base.row(i).begin(), base.row(i).end());
    }
  }
  void Add(uint32_t id, const std::vector<float>& vector) { vectors_[id] = vector; }
  bool Remove(uint32_t id) { return vectors_.erase(id) == 1; }
  size_t size() const { return vectors_.size(); }
  TestVectors Now() const {
    TestVectors now{.dim = dim_, .ids = {}, .values = {}};
    for (const auto& [id, vector] : vectors_) {
      now.ids.push_back(id);
      now.values.insert(now.values.end(), vector.begin(), vector.end());
    }
    return now;
  }

 private:
  size_t dim_;
  std::map<uint32_t, std::vector<float>> vectors_;
};

// A random change of both; ids of the base, ids beyond it and ids that were removed all occur.
void Change(base::Rng& rng, LiveIndex& live, Reference& reference) {
  const auto id = static_cast<uint32_t>(rng.Below(2500));
  if (rng.Below(3) == 0) {
    EXPECT_EQ(live.Remove(id), reference.Remove(id)) << id;
  } else {
    std::vector<float> vector(8);
    for (float& x : vector) x = static_cast<float>(2.0 * rng.Normal());
    ASSERT_TRUE(live.Add(id, vector));
    reference.Add(id, vector);
  }
  EXPECT_EQ(live.size(), reference.size());
}

TEST(LiveIndex, OverAnExactBaseEqualsBruteForceAfterEveryChange) {
  const TestVectors vectors = SkewedVectors(600, 8);
  const ExactIndex base(vectors);
  const auto live = Live(base);
  Reference reference(vectors);
  base::Rng rng(1);
  std::vector<uint64_t> excluded(2500 / 64);
  for (uint64_t& word : excluded) word = rng.Next() & rng.Next();
  const auto passes = [](uint32_t id) { return id % 7 != 0; };
  Filter filter = Filter::Of(passes);
  filter.excluded = excluded;
  for (int change = 0; change < 1500; ++change) {
    Change(rng, *live, reference);
    if (change % 10 != 0) continue;
    const TestVectors now = reference.Now();
    std::vector<float> query = RandomQueries(1, 8, rng);
    query[0] += 0.1f;  // all zeros would make every score a tie
    EXPECT_EQ(Ids(Search(*live, query, 40)), BruteForce(now, query, 40));
    EXPECT_EQ(Ids(Search(*live, query, 40, filter)), BruteForce(now, query, 40, filter));
    EXPECT_EQ(Search(*live, query, 5000).size(), now.ids.size());
  }
}

TEST(LiveIndex, OverAGraphFindsNothingRemovedOrFilteredAndEverythingAddedThatIsBest) {
  const TestVectors vectors = SkewedVectors(2000, 8);
  const auto base = Build(vectors, {.kind = IndexOptions::Kind::kGraph});
  const auto live = Live(*base);
  Reference reference(vectors);
  base::Rng rng(2);
  const auto passes = [](uint32_t id) { return id % 5 != 0; };
  size_t found = 0, searches = 0;
  for (int change = 0; change < 1000; ++change) {
    Change(rng, *live, reference);
    if (change % 20 != 0) continue;
    const TestVectors now = reference.Now();
    const std::vector<float> query = RandomQueries(1, 8, rng);
    const std::vector<Hit> hits = Search(*live, query, 50, Filter::Of(passes));
    ASSERT_EQ(hits.size(), 50u);
    const std::set<uint32_t> there(now.ids.begin(), now.ids.end());
    for (const uint32_t id : Ids(hits)) EXPECT_TRUE(passes(id) && there.contains(id)) << id;
    found += Found(hits, BruteForce(now, query, 50, Filter::Of(passes)));
    ++searches;
  }
  EXPECT_GE(found, searches * 50 * 95 / 100);
}

TEST(LiveIndex, AnAddedVectorReplacesTheOneOfTheBaseEvenWhenItScoresLess) {
  const TestVectors vectors{.dim = 1, .ids = {4, 9, 2}, .values = {30, 20, 10}};
  const ExactIndex base(vectors);
  const auto live = Live(base);
  const std::vector<float> query = {1};
  ASSERT_TRUE(live->Add(4, std::vector<float>{15}));
  EXPECT_EQ(Search(*live, query, 9), (std::vector<Hit>{{9, 20}, {4, 15}, {2, 10}}));
  ASSERT_TRUE(live->Add(4, std::vector<float>{5}));
  EXPECT_EQ(Search(*live, query, 9), (std::vector<Hit>{{9, 20}, {2, 10}, {4, 5}}));
  EXPECT_TRUE(live->Remove(4));  // does not bring the base's back
  EXPECT_FALSE(live->Remove(4));
  EXPECT_EQ(Search(*live, query, 9), (std::vector<Hit>{{9, 20}, {2, 10}}));
  EXPECT_EQ(Search(base, query, 1), (std::vector<Hit>{{4, 30}}));  // it never changes
}

TEST(LiveIndex, TiesGoToTheBaseThenToTheSmallerId) {
  const TestVectors vectors{.dim = 1, .ids = {8, 3}, .values = {1, 1}};
  const ExactIndex base(vectors);
  const auto live = Live(base);
  for (const uint32_t id : {7u, 1u, 5u}) ASSERT_TRUE(live->Add(id, std::vector<float>{1}));
  EXPECT_EQ(Ids(Search(*live, std::vector<float>{1}, 4)), (std::vector<uint32_t>{8, 3, 1, 5}));
}

TEST(LiveIndex, WrongVectorsAreRefusedAndChangeNothing) {
  const TestVectors vectors = SkewedVectors(10, 2);
  const ExactIndex base(vectors);
  const auto live = Live(base);
  for (const std::vector<float>& wrong :
       {std::vector<float>{1}, std::vector<float>{1, 2, 3}, std::vector<float>{1, std::nanf("")}}) {
    const Status added = live->Add(1, wrong);
    ASSERT_FALSE(added);
    EXPECT_EQ(added.error().code, Code::kInvalidArgument);
  }
  EXPECT_EQ(live->size(), 10u);
}

TEST(LiveIndex, AFullOneRefusesToAddWithAdviceAndStillRemovesAndAnswers) {
  const TestVectors vectors = SkewedVectors(10, 2);
  const ExactIndex base(vectors);
  constexpr size_t kLimit = 100'000;
  const auto live = Live(base, kLimit);
  const std::vector<float> vector = {1, 2};
  uint32_t added = 0;
  Status full = Ok();
  while (added < kLimit && (full = live->Add(1000 + added, vector))) ++added;
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, Code::kResourceExhausted);
  EXPECT_THAT(full.error().message, HasSubstr("build its base again"));
  EXPECT_GT(added, 500u);
  EXPECT_LE(live->bytes(), kLimit);
  EXPECT_EQ(live->size(), 10 + added);

  EXPECT_FALSE(live->Add(1000, std::vector<float>{8, 8}));
  EXPECT_TRUE(live->Remove(1001));
  const std::vector<Hit> hits = Search(*live, vector, added + 100);
  EXPECT_EQ(hits.size(), 10 + added - 1);
  EXPECT_EQ(std::ranges::count(hits, Hit{1000, 5}), 1);  // as before
}

TEST(LiveIndex, ALimitThatHoldsNoVectorsOrSparseIdsIsRefused) {
  const TestVectors dense{.dim = 1, .ids = {0}, .values = {1}};
  const TestVectors sparse{.dim = 1, .ids = {UINT32_MAX - 1}, .values = {1}};
  for (const auto& [vectors, limit] :
       {std::pair(&dense, size_t{100}), std::pair(&sparse, kEnough)}) {
    const ExactIndex base(*vectors);
    const auto live = LiveIndex::Make(base, limit);
    ASSERT_FALSE(live);
    EXPECT_EQ(live.error().code, Code::kResourceExhausted);
    EXPECT_THAT(live.error().message, HasSubstr("raise the limit"));
  }
}

// What a search must see while one writer gives the ids 0 and 1 the value n, one after the other,
// for n = 1, 2, ..., id 2 stays, and another writer keeps up to 11 more.
bool IsOneMoment(const std::vector<Hit>& hits, float* newest) {
  std::map<uint32_t, float> seen;
  for (const Hit& hit : hits) seen[hit.id] = hit.score;
  if (seen.size() != hits.size() || hits.size() > 3 + 11) return false;
  if (!seen.contains(0) || !seen.contains(1) || !seen.contains(2)) return false;
  const float ahead = seen[0] - seen[1];
  if ((ahead != 0 && ahead != 1) || seen[0] < *newest) return false;
  *newest = seen[0];
  return true;
}

TEST(LiveIndex, SearchesSeeOneMomentWhileOthersAddAndRemove) {
  const TestVectors vectors{.dim = 1, .ids = {0, 1, 2}, .values = {0, 0, -1}};
  const ExactIndex base(vectors);
  const auto live = Live(base);
  std::atomic<int> searching{2}, wrong{0};
  std::atomic<uint32_t> searches{0}, pairs{0};
  // Neither side runs far ahead of the other, whatever the scheduler does: few changes per search,
  // and now and then a search waits for one more pair. The former is what lets the latter end.
  const auto until_searched = [&](uint32_t round) {
    while (searching > 0 && round > 20 * (searches + 1)) std::this_thread::yield();
    return searching > 0;
  };
  std::thread pair([&] {
    for (uint32_t n = 1; until_searched(n); ++n, ++pairs) {
      for (const uint32_t id : {0u, 1u}) {
        if (!live->Add(id, std::vector<float>{static_cast<float>(n)})) ++wrong;
      }
    }
  });
  std::thread others([&] {
    for (uint32_t n = 0; until_searched(n); ++n) {
      if (!live->Add(100 + n, std::vector<float>{-2})) ++wrong;
      if (n >= 10 && !live->Remove(100 + n - 10)) ++wrong;
    }
  });
  const auto search = [&] {
    float newest = 0;
    uint32_t seen_pairs = 0;
    int changes = 0;
    for (int i = 0; i < 300; ++i, ++searches) {
      if (i % 4 == 3) {
        while (pairs == seen_pairs) std::this_thread::yield();
        seen_pairs = pairs;
      }
      const float before = newest;
      if (!IsOneMoment(Search(*live, std::vector<float>{1}, 10'000), &newest)) ++wrong;
      changes += newest > before ? 1 : 0;
    }
    --searching;
    EXPECT_GE(changes, 30);
  };
  std::thread reader(search);
  search();
  for (std::thread* thread : {&pair, &others, &reader}) thread->join();
  EXPECT_EQ(wrong, 0);
}

// Rows of `vectors` that two threads add, remove and replace while others search; those of the base
// are there at first.
class ChangingWorld {
 public:
  ChangingWorld(const TestVectors& vectors, const Index& base)
      : vectors_(vectors), live_(Live(base)), changes_(vectors.ids.size()) {
    for (size_t row = base.size(); row < changes_.size(); ++row) changes_[row] = 2;
  }
  void Change(base::Rng& rng, size_t writer) {
    const size_t row = 2 * rng.Below(changes_.size() / 2) + writer;
    const uint32_t id = vectors_.ids[row];
    const bool there = IsThere(changes_[row]), replace = there && rng.Below(4) == 0;
    if (!replace) ++changes_[row];
    if (there && !replace) {
      EXPECT_TRUE(live_->Remove(id));
    } else {
      EXPECT_TRUE(live_->Add(id, vectors_.row(row)));
    }
    if (!replace) ++changes_[row];
  }
  // A search must find no row that was away all the time, and of those that were there all the time
  // the ones that are among the best even if all rows that changed were there.
  void CheckSearch(base::Rng& rng, const Filter& filter) {
    std::vector<float> query = RandomQueries(1, vectors_.dim, rng);
    query[0] += 0.1f;  // all zeros would make every score a tie
    const std::vector<uint32_t> before(changes_.begin(), changes_.end());
    const std::vector<uint32_t> ids = Ids(Search(*live_, query, kBest, filter));
    const std::vector<uint32_t> after(changes_.begin(), changes_.end());
    const std::set<uint32_t> found(ids.begin(), ids.end());
    EXPECT_EQ(found.size(), kBest);
    TestVectors possible{.dim = vectors_.dim, .ids = {}, .values = {}};
    std::set<uint32_t> certain;
    for (size_t row = 0; row < after.size(); ++row) {
      const uint32_t id = vectors_.ids[row];
      const bool still = before[row] == after[row] && after[row] % 2 == 0;
      if (still && !IsThere(after[row])) {
        EXPECT_FALSE(found.contains(id));
        continue;
      }
      if (still) certain.insert(id);
      possible.ids.push_back(id);
      possible.values.insert(possible.values.end(), vectors_.row(row).begin(),
                             vectors_.row(row).end());
    }
    for (const uint32_t id : BruteForce(possible, query, kBest, filter)) {
      if (!certain.contains(id)) continue;
      ++wanted_;
      found_ += found.contains(id) ? 1 : 0;
    }
  }
  // Two threads change while two search `searches` times each. Neither side runs far ahead.
  void Run(uint32_t searches) {
    std::atomic<uint32_t> searching{2}, searched{0}, changed{0};
    const auto write = [&](size_t writer) {
      base::Rng rng(writer);
      for (; searching > 0; ++changed) {
        while (searching > 0 && changed > 40 * (searched + 1)) std::this_thread::yield();
        Change(rng, writer);
      }
    };
    const auto odd = [](uint32_t id) { return id % 2 == 1; };
    const auto search = [&](uint64_t seed) {
      base::Rng rng(seed);
      for (uint32_t i = 0; i < searches; ++i, ++searched) {
        while (changed < 10 * searched) std::this_thread::yield();
        CheckSearch(rng, i % 2 == 0 ? Filter() : Filter::Of(odd));
      }
      --searching;
    };
    std::vector<std::thread> threads;
    for (const size_t i : {0, 1}) {
      threads.emplace_back(write, i);
      threads.emplace_back(search, 10 + i);
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_GE(wanted_, 2 * searches * kBest / 2);  // most rows do not change during a search
  }
  double recall() const { return static_cast<double>(found_) / wanted_; }

 private:
  static constexpr size_t kBest = 50;
  static bool IsThere(uint32_t changes) { return changes % 4 == 0; }
  const TestVectors& vectors_;
  const std::unique_ptr<LiveIndex> live_;
  // Of each row: two for each time that it was added or removed, odd while it is.
  std::vector<std::atomic<uint32_t>> changes_;
  std::atomic<uint32_t> wanted_{0}, found_{0};
};

TEST(LiveIndex, SV03_SearchesFindNothingRemovedAndTheBestOfWhatIsThereWhileOthersChange) {
  const TestVectors vectors = SkewedVectors(2500, 8);
  const Vectors first{vectors.values.data(), 2000, 8, std::span(vectors.ids).first(2000)};
  const ExactIndex exact(first, nullptr);
  ChangingWorld over_exact(vectors, exact);
  over_exact.Run(60);
  EXPECT_EQ(over_exact.recall(), 1.0);
  const auto graph = Build(first, {.kind = IndexOptions::Kind::kGraph});
  ChangingWorld over_graph(vectors, *graph);
  over_graph.Run(60);
  EXPECT_GE(over_graph.recall(), 0.95);
}

TEST(LiveIndex, ThreadsThatAddAndRemoveTheSameIdsLeaveEachOnceOrNotAtAll) {
  const TestVectors vectors = SkewedVectors(20, 2);
  const ExactIndex base(vectors);
  const auto live = Live(base);
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&live, t] {
      base::Rng rng(t);
      for (int i = 0; i < 20'000; ++i) {
        const auto id = static_cast<uint32_t>(rng.Below(40));
        if (rng.Below(2) == 0) {
          live->Remove(id);
        } else if (!live->Add(id, std::vector<float>{static_cast<float>(t), 1})) {
          ADD_FAILURE() << "the limit is large enough";
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const std::vector<uint32_t> ids = Ids(Search(*live, std::vector<float>{1, 1}, 1000));
  EXPECT_EQ(std::set<uint32_t>(ids.begin(), ids.end()).size(), ids.size());
  EXPECT_EQ(live->size(), ids.size());
}

}  // namespace
}  // namespace upnext::ann
