// The item encoder `content`: the vector of an item is a row of its own, found by its id, plus what
// its attributes say: the mean of the vectors of each list of categories, and a linear map of its
// numbers. An item that has no row of its own has the rest.
//
//   ItemTower tower(options, shape, rng);
//   tower.Encode(content, rows, out);                        // [rows, dim], without the own rows
//   tower.EncodeKnown(content, &vectors, pool);              // row r is that of item row r
//
// Encode is const: any number of threads. Training is in item_training.h.
#ifndef UPNEXT_RETRIEVAL_ITEM_TOWER_H_
#define UPNEXT_RETRIEVAL_ITEM_TOWER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "features/feature_block.h"
#include "features/model_shape.h"
#include "nn/embedding_table.h"
#include "nn/parameter.h"
#include "retrieval/candidate_options.h"

namespace upnext::retrieval {

class ItemTower {
 public:
  // Tables of content start at zero: a category that no example has taught says nothing.
  ItemTower(const CandidateModelOptions& options, const CandidateShape& shape, base::Rng& rng);

  // Of these rows of `content`, a block of the shape's features of an item. out [rows, dim].
  void Encode(const features::FeatureBlock& content, std::span<const uint32_t> rows,
              float* out) const;
  // Every row but row 0 of `vectors` [items, dim] = its own row + Encode.
  void EncodeKnown(const features::FeatureBlock& content, nn::EmbeddingTable* vectors,
                   base::ThreadPool* pool) const;
  // Those of `rows` alone; `has_id`: which of them have their own row.
  void EncodeRows(const features::FeatureBlock& content, std::span<const uint32_t> rows,
                  const std::function<bool(uint32_t row)>& has_id, nn::EmbeddingTable* vectors,
                  base::ThreadPool* pool) const;
  void SetOwnRow(uint32_t row, std::span<const float> values) { ids_.SetRow(row, values); }
  size_t dim() const { return ids_.dim(); }
  // "item_ids", "content.VOCABULARY" ... and "content.numbers".
  void AppendParameters(std::vector<nn::Parameter>& parameters);

 private:
  friend class ItemTowerTraining;
  struct Content {
    std::string name;  // of the vocabulary
    nn::EmbeddingTable table;
  };
  nn::EmbeddingTable ids_;          // [items, dim]
  std::vector<Content> content_;    // of the vocabularies that features of an item read
  std::vector<size_t> slots_;       // by feature: which of content_
  size_t numbers_ = 0;              // floats of an item's row
  std::vector<float> map_, d_map_;  // [dim, numbers], and its gradient
};

// Rows of a feature of a block, of its numbers [rows, dense_width].
void SelectBags(const features::Bags& from, std::span<const uint32_t> rows, features::Bags* out);
void SelectNumbers(const features::FeatureBlock& from, std::span<const uint32_t> rows, float* out);

// kFailedPrecondition unless `items` reads features of items where there are `any`; `name` is that of
// one, or empty.
Status CheckItemFeatures(ItemEncoder items, bool any, std::string_view name);
// kFailedPrecondition unless the features of an item are those that the options' encoder reads.
Status CheckItemTower(const CandidateModelOptions& options, const CandidateShape& shape);
// What its tables must hold: calls visit(name, rows) for each of width dim.
void ForEachItemTable(const CandidateShape& shape,
                      const std::function<void(const std::string& name, uint32_t rows)>& visit);

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_ITEM_TOWER_H_
