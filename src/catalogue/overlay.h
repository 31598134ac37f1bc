// Attributes of items or users that came after the log, by id. Any number of threads read it while
// rows are set, without a lock: for an id that has no row this costs a load and a comparison, and
// where a row has a larger id a bit of a table that stays in the cache.
//
//   overlay.Set(id, std::move(row));
//   if (const OverlayRow* row = overlay.Find(id)) ... row->cells[attribute] ...
//
// A row that another one replaces stays in memory as long as the overlay, since somebody may be
// reading it.
#ifndef UPNEXT_CATALOGUE_OVERLAY_H_
#define UPNEXT_CATALOGUE_OVERLAY_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "schema/attribute.h"

namespace upnext::catalogue {

// All attributes of one item or user. Immutable once it is set.
struct OverlayRow {
  uint64_t sequence = 0;                          // of the change that made it
  bool deleted = false;                           // it has no attributes then
  std::vector<schema::AttributeCell> cells = {};  // by number of the attribute; views of the below
  std::vector<std::vector<uint32_t>> categories = {};
  std::vector<std::string> texts = {};
  std::vector<std::vector<float>> vectors = {};
  size_t bytes() const;
};

class Overlay {
 public:
  Overlay() = default;
  ~Overlay();
  Overlay(const Overlay&) = delete;
  Overlay& operator=(const Overlay&) = delete;

  const OverlayRow* Find(uint32_t id) const {
    if (id >= end_.load(std::memory_order_acquire)) return nullptr;
    const Page* const page = pages_[id / kPageRows].load(std::memory_order_acquire);
    if (page == nullptr) return nullptr;
    const size_t at = id % kPageRows;
    if ((page->has[at / 64].load(std::memory_order_acquire) >> at % 64 & 1) == 0) return nullptr;
    return page->rows[at].load(std::memory_order_acquire);
  }
  // False, and no effect, when the id has a row of a later sequence number.
  bool Set(uint32_t id, std::unique_ptr<const OverlayRow> row);
  size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  uint32_t end() const { return end_.load(std::memory_order_acquire); }  // after the largest id

 private:
  static constexpr size_t kPageRows = 1 << 16;
  struct Page {
    std::atomic<uint64_t> has[kPageRows / 64] = {};  // a bit for each row that is not null
    std::atomic<const OverlayRow*> rows[kPageRows] = {};
  };
  // Made before end_ is above 0; pages stay.
  std::unique_ptr<std::atomic<Page*>[]> pages_;
  std::atomic<uint32_t> end_{0};
  std::atomic<size_t> bytes_{0};
  base::Mutex mutex_;
  std::vector<std::unique_ptr<const OverlayRow>> rows_ UPNEXT_GUARDED_BY(mutex_);  // all there were
};

}  // namespace upnext::catalogue

#endif  // UPNEXT_CATALOGUE_OVERLAY_H_
