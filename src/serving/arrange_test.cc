#include "serving/arrange.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <vector>

namespace upnext::serving {
namespace {

using testing::ElementsAre;

std::vector<size_t> Order(std::span<const Arrangeable> candidates, const ArrangeOptions& options,
                          uint64_t seed = 1) {
  base::Rng rng(seed);
  std::vector<size_t> order;
  for (const Placed& one : Arrange(candidates, options, rng)) order.push_back(one.candidate);
  return order;
}

TEST(Arrange, WithoutRulesTheOrderIsThatOfTheScores) {
  const std::vector<Arrangeable> four = {{.score = 4}, {.score = 3}, {.score = 3}, {.score = 1}};
  EXPECT_THAT(Order(four, {.n = 3, .last = 3}), ElementsAre(0, 1, 2));
  EXPECT_THAT(Order(four, {.n = 20, .last = 20}), ElementsAre(0, 1, 2, 3));
  EXPECT_TRUE(Order({}, {}).empty());
}

// Two pairs of equal directions: the second of a pair waits for the other pair.
class Pairs : public testing::Test {
 protected:
  const std::vector<float> a_ = {1, 0}, a2_ = {3, 0}, b_ = {0, 1}, b2_ = {0, 0.5f};
  const std::vector<Arrangeable> four_ = {{.score = 10, .vector = a_},
                                          {.score = 9, .vector = a2_},
                                          {.score = 6, .vector = b_},
                                          {.score = 5, .vector = b2_}};
};

TEST_F(Pairs, DiversityMovesWhatIsLikeTheItemsAboveDown) {
  for (const Novelty novelty : {Novelty::kMmr, Novelty::kDpp}) {
    EXPECT_THAT(Order(four_, {.n = 4, .last = 4, .diversity = 0.05, .novelty = novelty}),
                ElementsAre(0, 1, 2, 3));
    EXPECT_THAT(Order(four_, {.n = 4, .last = 4, .diversity = 0.6, .novelty = novelty}),
                ElementsAre(0, 2, 1, 3));
  }
}

// By hand: relevance of c is 0, of b (45 degrees from a) .9; rest of b next to a is 1 - cos^2 = .5.
TEST(Arrange, NoveltiesAreThoseOfTheirDefinitions) {
  const std::vector<float> a = {1, 0}, b = {1, 1}, c = {0, 2};
  const std::vector<Arrangeable> three = {
      {.score = 10, .vector = a}, {.score = 9, .vector = b}, {.score = 0, .vector = c}};
  // MMR: b before c while (1 - d) * .9 - d * cos > 0, cos = .7071: d < .56.
  EXPECT_THAT(Order(three, {.n = 3, .last = 3, .diversity = 0.55}), ElementsAre(0, 1, 2));
  EXPECT_THAT(Order(three, {.n = 3, .last = 3, .diversity = 0.57}), ElementsAre(0, 2, 1));
  // DPP: novelty of b is log(.5) / log(1e6) = -.0502: d < .947.
  EXPECT_THAT(Order(three, {.n = 3, .last = 3, .diversity = 0.94, .novelty = Novelty::kDpp}),
              ElementsAre(0, 1, 2));
  EXPECT_THAT(Order(three, {.n = 3, .last = 3, .diversity = 0.955, .novelty = Novelty::kDpp}),
              ElementsAre(0, 2, 1));
}

// Three vectors in a plane: next to two of them the third is spanned although it is like neither.
TEST(Arrange, ADeterminantKnowsWhatTheItemsAboveSpanTogether) {
  const std::vector<float> x = {1, 0, 0}, y = {0, 1, 0}, between = {1, 1, 0}, z = {1, 0, 1};
  const std::vector<Arrangeable> four = {{.score = 4, .vector = x},
                                         {.score = 3.9, .vector = y},
                                         {.score = 3.8, .vector = between},
                                         {.score = 3.7, .vector = z}};
  EXPECT_THAT(Order(four, {.n = 4, .last = 4, .diversity = 0.9, .novelty = Novelty::kDpp}),
              ElementsAre(0, 1, 3, 2));
}

TEST(Arrange, CapsHoldOnEachPageForEveryCategoryOfAnItem) {
  const std::vector<uint32_t> red = {1}, both = {1, 2}, blue = {2};
  std::vector<Arrangeable> six;
  for (const auto* of : {&red, &red, &red, &both, &blue, &blue}) {
    six.push_back({.score = 10 - static_cast<double>(six.size()), .categories = {*of}});
  }
  EXPECT_THAT(Order(six, {.n = 3, .last = 6, .caps = {2}}), ElementsAre(0, 1, 4, 2, 3, 5));
  EXPECT_THAT(Order(six, {.n = 6, .last = 6, .caps = {1}}), ElementsAre(0, 4));
}

TEST(Arrange, PlacesAreKeptForNewItemsAsLongAsThereAreSome) {
  std::vector<Arrangeable> eight(8);
  for (size_t i = 0; i < 8; ++i)
    eight[i] = {.score = 8.0 - static_cast<double>(i), .is_fresh = i >= 5};
  EXPECT_THAT(Order(eight, {.n = 4, .last = 8, .fresh = 2}), ElementsAre(0, 1, 5, 6, 2, 3, 4, 7));
  eight[0].is_fresh = true;  // counts where it is
  EXPECT_THAT(Order(eight, {.n = 4, .last = 4, .fresh = 2}), ElementsAre(0, 1, 2, 5));
}

TEST(Arrange, APinHasItsPlaceAndNoOther) {
  std::vector<Arrangeable> four(4);
  for (size_t i = 0; i < 4; ++i) four[i].score = 4.0 - static_cast<double>(i);
  four[0].pin = 2;
  four[3].pin = 0;
  EXPECT_THAT(Order(four, {.n = 4, .last = 4}), ElementsAre(3, 1, 0, 2));
  four[0].pin = 9;  // of a page that is not asked for
  EXPECT_THAT(Order(four, {.n = 4, .last = 4}), ElementsAre(3, 1, 2));
}

TEST(Arrange, PlacesSayWhatGaveThemAndCapsWhatTheyHeldBack) {
  const std::vector<uint32_t> red = {1}, blue = {2};
  std::vector<Arrangeable> six;
  for (const auto* of : {&red, &red, &red, &blue, &blue, &blue}) {
    six.push_back({.score = 10 - static_cast<double>(six.size()), .categories = {*of}});
  }
  six[5].is_fresh = true;
  six[4].pin = 1;
  base::Rng rng(1);
  std::vector<HeldBack> held_back;
  const auto placed = Arrange(six, {.n = 4, .last = 4, .caps = {2}, .fresh = 1}, rng, &held_back);
  ASSERT_EQ(placed.size(), 4u);
  EXPECT_EQ(placed[0].by, PlacedBy::kScore);
  EXPECT_EQ(placed[1].by, PlacedBy::kPin);
  EXPECT_EQ(placed[2].by, PlacedBy::kScore);
  EXPECT_EQ(placed[3].by, PlacedBy::kFresh);
  std::vector<size_t> candidates;
  for (const HeldBack& one : held_back) candidates.push_back(one.candidate);
  EXPECT_THAT(candidates, ElementsAre(2, 3));
  const auto capped = Arrange(six, {.n = 4, .last = 4, .caps = {1}}, rng, &held_back);
  EXPECT_EQ(capped[1].by, PlacedBy::kPin);
  const auto explored = Arrange(std::span(six).first(4), {.n = 4, .last = 3, .explore = 1}, rng);
  EXPECT_TRUE(std::ranges::any_of(
      explored, [](const Placed& one) { return one.by == PlacedBy::kExploration; }));
}

// The logged propensity of a candidate at the first place is the frequency with which it is there.
TEST(Arrange, PropensitiesAreFrequencies) {
  std::vector<Arrangeable> four(4);
  for (size_t i = 0; i < 4; ++i) four[i].score = 4.0 - static_cast<double>(i);
  constexpr int kDraws = 20'000;
  std::map<size_t, int> first;
  std::map<size_t, double> said;
  double weight = 0;  // inverse propensities of item 3 at the second place
  for (int draw = 0; draw < kDraws; ++draw) {
    base::Rng rng(7, static_cast<uint64_t>(draw));
    const auto placed = Arrange(four, {.n = 2, .last = 2, .explore = 0.4}, rng);
    ++first[placed[0].candidate];
    said[placed[0].candidate] = placed[0].propensity;
    if (placed[1].candidate == 3) weight += 1 / placed[1].propensity;
  }
  for (const auto& [candidate, count] : first) {
    const double p = said[candidate];
    EXPECT_DOUBLE_EQ(p, candidate == 0 ? 0.7 : 0.1);
    EXPECT_NEAR(count, kDraws * p, 5 * std::sqrt(kDraws * p * (1 - p))) << candidate;
  }
  // Where item 3 is left for the second place, which it is in nine of ten lists, each weight is 1 on average.
  EXPECT_NEAR(weight / kDraws, 0.9, 0.05);
}

TEST(Arrange, TheFirstPageBeginsTheListOfMorePages) {
  std::vector<Arrangeable> many(50);
  for (size_t i = 0; i < 50; ++i) many[i].score = 50.0 - static_cast<double>(i);
  const auto one = Order(many, {.n = 10, .last = 10, .explore = 0.3}, 5);
  const auto three = Order(many, {.n = 10, .last = 30, .explore = 0.3}, 5);
  EXPECT_EQ(one, std::vector<size_t>(three.begin(), three.begin() + 10));
  EXPECT_NE(one, Order(many, {.n = 10, .last = 10, .explore = 0.3}, 6));
}

}  // namespace
}  // namespace upnext::serving
