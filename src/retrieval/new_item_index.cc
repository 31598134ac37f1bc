#include "retrieval/new_item_index.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

#include "ann/exact_index.h"
#include "ann/live_index.h"
#include "retrieval/item_content.h"

namespace upnext::retrieval {
namespace {

bool IsUnlearned(std::span<const float> vector) {
  return std::ranges::all_of(vector, [](float x) { return x == 0; });
}

// Removes items whose vectors, of `dim` numbers each, are zero.
void RemoveUnlearned(size_t dim, std::vector<uint32_t>* ids, std::vector<float>* vectors) {
  size_t kept = 0;
  for (size_t i = 0; i < ids->size(); ++i) {
    const std::span<const float> vector = std::span(*vectors).subspan(i * dim, dim);
    if (IsUnlearned(vector)) continue;
    std::ranges::copy(vector, vectors->data() + kept * dim);
    (*ids)[kept++] = (*ids)[i];
  }
  ids->resize(kept);
  vectors->resize(kept * dim);
}

}  // namespace

// Vectors of a moment, and those that changed since.
struct NewItemIndex::Vectors {
  Vectors(std::vector<uint32_t> all_ids, std::vector<float> all, size_t dim, size_t live_bytes,
          base::ThreadPool* pool)
      : ids(std::move(all_ids)),
        vectors(std::move(all)),
        base({.data = vectors.data(), .count = ids.size(), .dim = dim, .ids = ids}, pool) {
    const size_t largest = ids.empty() ? 0 : ids.back() + size_t{1};
    // It refuses less than it needs for itself and one block of vectors.
    for (size_t bytes = live_bytes + largest * sizeof(uint32_t); live == nullptr; bytes *= 2) {
      if (auto made = ann::LiveIndex::Make(base, bytes)) live = *std::move(made);
    }
  }
  const std::vector<uint32_t> ids;   // ascending
  const std::vector<float> vectors;  // [ids, dim]
  const ann::ExactIndex base;        // refers to both
  std::unique_ptr<ann::LiveIndex> live;
};

NewItemIndex::NewItemIndex(const UserItemModel& model, const features::FeatureStatistics& tables,
                           const catalogue::Catalogue& catalogue, size_t live_bytes)
    : model_(model), tables_(tables), catalogue_(catalogue), live_bytes_(live_bytes) {}
NewItemIndex::~NewItemIndex() = default;

std::unique_ptr<NewItemIndex> NewItemIndex::Make(const UserItemModel& model,
                                                 const features::FeatureStatistics& tables,
                                                 const catalogue::Catalogue& catalogue,
                                                 base::ThreadPool* pool, size_t live_bytes) {
  if (!model.has_item_tower()) return nullptr;
  std::unique_ptr<NewItemIndex> index(new NewItemIndex(model, tables, catalogue, live_bytes));
  base::MutexLock lock(index->mutex_);
  index->vectors_ = index->MakeVectors(pool);
  return index;
}

std::shared_ptr<const NewItemIndex::Vectors> NewItemIndex::MakeVectors(
    base::ThreadPool* pool) const {
  constexpr size_t kNewItemRows = 256;  // at a time
  NewItems fresh = NewItemsOf(tables_, catalogue_);
  std::vector<uint32_t> rows(fresh.ids.size());
  std::iota(rows.begin(), rows.end(), 0u);
  std::vector<float> vectors(rows.size() * model_.dim());
  base::ParallelFor(pool, rows.size(), kNewItemRows, [&](size_t begin, size_t end) {
    model_.EncodeNewItems(fresh.content, std::span(rows).subspan(begin, end - begin),
                          vectors.data() + begin * model_.dim());
  });
  RemoveUnlearned(model_.dim(), &fresh.ids, &vectors);
  return std::make_shared<const Vectors>(std::move(fresh.ids), std::move(vectors), model_.dim(),
                                         live_bytes_, pool);
}

std::shared_ptr<const NewItemIndex::Vectors> NewItemIndex::vectors() const {
  base::MutexLock lock(mutex_);
  return vectors_;
}

void NewItemIndex::Search(std::span<const float> user, size_t k, const ann::Filter& filter,
                          std::vector<ann::Hit>* hits) const {
  vectors()->live->Search(user, k, filter, hits);
}

size_t NewItemIndex::size() const { return vectors()->live->size(); }

void NewItemIndex::Update(uint32_t item) {
  base::MutexLock updating(updating_);
  const std::shared_ptr<const Vectors> now = vectors();
  const NewItems fresh = NewItemOf(tables_, catalogue_, item);
  std::vector<float> vector(model_.dim());
  if (!fresh.ids.empty()) {
    model_.EncodeNewItems(fresh.content, std::array{0u}, vector.data());
  }
  if (IsUnlearned(vector)) {
    now->live->Remove(item);
    return;
  }
  // Without room, or with numbers that are not finite: the catalogue has all that a new index needs.
  if (now->live->Add(item, vector)) return;
  std::shared_ptr<const Vectors> made = MakeVectors(nullptr);
  base::MutexLock lock(mutex_);
  vectors_ = std::move(made);
}

}  // namespace upnext::retrieval
