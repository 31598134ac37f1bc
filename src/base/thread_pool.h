// A fixed set of threads that run one parallel loop at a time. Work is cut into chunks by `grain`
// alone, never by timing, so results that are combined per chunk are the same on every run.
//
//   ThreadPool pool(2);
//   pool.ParallelFor(rows, 256, [&](size_t begin, size_t end) { ... });
//
// ParallelFor may be called from one thread at a time; called inside a chunk it runs inline. The
// calling thread takes part in the work. The body must not throw.
#ifndef UPNEXT_BASE_THREAD_POOL_H_
#define UPNEXT_BASE_THREAD_POOL_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

namespace upnext::base {

class ThreadPool {
 public:
  explicit ThreadPool(int threads = 0);  // 0: one per processor
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

// Runs on the pool, or as one chunk on the calling thread when `pool` is null.
void ParallelFor(ThreadPool* pool, size_t n, size_t grain,
                 const std::function<void(size_t begin, size_t end)>& body);

// Pieces of work that may run in any order and at the same time.
using Tasks = std::vector<std::function<void()>>;
// Runs all tasks, started in the order of the list; on the calling thread when `pool` is null.
void RunAll(const Tasks& tasks, ThreadPool* pool);

}  // namespace upnext::base

#endif  // UPNEXT_BASE_THREAD_POOL_H_
