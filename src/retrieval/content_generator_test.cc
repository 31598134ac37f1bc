#include "retrieval/content_generator.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/file.h"
#include "examples/test_world.h"
#include "features/user_state.h"
#include "retrieval/test_generator.h"
#include "schema/raw_event.h"

namespace upnext::retrieval {
namespace {

using examples::World;

schema::RawItem Described(std::string name, std::string title, std::string channel,
                          std::vector<std::string> topics) {
  schema::RawItem item = examples::Item(std::move(name), 60, std::move(channel), std::move(topics));
  item.title = std::move(title);
  return item;
}

// Tokens, with the number of items that have them: bread 3, anna 2, bob 2, rye 2, oat 1, goal 1.
// Nobody watched "fresh".
examples::WorldOptions Kitchen() {
  examples::WorldOptions options;
  options.items = {Described("loaf", "Rye", "anna", {"bread"}),
                   Described("fresh", "rye", "bob", {"bread"}),
                   Described("flakes", "Oat", "anna", {"bread"}),
                   Described("match", "Goal", "bob", {}), Described("blank", "", "", {})};
  for (const char* item : {"loaf", "flakes", "match", "blank"}) {
    options.events.push_back(examples::Watch("u", item, 0, 60));
  }
  options.split = {.kind = examples::SplitOptions::Kind::kNone};
  return options;
}

class ContentGeneratorTest : public testing::Test {
 protected:
  std::vector<std::string> NamesOf(const LearnedGenerator& generator,
                                   const std::vector<std::string>& watches) const {
    std::vector<std::string> names;
    for (const auto& [name, score] : generator.Propose(StateAfter(world_, watches), 10)) {
      names.push_back(name);
    }
    return names;
  }
  const World world_{Kitchen()};
};

TEST_F(ContentGeneratorTest, CG24_AnItemThatNobodyWatchedIsProposedByItsDescription) {
  const LearnedGenerator content(world_, "similar-content");
  const features::UserState state = StateAfter(world_, {"loaf"});
  const auto proposed = content.Candidates(state, 10);
  ASSERT_EQ(proposed.size(), 2u) << "what shares nothing is not proposed";
  EXPECT_EQ(proposed[0].item, world_.item("fresh"));
  EXPECT_EQ(proposed[0].from, world_.item("loaf"));
  EXPECT_EQ(content.Reason(state, proposed[0]), "like Rye");
  EXPECT_THAT(NamesOf(content, {"blank"}), testing::IsEmpty());
  EXPECT_THAT(NamesOf(content, {}), testing::IsEmpty());
}

// Their numbers, which have up to three digits here, are hashed with what they number.
TEST(ContentTokens, ATopicIsNeverTakenForAChannel) {
  examples::WorldOptions options;
  options.split = {.kind = examples::SplitOptions::Kind::kNone};
  for (int i = 0; i < 200; ++i) {
    options.items.push_back(
        Described(fmt::format("of topic {}", i), "", "", {fmt::format("topic {}", i)}));
    options.items.push_back(
        Described(fmt::format("of channel {}", i), "", fmt::format("channel {}", i), {}));
  }
  for (const schema::RawItem& item : options.items) {
    options.events.push_back(examples::Watch("u", item.item, 0, 60));
  }
  const World world(options);
  const LearnedGenerator content(world, "similar-content");
  for (const schema::RawItem& item : options.items) {
    EXPECT_THAT(content.Candidates(StateAfter(world, {item.item}), 10), testing::IsEmpty())
        << item.item;
  }
}

TEST_F(ContentGeneratorTest, ScoresAreCosinesWeightedByTheRarityOfTokens) {
  const LearnedGenerator content(world_, "similar-content");
  const auto proposed = content.Propose(StateAfter(world_, {"loaf"}), 10);
  const double of_three = std::log(5.0 / 3), of_two = std::log(5.0 / 2), of_one = std::log(5.0);
  const auto length = [](std::initializer_list<double> weights) {
    double sum = 0;
    for (const double weight : weights) sum += weight * weight;
    return std::sqrt(sum);
  };
  const double loaf = length({of_three, of_two, of_two}), fresh = loaf;
  const double flakes = length({of_three, of_two, of_one});
  ASSERT_EQ(proposed.size(), 2u);
  EXPECT_NEAR(proposed[0].second, (of_three * of_three + of_two * of_two) / (loaf * fresh), 1e-5);
  EXPECT_EQ(proposed[1].first, "flakes");
  EXPECT_NEAR(proposed[1].second, (of_three * of_three + of_two * of_two) / (loaf * flakes), 1e-5);
}

TEST_F(ContentGeneratorTest, ACandidateComesFromTheWatchThatItIsMostAlikeTo) {
  const LearnedGenerator content(world_, "similar-content");
  for (const Candidate& one : content.Candidates(StateAfter(world_, {"match", "loaf"}), 10)) {
    if (one.item != world_.item("fresh")) continue;
    EXPECT_EQ(one.from, world_.item("loaf")) << "two tokens in common, not only the channel";
  }
  EXPECT_THAT(NamesOf(content, {"match"}), testing::ElementsAre("fresh"));
}

TEST_F(ContentGeneratorTest, ItemsLikeAnItemAreItsNeighboursAndARemovedOneIsNobodys) {
  const LearnedGenerator content(world_, "similar-content");
  const auto like = content->Like({world_.catalogue, world_.item("fresh")});
  ASSERT_EQ(like.size(), 1u);
  EXPECT_EQ(like[0].by, ItemsLike::By::kCategory);
  ASSERT_EQ(like[0].items.size(), 3u);
  EXPECT_EQ(like[0].items[0].item, world_.item("loaf"));
  examples::WorldOptions options = Kitchen();
  options.items[0].removed = true;
  const World without(options);
  const LearnedGenerator fewer(without, "similar-content");
  const auto rest = fewer->Like({without.catalogue, without.item("fresh")});
  ASSERT_EQ(rest[0].items.size(), 2u);
  for (const ScoredItem& one : rest[0].items) EXPECT_NE(one.item, without.item("loaf"));
}

TEST_F(ContentGeneratorTest, KeepsTheBestNeighboursAndTheNextBestTakesThePlaceOfOneLeftOut) {
  const LearnedGenerator one(world_, "similar-content", "neighbours = 1");
  EXPECT_THAT(NamesOf(one, {"loaf"}), testing::ElementsAre("fresh"));
  const LearnedGenerator content(world_, "similar-content");
  auto not_fresh = [&](uint32_t item) { return item != world_.item("fresh"); };
  const auto rest = content.Propose(StateAfter(world_, {"loaf"}), 1, ItemFilter(not_fresh));
  ASSERT_EQ(rest.size(), 1u);
  EXPECT_EQ(rest[0].first, "flakes");
}

}  // namespace
}  // namespace upnext::retrieval
