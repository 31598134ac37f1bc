#include "base/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <system_error>
#include <thread>
#include <vector>

#include "base/mutex.h"

namespace upnext::base {
namespace {

// Set while this thread runs a chunk of any pool. A loop inside a chunk runs inline: the pool's
// threads are busy, and waiting for them would be a deadlock.
thread_local bool inside_chunk = false;

using Body = std::function<void(size_t, size_t)>;

struct Job {
  size_t n, grain, chunks;
  const Body* body;
  std::atomic<size_t> next = 0;
  std::atomic<bool> threw = false;
  std::exception_ptr thrown = nullptr;  // the first; written by whoever set `threw`

  // Runs chunks until none is left, or one throws; others then end theirs and take no more.
  void Work() {
    inside_chunk = true;
    try {
      for (size_t i = next.fetch_add(1); i < chunks; i = next.fetch_add(1)) {
        const size_t begin = i * grain;
        (*body)(begin, begin + std::min(grain, n - begin));
      }
    } catch (...) {
      if (!threw.exchange(true)) thrown = std::current_exception();
      next.store(chunks);
    }
    inside_chunk = false;
  }
  // In the thread of the loop, when all have left.
  void RethrowIfThrown() const {
    if (thrown != nullptr) std::rethrow_exception(thrown);
  }
};

}  // namespace

struct ThreadPool::Rep {
  Mutex one_loop;  // held by the thread whose loop is running
  Mutex mutex;
  std::condition_variable_any work_came, worker_left;
  Job* job UPNEXT_GUARDED_BY(mutex) = nullptr;
  uint64_t job_number UPNEXT_GUARDED_BY(mutex) = 0;
  int working UPNEXT_GUARDED_BY(mutex) = 0;
  bool stop UPNEXT_GUARDED_BY(mutex) = false;
  std::vector<std::thread> threads;

  // A worker joins each job at most once and only while the job is open. One that wakes up late
  // goes back to sleep, and no thread waits for it.
  void WorkerLoop() {
    uint64_t seen = 0;
    MutexLock lock(mutex);
    while (true) {
      while (!stop && (job == nullptr || job_number == seen)) work_came.wait(mutex);
      if (stop) return;
      seen = job_number;
      Job* current = job;
      ++working;
      mutex.unlock();
      current->Work();
      mutex.lock();
      if (--working == 0) worker_left.notify_one();
    }
  }

  void Run(Job& new_job) {
    {
      MutexLock lock(mutex);
      job = &new_job;
      ++job_number;
    }
    const size_t helpers = std::min(threads.size(), new_job.chunks - 1);
    for (size_t i = 0; i < helpers; ++i) work_came.notify_one();
    new_job.Work();
    MutexLock lock(mutex);
    job = nullptr;
    while (working > 0) worker_left.wait(mutex);
  }
};

ThreadPool::ThreadPool(int threads) : rep_(std::make_unique<Rep>()) {
  if (threads <= 0) threads = static_cast<int>(std::thread::hardware_concurrency());
  try {
    for (int i = 1; i < threads; ++i)
      rep_->threads.emplace_back([rep = rep_.get()] { rep->WorkerLoop(); });
  } catch (const std::system_error&) {
    // The system cannot create more threads; threads() returns the number that exist.
  }
}

ThreadPool::~ThreadPool() {
  {
    MutexLock lock(rep_->mutex);
    rep_->stop = true;
  }
  rep_->work_came.notify_all();
  for (std::thread& thread : rep_->threads) thread.join();
}

int ThreadPool::threads() const { return static_cast<int>(rep_->threads.size()) + 1; }

void ThreadPool::ParallelFor(size_t n, size_t grain, const Body& body) {
  if (n == 0) return;
  grain = std::max<size_t>(grain, 1);
  Job job{.n = n, .grain = grain, .chunks = (n - 1) / grain + 1, .body = &body};
  if (inside_chunk) {
    for (size_t begin = 0; begin < n; begin += std::min(grain, n - begin)) {
      body(begin, begin + std::min(grain, n - begin));
    }
    return;
  }
  MutexLock lock(rep_->one_loop);
  if (rep_->threads.empty() || job.chunks == 1) {
    job.Work();
  } else {
    rep_->Run(job);
  }
  job.RethrowIfThrown();
}

void ParallelFor(ThreadPool* pool, size_t n, size_t grain, const Body& body) {
  if (n == 0) return;
  if (pool == nullptr) {
    body(0, n);
  } else {
    pool->ParallelFor(n, grain, body);
  }
}

void RunAll(const Tasks& tasks, ThreadPool* pool) {
  ParallelFor(pool, tasks.size(), 1, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) tasks[i]();
  });
}

}  // namespace upnext::base
