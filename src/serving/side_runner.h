// Threads next to those of requests, for work that a request may leave behind when it is late.
//
//   SideRunner runner(4);
//   const auto job = runner.Run([found] { found->items = SlowSearch(); }, &late);
//   if (job->Wait(std::chrono::milliseconds(20))) Use(found->items);
//
// Work owns what it reads and writes, or reads what outlives the runner: nobody waits for it but the
// runner's end. Any number of threads; a job is waited for once.
#ifndef UPNEXT_SERVING_SIDE_RUNNER_H_
#define UPNEXT_SERVING_SIDE_RUNNER_H_

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace upnext::serving {

class SideRunner {
 public:
  class Job {
   public:
    // Whether it ended within `patience`. If it did not, it is left behind: it does not begin any
    // more, or counts as `late` until it ends.
    bool Wait(std::chrono::nanoseconds patience);

   private:
    friend class SideRunner;
    enum class At { kWaiting, kRunning, kDone, kLeft };
    Job(std::function<void()> work, std::atomic<int>* late)
        : work_(std::move(work)), late_(*late) {}
    void Run();
    std::function<void()> work_;
    std::atomic<int>& late_;
    std::mutex mutex_;
    std::condition_variable ended_;
    At at_ = At::kWaiting;
  };

  explicit SideRunner(size_t threads);
  // Waits for what runs; what has not begun does not begin.
  ~SideRunner();
  // `work` does not throw. `late` outlives the runner.
  std::shared_ptr<Job> Run(std::function<void()> work, std::atomic<int>* late);

 private:
  void Work();
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<Job>> jobs_;
  bool ends_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace upnext::serving

#endif  // UPNEXT_SERVING_SIDE_RUNNER_H_
