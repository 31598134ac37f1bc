#include "retrieval/new_item_index.h"

#include <algorithm>
#include <numeric>
#include <span>
#include <utility>

#include "retrieval/item_content.h"

namespace upnext::retrieval {
namespace {

// Removes items whose vectors, of `dim` numbers each, are zero.
void RemoveUnlearned(size_t dim, std::vector<uint32_t>* ids, std::vector<float>* vectors) {
  size_t kept = 0;
  for (size_t i = 0; i < ids->size(); ++i) {
    const std::span<const float> vector = std::span(*vectors).subspan(i * dim, dim);
    if (std::ranges::all_of(vector, [](float x) { return x == 0; })) continue;
    std::ranges::copy(vector, vectors->data() + kept * dim);
    (*ids)[kept++] = (*ids)[i];
  }
  ids->resize(kept);
  vectors->resize(kept * dim);
}

}  // namespace

NewItemIndex::NewItemIndex(std::vector<uint32_t> ids, std::vector<float> vectors, size_t dim,
                           base::ThreadPool* pool)
    : ids_(std::move(ids)),
      vectors_(std::move(vectors)),
      index_({.data = vectors_.data(), .count = ids_.size(), .dim = dim, .ids = ids_}, pool) {}

std::unique_ptr<const NewItemIndex> NewItemIndex::Make(const CandidateModel& model,
                                                       const features::FeatureStatistics& tables,
                                                       const catalogue::Catalogue& catalogue,
                                                       base::ThreadPool* pool) {
  constexpr size_t kNewItemRows = 256;  // at a time
  if (!model.has_item_tower()) return nullptr;
  NewItems fresh = NewItemsOf(tables, catalogue);
  std::vector<uint32_t> rows(fresh.ids.size());
  std::iota(rows.begin(), rows.end(), 0u);
  std::vector<float> vectors(rows.size() * model.dim());
  base::ParallelFor(pool, rows.size(), kNewItemRows, [&](size_t begin, size_t end) {
    model.EncodeNewItems(fresh.content, std::span(rows).subspan(begin, end - begin),
                         vectors.data() + begin * model.dim());
  });
  RemoveUnlearned(model.dim(), &fresh.ids, &vectors);
  if (fresh.ids.empty()) return nullptr;
  return std::unique_ptr<const NewItemIndex>(
      new NewItemIndex(std::move(fresh.ids), std::move(vectors), model.dim(), pool));
}

}  // namespace upnext::retrieval
