// Items of a catalogue that the candidate model has no vector for, found by what the catalogue says of
// them: those that came after the training, or had no positive event in it (CG-24, CG-27). It follows
// what is posted of items while it is searched.
//
//   const std::unique_ptr<NewItemIndex> fresh = NewItemIndex::Make(model, tables, catalogue);
//   if (fresh != nullptr) fresh->Search(user, 300, filter, &hits);   // as those of the index
//   fresh->Update(item);                               // after Catalogue::Set of it
//
// Any number of threads. Model, tables and catalogue outlive it.
#ifndef UPNEXT_RETRIEVAL_NEW_ITEM_INDEX_H_
#define UPNEXT_RETRIEVAL_NEW_ITEM_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "ann/index.h"
#include "base/mutex.h"
#include "base/thread_pool.h"
#include "catalogue/catalogue.h"
#include "features/feature_statistics.h"
#include "retrieval/user_item_model.h"

namespace upnext::retrieval {

class NewItemIndex {
 public:
  // Of vectors added and replaced since the index was made, beyond which it is made anew.
  static constexpr size_t kLiveBytes = size_t{32} << 20;

  // Null when the model has no item tower. An item of whose content the training learned nothing has a
  // zero vector, whose score 0 may be above all others: it is left out.
  static std::unique_ptr<NewItemIndex> Make(const UserItemModel& model,
                                            const features::FeatureStatistics& tables,
                                            const catalogue::Catalogue& catalogue,
                                            base::ThreadPool* pool = nullptr,
                                            size_t live_bytes = kLiveBytes);
  ~NewItemIndex();

  // Inner products with the vector of a user: comparable to those of the model's own items.
  void Search(std::span<const float> user, size_t k, const ann::Filter& filter,
              std::vector<ann::Hit>* hits) const;
  // Searches that begin later find the item by what the catalogue says of it now; not one that is
  // removed, that the model has a vector for, or of which it can read nothing.
  void Update(uint32_t item);
  size_t size() const;  // items that can be found

 private:
  struct Vectors;
  NewItemIndex(const UserItemModel& model, const features::FeatureStatistics& tables,
               const catalogue::Catalogue& catalogue, size_t live_bytes);
  std::shared_ptr<const Vectors> MakeVectors(base::ThreadPool* pool) const;
  std::shared_ptr<const Vectors> vectors() const;

  const UserItemModel& model_;
  const features::FeatureStatistics& tables_;
  const catalogue::Catalogue& catalogue_;
  const size_t live_bytes_;
  base::Mutex updating_;  // before mutex_
  mutable base::Mutex mutex_;
  std::shared_ptr<const Vectors> vectors_ UPNEXT_GUARDED_BY(mutex_);
};

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_NEW_ITEM_INDEX_H_
