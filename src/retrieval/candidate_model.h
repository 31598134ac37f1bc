// Candidate generation as softmax classification (Covington 2016, section 3): features of user and
// request -> user encoder (user_encoder.h) -> user vector u; P(next watch = i) = softmax(v_i . u)
// over the item table v.
//
//   CandidateModel model(options, ShapeOf(tables), rng);
//   model.UserVectors(batch, out, scratch, compute);       // [batch.rows, dim], for retrieval
//   model.item_vectors();                                  // row r is item row r; row 0 is zero
//
// Training lives in candidate_training.h. UserVectors is const: many threads, one scratch each.
#ifndef UPNEXT_RETRIEVAL_CANDIDATE_MODEL_H_
#define UPNEXT_RETRIEVAL_CANDIDATE_MODEL_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "features/feature_block.h"
#include "nn/embedding_table.h"
#include "nn/graph.h"
#include "nn/parameter.h"
#include "retrieval/candidate_options.h"
#include "retrieval/item_tower.h"
#include "retrieval/user_encoder.h"
#include "retrieval/user_item_model.h"

namespace upnext::retrieval {

// Of its section file.
inline constexpr std::string_view kCandidateModelKind = "candidate-model";
inline constexpr uint32_t kCandidateModelVersion = 5;

class CandidateModel : public UserItemModel {
 public:
  // A single model: options.ensemble is not read. With tie_items, dim and embedding_dim must be equal
  // (FromConfig sees to it).
  CandidateModel(const CandidateModelOptions& options, const CandidateShape& shape, base::Rng& rng);
  // Trained models of the same options and shape, in fp32, as one whose scores are the sums of theirs
  // (ensemble.h). Of one: that one.
  static CandidateModel Join(std::vector<CandidateModel> members);

  // A model with the weights of `old`, and new rows where a vocabulary has grown (TR-02); its tables are
  // kept as `half_tables` says. kInvalidArgument unless the features are those of `old` and the
  // vocabularies at least as large.
  static Result<CandidateModel> Grow(CandidateModel& old, const CandidateShape& shape,
                                     bool half_tables, base::Rng& rng);

  // As EncodeUsers, which a trained model does not fail. out [batch.rows, dim].
  void UserVectors(const features::FeatureBlock& batch, float* out, Scratch& scratch,
                   const nn::Compute& compute) const;
  Status EncodeUsers(const features::FeatureBlock& batch, float* out, Scratch& scratch,
                     const nn::Compute& compute) const override;
  // The same as operations: inputs "query.NAME" by feature (see nn::AppendBagInput) and
  // "numbers.query" [queries, numbers of a block], output "user_vector" [queries, dim].
  void AppendTo(nn::Graph& graph) const;
  const nn::EmbeddingTable& item_vectors() const override;  // [items, dim]
  uint32_t dim() const override { return options_.dim * options_.ensemble; }
  const CandidateModel* trained() const override { return this; }
  const CandidateModelOptions& options() const { return options_; }
  const CandidateShape& shape() const { return shape_; }
  std::span<CandidateModel> members();  // of an ensemble; else the model itself
  std::span<const CandidateModel> members() const;
  // Of a single model: replaces the vector of an item, or with an item tower its own row in it.
  void SetOwnRow(uint32_t row, std::span<const float> values);
  bool tied() const { return tied_; }  // one table for watches and items
  // With the item encoder `content`.
  bool has_item_tower() const override { return options_.items == ItemEncoder::kContent; }
  void EncodeNewItems(const features::FeatureBlock& content, std::span<const uint32_t> rows,
                      float* out) const override;
  // Of a single model: makes item_vectors() of the tower as it is now; no effect without one.
  // `content`: of every row (item_content.h).
  void EncodeItems(const features::FeatureBlock& content, base::ThreadPool* pool);
  UserEncoder& encoder() { return *encoder_; }
  const UserEncoder& encoder() const { return *encoder_; }
  // Every parameter, by its name in the file: "embedding.item" and so on for each vocabulary,
  // "items" (absent when tied), then the encoder's: "tower.0.weight" ..., then the item tower's. Of an
  // ensemble, those of each member: "0.embedding.item". Views: the model must not move while they are
  // used.
  std::vector<nn::Parameter> Parameters();

  // From tables in bf16 to fp32, one by one: what searches and indexes read.
  void WidenTables();

  // A section file of kind "candidate-model" (docs/formats/candidate_model.md).
  Status Save(const std::filesystem::path& path, uint64_t features_digest) const override;
  // kFailedPrecondition when it was trained with other features, kDataLoss when it is damaged.
  static Result<CandidateModel> Load(const std::filesystem::path& path, uint64_t features_digest);

 private:
  friend class CandidateTrainer;
  CandidateModel(const CandidateModelOptions& options, const CandidateShape& shape,
                 std::vector<nn::EmbeddingTable> tables, base::Rng& rng);
  CandidateModel(std::vector<CandidateModel> members, base::Rng& rng);
  // As Join, but item vectors are those of the members only after JoinItems().
  static CandidateModel Assemble(std::vector<CandidateModel> members);
  void JoinItems();

  CandidateModelOptions options_;
  CandidateShape shape_;
  bool tied_;
  nn::EmbeddingTable& mutable_item_vectors();

  size_t item_table_;  // of watched items, if a feature reads them
  nn::EmbeddingTable
      items_;  // one row when tied: tables()[item_table_] of the encoder stands for it
  std::unique_ptr<UserEncoder> encoder_;
  std::optional<ItemTower> item_tower_;
};

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_CANDIDATE_MODEL_H_
