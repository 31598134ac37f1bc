// What predicts the objectives for the candidates of a request: upnext's own ranker (ranker.h) or a
// network of others (onnx_ranker.h). Serving and evaluation know this and no more, but for what only
// a trained ranker can say.
//
//   UPNEXT_RETURN_IF_ERROR(model.Predict(queries, impressions, query_of, predictions, scratch, {}));
//   if (const Ranker* const trained = model.trained()) trained->bias() ...
//
// Predict is const: many threads, one scratch each.
#ifndef UPNEXT_RANKING_RANKING_MODEL_H_
#define UPNEXT_RANKING_RANKING_MODEL_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "features/feature_block.h"
#include "nn/dense.h"
#include "ranking/architecture.h"
#include "ranking/attention.h"
#include "ranking/objectives.h"
#include "ranking/score.h"

namespace upnext::ranking {

class Ranker;

// Buffers of Predict, grown when needed; for one model and one thread at a time.
struct RankerScratch {
  std::vector<float> queries, impressions;
  // [impressions.rows, ColumnsOf(objectives()).width] of the last Score of a trained ranker.
  std::vector<float> logits;
  std::vector<Attention::Work> attention;
  features::Bags cells;                               // of the position bias
  std::unique_ptr<ArchitectureScratch> architecture;  // made by the first Score
};

class RankingModel {
 public:
  virtual ~RankingModel() = default;

  // predictions [impressions.rows, objectives], each in its own unit (objectives.h). Impressions
  // without duration_s are of unknown durations.
  // query_of [impressions.rows]: row of `queries` for each impression.
  virtual Status Predict(const features::FeatureBlock& queries,
                         const features::FeatureBlock& impressions,
                         std::span<const uint32_t> query_of, float* predictions,
                         RankerScratch& scratch, const nn::Compute& compute) const = 0;
  // A section file; `features_digest` binds it to its tables (SV-03).
  virtual Status Save(const std::filesystem::path& path, uint64_t features_digest) const = 0;
  // In a few words, for people.
  virtual std::string Description() const = 0;
  // Null for a network of others.
  virtual const Ranker* trained() const { return nullptr; }

  const std::vector<Objective>& objectives() const { return objectives_; }
  // Exponents of the score from now on, those of the objectives that `weights` has. Returns the names
  // of `weights` with an exponent that the model has not. Nothing changes if that would leave no
  // order.
  std::vector<std::string> SetScoreWeights(const ScoreWeights& weights);

 protected:
  RankingModel() = default;
  RankingModel(RankingModel&&) = default;
  RankingModel& operator=(RankingModel&&) = default;

  std::vector<Objective> objectives_;
};

}  // namespace upnext::ranking

#endif  // UPNEXT_RANKING_RANKING_MODEL_H_
