// What a ranker that is trained on a log learns of effects planted in it, through the features that
// the log's events give: language, impressions that were not watched, and an interaction of both.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/rng.h"
#include "examples/test_world.h"
#include "features/default_features.h"
#include "features/feature_extractor.h"
#include "features/user_state.h"
#include "ranking/ranker_training.h"
#include "ranking/score_candidates.h"
#include "ranking/test_batches.h"
#include "schema/event.h"

namespace upnext::ranking {
namespace {

using examples::kDay;
using examples::kHour;
using schema::EventType;

constexpr uint32_t kItemsOfTheLog = 20, kUsersOfTheLog = 200;
constexpr double kSameLanguage = 0.8, kOtherLanguage = 0.15;  // P(click | the user likes the item)

// Pages of five over ten days. A user likes one half of the items, drawn at random, and clicks
// and watches these by their language. Users and items speak English and German by turns.
examples::WorldOptions LanguageLog() {
  const auto language = [](uint32_t number) { return number % 2 == 0 ? "en" : "de"; };
  examples::WorldOptions options;
  base::Rng rng(3);
  for (uint32_t i = 0; i < kItemsOfTheLog; ++i) {
    options.items.push_back(examples::Item(fmt::format("i{}", i), 100.0f));
    options.items.back().language = language(i);
  }
  for (uint32_t u = 0; u < kUsersOfTheLog; ++u) {
    const std::string user = fmt::format("u{}", u);
    options.users.push_back({.user = user, .language = language(u)});
    std::vector<bool> likes(kItemsOfTheLog);
    for (uint32_t i = 0; i < kItemsOfTheLog; ++i) likes[i] = rng.Below(2) == 0;
    for (int64_t page = 0; page < 20; ++page) {
      const int64_t at = page * 12 * kHour + static_cast<int64_t>(rng.Below(kHour));
      const std::string request = fmt::format("{}-{}", user, page);
      for (int64_t place = 0; place < 5; ++place) {
        const auto item = static_cast<uint32_t>(rng.Below(kItemsOfTheLog));
        const std::string name = fmt::format("i{}", item);
        options.events.push_back(examples::Shown(user, name, at, request));
        const double chance = item % 2 == u % 2 ? kSameLanguage : kOtherLanguage;
        if (!likes[item] || rng.Uniform() > chance) continue;
        const int64_t later = at + examples::kMinute + place;
        options.events.push_back(examples::Click(user, name, later, request));
        options.events.push_back(examples::Raw(user, name, later, EventType::kWatch, 50, request));
      }
    }
  }
  options.split = {
      .kind = examples::SplitOptions::Kind::kTime, .validation_days = 2, .test_days = 0};
  return options;
}

// A ranker of clicks that reads these default features alone.
struct LanguageRanker {
  LanguageRanker(const std::vector<std::string>& names, const std::string& architecture)
      : world(LanguageLog()), tables(world.Learn(Only(names))) {
    base::ThreadPool pool(1);
    ArchitectureOptions shape{.name = architecture};
    if (architecture == "tower") shape.widths = {16};
    auto result = TrainRanker(
        world.source, tables, {.architecture = shape}, {EventObjective("click", EventType::kClick)},
        {.batch = 256, .epochs = 8, .learning_rate = 0.01f, .decay = true, .bf16 = false}, pool,
        base::NoProgress());
    if (!result) ADD_FAILURE() << result.error().message;
    trained = *std::move(result);
  }
  static features::FeatureSpec Only(const std::vector<std::string>& names) {
    features::FeatureSpec spec{.defaults = false,
                               .retrieval = features::DefaultFeatures(features::Model::kRetrieval)};
    for (const auto& one : features::DefaultFeatures(features::Model::kRanking)) {
      if (std::ranges::count(names, one.name) > 0) spec.ranking.push_back(one);
    }
    return spec;
  }
  // P(click) of every item at a request of the user in this state.
  std::vector<float> Ask(const std::string& user, const features::UserState& state) const {
    const features::FeatureExtractor extractor(tables, world.catalogue, features::Model::kRanking);
    const features::Context context{.time_ms = kNow};
    std::vector<features::Candidate> items;
    for (uint32_t i = 0; i < kItemsOfTheLog; ++i) {
      items.push_back({.item = world.item(fmt::format("i{}", i))});
    }
    CandidateScratch scratch;
    EXPECT_TRUE(ScoreCandidates(*trained.ranker, extractor, {state, world.user(user), context},
                                items, std::vector<float>{1}, scratch));
    return scratch.predictions;
  }
  features::UserState NewUser() const { return features::UserState(tables.plan.state()); }

  static constexpr int64_t kNow = examples::kStart + 11 * kDay;
  const examples::World world;
  const features::FeatureStatistics tables;
  TrainedRanker trained;
};

TEST(PlantedLog, RK10_AMismatchOfLanguagesLowersTheScoreOfEveryItem) {
  const LanguageRanker ranker({"item", "language_match"}, "tower");
  const std::vector<float> english = ranker.Ask("u0", ranker.NewUser()),
                           german = ranker.Ask("u1", ranker.NewUser());
  // The planted ratio, less half of its logarithm.
  const double least = std::sqrt(kSameLanguage / kOtherLanguage);
  for (uint32_t i = 0; i < kItemsOfTheLog; ++i) {
    const float same = i % 2 == 0 ? english[i] : german[i];
    const float other = i % 2 == 0 ? german[i] : english[i];
    EXPECT_GT(static_cast<double>(same), least * static_cast<double>(other)) << i;
  }
}

TEST(PlantedLog, RK09_AnItemThatWasShownAndNotWatchedFallsAtTheNextRequestAndNoOtherDoes) {
  const LanguageRanker ranker({"item", "language_match", "item_impressions"}, "tower");
  features::UserState state = ranker.NewUser();
  const std::vector<float> before = ranker.Ask("u0", state);
  // Of an item that was shown once and not clicked, P(liked) is (1 - c) / (2 - c) and was 1/2 at least:
  // the score falls to a third or less. Half of that fall is asked for.
  constexpr double kPlanted = 2 * (1 - kSameLanguage) / (2 - kSameLanguage);
  for (uint32_t i = 0; i < kItemsOfTheLog; i += 2) {  // in the user's language
    features::UserState shown = state;
    shown.Apply({.time_ms = LanguageRanker::kNow - 60'000,
                 .type = EventType::kImpression,
                 .item = ranker.world.item(fmt::format("i{}", i))},
                ranker.world.catalogue, {});
    const std::vector<float> after = ranker.Ask("u0", shown);
    EXPECT_LT(static_cast<double>(after[i] / before[i]), (1 + kPlanted) / 2) << i;
    for (uint32_t j = 0; j < kItemsOfTheLog; ++j) {
      EXPECT_EQ(after[j] != before[j], j == i) << j << " when " << i << " was shown";
    }
  }
}

// Clicks follow whether two languages are the same, which no sum of the two can say.
TEST(PlantedLog, RK15_HiddenLayersLearnAnInteractionThatALinearRankerCannot) {
  const std::vector<std::string> languages = {"user_language", "language"};
  const auto loss = [&](const char* architecture) {
    const LanguageRanker ranker(languages, architecture);
    return ranker.trained.epochs[ranker.trained.best_epoch].validation;
  };
  const auto entropy = [](double p) { return -p * std::log(p) - (1 - p) * std::log(1 - p); };
  constexpr double kSame = kSameLanguage / 2, kOther = kOtherLanguage / 2;  // half are not liked
  const double gain =
      entropy((kSame + kOther) / 2) - (entropy(kSame) + entropy(kOther)) / 2;  // of the languages
  const double linear = loss("linear"), tower = loss("tower");
  fmt::print("validation loss: linear {:.4f}, tower {:.4f}; planted gain {:.4f}\n", linear, tower,
             gain);
  EXPECT_LT(tower, linear - gain / 2);
}

}  // namespace
}  // namespace upnext::ranking
