// The ranker: shared embeddings, normalised numbers, an architecture, one output per objective
// (Covington 2016, section 4; Zhao 2019 grows here as further architectures and the bias tower).
//
//   Ranker ranker(options, objectives, ShapeOf(tables), rng);
//   ranker.Score(queries, impressions, query_of, predictions, scratch, compute);   // [n,
//   objectives]
//
// Score is const: many threads, one scratch each.
#ifndef UPNEXT_RANKING_RANKER_H_
#define UPNEXT_RANKING_RANKER_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "base/config.h"
#include "base/rng.h"
#include "base/status.h"
#include "features/extract.h"
#include "features/tables.h"
#include "nn/dense.h"
#include "nn/embedding_table.h"
#include "ranking/architecture.h"
#include "ranking/objectives.h"

namespace upnext::ranking {

struct RankerOptions {
  std::vector<size_t> widths = {256, 128};     // hidden layers (paper: 1024-512-256)
  std::string architecture = "shared-bottom";  // see architecture.h
  double dim_scale = 6.0;  // embedding dim = about dim_scale * log10(rows) (RK-03), ...
  uint32_t max_dim = 32;   // ... at most this
  static RankerOptions FromConfig(const base::ConfigTable& ranking);
};

// Embedding dim for a vocabulary of `rows` rows: grows with the logarithm, monotone (RK-03,
// paper 4.1).
uint32_t EmbeddingDim(const RankerOptions& options, uint32_t rows);

using RankerShape = std::array<uint32_t, features::kVocabularies>;  // rows by VocabularyId
RankerShape ShapeOf(const features::FeatureTables& tables);

class Ranker {
 public:
  Ranker(const RankerOptions& options, std::vector<Objective> objectives, const RankerShape& shape,
         base::Rng& rng);

  struct Scratch;  // in ranker.cc's header part: buffers, grown when needed
  // predictions [impressions.rows, objectives], each in its own unit (objectives.h).
  // query_of [impressions.rows]: row of `queries` for each impression.
  void Score(const features::RankingBlock& queries, const features::RankingBlock& impressions,
             std::span<const uint32_t> query_of, float* predictions, Scratch& scratch,
             const nn::Compute& compute) const;

  const std::vector<Objective>& objectives() const { return objectives_; }
  const RankerOptions& options() const { return options_; }
  size_t parameters() const;       // trainable numbers
  size_t multiplications() const;  // of one impression's forward pass (Zhao 2019, 5.2)

  // A section file of kind "ranker"; `features_digest` binds it to its tables (SV-03).
  Status Save(const std::filesystem::path& path, uint64_t features_digest) const;
  static Result<Ranker> Load(const std::filesystem::path& path, uint64_t features_digest);

 private:
  friend class RankerTrainer;
  RankerOptions options_;
  std::vector<Objective> objectives_;
};

}  // namespace upnext::ranking

#endif  // UPNEXT_RANKING_RANKER_H_
