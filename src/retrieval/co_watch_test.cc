#include "retrieval/co_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <optional>
#include <set>

#include "features/positive_rule.h"
#include "retrieval/test_sequences.h"
#include "schema/event.h"

namespace upnext::retrieval {
namespace {

using examples::World;

// The best neighbours of each item over explicit sets of users.
std::vector<ScoredItem> BruteForceSimilar(const World& world, uint32_t item,
                                          const CoWatchOptions& options) {
  std::vector<std::set<uint32_t>> watchers(world.log.items());
  const auto sequences = TrainingSequences(world);
  for (uint32_t user = 0; user < sequences.size(); ++user) {
    std::set<uint32_t> newest;
    for (size_t i = sequences[user].size(); i-- > 0 && newest.size() < options.max_history;) {
      newest.insert(sequences[user][i].item);
    }
    for (const uint32_t watched : newest) watchers[watched].insert(user);
  }
  std::vector<ScoredItem> all;
  for (uint32_t other = 0; other < world.log.items(); ++other) {
    std::vector<uint32_t> both;
    std::ranges::set_intersection(watchers[item], watchers[other], std::back_inserter(both));
    if (other == item || both.empty()) continue;
    const double product =
        static_cast<double>(watchers[item].size()) * static_cast<double>(watchers[other].size());
    const double cosine = static_cast<double>(both.size()) / std::sqrt(product);
    all.push_back({other, static_cast<float>(cosine)});
  }
  std::ranges::sort(all, [](const ScoredItem& a, const ScoredItem& b) {
    return a.score > b.score || (a.score == b.score && a.item < b.item);
  });
  all.resize(std::min<size_t>(all.size(), options.neighbours));
  return all;
}

std::vector<ScoredItem> ListOf(const CoWatch& co_watch, uint32_t item) {
  const auto similar = co_watch.Similar(item);
  return {similar.begin(), similar.end()};
}

TEST(CoWatch, CG26_CosinesEqualBruteForceForAnyNumberOfThreads) {
  const World world(examples::RandomWorld(3, /*users=*/40, /*items=*/50));
  for (const CoWatchOptions options : {CoWatchOptions{}, CoWatchOptions{5, 8}}) {
    for (const int threads : {1, 3}) {
      base::ThreadPool pool(threads);
      const CoWatch co_watch = CoWatchLearner(world.source, options, pool).Learn();
      for (uint32_t item = 0; item < world.log.items(); ++item) {
        EXPECT_EQ(ListOf(co_watch, item), BruteForceSimilar(world, item, options));
      }
      EXPECT_TRUE(co_watch.Similar(world.log.items()).empty());
    }
  }
}

TEST(CoWatch, LearnsTheListsOfWantedItemsAlone) {
  const World world(examples::RandomWorld(3, /*users=*/40, /*items=*/50));
  base::ThreadPool pool(2);
  const CoWatchLearner learner(world.source, {}, pool);
  const CoWatch all = learner.Learn();
  std::vector<uint8_t> wanted(world.log.items());
  for (uint32_t item = 0; item < world.log.items(); item += 3) wanted[item] = 1;
  const CoWatch some = learner.Learn(wanted);
  for (uint32_t item = 0; item < world.log.items(); ++item) {
    EXPECT_EQ(ListOf(some, item),
              wanted[item] != 0 ? ListOf(all, item) : std::vector<ScoredItem>());
  }
}

Result<base::SectionFile> Written(const CoWatchLearner& learner,
                                  const std::filesystem::path& path) {
  UPNEXT_ASSIGN_OR_RETURN(auto writer, base::SectionWriter::Create(path, "generators", 1));
  UPNEXT_RETURN_IF_ERROR(learner.Write(writer));
  UPNEXT_RETURN_IF_ERROR(writer.Commit());
  return base::SectionFile::Open(path, "generators", 1);
}

// Lists are learned a block of 2^12 items at a time: here the last of ten is a part of one.
TEST(CoWatch, ListsOfManyBlocksAreReadBackAsTheyAreLearned) {
  constexpr uint32_t kItems = 40'000;
  examples::WorldOptions options;
  for (uint32_t i = 0; i < kItems; ++i) {  // seven in a row share a user
    options.events.push_back(examples::Raw(fmt::format("u{}", i / 7), fmt::format("i{}", i), i,
                                           schema::EventType::kComplete));
  }
  options.rule = features::PositiveRule::CompleteEvents();
  options.split.kind = examples::SplitOptions::Kind::kNone;
  const World world(options);
  base::ThreadPool pool(2);
  const CoWatchLearner learner(world.source, {}, pool);
  const auto file = Written(learner, world.log.directory() / "generators");
  ASSERT_TRUE(file) << file.error().message;
  const auto read = CoWatch::Load(*file);
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->items(), kItems);
  const CoWatch learned = learner.Learn();
  const auto group = [&](uint32_t item) {
    const std::string_view name = world.log.dictionary(schema::IdSpace::kItem).name(item);
    return std::stoul(std::string(name.substr(1))) / 7;
  };
  size_t proposals = 0;
  for (uint32_t item = 0; item < kItems; ++item) {
    ASSERT_EQ(ListOf(*read, item), ListOf(learned, item));
    for (const ScoredItem& proposal : read->Similar(item)) {
      ASSERT_EQ(group(proposal.item), group(item));
      ASSERT_FLOAT_EQ(proposal.score, 1);
    }
    proposals += read->Similar(item).size();
  }
  EXPECT_EQ(proposals, kItems / 7 * 7 * 6 + (kItems % 7) * (kItems % 7 - 1));
}

uint64_t Packed(uint32_t item, float score) {
  return uint64_t{std::bit_cast<uint32_t>(score)} << 32 | item;
}

// kDataLoss, or nothing when they could be loaded.
std::optional<Code> RefusalOf(const std::vector<uint64_t>& offsets,
                              const std::vector<uint64_t>& proposals) {
  const base::TestFolder folder;
  auto writer = base::SectionWriter::Create(folder / "generators", "generators", 1);
  EXPECT_TRUE(writer && writer->Add("co_watch.offsets", offsets) &&
              writer->Add("co_watch.proposals", proposals) && writer->Commit());
  const auto file = base::SectionFile::Open(folder / "generators", "generators", 1);
  EXPECT_TRUE(file);
  const auto loaded = CoWatch::Load(*file);
  return loaded ? std::nullopt : std::optional(loaded.error().code);
}

TEST(CoWatch, RefusesWhatTheLearnerDidNotWrite) {
  const std::vector<uint64_t> good{Packed(1, .5f), Packed(0, .5f)};
  EXPECT_EQ(RefusalOf({0, 1, 2}, good), std::nullopt);
  EXPECT_EQ(RefusalOf({}, {}), std::nullopt);
  EXPECT_EQ(RefusalOf({0, 1, 3}, good), Code::kDataLoss);  // past the end
  EXPECT_EQ(RefusalOf({1, 1, 2}, good), Code::kDataLoss);  // before the beginning
  EXPECT_EQ(RefusalOf({0, 2, 1}, good), Code::kDataLoss);  // falling
  EXPECT_EQ(RefusalOf({}, good), Code::kDataLoss);
  EXPECT_EQ(RefusalOf({0, 1, 2}, {Packed(1, .5f), Packed(2, .5f)}), Code::kDataLoss);
  EXPECT_EQ(RefusalOf({0, 1, 2}, {Packed(1, .5f), Packed(0, NAN)}), Code::kDataLoss);
}

}  // namespace
}  // namespace upnext::retrieval
