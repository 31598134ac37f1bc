// A store for tests that runs a function before every commit and after every scan, over a real one.
//
//   HookedStore store(*OpenRocksStore(folder / "store"));
//   store.before_commit = [&] { gate.Wait(); return Ok(); };      an error fails the commit
#ifndef UPNEXT_STORE_TEST_STORE_H_
#define UPNEXT_STORE_TEST_STORE_H_

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "base/status.h"
#include "schema/event.h"
#include "schema/raw_event.h"
#include "store/store.h"

namespace upnext::store {

// Threads wait here until it is opened, and others can wait until some are here.
class Gate {
 public:
  void Wait() {
    std::unique_lock lock(mutex_);
    ++here_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  // False when fewer than `n` threads came within ten seconds.
  bool WaitUntilHere(int n) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(10), [&] { return here_ >= n; });
  }
  void Open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int here_ = 0;
  bool open_ = false;
};

class HookedStore : public Store {
 public:
  explicit HookedStore(std::shared_ptr<Store> real) : real_(std::move(real)) {}
  std::function<Status()> before_commit;   // set while nobody commits
  std::function<void()> after_all_events;  // set while nobody scans

  Result<Committed> Commit(const WriteBatch& batch) override {
    if (before_commit) UPNEXT_RETURN_IF_ERROR(before_commit());
    return real_->Commit(batch);
  }
  Result<std::vector<uint32_t>> Intern(const Numbering& numbering, schema::IdSpace space,
                                       std::span<const std::string_view> names) override {
    return real_->Intern(numbering, space, names);
  }
  Status Names(const Numbering& numbering,
               const std::function<void(schema::IdSpace, std::string_view, uint32_t)>& visit)
      const override {
    return real_->Names(numbering, visit);
  }
  WriteHealth health() const override { return real_->health(); }
  uint64_t memory_bytes() const override { return real_->memory_bytes(); }
  uint64_t Changes(std::string_view user) const override { return real_->Changes(user); }
  Result<std::optional<SavedState>> State(uint64_t tag, std::string_view user) const override {
    return real_->State(tag, user);
  }
  Status EventsOf(
      std::string_view user, uint64_t after,
      const std::function<Status(uint64_t, const schema::RawEvent&)>& visit) const override {
    return real_->EventsOf(user, after, visit);
  }
  Status AllEvents(const std::function<void(const schema::RawEvent&)>& visit) const override {
    UPNEXT_RETURN_IF_ERROR(real_->AllEvents(visit));
    if (after_all_events) after_all_events();
    return Ok();
  }
  Status Records(schema::Entity entity, std::string_view after,
                 const std::function<Status(const Record&)>& visit) const override {
    return real_->Records(entity, after, visit);
  }
  Result<std::optional<Record>> RecordOf(schema::Entity entity,
                                         std::string_view name) const override {
    return real_->RecordOf(entity, name);
  }
  Status OpenWatchesOf(std::string_view user,
                       const std::function<Status(const schema::RawEvent&)>& visit) const override {
    return real_->OpenWatchesOf(user, visit);
  }
  Result<std::vector<schema::RawEvent>> CloseWatches(int64_t before_ms) override {
    return real_->CloseWatches(before_ms);
  }
  Result<std::optional<StoredSlate>> SlateOf(uint64_t request) const override {
    return real_->SlateOf(request);
  }
  Status SlatesOf(std::string_view user, const SlateVisitor& visit) const override {
    return real_->SlatesOf(user, visit);
  }
  Status DropSlatesBefore(int64_t time_ms) override { return real_->DropSlatesBefore(time_ms); }
  Status Checkpoint(const std::filesystem::path& folder) const override {
    return real_->Checkpoint(folder);
  }
  uint64_t id() const override { return real_->id(); }
  Status ContinueAfter(uint64_t sequence) override { return real_->ContinueAfter(sequence); }
  Status Forget(std::string_view user, std::vector<std::string>* words) override {
    return real_->Forget(user, words);
  }
  Result<uint64_t> ForgottenAt(std::string_view user) const override {
    return real_->ForgottenAt(user);
  }
  Status Deletions(const DeletionVisitor& visit) const override { return real_->Deletions(visit); }
  Result<uint64_t> Merge(std::string_view from, std::string_view to) override {
    return real_->Merge(from, to);
  }
  Result<uint64_t> MergedAt(std::string_view user) const override { return real_->MergedAt(user); }
  uint64_t last_sequence() const override { return real_->last_sequence(); }
  Status DropOthers(uint64_t log, uint64_t state_tag) override {
    return real_->DropOthers(log, state_tag);
  }
  Status DropNamesAbove(uint64_t names, uint64_t log) override {
    return real_->DropNamesAbove(names, log);
  }

 private:
  const std::shared_ptr<Store> real_;
};

}  // namespace upnext::store

#endif  // UPNEXT_STORE_TEST_STORE_H_
