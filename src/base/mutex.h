// A mutex whose use clang checks at compile time (-Wthread-safety). Other compilers ignore the
// annotations.
//
//   Mutex mutex_;
//   int count_ UPNEXT_GUARDED_BY(mutex_);
//   MutexLock lock(mutex_);
#ifndef UPNEXT_BASE_MUTEX_H_
#define UPNEXT_BASE_MUTEX_H_

#include <mutex>

#if defined(__clang__)
#define UPNEXT_THREAD_ANNOTATION(x) __attribute__((x))
#else
#define UPNEXT_THREAD_ANNOTATION(x)
#endif
#define UPNEXT_CAPABILITY(x) UPNEXT_THREAD_ANNOTATION(capability(x))
#define UPNEXT_SCOPED_CAPABILITY UPNEXT_THREAD_ANNOTATION(scoped_lockable)
#define UPNEXT_GUARDED_BY(x) UPNEXT_THREAD_ANNOTATION(guarded_by(x))
#define UPNEXT_REQUIRES(...) UPNEXT_THREAD_ANNOTATION(requires_capability(__VA_ARGS__))
#define UPNEXT_ACQUIRE(...) UPNEXT_THREAD_ANNOTATION(acquire_capability(__VA_ARGS__))
#define UPNEXT_RELEASE(...) UPNEXT_THREAD_ANNOTATION(release_capability(__VA_ARGS__))

namespace upnext::base {

class UPNEXT_CAPABILITY("mutex") Mutex {
 public:
  void lock() UPNEXT_ACQUIRE() { mutex_.lock(); }
  void unlock() UPNEXT_RELEASE() { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

class UPNEXT_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) UPNEXT_ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~MutexLock() UPNEXT_RELEASE() { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

}  // namespace upnext::base

#endif  // UPNEXT_BASE_MUTEX_H_
