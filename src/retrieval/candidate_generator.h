// Proposes the items whose vectors have the largest inner products with the user's vector: the
// candidate model, or the network of others in its place, and its index, which are parts of the bundle
// of their own. One of the generators of generator_registry.cc. With an item tower also items that came after the training, by their
// content (CG-24). Immutable but for its scratch memory: any number of threads.
#ifndef UPNEXT_RETRIEVAL_CANDIDATE_GENERATOR_H_
#define UPNEXT_RETRIEVAL_CANDIDATE_GENERATOR_H_

#include <memory>
#include <string>
#include <vector>

#include "ann/index.h"
#include "base/scratch_pool.h"
#include "features/feature_block.h"
#include "features/feature_extractor.h"
#include "retrieval/generator_registry.h"
#include "retrieval/user_item_model.h"

namespace upnext::retrieval {

class CandidateGenerator : public Generator {
 public:
  static Result<std::unique_ptr<const Generator>> Load(LoadInput input);

  // Scores are inner products.
  Status Propose(const ProposeRequest& request, size_t n, const ItemFilter& filter,
                 std::vector<Candidate>* out) const override;
  // The index reads its rows for many users at once.
  Result<std::vector<std::vector<Candidate>>> ProposeMany(std::span<const ProposeRequest> requests,
                                                          size_t n,
                                                          base::ThreadPool& pool) const override;
  // A channel or topic of the item that the user keeps returning to, else the user's history or
  // situation; of an item that nobody chose in the training, what it is like.
  std::string Reason(const ProposeRequest& request, const Candidate& candidate) const override;
  bool FillsSlate() const override { return true; }

 private:
  struct Scratch {
    features::FeatureBlock batch;
    UserItemModel::Scratch model;
    std::vector<float> vector;
    std::vector<ann::Hit> hits, more;
  };
  // Into scratch.vector.
  Status Encode(const features::FeatureExtractor& features, const ProposeRequest& request,
                Scratch& scratch) const;
  // The best `n` of the hits, and of the request's new items that exist at its time.
  static void AddNewItems(const ProposeRequest& request, size_t n, const ItemFilter& filter,
                          Scratch& scratch);
  CandidateGenerator(const features::FeatureStatistics& tables, const UserItemModel& model,
                     const ann::Index& index)
      : tables_(tables), model_(model), index_(index) {}

  const features::FeatureStatistics& tables_;
  const UserItemModel& model_;
  const ann::Index& index_;
  const base::ScratchPool<Scratch> scratch_;
};

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_CANDIDATE_GENERATOR_H_
