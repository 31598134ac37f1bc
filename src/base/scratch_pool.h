// Scratch memory that outlives a call: objects that calls borrow and give back, so that the buffers
// in them grow once and not in every call.
//
//   ScratchPool<Buffers> pool;
//   const auto buffers = pool.Borrow();      buffers->vector.resize(n); ...
//                                            given back when `buffers` leaves the scope
//
// Any number of threads; each holds an object of its own. There are as many objects as were ever
// borrowed at the same time. They keep the contents that the last borrower left. The pool outlives
// what is borrowed from it.
#ifndef UPNEXT_BASE_SCRATCH_POOL_H_
#define UPNEXT_BASE_SCRATCH_POOL_H_

#include <memory>
#include <utility>
#include <vector>

#include "base/mutex.h"

namespace upnext::base {

template <typename T>
class ScratchPool {
 public:
  class Borrowed {
   public:
    Borrowed(const ScratchPool& pool, std::unique_ptr<T> object)
        : pool_(pool), object_(std::move(object)) {}
    ~Borrowed() { pool_.GiveBack(std::move(object_)); }
    Borrowed(const Borrowed&) = delete;
    Borrowed& operator=(const Borrowed&) = delete;
    T& operator*() const { return *object_; }
    T* operator->() const { return object_.get(); }

   private:
    const ScratchPool& pool_;
    std::unique_ptr<T> object_;
  };

  Borrowed Borrow() const {
    const MutexLock lock(mutex_);
    if (free_.empty()) return Borrowed(*this, std::make_unique<T>());
    std::unique_ptr<T> object = std::move(free_.back());
    free_.pop_back();
    return Borrowed(*this, std::move(object));
  }

 private:
  void GiveBack(std::unique_ptr<T> object) const {
    const MutexLock lock(mutex_);
    free_.push_back(std::move(object));
  }

  mutable Mutex mutex_;
  mutable std::vector<std::unique_ptr<T>> free_ UPNEXT_GUARDED_BY(mutex_);
};

}  // namespace upnext::base

#endif  // UPNEXT_BASE_SCRATCH_POOL_H_
