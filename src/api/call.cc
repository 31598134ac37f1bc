#include "api/call.h"

#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <new>
#include <nlohmann/json.hpp>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "base/progress.h"

namespace upnext::api {
namespace {

// Keeps what an operation reports until somebody asks for it.
class Recorder : public base::Progress {
 public:
  void Begin(std::string_view stage, std::string_view unit, uint64_t total) override {
    const std::lock_guard lock(mutex_);
    stages_.push_back({.stage = std::string(stage), .unit = std::string(unit), .total = total});
    active_ = true;
    Tell();
  }
  void Update(uint64_t done, std::string_view note) override {
    const std::lock_guard lock(mutex_);
    if (!active_) return;
    Stage& stage = stages_.back();
    stage.done = done;
    if (!note.empty()) stage.note = note;
    stage.changed = true;
    // Called for each item: who waits is woken now and then.
    const auto now = std::chrono::steady_clock::now();
    if (now - told_ < std::chrono::milliseconds(50)) return;
    told_ = now;
    Tell();
  }
  void End() override {
    const std::lock_guard lock(mutex_);
    if (!active_) return;
    stages_.back().ended = stages_.back().changed = true;
    active_ = false;
    Tell();
  }
  void Note(std::string_view line) override {
    const std::lock_guard lock(mutex_);
    notes_.emplace_back(line);
    Tell();
  }
  bool stop_requested() const override { return stop_.load(std::memory_order_relaxed); }

  void Stop() { stop_.store(true, std::memory_order_relaxed); }
  void Finish() {
    const std::lock_guard lock(mutex_);
    finished_ = true;
    news_.notify_all();
  }
  bool Wait(int timeout_ms) {
    std::unique_lock lock(mutex_);
    const auto ready = [&] { return finished_ || has_news_; };
    if (timeout_ms < 0) {
      news_.wait(lock, ready);
    } else {
      news_.wait_for(lock, std::chrono::milliseconds(timeout_ms), ready);
    }
    return finished_;
  }
  void WaitForEnd() {
    std::unique_lock lock(mutex_);
    news_.wait(lock, [&] { return finished_; });
  }
  nlohmann::ordered_json Take() {
    const std::lock_guard lock(mutex_);
    nlohmann::ordered_json out = {{"stages", nlohmann::ordered_json::array()},
                                  {"notes", std::exchange(notes_, {})}};
    for (Stage& one : stages_) {
      if (!std::exchange(one.changed, false)) continue;
      out["stages"].push_back({{"stage", one.stage},
                               {"unit", one.unit},
                               {"total", one.total},
                               {"done", one.done},
                               {"note", one.note},
                               {"ended", one.ended}});
    }
    // What has ended is reported once.
    std::erase_if(stages_, [](const Stage& one) { return one.ended; });
    has_news_ = false;
    return out;
  }

 private:
  struct Stage {
    std::string stage, unit, note = {};
    uint64_t total = 0, done = 0;
    bool ended = false, changed = true;
  };
  void Tell() {
    has_news_ = true;
    news_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable news_;
  std::vector<Stage> stages_;  // those that were not reported as ended; the last may be active
  std::vector<std::string> notes_;
  bool active_ = false, has_news_ = false, finished_ = false;
  std::chrono::steady_clock::time_point told_;
  std::atomic<bool> stop_ = false;
};

// Runs `body` in a thread that gets no signals but those of its own faults: the others are for the threads of the
// program.
std::thread ThreadWithoutSignals(auto&& body) {
  sigset_t all, before;
  sigfillset(&all);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP})
    sigdelset(&all, fault);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    std::thread thread(std::forward<decltype(body)>(body));
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return thread;
  } catch (...) {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw;
  }
}

}  // namespace

struct Call::Rep {
  const Operation& operation;
  const Request request;
  const std::shared_ptr<ProjectHandle> project;
  Tables tables;
  Recorder recorder = {};
  std::optional<Error> error = {};
  Outcome outcome = {};
  std::thread thread = {};

  void Run() {
    try {
      Result<Outcome> made = operation.run({request, project.get(), recorder, std::move(tables)});
      if (made) {
        outcome = *std::move(made);
      } else {
        error = std::move(made).error();
      }
    } catch (const std::bad_alloc&) {
      error = Error{Code::kResourceExhausted, "out of memory"};
    } catch (const std::exception& exception) {
      error = Error{Code::kInternal, exception.what()};
    }
    if (project != nullptr) project->EndCall();
    recorder.Finish();
  }
};

Call::Call(std::unique_ptr<Rep> rep) : rep_(std::move(rep)) {}

Call::~Call() {
  rep_->recorder.Stop();
  if (rep_->thread.joinable()) rep_->thread.join();
}

Result<std::unique_ptr<Call>> Call::Start(const Operation& operation, Request request,
                                          std::shared_ptr<ProjectHandle> project, Tables tables) {
  if (operation.needs_project && project == nullptr) {
    return InvalidArgument("{}: expected a project, found none", operation.name);
  }
  if (!operation.needs_project) project.reset();
  std::unique_ptr<Call> call(new Call(std::unique_ptr<Rep>(
      new Rep{operation, std::move(request), std::move(project), std::move(tables)})));
  Rep* const rep = call->rep_.get();
  if (rep->project != nullptr) rep->project->BeginCall();
  try {
    rep->thread = ThreadWithoutSignals([rep] { rep->Run(); });
  } catch (const std::system_error& error) {
    if (rep->project != nullptr) rep->project->EndCall();
    return ResourceExhausted("{}: cannot start a thread: {}", operation.name, error.what());
  }
  return call;
}

bool Call::Wait(int timeout_ms) { return rep_->recorder.Wait(timeout_ms); }

std::string Call::News() {
  return rep_->recorder.Take().dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void Call::Stop() { rep_->recorder.Stop(); }

const std::optional<Error>& Call::error() const {
  rep_->recorder.WaitForEnd();
  return rep_->error;
}

Outcome& Call::outcome() {
  rep_->recorder.WaitForEnd();
  return rep_->outcome;
}

}  // namespace upnext::api
