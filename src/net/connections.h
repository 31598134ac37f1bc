// The open connections of a server: how many there may be, and which of them wait for a request.
//
//   if (!connections.Enter()) ...                       refuse it
//   auto connection = std::make_shared<Connection>(connections, std::move(socket), tls);
//   connection->SetWaiting(true);                       leaves when it ends
//
// Connections: any number of threads, and longer than any Connection. A Connection: on the executor
// of its stream.
#ifndef UPNEXT_NET_CONNECTIONS_H_
#define UPNEXT_NET_CONNECTIONS_H_

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <condition_variable>
#include <list>
#include <memory>

#include "base/mutex.h"
#include "net/server_stream.h"

namespace upnext::net {

class Connection;

class Connections {
 public:
  // At most `most`; how many are open is kept in `open` for others to read.
  Connections(size_t most, std::atomic<size_t>& open) : most_(most), open_(open) {}

  // Counts a new connection. When there are too many, the one that has waited longest for a request
  // is closed in its favour; false when all are at work.
  bool Enter();

  // From here on answers close their connection.
  void StopSoon() { stopping_soon_ = true; }
  bool stopping_soon() const { return stopping_soon_; }
  // Wakes those that wait for a request; the others answer first.
  void Stop();
  bool stopping() const;
  void WaitUntilNone(std::chrono::seconds patience);

 private:
  friend class Connection;
  // Connections above the limit, while those that were closed in their favour end.
  static constexpr size_t kClosing = 64;
  void Wake(Connection* connection) UPNEXT_REQUIRES(mutex_);

  const size_t most_;
  std::atomic<size_t>& open_;  // changes under the mutex
  std::atomic<bool> stopping_soon_{false};
  mutable base::Mutex mutex_;
  std::condition_variable_any none_;
  std::list<Connection*> waiting_ UPNEXT_GUARDED_BY(mutex_);  // longest first
  bool stopping_ UPNEXT_GUARDED_BY(mutex_) = false;
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  // Of a connection that has entered.
  Connection(Connections& all, boost::asio::ip::tcp::socket socket, ServerStream::Context tls)
      : stream(std::move(socket), std::move(tls)), all_(all) {}
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  void SetWaiting(bool waiting);

  ServerStream stream;

 private:
  friend class Connections;
  Connections& all_;
  bool waiting_ = false;  // for a request
  bool listed_ = false;   // under the mutex of all_: in its list, at place_
  std::list<Connection*>::iterator place_;
};

}  // namespace upnext::net

#endif  // UPNEXT_NET_CONNECTIONS_H_
