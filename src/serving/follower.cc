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
  std::thread thread;

  Rep(Service& s, std::shared_ptr<store::Store> st, FollowerOptions o)
      : service(s),
        store(std::move(st)),
        options(std::move(o)),
        bundles(options.service.bundle_root),
        logs(options.service.log_root) {}

  void Run();
  bool Wait();  // false: stop
  void LookForChanges();
  Status TakeUp();
  void ReleaseRetired();
};

bool Follower::Rep::Wait() {
  const auto until = std::chrono::steady_clock::now() + options.every;
  base::MutexLock lock(mutex);
  while (!look && !stop && wake.wait_until(mutex, until) == std::cv_status::no_timeout) {
  }
  if (look) seen.clear();
  look = false;
  return !stop;
}

void Follower::Rep::Run() {
  while (Wait()) {
    LookForChanges();
    ReleaseRetired();
  }
}

void Follower::Rep::LookForChanges() {
  // Taken before the folders are opened: what changes meanwhile is looked at the next time.
  std::string marks = fmt::format("{}|{}", bundles.CurrentMark(), logs.CurrentMark());
  if (marks == seen) return;
  seen = std::move(marks);
  const Status taken = TakeUp();
  if (taken) return;
  service.ReportFailure(taken.error().message);
  options.report("the current bundle and log are not taken up: " + taken.error().message);
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

}  // namespace upnext::serving
