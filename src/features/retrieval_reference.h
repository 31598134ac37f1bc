// The candidate model that the ranker reads: its user vector, and the dot product with the vector of a
// candidate (RK-16). It was trained on the days before those that the ranker learns from; a model of
// the same days has seen the labels.
//
//   RetrievalReference reference(tables, model, end_ms, digest);
//   reference.UserVector(query, user);                      [dim] of one row of query features
//   float score = reference.Score(user, item);              NaN: the model does not know the item
//
// Statistics refer to theirs (FeatureStatistics::reference), and an extractor of those asks it once a
// request. Immutable but for a counter: any number of threads.
#ifndef UPNEXT_FEATURES_RETRIEVAL_REFERENCE_H_
#define UPNEXT_FEATURES_RETRIEVAL_REFERENCE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <span>
#include <utility>

#include "base/status.h"
#include "features/feature_block.h"
#include "features/feature_statistics.h"
#include "features/vocabulary.h"
#include "schema/event.h"

namespace upnext::features {

// What the features need to know of a candidate model; retrieval/candidate_reference.h is one.
class ReferenceModel {
 public:
  virtual ~ReferenceModel() = default;
  virtual size_t dim() const = 0;
  // `query`: one row of the features of Model::kRetrieval; user [dim].
  virtual void UserVector(const FeatureBlock& query, std::span<float> user) const = 0;
  // The dot product of user [dim] with the vector of a row of the vocabulary "item".
  virtual float Score(std::span<const float> user, uint32_t row) const = 0;
  // As the candidate model of a bundle is saved.
  virtual Status Save(const std::filesystem::path& file, uint64_t features_digest) const = 0;
};

class RetrievalReference {
 public:
  // `tables`: those that the model was trained with. `end_ms`: it has seen no event from then on.
  // `digest`: of its file.
  RetrievalReference(FeatureStatistics tables, std::shared_ptr<const ReferenceModel> model,
                     int64_t end_ms, uint64_t digest)
      : tables_(std::move(tables)),
        items_(tables_.vocabulary(kItemVocabulary)),
        model_(std::move(model)),
        end_ms_(end_ms),
        digest_(digest) {}
  RetrievalReference(const RetrievalReference&) = delete;
  RetrievalReference& operator=(const RetrievalReference&) = delete;

  const FeatureStatistics& tables() const { return tables_; }
  const std::shared_ptr<const ReferenceModel>& model() const { return model_; }
  int64_t end_ms() const { return end_ms_; }
  uint64_t digest() const { return digest_; }
  size_t dim() const { return model_->dim(); }

  void UserVector(const FeatureBlock& query, std::span<float> user) const {
    made_.fetch_add(1, std::memory_order_relaxed);
    model_->UserVector(query, user);
  }
  // NaN without a user vector, and for an item that is not in the vocabulary.
  float Score(std::span<const float> user, uint32_t item) const {
    const uint32_t row = user.empty() ? 0 : items_.Row(item);
    return row == 0 ? std::numeric_limits<float>::quiet_NaN() : model_->Score(user, row);
  }
  // User vectors made so far (RK-01).
  uint64_t made() const { return made_.load(std::memory_order_relaxed); }

 private:
  const FeatureStatistics tables_;
  const Vocabulary& items_;
  const std::shared_ptr<const ReferenceModel> model_;
  const int64_t end_ms_;
  const uint64_t digest_;
  mutable std::atomic<uint64_t> made_{0};
};

}  // namespace upnext::features

#endif  // UPNEXT_FEATURES_RETRIEVAL_REFERENCE_H_
