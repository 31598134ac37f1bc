// A project that a program has open: its settings, what feeds are made with, and tables for the next import.
//
//   UPNEXT_ASSIGN_OR_RETURN(auto handle, ProjectHandle::Open({.config = "shop.toml"}));
//   UPNEXT_ASSIGN_OR_RETURN(const RecommenderUse recommender, handle->Use(progress));
//   recommender->FeedOf("u7", wanted);
//
// Any number of threads.
#ifndef UPNEXT_API_PROJECT_HANDLE_H_
#define UPNEXT_API_PROJECT_HANDLE_H_

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/recommender.h"
#include "api/settings.h"
#include "base/progress.h"
#include "base/status.h"
#include "import/arrow_table.h"
#include "project/project.h"

namespace upnext::api {

class ProjectHandle;

// The recommender, which stays open while this lives.
class RecommenderUse {
 public:
  RecommenderUse(ProjectHandle* handle, Recommender* recommender)
      : handle_(handle), recommender_(recommender) {}
  RecommenderUse(RecommenderUse&& other) noexcept
      : handle_(std::exchange(other.handle_, nullptr)), recommender_(other.recommender_) {}
  RecommenderUse& operator=(RecommenderUse&&) = delete;
  ~RecommenderUse();
  Recommender* operator->() const { return recommender_; }
  Recommender& operator*() const { return *recommender_; }

 private:
  ProjectHandle* handle_;
  Recommender* recommender_;
};

class ProjectHandle {
 public:
  // Reads the whole project file.
  static Result<std::shared_ptr<ProjectHandle>> Open(const project::Location& location);

  const Settings& settings() const { return settings_; }

  // Opens the recommender of feeds of now, unless it is open with the versions that are current.
  Result<RecommenderUse> Use(base::Progress& progress);
  // Closes it, when the feeds that are being made are done: the store is free for a server.
  void Release();

  // In place of one of the same name.
  void AddTable(std::shared_ptr<const import::ArrowTable> table);
  // Null when there is none. The caller lets go of it: what it releases may call this library.
  std::shared_ptr<const import::ArrowTable> RemoveTable(std::string_view name);
  std::vector<std::shared_ptr<const import::ArrowTable>> TakeTables();

  // Calls that run on this project; WaitForCalls waits until there is none.
  void BeginCall();
  void EndCall();
  void WaitForCalls();

 private:
  friend class RecommenderUse;
  explicit ProjectHandle(Settings settings) : settings_(std::move(settings)) {}
  void EndUse();

  // The right to open or close the recommender: nobody uses it meanwhile, and nobody begins to.
  class Exclusive;

  const Settings settings_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::unique_ptr<Recommender> recommender_;      // null: none is open
  std::pair<std::string, std::string> versions_;  // of its bundle and log
  int uses_ = 0;
  bool exclusive_ = false;
  int calls_ = 0;
  std::vector<std::shared_ptr<const import::ArrowTable>> tables_;
};

}  // namespace upnext::api

#endif  // UPNEXT_API_PROJECT_HANDLE_H_
