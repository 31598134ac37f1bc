// A fixed set of threads that run one parallel loop at a time. Work is cut into chunks by `grain`
// alone, never by timing, so results that are combined per chunk are the same on every run.
//
//   ThreadPool pool(2);
//   pool.ParallelFor(rows, 256, [&](size_t begin, size_t end) { ... });
//
// ParallelFor may be called from any one thread at a time and from inside a chunk runs inline.
// The calling thread works too. Functions must not throw.
#ifndef UPNEXT_BASE_THREAD_POOL_H_
#define UPNEXT_BASE_THREAD_POOL_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

namespace upnext::base {

class ThreadPool {
 public:
  explicit ThreadPool(int threads = 0);  // 0: as many as the machine has
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const;
  void ParallelFor(size_t n, size_t grain,
                   const std::function<void(size_t begin, size_t end)>& body);

 private:
  struct Rep;
  std::unique_ptr<Rep> rep_;
};

// On the pool; without one the calling thread does all of it as one chunk.
void ParallelFor(ThreadPool* pool, size_t n, size_t grain,
                 const std::function<void(size_t begin, size_t end)>& body);

// Pieces of work that may run in any order and at the same time.
using Tasks = std::vector<std::function<void()>>;
// Runs them all, taken up in the order of the list; null: on the calling thread.
void RunAll(const Tasks& tasks, ThreadPool* pool);

}  // namespace upnext::base

#endif  // UPNEXT_BASE_THREAD_POOL_H_
