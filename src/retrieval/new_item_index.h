// Items of a catalogue that the candidate model has no vector for, found by what the catalogue says of
// them: those that came after the training, or had no positive event in it (CG-24, CG-27).
//
//   const std::unique_ptr<const NewItemIndex> fresh = NewItemIndex::Make(model, tables, catalogue);
//   if (fresh != nullptr) fresh->index().Search(user, 300, filter, &hits);   // as those of the index
//
// Immutable: any number of threads. It holds its vectors; nothing that Make reads needs to stay.
#ifndef UPNEXT_RETRIEVAL_NEW_ITEM_INDEX_H_
#define UPNEXT_RETRIEVAL_NEW_ITEM_INDEX_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "ann/exact_index.h"
#include "ann/index.h"
#include "base/thread_pool.h"
#include "catalogue/catalogue.h"
#include "features/feature_statistics.h"
#include "retrieval/candidate_model.h"

namespace upnext::retrieval {

class NewItemIndex {
 public:
  // Null when the model has no item tower, or the catalogue no such item. An item of whose content the
  // training learned nothing has a zero vector, whose score 0 may be above all others: it is left out.
  static std::unique_ptr<const NewItemIndex> Make(const CandidateModel& model,
                                                  const features::FeatureStatistics& tables,
                                                  const catalogue::Catalogue& catalogue,
                                                  base::ThreadPool* pool = nullptr);
  // Inner products with the vector of a user: comparable to those of the model's own items.
  const ann::Index& index() const { return index_; }

 private:
  NewItemIndex(std::vector<uint32_t> ids, std::vector<float> vectors, size_t dim,
               base::ThreadPool* pool);
  const std::vector<uint32_t> ids_;
  const std::vector<float> vectors_;  // [ids, dim]
  const ann::ExactIndex index_;       // refers to both
};

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_NEW_ITEM_INDEX_H_
