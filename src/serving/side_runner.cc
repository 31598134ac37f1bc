#include "serving/side_runner.h"

#include <utility>

namespace upnext::serving {

bool SideRunner::Job::Wait(std::chrono::nanoseconds patience) {
  std::unique_lock lock(mutex_);
  if (ended_.wait_for(lock, patience, [this] { return at_ == At::kDone; })) return true;
  if (at_ == At::kRunning) ++late_;
  at_ = At::kLeft;
  return false;
}

void SideRunner::Job::Run() {
  {
    const std::lock_guard lock(mutex_);
    if (at_ == At::kLeft) return;
    at_ = At::kRunning;
  }
  work_();
  work_ = nullptr;  // and what it owns
  const std::lock_guard lock(mutex_);
  if (at_ == At::kLeft) {
    --late_;
    return;
  }
  at_ = At::kDone;
  ended_.notify_all();
}

SideRunner::SideRunner(size_t threads) {
  for (size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { Work(); });
}

SideRunner::~SideRunner() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

std::shared_ptr<SideRunner::Job> SideRunner::Run(std::function<void()> work,
                                                 std::atomic<int>* late) {
  std::shared_ptr<Job> job(new Job(std::move(work), late));
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(job);
  }
  changed_.notify_one();
  return job;
}

void SideRunner::Work() {
  for (;;) {
    std::shared_ptr<Job> job;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return ends_ || !jobs_.empty(); });
      if (ends_) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    job->Run();
  }
}

}  // namespace upnext::serving
