// The socket on which a server listens.
//
//   Listener listener(asio::make_strand(context));
//   UPNEXT_RETURN_IF_ERROR(listener.Open(address, port));
//   co_await listener.Run([&](tcp::socket socket) { ... });      until Close()
//
// On its executor, except for Open() and what it returns.
#ifndef UPNEXT_NET_LISTENER_H_
#define UPNEXT_NET_LISTENER_H_

#include <boost/asio.hpp>
#include <cstdint>
#include <functional>

#include "base/status.h"

namespace upnext::net {

class Listener {
 public:
  using Take = std::function<void(boost::asio::ip::tcp::socket)>;
  explicit Listener(boost::asio::io_context& context)
      : context_(context), acceptor_(boost::asio::make_strand(context)) {}

  Status Open(const boost::asio::ip::address& address, uint16_t port);
  boost::asio::ip::tcp::endpoint endpoint() const { return endpoint_; }
  auto executor() { return acceptor_.get_executor(); }
  // Gives every connection to `take`, each on a strand of its own, as fast as they come.
  boost::asio::awaitable<void> Run(Take take);
  // No new connection begins. Those that have begun come for as long as a handshake takes: a client
  // believes itself connected before they are here.
  void LetNoMoreIn();
  // Takes what has come, and closes. To close while connections wait would reset them.
  void Close(const Take& take);

 private:
  enum class Left {
    kNone,
    kMore,
    kFailed
  };  // kFailed: the machine refuses, e.g. for lack of files
  // Takes some of those that have come, so that other work gets its turn.
  Left TakeSome(const Take& take);

  boost::asio::io_context& context_;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::ip::tcp::endpoint endpoint_;
};

}  // namespace upnext::net

#endif  // UPNEXT_NET_LISTENER_H_
