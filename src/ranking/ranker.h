// The ranker: shared embeddings, normalised numbers, an architecture, one output per objective
// (Covington 2016, section 4; Zhao 2019 grows here as further architectures and the bias tower).
//
//   UPNEXT_ASSIGN_OR_RETURN(Ranker ranker,
//                           Ranker::Make(options, objectives, ShapeOf(tables), rng));
//   ranker.Score(queries, impressions, query_of, predictions, scratch, compute);
//
// Score is const: many threads, one scratch each.
#ifndef UPNEXT_RANKING_RANKER_H_
#define UPNEXT_RANKING_RANKER_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/config.h"
#include "base/rng.h"
#include "base/status.h"
#include "features/feature_block.h"
#include "features/feature_statistics.h"
#include "features/model_shape.h"
#include "kernels/embedding.h"
#include "nn/dense.h"
#include "nn/embedding_table.h"
#include "nn/graph.h"
#include "ranking/architecture.h"
#include "ranking/attention.h"
#include "ranking/objectives.h"
#include "ranking/position_bias.h"
#include "ranking/ranking_model.h"
#include "ranking/score.h"

namespace upnext::ranking {

struct RankerOptions {
  ArchitectureOptions architecture = {};  // its widths in the paper: 1024-512-256
  // [ranking.match]: the widths of `architecture` are scaled so that it has as many multiplications
  // per impression as this one (match_multiplications.h). Without a name: they are not.
  ArchitectureOptions match = {.name = ""};
  AttentionOptions attention = {};
  BiasOptions bias = {};
  double dim_scale = 6.0;  // embedding dim = about dim_scale * log10(rows) (RK-03), ...
  uint32_t max_dim = 32;   // ... at most this
  // In place of that rule, by name of the vocabulary: {"topic", 4}. Fields that share a vocabulary
  // share the embedding (RK-02), and so its dim.
  std::map<std::string, uint32_t, std::less<>> dims = {};
  // Embeddings start uniform in [-scale, scale). Small, so that an id that was hardly seen reads
  // almost like one that was never seen.
  float init_scale = 0.01f;
  // `plan` knows the vocabularies that `dims` may name.
  static RankerOptions FromConfig(const base::ConfigTable& ranking,
                                  const features::FeaturePlan& plan = {});
};

// Embedding dim for a vocabulary of `rows` rows: grows with the logarithm, monotone (RK-03,
// paper 4.1), unless options.dims says otherwise.
uint32_t EmbeddingDim(const RankerOptions& options, const features::ModelShape::Table& table);

inline features::ModelShape ShapeOf(const features::FeatureStatistics& tables) {
  return features::ShapeOf(tables, features::Model::kRanking);
}

inline kernels::BagsView View(const features::Bags& bags) {
  return {bags.ids, bags.offsets, bags.weights};
}

// Of its section file.
inline constexpr std::string_view kRankerKind = "ranker";
inline constexpr uint32_t kRankerVersion = 6;

class Ranker : public RankingModel {
 public:
  // kInvalidArgument for an unknown architecture, for an objective that has yet to learn its targets
  // (learn_objectives.h), and as FindHistories, MatchMultiplications and PositionBias.
  static Result<Ranker> Make(const RankerOptions& options, std::vector<Objective> objectives,
                             features::ModelShape shape, base::Rng& rng);

  // What Make would refuse, without the tables of a large log: before a training.
  static Status Check(const RankerOptions& options, std::vector<Objective> objectives,
                      features::ModelShape shape);
  // A ranker that continues `old` (TR-02): its options, objectives and weights, in the shape of
  // statistics that grew from its own. Tables keep their width; rows that are new are fresh.
  static Result<Ranker> Grow(Ranker& old, features::ModelShape shape, base::Rng& rng);

  using Scratch = RankerScratch;
  // Predict, which cannot fail.
  void Score(const features::FeatureBlock& queries, const features::FeatureBlock& impressions,
             std::span<const uint32_t> query_of, float* predictions, Scratch& scratch,
             const nn::Compute& compute) const;
  Status Predict(const features::FeatureBlock& queries, const features::FeatureBlock& impressions,
                 std::span<const uint32_t> query_of, float* predictions, Scratch& scratch,
                 const nn::Compute& compute) const override {
    Score(queries, impressions, query_of, predictions, scratch, compute);
    return Ok();
  }
  std::string Description() const override { return Describe(options_.architecture); }
  const Ranker* trained() const override { return this; }

  // Score, as operations, by the names of features: inputs "query.NAME" and "impression.NAME" (see
  // nn::AppendBagInput), "numbers.query" and "numbers.impression" [rows, numbers of a block],
  // "query_of" and, if an objective reads it, "duration_s" [impressions]. A side without
  // features or numbers has no such input. Outputs "prediction.NAME" by objective, and "score", the
  // CombinedScore with the exponents of the objectives: [impressions] each.
  void AppendTo(nn::Graph& graph) const;

  const RankerOptions& options() const { return options_; }
  const features::ModelShape& shape() const { return shape_; }
  const PositionBias& bias() const { return *bias_; }
  // Writable views of everything trainable, for optimisers, checkpoints and gradient checks. Valid
  // while the ranker lives; moving it does not change them.
  std::vector<nn::Parameter> Parameters();
  std::vector<nn::DeadUnits*> ReluLayers();  // TR-05
  // MT-06: how each task weighs its experts, of the last Score with this scratch.
  std::vector<GateWeights> Gates(const Scratch& scratch) const;
  size_t parameters() const;  // trainable numbers
  // Of one impression (MT-05), and in addition of each item of a history that it attends to.
  size_t multiplications() const { return architecture_->multiplications(); }
  size_t attention_multiplications() const;

  // A section file of kind "ranker" (docs/formats/ranker.md); `features_digest` binds it to its
  // tables (SV-03). Load: kFailedPrecondition when the file was trained with other tables,
  // kDataLoss when it holds anything that Save could not have written.
  Status Save(const std::filesystem::path& path, uint64_t features_digest) const override;
  static Result<Ranker> Load(const std::filesystem::path& path, uint64_t features_digest);

 private:
  friend class RankerTrainer;
  // Where a categorical feature stands in its side's input.
  struct Slot {
    size_t feature;  // among the side's categorical ones
    size_t table;    // that it reads (RK-02)
    size_t offset;   // in floats from the start of the side's input
  };
  struct SideLayout {
    std::vector<Slot> slots;
    size_t dense = 0, numbers = 0;      // offset of the numbers, and how many
    std::vector<size_t> attended = {};  // offset of what each attention adds
    size_t bias = 0, width = 0;         // offset of what the position bias adds; floats in all
  };
  // All but tables, attention, architecture and bias, whose sizes it says.
  static Result<Ranker> Plan(const RankerOptions& options, std::vector<Objective> objectives,
                             features::ModelShape shape);
  NetShape Net() const;
  // Of a plan.
  Status AddNet(base::Rng& rng);
  static SideLayout LayoutOf(const features::ModelShape::SideShape& side,
                             const RankerOptions& options, const features::ModelShape& shape);
  // One side's embeddings and numbers side by side: out [block.rows, layout.width]. `cells` of the
  // position bias: of the impressions alone.
  void BuildSide(const SideLayout& layout, const features::FeatureBlock& block,
                 const features::Bags* cells, std::vector<float>& out,
                 base::ThreadPool* pool) const;
  // What attention `a` reads and writes; of the input of the impressions.
  AttentionInput AttentionOf(size_t a, const features::FeatureBlock& queries,
                             std::span<const uint32_t> query_of, float* impressions) const;
  void Attend(const features::FeatureBlock& queries, std::span<const uint32_t> query_of,
              std::vector<float>& impressions, std::vector<Attention::Work>& work,
              const nn::Compute& compute) const;
  const features::ModelShape::Table& AttendedShape(const AttendedHistory& attended) const {
    return shape_.tables[query_.slots[attended.history].table];
  }
  const nn::EmbeddingTable& AttendedTable(size_t a) const {
    return *tables_[query_.slots[histories_[a].history].table];
  }
  // One side as operations: the ids of each slot, and what BuildSide makes of slots and numbers.
  struct SideValues {
    std::vector<nn::Graph::Value> ids, parts;
  };
  SideValues AppendSide(nn::Graph& graph, const SideLayout& layout,
                        const features::ModelShape::SideShape& side, const std::string& name,
                        const std::string& rows) const;

  RankerOptions options_;
  HeadLayout columns_;  // of the logits
  features::ModelShape shape_;
  SideLayout query_, impression_;
  std::vector<std::unique_ptr<nn::EmbeddingTable>> tables_;  // as shape_.tables
  std::vector<AttendedHistory> histories_;
  std::vector<Attention> attentions_;  // one for each history
  std::unique_ptr<Architecture> architecture_;
  std::unique_ptr<PositionBias> bias_;
};

}  // namespace upnext::ranking

#endif  // UPNEXT_RANKING_RANKER_H_
