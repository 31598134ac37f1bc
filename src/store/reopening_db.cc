#include "store/reopening_db.h"

#include <algorithm>
#include <utility>

namespace upnext::store {

Result<std::unique_ptr<ReopeningDb>> ReopeningDb::Open(const std::filesystem::path& directory,
                                                       OnOpen on_open) {
  std::unique_ptr<ReopeningDb> out(new ReopeningDb(directory, std::move(on_open)));
  UPNEXT_RETURN_IF_ERROR(out->Reopen());
  out->thread_ = std::jthread([raw = out.get()](const std::stop_token& stop) { raw->Run(stop); });
  return out;
}

ReopeningDb::~ReopeningDb() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

Result<std::unique_ptr<RocksDb>> ReopeningDb::OpenOnce() {
  return RocksDb::Open(directory_, [this] {
    base::MutexLock lock(mutex_);
    ++failures_;
    open_again_ = true;
    failed_.notify_all();
  });
}

std::shared_ptr<const RocksDb> ReopeningDb::get() const {
  base::MutexLock lock(mutex_);
  return db_;
}

Status ReopeningDb::Change(const std::function<Status(RocksDb&)>& change) {
  // Before waiting for a reopening that may be under way.
  UPNEXT_RETURN_IF_ERROR(get()->failure());
  base::MutexLock lock(writing_);
  std::shared_ptr<RocksDb> db;
  {
    base::MutexLock db_lock(mutex_);
    db = db_;
  }
  UPNEXT_RETURN_IF_ERROR(db->failure());
  return change(*db);
}

WriteHealth ReopeningDb::health() const {
  const Status failure = get()->failure();
  base::MutexLock lock(mutex_);
  return {.writable = failure.has_value(),
          .reason = failure ? std::string() : failure.error().message,
          .failures = failures_};
}

// The failed database stays open for readers until the new one is there.
Status ReopeningDb::Reopen() {
  base::MutexLock writing(writing_);
  UPNEXT_ASSIGN_OR_RETURN(std::shared_ptr<RocksDb> db, OpenOnce());
  UPNEXT_RETURN_IF_ERROR(on_open_(*db));
  base::MutexLock lock(mutex_);
  db_.swap(db);  // the old one, if this was its last user, ends after the lock
  return Ok();
}

void ReopeningDb::Run(const std::stop_token& stop) {
  using Clock = std::chrono::steady_clock;
  std::chrono::milliseconds pause = kFirstPause;
  Clock::time_point opened = Clock::now();
  for (;;) {
    {
      base::MutexLock lock(mutex_);
      const auto failed = [this]() UPNEXT_REQUIRES(mutex_) { return open_again_; };
      if (!failed_.wait(mutex_, stop, failed)) return;
      // A disk that is still full takes an opening, but few writes after it.
      if (Clock::now() - opened > kLongestPause) pause = kFirstPause;
      // Nothing but the stop ends it early.
      failed_.wait_for(mutex_, stop, pause, [] { return false; });
      if (stop.stop_requested()) return;
      open_again_ = false;
    }
    pause = std::min<std::chrono::milliseconds>(2 * pause, kLongestPause);
    if (Reopen()) {
      opened = Clock::now();
    } else {
      base::MutexLock lock(mutex_);
      open_again_ = true;
    }
  }
}

}  // namespace upnext::store
