#include "retrieval/generators.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <tuple>

#include "examples/holdout.h"
#include "retrieval/co_watch.h"
#include "retrieval/test_sequences.h"
#include "schema/event.h"

namespace upnext::retrieval {
namespace {

using examples::SplitPart;
using examples::World;

TEST(PopularItems, CountsTheTrainingPartAloneBestFirst) {
  const World world(examples::RandomWorld(1));
  const PopularItems popular = PopularItems::Learn(world.source, /*recent_days=*/3);
  std::vector<uint64_t> counts(world.log.items()), recent(world.log.items());
  int64_t last = 0;
  const auto sequences = TrainingSequences(world);
  for (const auto& sequence : sequences) {
    for (const auto& watch : sequence) last = std::max(last, watch.time_ms);
  }
  for (const auto& sequence : sequences) {
    for (const auto& watch : sequence) {
      ++counts[watch.item];
      if (watch.time_ms > last - 3 * examples::kDay) ++recent[watch.item];
    }
  }
  EXPECT_EQ(std::vector<uint64_t>(popular.counts().begin(), popular.counts().end()), counts);
  const auto check = [](std::span<const Candidate> proposals, const std::vector<uint64_t>& truth) {
    EXPECT_EQ(static_cast<std::ptrdiff_t>(proposals.size()),
              std::ranges::count_if(truth, [](uint64_t n) { return n > 0; }));
    for (size_t i = 0; i < proposals.size(); ++i) {
      EXPECT_EQ(proposals[i].score, static_cast<float>(truth[proposals[i].item]));
      if (i == 0) continue;
      const Candidate &a = proposals[i - 1], &b = proposals[i];
      EXPECT_TRUE(a.score > b.score || (a.score == b.score && a.item < b.item));
    }
  };
  check(popular.overall(), counts);
  check(popular.trending(), recent);
  EXPECT_LT(popular.trending().front().score, popular.overall().front().score);
}

TEST(NextItems, CG26_CountsEqualBruteForce) {
  const World world(examples::RandomWorld(2));
  const NextItems next = NextItems::Learn(world.source);
  std::map<std::pair<uint32_t, uint32_t>, uint32_t> truth;
  for (const auto& sequence : TrainingSequences(world)) {
    for (size_t i = 1; i < sequence.size(); ++i) {
      ++truth[{sequence[i - 1].item, sequence[i].item}];
    }
  }
  std::map<std::pair<uint32_t, uint32_t>, uint32_t> learned;
  for (uint32_t item = 0; item < world.log.items(); ++item) {
    for (const auto& [other, count] : next.After(item)) learned[{item, other}] = count;
  }
  EXPECT_EQ(learned, truth);
  EXPECT_TRUE(next.After(world.log.items() + 5).empty());
}

TEST(Generators, AreReadBackAsTheyWereWritten) {
  const World world(examples::RandomWorld(4));
  const PopularItems popular = PopularItems::Learn(world.source);
  const std::filesystem::path path = world.log.directory() / "generators";
  auto writer = base::SectionWriter::Create(path, "generators", 1);
  ASSERT_TRUE(writer && popular.Save(*writer) && writer->Commit());
  const auto file = base::SectionFile::Open(path, "generators", 1);
  ASSERT_TRUE(file);
  const auto popular_read = PopularItems::Load(*file);
  ASSERT_TRUE(popular_read);
  EXPECT_TRUE(std::ranges::equal(popular_read->counts(), popular.counts()));
  EXPECT_TRUE(std::ranges::equal(popular_read->overall(), popular.overall()));
  EXPECT_TRUE(std::ranges::equal(popular_read->trending(), popular.trending()));
}

TEST(Generators, AListOfUnknownItemsIsRefused) {
  const World world(examples::RandomWorld(5));
  const std::filesystem::path path = world.log.directory() / "generators";
  auto writer = base::SectionWriter::Create(path, "generators", 1);
  ASSERT_TRUE(writer);
  ASSERT_TRUE(writer->Add<uint64_t>("popular.counts", std::vector<uint64_t>{3, 1}));
  ASSERT_TRUE(writer->Add<uint32_t>("popular.overall.items", std::vector<uint32_t>{0, 2}));
  ASSERT_TRUE(writer->Add<float>("popular.overall.scores", std::vector<float>{3, 1}));
  ASSERT_TRUE(writer->Commit());
  const auto file = base::SectionFile::Open(path, "generators", 1);
  ASSERT_TRUE(file);
  const auto popular = PopularItems::Load(*file);
  ASSERT_FALSE(popular);
  EXPECT_EQ(popular.error().code, Code::kDataLoss);
}

// A log without training watches: everything is empty and nothing fails.
TEST(Generators, LearnNothingFromNothing) {
  examples::WorldOptions options;
  options.events = {examples::Shown("u", "a", 0), examples::Shown("u", "b", 1)};
  options.split.kind = examples::SplitOptions::Kind::kNone;
  const World world(options);
  base::ThreadPool pool(1);
  EXPECT_TRUE(PopularItems::Learn(world.source).overall().empty());
  EXPECT_TRUE(NextItems::Learn(world.source).After(0).empty());
  EXPECT_TRUE(CoWatchLearner(world.source, {}, pool).Learn().Similar(0).empty());
}

struct Quality {
  double hit_rate = 0, ndcg = 0;
};

// Ranks the target by (score, popularity, smaller id) among the items not watched before.
Quality RankTargets(const World& world, const PopularItems& popular, const NextItems* next) {
  base::ThreadPool pool(2);
  const auto cases = examples::HoldoutCases(world.source, examples::SplitPart::kTest, pool);
  std::vector<uint64_t> score(world.log.items());
  Quality sum;
  for (const examples::HoldoutCase& held_out : cases) {
    std::ranges::fill(score, 0);
    if (next != nullptr) {
      const uint32_t last = world.log.item_of(held_out.end_row - 1);
      for (const auto& [item, count] : next->After(last)) score[item] = count;
    }
    std::set<uint32_t> seen;
    for (uint64_t row = world.log.begin(held_out.user); row < held_out.end_row; ++row) {
      seen.insert(world.log.item_of(row));
    }
    const auto key = [&](uint32_t item) {
      return std::tuple(score[item], popular.counts()[item], UINT32_MAX - item);
    };
    const uint32_t target = held_out.targets[0];
    size_t rank = 1;
    for (uint32_t item = 0; item < world.log.items(); ++item) {
      if (key(item) > key(target) && !seen.contains(item)) ++rank;
    }
    if (rank > 10) continue;
    sum.hit_rate += 1;
    sum.ndcg += 1 / std::log2(static_cast<double>(rank) + 1);
  }
  const auto n = static_cast<double>(cases.size());
  return {sum.hit_rate / n, sum.ndcg / n};
}

TEST(Generators, CountsOnMovieLensGiveThePublishedBaselines) {
  const char* data = std::getenv("UPNEXT_DATA");
  std::ifstream file;
  if (data != nullptr) file.open(std::filesystem::path(data) / "ml-1m" / "ml-1m.txt");
  if (!file.is_open()) GTEST_SKIP() << "UPNEXT_DATA does not hold ml-1m/ml-1m.txt";
  examples::WorldOptions options;
  std::string user, item;
  for (int64_t line = 0; file >> user >> item; ++line) {
    options.events.push_back(examples::Raw(user, item, line * 1000, schema::EventType::kComplete));
  }
  options.rule.from_event = true;
  options.split.kind = examples::SplitOptions::Kind::kLeaveOneOut;
  const World world(options);
  const PopularItems popular = PopularItems::Learn(world.source);
  const NextItems next = NextItems::Learn(world.source);
  const Quality popularity = RankTargets(world, popular, nullptr);
  EXPECT_NEAR(popularity.hit_rate, .0369, .00005);
  EXPECT_NEAR(popularity.ndcg, .0180, .00005);
  const Quality markov = RankTargets(world, popular, &next);
  EXPECT_NEAR(markov.hit_rate, .2144, .00005);
  EXPECT_NEAR(markov.ndcg, .1259, .00005);
}

}  // namespace
}  // namespace upnext::retrieval
