// A log with planted tastes, a model that learns it in a moment, and its NDCG@10, for the tests of
// trainings.
#ifndef UPNEXT_RETRIEVAL_TEST_PLANTED_H_
#define UPNEXT_RETRIEVAL_TEST_PLANTED_H_

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <utility>

#include "base/progress.h"
#include "base/rng.h"
#include "base/thread_pool.h"
#include "examples/test_world.h"
#include "features/feature_statistics.h"
#include "kernels/gemm.h"
#include "retrieval/candidate_training.h"
#include "retrieval/candidate_validation.h"

namespace upnext::retrieval {

// Users with one of four tastes: nearly all watches of a user are items of that taste, and within a
// taste items follow each other in a circle. Item 0 is watched occasionally by all users.
inline examples::WorldOptions PlantedLog(uint32_t users, examples::SplitOptions::Kind split) {
  constexpr uint32_t kTastes = 4, kItemsPerTaste = 15;
  base::Rng rng(11);
  examples::WorldOptions options;
  for (uint32_t u = 0; u < users; ++u) {
    const uint32_t taste = u % kTastes;
    uint64_t at = rng.Below(kItemsPerTaste);
    for (int e = 0; e < 20; ++e) {
      at = (at + 1 + rng.Below(2)) % kItemsPerTaste;
      const bool common = rng.Below(10) == 0;
      const std::string item = common ? "everyone" : fmt::format("t{}-{}", taste, at);
      options.events.push_back(
          examples::Watch(fmt::format("u{}", u), item, e * examples::kHour + u * 1000, 60));
    }
  }
  options.split.kind = split;
  return options;
}

inline CandidateModelOptions SmallModel(uint32_t depth = 1) {
  CandidateModelOptions options;
  options.dim = options.embedding_dim = 16;
  options.context_dim = 4;
  options.depth = depth;
  return options;
}

inline CandidateTrainOptions QuickTraining() {
  CandidateTrainOptions options;
  options.batch = 64;
  options.epochs = 12;
  options.negatives = 0;
  options.max_per_user = 20;
  options.tower_learning_rate = 3e-3f;
  return options;
}

// Asks to stop from the time on at which it has been asked that often.
class StopAfter : public base::Progress {
 public:
  explicit StopAfter(int asks) : asks_(asks) {}
  void Begin(std::string_view, std::string_view, uint64_t) override {}
  void Update(uint64_t, std::string_view) override {}
  void End() override {}
  void Note(std::string_view) override {}
  bool stop_requested() const override { return --asks_ < 0; }

 private:
  mutable int asks_;
};

struct Trained {
  explicit Trained(const examples::World& world, const CandidateModelOptions& model,
                   const CandidateTrainOptions& options, int threads = 2,
                   base::Progress& progress = base::NoProgress())
      : pool(threads), tables(world.Learn()) {
    auto trained = TrainCandidateModel(world.source, tables, model, options, pool, progress);
    EXPECT_TRUE(trained) << trained.error().message;
    if (trained) result = std::move(*trained);
  }
  base::ThreadPool pool;
  features::FeatureStatistics tables;
  TrainedCandidate result;
};

inline double TestNdcg(const examples::World& world, Trained& trained) {
  const CandidateValidation validation(world.source, trained.tables, examples::SplitPart::kTest, {},
                                       UINT32_MAX, trained.pool);
  EXPECT_GT(validation.cases(), 0u);
  return validation.Ndcg(*trained.result.model, {kernels::Precision::kFp32, &trained.pool});
}

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_TEST_PLANTED_H_
