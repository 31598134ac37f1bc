// Calls that come while another one is being done wait for it and are then done together, by the
// thread of one of them: one write to the disk for all.
//
//   struct Work { ...; Status status; };
//   CommitQueue<Work> queue;
//   Work work{...};
//   queue.Run(&work, [&](std::span<Work* const> group) { ... });      every Work in order of arrival
//
// Any number of threads. A call stays on its caller's stack.
#ifndef UPNEXT_STORE_COMMIT_QUEUE_H_
#define UPNEXT_STORE_COMMIT_QUEUE_H_

#include <algorithm>
#include <cstddef>
#include <deque>
#include <semaphore>
#include <span>
#include <vector>

#include "base/mutex.h"

namespace upnext::store {

template <typename Work>
class CommitQueue {
 public:
  // Returns when `work` was part of a group that a `do_group` has done. Groups are done one after
  // the other and have at most kMostTogether calls.
  template <typename F>
  void Run(Work* work, F&& do_group) {
    Call call{.work = work};
    bool leads;
    {
      base::MutexLock lock(mutex_);
      waiting_.push_back(&call);
      leads = !busy_;
      busy_ = true;
    }
    if (!leads) call.wake.acquire();
    if (call.done) return;
    const std::vector<Call*> group = TakeGroup();
    std::vector<Work*> works;
    for (const Call* member : group) works.push_back(member->work);
    do_group(std::span<Work* const>(works));
    Release(group, &call);
  }

 private:
  static constexpr size_t kMostTogether = 64;
  struct Call {
    Work* work;
    bool done = false;
    std::binary_semaphore wake{0};  // it is done, or it is the next to lead
  };

  std::vector<Call*> TakeGroup() {
    base::MutexLock lock(mutex_);
    const auto end =
        waiting_.begin() + static_cast<std::ptrdiff_t>(std::min(waiting_.size(), kMostTogether));
    std::vector<Call*> group(waiting_.begin(), end);
    waiting_.erase(waiting_.begin(), end);
    return group;
  }

  void Release(const std::vector<Call*>& group, const Call* own) {
    {
      base::MutexLock lock(mutex_);
      if (waiting_.empty()) {
        busy_ = false;
      } else {
        waiting_.front()->wake.release();
      }
    }
    for (Call* member : group) {
      if (member == own) continue;
      member->done = true;
      member->wake.release();
    }
  }

  base::Mutex mutex_;
  std::deque<Call*> waiting_ UPNEXT_GUARDED_BY(mutex_);
  bool busy_ UPNEXT_GUARDED_BY(mutex_) = false;
};

}  // namespace upnext::store

#endif  // UPNEXT_STORE_COMMIT_QUEUE_H_
