// Candidate generation as deep softmax classification (Covington 2016, section 3): the features of
// user and request, by default bags of watches and query tokens -> averaged embeddings, + region,
// device, age, gender, login, example age -> ReLU tower -> user vector u; P(next watch = i) =
// softmax(v_i . u) over the item table v.
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
#include <span>
#include <string_view>
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

namespace upnext::retrieval {

// Of its section file.
inline constexpr std::string_view kCandidateModelKind = "candidate-model";
inline constexpr uint32_t kCandidateModelVersion = 3;

struct CandidateModelOptions {
  uint32_t dim = 64;            // of u and v (paper: 256)
  uint32_t embedding_dim = 64;  // of lists: watches, tokens (paper: 256)
  uint32_t context_dim = 8;     // of single ids: region, device
  // Hidden layers above the concatenation. Depth 0: a linear map to `dim`; depth d: d ReLU layers
  // of halving widths that end in `dim`, 1024-512-256 at dim 256 and depth 3 (CG-10). [retrieval]
  // depth = 3
  uint32_t depth = 2;
  bool tie_items = false;  // one table for watched items and for the softmax (CG-12), if a feature
                           // lists items
  // Next to the mean of all watches (the paper's pooling), a mean of only the newest n for each n
  // given here, so that the tower can tell what is recent: [1, 8] says "the last watch, and the
  // last eight". Ascending; empty is the paper's model.
  std::vector<uint32_t> recent_windows;
  // Tables of watches, tokens and items kept in bf16 while training; the trained model has fp32
  // ones, and so has its file. [retrieval] table_precision = "bf16"
  bool half_tables = false;
  static CandidateModelOptions FromConfig(const base::ConfigTable& retrieval);
  // Keys that are not given have the values of `defaults`.
  static CandidateModelOptions FromConfig(const base::ConfigTable& retrieval,
                                          const CandidateModelOptions& defaults);
  std::vector<size_t> widths() const;  // of the tower
};

struct CandidateShape {
  features::ModelShape inputs;
  uint32_t items = 1;  // rows of the softmax, row 0 included
  friend bool operator==(const CandidateShape&, const CandidateShape&) = default;
};
CandidateShape ShapeOf(const features::FeatureStatistics& tables);
// Width of the embeddings of a table of the inputs.
uint32_t TableDim(const CandidateModelOptions& options, const features::ModelShape& inputs,
                  size_t table);

// Where each feature stands in the tower's input, in floats: embeddings, then numbers.
struct CandidateLayout {
  struct Input {
    size_t slot;    // of the block's categorical features
    size_t table;   // of the shape
    size_t window;  // 0: all ids; else the index, from 1, of the recent window that it is cut to
    size_t offset, dim;
  };
  std::vector<Input> inputs;
  size_t dense = 0, width = 0;
};

class CandidateModel {
 public:
  // With tie_items, dim and embedding_dim must be equal (FromConfig sees to it).
  CandidateModel(const CandidateModelOptions& options, const CandidateShape& shape, base::Rng& rng);

  struct Scratch {
    std::vector<features::Bags> windows;  // as CutWindows() leaves them
    std::vector<float> input;             // [batch, layout().width]
    nn::Tower::Scratch tower;
  };
  // out [batch.rows, dim].
  void UserVectors(const features::FeatureBlock& batch, float* out, Scratch& scratch,
                   const nn::Compute& compute) const;
  // The same as operations: inputs "query.NAME" by feature (see nn::AppendBagInput) and
  // "numbers.query" [queries, numbers of a block], output "user_vector" [queries, dim].
  void AppendTo(nn::Graph& graph) const;
  const nn::EmbeddingTable& item_vectors() const;
  uint32_t dim() const { return options_.dim; }
  const CandidateModelOptions& options() const { return options_; }
  const CandidateShape& shape() const { return shape_; }
  const CandidateLayout& layout() const { return layout_; }
  bool tied() const { return tied_; }  // one table for watches and items
  // Every parameter, by its name in the file: "embedding.item" and so on for each vocabulary,
  // "items" (absent when tied), "tower.0.weight" ... Views: the model must not move while they are used.
  std::vector<nn::Parameter> Parameters();

  // From tables in bf16 to fp32, one by one: what searches and indexes read.
  void WidenTables();

  // A section file of kind "candidate-model" (docs/formats/candidate_model.md); `features_digest`
  // binds it to its vocabularies (SV-03).
  Status Save(const std::filesystem::path& path, uint64_t features_digest) const;
  // kFailedPrecondition when it was trained with other features, kDataLoss when it is damaged.
  static Result<CandidateModel> Load(const std::filesystem::path& path, uint64_t features_digest);

 private:
  friend class CandidateTrainer;
  // The one place where features become numbers, for training and serving alike: the tower's input
  // of examples [begin, end), [end - begin, layout().width]. `windows` as CutWindows() leaves them.
  void BuildInput(const features::FeatureBlock& batch, std::span<const features::Bags> windows,
                  size_t begin, size_t end, float* input) const;
  // By layout().inputs; empty for those that read all ids.
  void CutWindows(const features::FeatureBlock& batch, std::vector<features::Bags>* windows) const;
  // The ids of an input.
  static const features::Bags& BagsOf(const features::FeatureBlock& batch,
                                      std::span<const features::Bags> windows,
                                      const CandidateLayout& layout, size_t input) {
    const CandidateLayout::Input& at = layout.inputs[input];
    return at.window > 0 ? windows[input] : batch.categorical[at.slot];
  }

  CandidateModelOptions options_;
  CandidateShape shape_;
  CandidateLayout layout_;
  bool tied_;
  size_t item_table_;                       // of watched items, if a feature reads them
  std::vector<nn::EmbeddingTable> tables_;  // as shape_.inputs.tables
  nn::EmbeddingTable items_;                // one row when tied: tables_[item_table_] stands for it
  nn::Tower tower_;
};

// The newest `window` ids of every bag (bags hold the oldest first).
void NewestOfBags(const features::Bags& bags, uint32_t window, features::Bags* newest);
inline kernels::BagsView View(const features::Bags& bags) {
  return {bags.ids, bags.offsets, bags.weights};
}
inline kernels::BagsView View(const features::Bags& bags, size_t begin, size_t end) {
  return {bags.ids, std::span(bags.offsets).subspan(begin, end - begin + 1), bags.weights};
}

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_CANDIDATE_MODEL_H_
