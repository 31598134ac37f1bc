#include "catalogue/overlay.h"

#include <algorithm>
#include <utility>

namespace upnext::catalogue {

size_t OverlayRow::bytes() const {
  size_t bytes = sizeof(*this) + cells.size() * sizeof(cells[0]);
  for (const auto& list : categories) bytes += sizeof(list) + list.size() * sizeof(list[0]);
  for (const auto& text : texts) bytes += sizeof(text) + text.size();
  for (const auto& vector : vectors) bytes += sizeof(vector) + vector.size() * sizeof(vector[0]);
  return bytes;
}

Overlay::~Overlay() {
  if (pages_ == nullptr) return;
  for (size_t p = 0; p <= UINT32_MAX / kPageRows; ++p) delete pages_[p].load();
}

bool Overlay::Set(uint32_t id, std::unique_ptr<const OverlayRow> row) {
  base::MutexLock lock(mutex_);
  if (pages_ == nullptr) {
    pages_ = std::make_unique<std::atomic<Page*>[]>(UINT32_MAX / kPageRows + 1);
  }
  std::atomic<Page*>& place = pages_[id / kPageRows];
  if (place.load(std::memory_order_relaxed) == nullptr) {
    place.store(new Page, std::memory_order_release);
    bytes_ += sizeof(Page);
  }
  Page& page = *place.load(std::memory_order_relaxed);
  const size_t at = id % kPageRows;
  std::atomic<const OverlayRow*>& now = page.rows[at];
  const OverlayRow* const before = now.load(std::memory_order_relaxed);
  if (before != nullptr && before->sequence >= row->sequence) return false;
  bytes_ += row->bytes();
  now.store(row.get(), std::memory_order_release);
  page.has[at / 64].fetch_or(uint64_t{1} << at % 64, std::memory_order_release);
  rows_.push_back(std::move(row));
  end_.store(std::max(end_.load(std::memory_order_relaxed), id + 1), std::memory_order_release);
  return true;
}

}  // namespace upnext::catalogue
