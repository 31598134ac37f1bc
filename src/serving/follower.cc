#include "serving/follower.h"

#include <fmt/format.h>

#include <condition_variable>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/versioned_root.h"
#include "bundle/opened_bundle.h"

namespace upnext::serving {

struct Follower::Rep {
  Service& service;
  const std::shared_ptr<store::Store> store;
  const FollowerOptions options;
  const base::VersionedRoot bundles, logs;

  // Of the thread alone.
  std::string seen;  // the marks of both CURRENT files when they were last looked at
  std::vector<std::shared_ptr<const Generation>> retired;

  base::Mutex mutex;
  std::condition_variable_any wake;
  bool look UPNEXT_GUARDED_BY(mutex) = true, stop UPNEXT_GUARDED_BY(mutex) = false;
  // Looks that were asked for and those that have ended, counted: the last one began after the call
  // whose number it has.
  uint64_t asked UPNEXT_GUARDED_BY(mutex) = 0, looked UPNEXT_GUARDED_BY(mutex) = 0;
  Status last UPNEXT_GUARDED_BY(mutex) = Ok();  // how the last look ended
  std::condition_variable_any ended;
  std::thread thread;

  Rep(Service& s, std::shared_ptr<store::Store> st, FollowerOptions o)
      : service(s),
        store(std::move(st)),
        options(std::move(o)),
        bundles(options.service.bundle_root),
        logs(options.service.log_root) {}

  void Run();
  bool Wait(uint64_t* number);  // of the look that follows; false: stop
  Status LookForChanges();
  Status TakeUp();
  void ReleaseRetired();
};

bool Follower::Rep::Wait(uint64_t* number) {
  const auto until = std::chrono::steady_clock::now() + options.every;
  base::MutexLock lock(mutex);
  while (!look && !stop && wake.wait_until(mutex, until) == std::cv_status::no_timeout) {
  }
  if (look) seen.clear();
  look = false;
  *number = asked;
  return !stop;
}

void Follower::Rep::Run() {
  uint64_t number = 0;
  while (Wait(&number)) {
    const Status taken = LookForChanges();
    {
      base::MutexLock lock(mutex);
      last = taken;
      looked = number;
      ended.notify_all();
    }
    ReleaseRetired();
  }
}

Status Follower::Rep::LookForChanges() {
  // Taken before the folders are opened: what changes meanwhile is looked at the next time.
  std::string marks = fmt::format("{}|{}", bundles.CurrentMark(), logs.CurrentMark());
  if (marks == seen) return Ok();
  seen = std::move(marks);
  Status taken = TakeUp();
  if (taken) return taken;
  service.ReportFailure(taken.error().message);
  options.report("the current bundle and log are not taken up: " + taken.error().message);
  return taken;
}

Status Follower::Rep::TakeUp() {
  UPNEXT_ASSIGN_OR_RETURN(const bundle::ServedVersions wanted,
                          bundle::VersionsToServe(bundles, logs));
  const std::shared_ptr<const Generation> current = service.generation();
  if (wanted.bundle == current->bundle_version() && wanted.log == current->log_version()) {
    service.ReportUpToDate(wanted.Note());
    return Ok();
  }
  UPNEXT_ASSIGN_OR_RETURN(bundle::OpenedBundle opened,
                          bundle::OpenCurrent(bundles, logs, options.service.generation.signals,
                                              bundle::LogChoice::kNewest));
  UPNEXT_ASSIGN_OR_RETURN(
      auto generation,
      Generation::Make(std::move(opened), options.service.generation, store, current.get()));
  generation->Warm();
  const std::string versions = fmt::format("serving bundle {} (log {})",
                                           generation->bundle_version(), generation->log_version());
  UPNEXT_RETURN_IF_ERROR(service.Replace(std::move(generation)));
  service.ReportUpToDate(wanted.Note());
  retired.push_back(current);
  options.report(wanted.Note().empty() ? versions : versions + "; note: " + wanted.Note());
  return Ok();
}

// Ends generations that no request uses any more here, so that no request waits for that, and then
// drops what the store holds for them.
void Follower::Rep::ReleaseRetired() {
  if (std::erase_if(retired, [](const auto& one) { return one.use_count() == 1; }) == 0) return;
  if (!retired.empty()) return;
  const Status dropped = service.generation()->states().DropOthers();
  if (!dropped) options.report("names and states of earlier logs stay: " + dropped.error().message);
}

Follower::Follower(Service& service, std::shared_ptr<store::Store> store, FollowerOptions options)
    : rep_(std::make_unique<Rep>(service, std::move(store), std::move(options))) {
  rep_->thread = std::thread([rep = rep_.get()] { rep->Run(); });
}

Follower::~Follower() {
  {
    base::MutexLock lock(rep_->mutex);
    rep_->stop = true;
  }
  rep_->wake.notify_all();
  rep_->thread.join();
}

void Follower::Look() {
  base::MutexLock lock(rep_->mutex);
  rep_->look = true;
  rep_->wake.notify_all();
}

Status Follower::TakeUpNow() {
  base::MutexLock lock(rep_->mutex);
  const uint64_t mine = ++rep_->asked;
  rep_->look = true;
  rep_->wake.notify_all();
  while (rep_->looked < mine) rep_->ended.wait(rep_->mutex);
  return rep_->last;
}

}  // namespace upnext::serving
