// A user item model of given vectors, in which the last rows may have none and which may fail: a
// network of others as generators and evaluation see it.
#ifndef UPNEXT_RETRIEVAL_TEST_USER_ITEM_MODEL_H_
#define UPNEXT_RETRIEVAL_TEST_USER_ITEM_MODEL_H_

#include <algorithm>
#include <string>
#include <utility>

#include "base/rng.h"
#include "features/feature_block.h"
#include "nn/parameter.h"
#include "retrieval/user_item_model.h"

namespace upnext::retrieval {

// Every user's vector is (-1, 0, 0 ...), so that the score of an item is less than 0, and its first number
// the order; rows from `searched` on are zeros.
class NegativeScores : public UserItemModel {
 public:
  NegativeScores(size_t rows, size_t searched, std::string failure = "")
      : items_(Table(rows, searched)), searched_(searched), failure_(std::move(failure)) {}

  Status EncodeUsers(const features::FeatureBlock& batch, float* out, Scratch&,
                     const nn::Compute&) const override {
    if (!failure_.empty()) return Internal("{}", failure_);
    std::fill_n(out, batch.rows * dim(), 0.0f);
    for (size_t row = 0; row < batch.rows; ++row) out[row * dim()] = -1;
    return Ok();
  }
  const nn::EmbeddingTable& item_vectors() const override { return items_; }
  size_t searched_rows() const override { return searched_; }
  uint32_t dim() const override { return 2; }
  Status Save(const std::filesystem::path&, uint64_t) const override { return Ok(); }

 private:
  static nn::EmbeddingTable Table(size_t rows, size_t searched) {
    base::Rng rng(1);
    nn::EmbeddingTable table({.rows = rows, .dim = 2}, rng);
    for (uint32_t row = 0; row < rows; ++row) {
      const float values[] = {row < searched ? static_cast<float>(row) : 0.0f, 0.0f};
      table.SetRow(row, values);
    }
    return table;
  }

  const nn::EmbeddingTable items_;
  const size_t searched_;
  const std::string failure_;
};

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_TEST_USER_ITEM_MODEL_H_
