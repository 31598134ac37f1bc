#include "api/project_handle.h"

#include <algorithm>
#include <chrono>

#include "bundle/opened_bundle.h"

namespace upnext::api {

RecommenderUse::~RecommenderUse() {
  if (handle_ != nullptr) handle_->EndUse();
}

class ProjectHandle::Exclusive {
 public:
  // `lock` is held. Waits until it is the only one; afterwards granted() is false if `progress` asks to stop.
  Exclusive(ProjectHandle& handle, std::unique_lock<std::mutex>& lock,
            const base::Progress& progress)
      : handle_(handle), lock_(lock) {
    granted_ = Wait(progress, [&] { return !handle_.exclusive_; });
    if (!granted_) return;
    handle_.exclusive_ = true;
    granted_ = Wait(progress, [&] { return handle_.uses_ == 0; });
    if (!granted_) handle_.exclusive_ = false;
  }
  // Takes the lock, if it was let go of.
  ~Exclusive() {
    if (!granted_) return;
    if (!lock_.owns_lock()) lock_.lock();
    handle_.exclusive_ = false;
    handle_.changed_.notify_all();
  }
  Exclusive(const Exclusive&) = delete;
  Exclusive& operator=(const Exclusive&) = delete;
  bool granted() const { return granted_; }

 private:
  template <typename Condition>
  bool Wait(const base::Progress& progress, const Condition& condition) {
    constexpr auto kLook = std::chrono::milliseconds(50);
    while (!handle_.changed_.wait_for(lock_, kLook, condition)) {
      if (progress.stop_requested()) return false;
    }
    return true;
  }

  ProjectHandle& handle_;
  std::unique_lock<std::mutex>& lock_;
  bool granted_ = false;
};

Result<std::shared_ptr<ProjectHandle>> ProjectHandle::Open(const project::Location& location) {
  UPNEXT_ASSIGN_OR_RETURN(Settings settings, Settings::Load(location));
  return std::shared_ptr<ProjectHandle>(new ProjectHandle(std::move(settings)));
}

Result<RecommenderUse> ProjectHandle::Use(base::Progress& progress) {
  std::unique_lock lock(mutex_);
  bool fresh = false;
  for (;;) {
    UPNEXT_ASSIGN_OR_RETURN(const bundle::ServedVersions served, settings_.project.Served());
    const std::pair<std::string, std::string> versions = {served.bundle, served.log};
    if (recommender_ != nullptr && versions_ == versions && !exclusive_) {
      ++uses_;
      RecommenderUse use(this, recommender_.get());
      if (!fresh) {
        for (const std::string& note : recommender_->notes()) progress.Note(note);
      }
      return use;
    }
    const Exclusive exclusive(*this, lock, progress);
    if (!exclusive.granted()) return Cancelled("stopped on request");
    if (recommender_ != nullptr && versions_ == versions) continue;  // another thread opened it
    // The old one has the store open, which the new one needs.
    recommender_.reset();
    lock.unlock();
    Result<std::unique_ptr<Recommender>> opened =
        Recommender::Open(settings_, Recommender::At::kNow, progress);
    lock.lock();
    if (!opened) return std::unexpected(opened.error());
    recommender_ = *std::move(opened);
    versions_ = versions;
    fresh = true;
  }
}

void ProjectHandle::Release() {
  std::unique_lock lock(mutex_);
  const Exclusive exclusive(*this, lock, base::NoProgress());
  recommender_.reset();
}

void ProjectHandle::EndUse() {
  const std::lock_guard lock(mutex_);
  --uses_;
  changed_.notify_all();
}

void ProjectHandle::AddTable(std::shared_ptr<const import::ArrowTable> table) {
  const auto replaced = RemoveTable(table->name());
  const std::lock_guard lock(mutex_);
  tables_.push_back(std::move(table));
}

std::shared_ptr<const import::ArrowTable> ProjectHandle::RemoveTable(std::string_view name) {
  const std::lock_guard lock(mutex_);
  const auto found =
      std::ranges::find_if(tables_, [&](const auto& table) { return table->name() == name; });
  if (found == tables_.end()) return nullptr;
  std::shared_ptr<const import::ArrowTable> table = std::move(*found);
  tables_.erase(found);
  return table;
}

std::vector<std::shared_ptr<const import::ArrowTable>> ProjectHandle::TakeTables() {
  const std::lock_guard lock(mutex_);
  return std::exchange(tables_, {});
}

void ProjectHandle::BeginCall() {
  const std::lock_guard lock(mutex_);
  ++calls_;
}

void ProjectHandle::EndCall() {
  const std::lock_guard lock(mutex_);
  --calls_;
  changed_.notify_all();
}

void ProjectHandle::WaitForCalls() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return calls_ == 0; });
}

}  // namespace upnext::api
