// What continues from a trained candidate model (TR-02).
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/test_folder.h"
#include "examples/test_world.h"
#include "features/event_counts.h"
#include "kernels/gemm.h"
#include "nn/parameter.h"
#include "retrieval/candidate_state.h"
#include "retrieval/candidate_trainer.h"
#include "retrieval/candidate_training.h"
#include "retrieval/candidate_validation.h"
#include "retrieval/test_planted.h"

namespace upnext::retrieval {
namespace {

using testing::HasSubstr;

// Ten days of users with one of four tastes; from day 6 on each taste has items that were not there
// before, which are half of what is watched.
examples::WorldOptions GrowingTastes() {
  examples::WorldOptions options;
  base::Rng rng(5);
  const int64_t begin = examples::kDay - examples::kStart % examples::kDay;
  for (uint32_t u = 0; u < 120; ++u) {
    for (int64_t day = 0; day < 10; ++day) {
      for (int64_t i = 0; i < 3; ++i) {
        const bool fresh = day >= 6 && rng.Below(2) == 0;
        const std::string item =
            fmt::format("t{}-{}{}", u % 4, fresh ? "new" : "", rng.Below(fresh ? 4 : 12));
        options.events.push_back(
            examples::Watch(fmt::format("u{}", u), item,
                            begin + day * examples::kDay + i * examples::kHour + u, 60));
      }
    }
  }
  return options;
}

// Of which the days before `day` train; the last one is the test part.
std::unique_ptr<examples::World> TastesUntil(int64_t day) {
  static const examples::WorldOptions growing = GrowingTastes();
  examples::WorldOptions options = growing;
  const int64_t first = (features::UtcDay(examples::kStart) + 1) * examples::kDay;
  options.split = {.train_until_ms = first + day * examples::kDay,
                   .validation_until_ms = first + 9 * examples::kDay};
  return std::make_unique<examples::World>(options);
}

struct Kind {
  const char* name;
  CandidateModelOptions model;
  CandidateTrainOptions train;
};

// With what is said of each event: attention reads it at the places, the others as bags.
features::FeatureSpec WithEventLists() {
  return {.retrieval = {{"types", "history(interest, type, 50)", ""},
                        {"shares", "history(interest, share, 50)", ""}}};
}

std::vector<Kind> Kinds() {
  CandidateTrainOptions train = QuickTraining();
  train.epochs = 3;
  train.keep_state = true;
  Kind bag{"bag", SmallModel(), train}, attention{"attention", SmallModel(), train};
  attention.model.encoder = "attention";
  attention.model.depth = 0;
  attention.model.sequence_length = 20;
  attention.train.table_optimiser = CandidateTrainOptions::TableOptimiser::kAdam;
  attention.train.table_learning_rate = 3e-3f;
  attention.train.average_decay = 0.9;
  Kind both{"two of in-batch", SmallModel(), train};
  both.model.ensemble = 2;
  both.train.in_batch = true;
  both.train.negatives = 8;
  both.train.average_decay = 0.9;
  return {bag, attention, both};
}

class ContinuedCandidate : public testing::Test {
 protected:
  Result<TrainedCandidate> TrainOn(const examples::World& world,
                                   const features::FeatureStatistics& tables, const Kind& kind,
                                   const CandidateStart& start = {}) {
    return TrainCandidateModel(world.source, tables, kind.model, kind.train, pool_,
                               base::NoProgress(), start);
  }
  features::FeatureStatistics Grown(const examples::World& now,
                                    const features::FeatureStatistics& old) {
    return examples::World::Value(
        examples::LearnFeatures(now.source, WithEventLists(), pool_, base::NoProgress(), &old));
  }
  static CandidateStart StartOf(TrainedCandidate& from, int64_t seen_ms) {
    return {from.model.get(), &*from.state, seen_ms};
  }
  double Ndcg(const examples::World& world, const features::FeatureStatistics& tables,
              const TrainedCandidate& trained) {
    const CandidateValidation validation(world.source, tables, examples::SplitPart::kTest, {},
                                         UINT32_MAX, pool_);
    return validation.Ndcg(*trained.model, {kernels::Precision::kFp32, &pool_});
  }

  static constexpr int64_t kAllSeen = std::numeric_limits<int64_t>::max();
  base::ThreadPool pool_{2};
  const std::unique_ptr<examples::World> before_ = TastesUntil(6), now_ = TastesUntil(8);
  const features::FeatureStatistics old_ = before_->Learn(WithEventLists()),
                                    tables_ = Grown(*now_, old_);
};

TEST_F(ContinuedCandidate, TR02_WithNothingNewModelAndStateAreTheSameFiles) {
  const base::TestFolder folder;
  for (const Kind& kind : Kinds()) {
    SCOPED_TRACE(kind.name);
    auto trained = TrainOn(*before_, old_, kind);
    ASSERT_TRUE(trained) << trained.error().message;
    ASSERT_TRUE(trained->state);
    ASSERT_TRUE(trained->model->Save(folder / "model", 1));
    ASSERT_TRUE(trained->state->Save(folder / "state", 1));
    const auto loaded = CandidateState::Load(folder / "state", 1);
    ASSERT_TRUE(loaded) << loaded.error().message;
    const auto same = TrainOn(*before_, old_, kind, {trained->model.get(), &*loaded, kAllSeen});
    ASSERT_TRUE(same) << same.error().message;
    EXPECT_TRUE(same->epochs.empty());
    ASSERT_TRUE(same->model->Save(folder / "same_model", 1));
    ASSERT_TRUE(same->state->Save(folder / "same_state", 1));
    EXPECT_TRUE(*base::ReadFile(folder / "model") == *base::ReadFile(folder / "same_model"));
    EXPECT_TRUE(*base::ReadFile(folder / "state") == *base::ReadFile(folder / "same_state"));
  }
}

TEST_F(ContinuedCandidate, TR02_RowsAndOptimiserStateAreKeptToTheByteAndNewRowsAreFresh) {
  ASSERT_GT(ShapeOf(tables_).items, ShapeOf(old_).items);
  for (const Kind& kind : Kinds()) {
    SCOPED_TRACE(kind.name);
    auto trained = TrainOn(*before_, old_, kind);
    ASSERT_TRUE(trained) << trained.error().message;
    const auto grown = TrainOn(*now_, tables_, kind, StartOf(*trained, kAllSeen));
    ASSERT_TRUE(grown) << grown.error().message;
    const auto from = trained->model->Parameters(), to = grown->model->Parameters();
    ASSERT_EQ(from.size(), to.size());
    size_t fresh = 0;
    for (size_t i = 0; i < from.size(); ++i) {
      ASSERT_EQ(from[i].name, to[i].name);
      EXPECT_TRUE(std::ranges::equal(from[i].value, to[i].value.first(from[i].size())))
          << from[i].name;
      for (const float value : to[i].value.subspan(from[i].size())) fresh += value != 0 ? 1 : 0;
    }
    EXPECT_GT(fresh, 100u);
    // The state, as a trainer of the grown model takes it from either.
    const features::Vocabulary& items = tables_.vocabulary(features::kItemVocabulary);
    for (uint32_t member = 0; member < kind.model.ensemble; ++member) {
      CandidateTrainer trainer(&grown->model->members()[member], kind.train, items, pool_);
      std::vector<nn::Parameter> state;
      trainer.AppendState(state);
      if (trainer.average() != nullptr) trainer.average()->AppendAverages(state);
      std::vector<std::vector<float>> kept;
      for (const nn::Parameter& one : state) std::ranges::fill(one.value, std::nanf(""));
      ASSERT_TRUE(trained->state->Restore(member, state, &trainer.rng()));
      const auto random = trainer.rng().state();
      for (const nn::Parameter& one : state) kept.emplace_back(one.value.begin(), one.value.end());
      ASSERT_TRUE(grown->state->Restore(member, state, &trainer.rng()));
      EXPECT_EQ(trainer.rng().state(), random);
      size_t used = 0;
      for (size_t i = 0; i < state.size(); ++i) {
        // The sum of counts is in row 0 of them, and grows.
        const size_t first = state[i].name == "sampler.labels" ? 1 : 0;
        for (size_t at = first; at < kept[i].size() && !std::isnan(kept[i][at]); ++at) {
          ASSERT_EQ(kept[i][at], state[i].value[at]) << state[i].name << " " << at;
          used += kept[i][at] != 0 ? 1 : 0;
        }
      }
      EXPECT_GT(used, 100u);
    }
  }
}

TEST_F(ContinuedCandidate, TR02_WhatIsNewIsLearnedAlmostAsWellAsByATrainingAnew) {
  for (const Kind& kind : Kinds()) {
    SCOPED_TRACE(kind.name);
    Kind longer = kind;
    longer.train.epochs = 12;
    auto trained = TrainOn(*before_, old_, longer);
    ASSERT_TRUE(trained) << trained.error().message;
    const auto stale = TrainOn(*now_, tables_, longer, StartOf(*trained, kAllSeen));
    const auto continued = TrainOn(*now_, tables_, longer, StartOf(*trained, old_.train_end_ms));
    const auto anew = TrainOn(*now_, tables_, longer);
    ASSERT_TRUE(stale && continued && anew);
    const double by_stale = Ndcg(*now_, tables_, *stale), by_anew = Ndcg(*now_, tables_, *anew),
                 by_continued = Ndcg(*now_, tables_, *continued);
    fmt::print("{}: NDCG@10 {:.3f} stale, {:.3f} continued, {:.3f} anew\n", kind.name, by_stale,
               by_continued, by_anew);
    EXPECT_GT(by_continued, 1.2 * by_stale);
    EXPECT_GT(by_continued, 0.9 * by_anew);
  }
}

TEST_F(ContinuedCandidate, RefusesOtherFeaturesAnotherNumberOfModelsAndTheStateOfAnother) {
  const std::vector<Kind> kinds = Kinds();
  auto trained = TrainOn(*before_, old_, kinds[0]);
  ASSERT_TRUE(trained) << trained.error().message;
  const auto why = [&](const features::FeatureStatistics& tables, const Kind& kind) {
    const auto refused = TrainOn(*now_, tables, kind, StartOf(*trained, 0));
    EXPECT_FALSE(refused);
    return refused ? std::string() : refused.error().message;
  };
  features::FeatureSpec other;
  other.retrieval = {{"newest", "history(interest, item, 10)", ""}};
  EXPECT_THAT(why(now_->Learn(other), kinds[0]), HasSubstr("that grew from"));
  features::FeatureSpec fewer;
  fewer.max_items = 20;
  EXPECT_THAT(why(now_->Learn(fewer), kinds[0]), HasSubstr("that grew from"));
  Kind two = kinds[0];
  two.model.ensemble = 2;
  EXPECT_THAT(why(tables_, two), HasSubstr("expected to continue an ensemble of 2"));
  Kind averaged = kinds[0];
  averaged.train.average_decay = 0.9;
  EXPECT_THAT(why(tables_, averaged), HasSubstr("without --continue"));
}

TEST_F(ContinuedCandidate, AStateOfOtherFeaturesOrADamagedOneIsRefused) {
  const base::TestFolder folder;
  CandidateState state;
  std::vector<float> values = {1, 2};
  const nn::Parameter parameter{.name = "a", .shape = {2}, .value = values};
  state.Keep(std::span(&parameter, 1), base::Rng(1));
  state.set_preset("deep");
  ASSERT_TRUE(state.Save(folder / "state", 7));
  EXPECT_EQ(CandidateState::Load(folder / "state", 7)->preset(), "deep");
  const auto other = CandidateState::Load(folder / "state", 8);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Code::kFailedPrecondition);
  values[1] = std::nanf("");
  CandidateState broken;
  broken.Keep(std::span(&parameter, 1), base::Rng(1));
  ASSERT_TRUE(broken.Save(folder / "broken", 7));
  const auto damaged = CandidateState::Load(folder / "broken", 7);
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().code, Code::kDataLoss);
}

TEST_F(ContinuedCandidate, WithoutTheOptionNoStateIsKept) {
  Kind kind = Kinds()[0];
  kind.train.keep_state = false;
  const auto trained = TrainOn(*before_, old_, kind);
  ASSERT_TRUE(trained) << trained.error().message;
  EXPECT_FALSE(trained->state);
}

}  // namespace
}  // namespace upnext::retrieval
