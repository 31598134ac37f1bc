// What a candidate model is made of: options of [retrieval] and the shape of its inputs.
//
//   CandidateModelOptions options = CandidateModelOptions::FromConfig(config.Table("retrieval"));
//   CandidateModel model(options, ShapeOf(statistics), rng);
//
// Plain values: any number of threads may read them.
#ifndef UPNEXT_RETRIEVAL_CANDIDATE_OPTIONS_H_
#define UPNEXT_RETRIEVAL_CANDIDATE_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.h"
#include "base/section_file.h"
#include "base/status.h"
#include "features/feature_statistics.h"
#include "features/model_shape.h"
#include "retrieval/bag_pooling.h"

namespace upnext::retrieval {

// What the vector of an item is made of. kId: a row of a table. kContent: such a row and what the
// catalogue says of the item (item_tower.h).
enum class ItemEncoder : uint8_t { kId, kContent };
inline constexpr std::string_view kItemEncoders[] = {"id", "content"};
// [retrieval] items = "content", which presets have where items have features.
ItemEncoder ItemEncoderFromConfig(const base::ConfigTable& retrieval,
                                  ItemEncoder fallback = ItemEncoder::kContent);

struct CandidateModelOptions {
  std::string encoder = "bag";  // a name of the registry (user_encoder.h)
  ItemEncoder items = ItemEncoder::kId;
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
  Pooling pooling = Pooling::kMean;  // of every list
  // Of "attention": items of the history that it reads, blocks, heads, and the width of the layer
  // after each attention; 0: dim.
  uint32_t sequence_length = 200, blocks = 2, heads = 1, hidden = 0;
  // Tables of watches, tokens and items kept in bf16 while training; the trained model has fp32
  // ones, and so has its file. [retrieval] table_precision = "bf16"
  bool half_tables = false;
  // Models of this kind, trained from different seeds, whose vectors stand side by side: 1 is a single
  // model. Vectors have ensemble * dim numbers.
  uint32_t ensemble = 1;
  static CandidateModelOptions FromConfig(const base::ConfigTable& retrieval);
  // Keys that are not given have the values of `defaults`.
  static CandidateModelOptions FromConfig(const base::ConfigTable& retrieval,
                                          const CandidateModelOptions& defaults);
  // Sections "encoders", "options" and "windows" of the model's file. kDataLoss for values that
  // FromConfig does not give.
  Status Save(base::SectionWriter& writer) const;
  static Result<CandidateModelOptions> Load(const base::SectionFile& file);
  std::vector<size_t> widths() const;  // of the tower

 private:
  Status SetEncoders(const base::StringTable& names, const base::SectionFile& file);
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
// Lists have the wide embeddings, single ids the narrow ones; a table that both read is wide.
bool IsWide(const features::ModelShape& inputs, size_t table);
// Tables that features of the user read, which come first; others are of items alone.
size_t QueryTables(const features::ModelShape& inputs);
// Whether the softmax uses the table of watched items.
bool IsTied(const CandidateModelOptions& options, const features::ModelShape& inputs);

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_CANDIDATE_OPTIONS_H_
