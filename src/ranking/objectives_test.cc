#include "ranking/objectives.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <span>
#include <string>

#include "nn/gradient_check.h"
#include "ranking/test_batches.h"

namespace upnext::ranking {
namespace {

using schema::EventType;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<Objective> Parse(std::string_view toml, std::string* error = nullptr,
                             const schema::Schema& schema = {}) {
  const Result<base::Config> config = base::Config::Parse(toml, "test.toml");
  EXPECT_TRUE(config);
  std::vector<Objective> objectives = ObjectivesFromConfig(config->Table("ranking"), schema);
  const Status status = config->Check();
  if (error != nullptr) {
    *error = status ? "" : status.error().message;
  } else {
    EXPECT_TRUE(status) << status.error().message;
  }
  return objectives;
}

float One(const Objective& objective, float logit, float duration_s = schema::kAbsent) {
  return Predict(objective, std::span(&logit, 1), duration_s);
}

TEST(Objectives, ReadFromTheProjectFile) {
  const std::vector<Objective> objectives = Parse(R"(
    [[ranking.objective]]
    name = "time"
    label = "watch_seconds"
    form = "paper"
    cap = 60
    score_weight = 0.5
    [[ranking.objective]]
    label = "like"
    observed = ["like", "dislike"]
    loss_weight = 2
    [[ranking.objective]]
    label = "rating"
    [[ranking.objective]]
    name = "robust"
    loss = "huber"
    delta = 30
  )");
  ASSERT_EQ(objectives.size(), 4u);
  EXPECT_EQ(objectives[0].name, "time");
  EXPECT_EQ(objectives[0].loss, Objective::Loss::kWeightedLogistic);
  EXPECT_EQ(objectives[0].form, nn::WatchTimeForm::kPaper);
  EXPECT_EQ(objectives[0].cap, 60.0f);
  EXPECT_EQ(objectives[0].score_weight, 0.5f);
  EXPECT_EQ(objectives[1].event, EventType::kLike);
  EXPECT_EQ(objectives[1].loss, Objective::Loss::kLogistic);
  EXPECT_EQ(objectives[1].observed, LikeOrDislike());
  EXPECT_EQ(objectives[1].loss_weight, 2.0f);
  EXPECT_EQ(objectives[2].label, Objective::Label::kRating);
  EXPECT_EQ(objectives[2].loss, Objective::Loss::kSquared);
  EXPECT_EQ(objectives[3].loss, Objective::Loss::kHuber);
  EXPECT_EQ(objectives[3].delta, 30.0f);
}

TEST(Objectives, WithoutAnyWatchTimeOrdersTheFeedAndClicksArePredicted) {
  const std::vector<Objective> objectives = Parse("");
  ASSERT_EQ(objectives.size(), 2u);
  EXPECT_EQ(objectives[0].label, Objective::Label::kWatchSeconds);
  EXPECT_EQ(objectives[0].score_weight, 1.0f);
  EXPECT_EQ(objectives[1].event, EventType::kClick);
}

TEST(Objectives, MistakesAreNamed) {
  const auto error_of = [](std::string_view toml) {
    std::string error;
    Parse(toml, &error);
    return error;
  };
  EXPECT_THAT(error_of("[[ranking.objective]]\nname = \"x\"\nlabel = \"clik\""),
              HasSubstr("did you mean 'click'"));
  EXPECT_THAT(error_of("[[ranking.objective]]\nlabel = \"clik\"\nscore_weight = 1"),
              HasSubstr("click"));
  EXPECT_THAT(
      error_of("[[ranking.objective]]\nlabel = \"click\"\nloss = \"squared\"\nscore_weight = 1"),
      HasSubstr("logistic"));
  EXPECT_THAT(error_of("[[ranking.objective]]\nlabel = \"click\""), HasSubstr("score_weight"));
  EXPECT_THAT(error_of("[[ranking.objective]]\nlabel = \"click\"\nscore_weight = 1\n"
                       "[[ranking.objective]]\nlabel = \"click\""),
              HasSubstr("duplicate objective"));
  EXPECT_THAT(
      error_of("[[ranking.objective]]\nlabel = \"click\"\nscore_weight = 1000"),
      HasSubstr("score_weight: expected a number from -100 to 100, found the integer 1000"));
  EXPECT_THAT(error_of("[[ranking.objective]]\nlabel = \"like\"\nscore_weight = 1\n"
                       "observed = [\"likes\"]"),
              HasSubstr("no event type 'likes'; did you mean 'like'?"));
}

TEST(Objectives, AKeyOfAnotherLossOrLabelIsRefused) {
  const auto error_of = [](const std::string& lines) {
    std::string error;
    Parse("[[ranking.objective]]\nscore_weight = 1\n" + lines, &error);
    return error;
  };
  EXPECT_THAT(error_of("delta = 30"), HasSubstr(":3:1: ranking.objective[0].delta: only an "
                                                "objective with loss = \"huber\" has it"));
  EXPECT_THAT(error_of("loss = \"huber\"\nform = \"paper\""), HasSubstr("weighted_logistic"));
  EXPECT_THAT(error_of("buckets = 3"), HasSubstr("\"quantile\" or \"ordinal\""));
  EXPECT_THAT(error_of("cap = 3\nlabel = \"rating\""), HasSubstr("watch_seconds"));
  EXPECT_EQ(error_of("cap = 3\nloss = \"huber\"\ndelta = 3"), "");
  EXPECT_THAT(error_of("delta = 30\nloss = \"hubber\""), HasSubstr("did you mean 'huber'"));
}

TEST(Objectives, LabelsMayBeTypesOfTheSite) {
  const schema::Schema schema = schema::Schema::Parse("schema.events.wish = 'positive'").value();
  const std::vector<Objective> objectives =
      Parse("[[ranking.objective]]\nlabel = \"wish\"\nscore_weight = 1\nobserved = [\"wish\"]",
            nullptr, schema);
  EXPECT_EQ(objectives[0].event, *schema.FindEventType("wish"));
  EXPECT_TRUE(objectives[0].observed.Has(*schema.FindEventType("wish")));
}

TEST(Objectives, TargetsComeFromLabelsWithCapAndMask) {
  examples::RankingBatch batch;
  AppendRow(SmallShape().query, {}, &batch.queries);
  AppendImpression({}, Clicked(500.0f), &batch);
  AppendImpression({}, {}, &batch);
  examples::Labels disliked = Happened({EventType::kDislike}, 5.0f);
  disliked.rating = 2.0f;
  AppendImpression({}, disliked, &batch);

  Targets targets;
  MakeTargets(WatchObjective(nn::WatchTimeForm::kExact, 300.0f), batch, &targets);
  EXPECT_THAT(targets.value, ElementsAre(300.0f, 0.0f, 5.0f));
  EXPECT_THAT(targets.mask, ElementsAre(1, 1, 1));
  MakeTargets(EventObjective("click", EventType::kClick), batch, &targets);
  EXPECT_THAT(targets.value, ElementsAre(1.0f, 0.0f, 0.0f));
  MakeTargets(EventObjective("like", EventType::kLike, LikeOrDislike()), batch, &targets);
  EXPECT_THAT(targets.mask, ElementsAre(0, 0, 1));
  MakeTargets(RatingObjective(), batch, &targets);
  EXPECT_THAT(targets.mask, ElementsAre(0, 0, 1));
  EXPECT_EQ(targets.value[2], 2.0f);
}

TEST(Objectives, UnwantedIsAnEventAgainstTheItemOrALowRating) {
  examples::RankingBatch batch;
  for (const float rating : {1.0f, 2.0f, 3.0f, schema::kAbsent}) {
    examples::Labels labels = Happened({EventType::kRating});
    labels.rating = rating;
    AppendImpression({}, labels, &batch);
  }
  AppendImpression({}, Happened({EventType::kDislike}), &batch);
  AppendImpression({}, Happened({EventType::kLike}), &batch);
  Objective unwanted{.name = "unwanted", .label = Objective::Label::kUnwanted};
  unwanted.against = Happened({EventType::kDislike, EventType::kDismiss}).happened;
  Targets targets;
  MakeTargets(unwanted, batch, &targets);
  EXPECT_THAT(targets.value, ElementsAre(0, 0, 0, 0, 1, 0));
  unwanted.low_rating = 2;
  MakeTargets(unwanted, batch, &targets);
  EXPECT_THAT(targets.value, ElementsAre(1, 1, 0, 0, 1, 0));
  EXPECT_THAT(targets.mask, testing::Each(1));
}

TEST(Objectives, CompletionIsTheShareWatchedOfItemsWithADuration) {
  examples::RankingBatch batch;
  AppendImpression({}, Clicked(30), &batch, nullptr, 120);
  AppendImpression({}, {}, &batch, nullptr, 120);  // not watched
  AppendImpression({}, Clicked(130), &batch, nullptr, 120);
  AppendImpression({}, Clicked(30), &batch);
  AppendImpression({}, Clicked(30), &batch, nullptr, 0);
  Targets targets;
  MakeTargets(CompletionObjective(), batch, &targets);
  EXPECT_THAT(targets.value, ElementsAre(0.25f, 0, 1, 0, 0));
  EXPECT_THAT(targets.mask, ElementsAre(1, 1, 1, 0, 0));
  MakeTargets(CompletionObjective(), batch.labels, {}, &targets);
  EXPECT_THAT(targets.mask, testing::Each(0)) << "no duration is known";
}

TEST(Objectives, CompletionIsLearnedByCrossEntropyWithTheShare) {
  const std::vector<Objective> objectives =
      Parse("[[ranking.objective]]\nlabel = \"completion\"\nscore_weight = 1");
  EXPECT_EQ(objectives[0].name, "completion");
  EXPECT_EQ(objectives[0].label, Objective::Label::kCompletion);
  EXPECT_EQ(objectives[0].loss, Objective::Loss::kLogistic);
  EXPECT_TRUE(objectives[0].position_bias);
  EXPECT_FALSE(objectives[0].is_yes_or_no());
  std::string error;
  Parse("[[ranking.objective]]\nlabel = \"completion\"\nloss = \"squared\"\nscore_weight = 1",
        &error);
  EXPECT_THAT(error, HasSubstr("\"logistic\""));

  const Targets targets{.value = {0.25f, 0.75f}, .mask = {1, 1}};
  const std::vector<float> logits = {0.0f, std::log(3.0f)};  // shares of 1/2 and 3/4
  std::vector<float> gradient(2);
  const nn::LossValue loss = ObjectiveLoss(CompletionObjective(), logits, targets, gradient.data());
  EXPECT_NEAR(loss.sum, std::log(2.0) - .75 * std::log(.75) - .25 * std::log(.25), 1e-6);
  EXPECT_THAT(gradient, ElementsAre(testing::FloatEq(0.125f), testing::FloatNear(0, 1e-7f)));
  EXPECT_FLOAT_EQ(One(CompletionObjective(), std::log(3.0f)), 0.75f);
}

TEST(Objectives, QuantilesOfWatchTimeAreLearnedAndMappedBackByDuration) {
  const Objective objective = QuantileObjective();  // 0 to 100 s of 100 s, evenly; others of 20 s
  examples::RankingBatch batch;
  AppendImpression({}, Clicked(25), &batch, nullptr, 100);
  AppendImpression({}, Clicked(15), &batch, nullptr, 20);
  AppendImpression({}, {}, &batch, nullptr, 20);
  Targets targets;
  MakeTargets(objective, batch, &targets);
  EXPECT_THAT(targets.value, ElementsAre(25, 15, 0)) << "metrics compare seconds";
  EXPECT_NEAR(targets.quantile[0], 0.25f, 0.01f);
  EXPECT_NEAR(targets.quantile[1], 0.75f, 0.03f);
  EXPECT_NEAR(targets.quantile[2], 0, 0.03f);
  const std::vector<float> logits = {0, 0, 0};
  std::vector<float> gradient(3);
  ObjectiveLoss(objective, logits, targets, gradient.data());
  for (size_t i = 0; i < 3; ++i) EXPECT_FLOAT_EQ(gradient[i], (0.5f - targets.quantile[i]) / 3);
  EXPECT_NEAR(One(objective, std::log(3.0f), 100), 75, 1);
  EXPECT_NEAR(One(objective, std::log(3.0f), 20), 15, 0.5);
  EXPECT_FLOAT_EQ(One(objective, -90, 100), 0);
}

TEST(Objectives, OrdinalWatchTimeHasAnOutputForEachThreshold) {
  const Objective objective = OrdinalObjective();
  ASSERT_EQ(objective.outputs(), 4u);
  const auto levels = objective.levels.levels();
  const std::vector<float> logits = {0, -90, -90, -90};
  EXPECT_FLOAT_EQ(Predict(objective, logits, 100), (levels[0] + levels[1]) / 2);
  const Objective parts[] = {WatchObjective(), objective, QuantileObjective(), objective};
  const Result<HeadLayout> columns = ColumnsOf(parts);
  ASSERT_TRUE(columns);
  EXPECT_EQ(columns->width, 10u);
  EXPECT_EQ(columns->heads[2].first, 5u);
  EXPECT_EQ(columns->heads[3].first, 6u);
}

TEST(Objectives, QuantileAndOrdinalAreLossesOfWatchTimeWithBuckets) {
  const std::vector<Objective> objectives = Parse(
      "[[ranking.objective]]\nname = \"a\"\nloss = \"quantile\"\nscore_weight = 1\n"
      "[[ranking.objective]]\nname = \"b\"\nloss = \"ordinal\"\nbuckets = 12");
  EXPECT_EQ(objectives[0].loss, Objective::Loss::kQuantile);
  EXPECT_EQ(objectives[0].buckets, 30u);
  EXPECT_TRUE(objectives[0].position_bias);
  EXPECT_EQ(objectives[1].loss, Objective::Loss::kOrdinal);
  EXPECT_EQ(objectives[1].buckets, 12u);
  const auto error_of = [](std::string_view keys) {
    std::string error;
    Parse("[[ranking.objective]]\nscore_weight = 1\n" + std::string(keys), &error);
    return error;
  };
  EXPECT_THAT(error_of("loss = \"ordinal\"\nbuckets = 1"), HasSubstr("buckets"));
  EXPECT_THAT(error_of("loss = \"ordinal\"\nbuckets = 257"), HasSubstr("buckets"));
  EXPECT_THAT(error_of("loss = \"quantile\"\nbuckets = 0"), HasSubstr("buckets"));
  EXPECT_THAT(error_of("loss = \"huber\"\nbuckets = 9"), HasSubstr("buckets"));
  EXPECT_THAT(error_of("label = \"rating\"\nloss = \"quantile\""), HasSubstr("for ratings"));
  EXPECT_THAT(error_of("label = \"click\"\nloss = \"ordinal\""), HasSubstr("yes or no"));
  EXPECT_THAT(error_of("label = \"completion\"\nloss = \"quantile\""), HasSubstr("a share"));
}

TEST(Objectives, MT01_EveryHeadsGradientIsThatOfItsLossAndMaskedRowsGetNone) {
  const examples::RankingBatch batch = RandomBatch(10, 6, /*seed=*/3);
  std::vector<Objective> objectives = AllObjectives();
  for (const Objective& objective : {QuantileObjective(), OrdinalObjective()}) {
    objectives.push_back(objective);
    objectives.back().name = "like";  // where liked or disliked
    objectives.back().observed = LikeOrDislike();
  }
  objectives.push_back(WatchObjective(nn::WatchTimeForm::kPaper));
  for (const Objective& objective : objectives) {
    SCOPED_TRACE(objective.name);
    Targets targets;
    MakeTargets(objective, batch, &targets);
    base::Rng rng(11);
    const size_t outputs = objective.outputs();
    std::vector<float> logits(batch.size() * outputs), gradient(logits.size());
    for (float& logit : logits) logit = static_cast<float>(rng.Normal());
    ObjectiveLoss(objective, logits, targets, gradient.data());
    const auto loss = [&] {
      return static_cast<double>(objective.loss_weight) *
             ObjectiveLoss(objective, logits, targets, nullptr).mean();
    };
    const auto worst = nn::CheckGradient(logits, gradient, loss, {.step = 1e-2f, .floor = 1e-4});
    EXPECT_LT(worst.relative_error, 1e-2) << worst;
    size_t masked = 0;
    for (size_t i = 0; i < batch.size(); ++i) {
      if (targets.mask[i] != 0) continue;
      ++masked;
      for (size_t k = 0; k < outputs; ++k) EXPECT_EQ(gradient[i * outputs + k], 0.0f);
    }
    const std::set<std::string> partly = {"like", "rating", "completion"};
    EXPECT_EQ(masked > 0, partly.contains(objective.name));
  }
}

TEST(Objectives, PredictionsAreInTheUnitOfTheirLabel) {
  EXPECT_FLOAT_EQ(One(EventObjective("click", EventType::kClick), 0.0f), 0.5f);
  EXPECT_FLOAT_EQ(One(WatchObjective(), std::log(42.0f)), 42.0f);
  EXPECT_FLOAT_EQ(One(RatingObjective(), 3.5f), 3.5f);
  // A logit beyond the limits is one at the limit.
  EXPECT_EQ(One(EventObjective("click", EventType::kClick), -90.0f), nn::Sigmoid(-kMaxLogit));
  EXPECT_EQ(One(WatchObjective(), 90.0f), std::exp(kMaxLogit));
}

TEST(Objectives, BestConstantsOfThresholdsAreOfWhatIsObserved) {
  const Targets targets{.value = {0, 30, 60, 90}, .mask = {1, 1, 0, 0}};
  const std::vector<float> best = BestConstants(OrdinalObjective(), targets);
  ASSERT_EQ(best.size(), 4u);  // above 0, 23, 45 and 68 seconds; half an example on each side
  EXPECT_THAT(std::span(best).first(2), testing::Each(testing::FloatEq(0)));
  EXPECT_THAT(std::span(best).last(2), testing::Each(testing::FloatEq(std::log(0.5f / 2.5f))));
}

TEST(Objectives, BestConstantIsTheLeastLossAmongConstants) {
  const examples::RankingBatch batch = RandomBatch(40, 8, /*seed=*/5);
  std::vector<Objective> objectives = AllObjectives();
  objectives.push_back(WatchObjective(nn::WatchTimeForm::kPaper));
  for (const Objective& objective : objectives) {
    SCOPED_TRACE(objective.name);
    Targets targets;
    MakeTargets(objective, batch, &targets);
    const std::vector<float> best = BestConstants(objective, targets);
    ASSERT_EQ(best.size(), objective.outputs());
    for (size_t k = 0; k < best.size(); ++k) {
      const auto loss_with = [&](float step) {
        std::vector<float> logits;
        for (size_t i = 0; i < batch.size(); ++i) {
          logits.insert(logits.end(), best.begin(), best.end());
          logits[i * best.size() + k] += step;
        }
        return ObjectiveLoss(objective, logits, targets, nullptr).mean();
      };
      EXPECT_LT(loss_with(0), loss_with(0.1f)) << k;
      EXPECT_LT(loss_with(0), loss_with(-0.1f)) << k;
    }
  }
}

}  // namespace
}  // namespace upnext::ranking
