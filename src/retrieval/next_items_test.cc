#include "retrieval/next_items.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <tuple>

#include "base/thread_pool.h"
#include "examples/holdout.h"
#include "features/positive_rule.h"
#include "retrieval/test_sequences.h"
#include "retrieval/training_watches.h"
#include "schema/event.h"

namespace upnext::retrieval {
namespace {

using examples::World;

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

struct Quality {
  double hit_rate = 0, ndcg = 0;
};

// Ranks the target by (score, popularity, smaller id) among the items not watched before.
Quality RankTargets(const World& world, const std::vector<uint64_t>& popular,
                    const NextItems* next) {
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
      return std::tuple(score[item], popular[item], UINT32_MAX - item);
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

TEST(NextItems, CountsOnMovieLensGiveThePublishedBaselines) {
  const char* data = std::getenv("UPNEXT_DATA");
  std::ifstream file;
  if (data != nullptr) file.open(std::filesystem::path(data) / "ml-1m" / "ml-1m.txt");
  if (!file.is_open()) GTEST_SKIP() << "UPNEXT_DATA does not hold ml-1m/ml-1m.txt";
  examples::WorldOptions options;
  std::string user, item;
  for (int64_t line = 0; file >> user >> item; ++line) {
    options.events.push_back(examples::Raw(user, item, line * 1000, schema::EventType::kComplete));
  }
  options.rule = features::PositiveRule::CompleteEvents();
  options.split.kind = examples::SplitOptions::Kind::kLeaveOneOut;
  const World world(options);
  const std::vector<uint64_t> popular = CountWatches(world.source);
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
