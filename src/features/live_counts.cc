#include "features/live_counts.h"

#include <utility>

namespace upnext::features {

void LiveCounts::Add(const Choice& choice) {
  base::MutexLock lock(mutex_);
  if (!first_.Add(choice)) return;
  counts_.Add(choice);
  changed_ = true;
}

std::shared_ptr<const LiveLists> LiveCounts::MakeLists() const {
  base::MutexLock lock(mutex_);
  return std::make_shared<const LiveLists>(counts_.Lists());
}

std::shared_ptr<const LiveLists> LiveCounts::lists() const {
  {
    base::MutexLock lock(lists_mutex_);
    const auto now = std::chrono::steady_clock::now();
    if (!changed_ || now - made_ < kRefresh) return lists_;
    made_ = now;  // the others use the lists of before meanwhile
  }
  changed_ = false;
  auto made = MakeLists();
  base::MutexLock lock(lists_mutex_);
  lists_ = std::move(made);
  return lists_;
}

}  // namespace upnext::features
