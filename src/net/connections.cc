#include "net/connections.h"

#include <boost/asio/post.hpp>
#include <iterator>
#include <mutex>

namespace upnext::net {

bool Connections::Enter() {
  base::MutexLock lock(mutex_);
  if (open_ >= most_) {
    if (waiting_.empty() || open_ >= most_ + kClosing) return false;
    Wake(waiting_.front());
  }
  ++open_;
  return true;
}

void Connections::Stop() {
  StopSoon();
  base::MutexLock lock(mutex_);
  stopping_ = true;
  while (!waiting_.empty()) Wake(waiting_.front());
}

bool Connections::stopping() const {
  base::MutexLock lock(mutex_);
  return stopping_;
}

void Connections::WaitUntilNone(std::chrono::seconds patience) {
  std::unique_lock<base::Mutex> lock(mutex_);
  none_.wait_for(lock, patience, [this] { return open_ == 0; });
}

// On its executor, where a request may have begun meanwhile. One that is about to end is gone or
// still listed, never in between, because it leaves the list under the mutex.
void Connections::Wake(Connection* connection) {
  waiting_.erase(connection->place_);
  connection->listed_ = false;
  const std::shared_ptr<Connection> kept = connection->weak_from_this().lock();
  if (kept == nullptr) return;
  boost::asio::post(kept->stream.tcp().get_executor(), [kept] {
    if (kept->waiting_) kept->stream.tcp().cancel();
  });
}

Connection::~Connection() {
  base::MutexLock lock(all_.mutex_);
  if (listed_) all_.waiting_.erase(place_);
  if (--all_.open_ == 0) all_.none_.notify_all();
}

void Connection::SetWaiting(bool waiting) {
  waiting_ = waiting;
  base::MutexLock lock(all_.mutex_);
  if (std::exchange(listed_, waiting)) all_.waiting_.erase(place_);
  if (waiting) place_ = all_.waiting_.insert(all_.waiting_.end(), this);
}

}  // namespace upnext::net
