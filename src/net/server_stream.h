// The bytes of one connection, plain or by TLS: what the server reads and writes.
//
//   ServerStream stream(std::move(socket), tls == nullptr ? nullptr : tls->context());
//   if (!co_await stream.Handshake()) ...
//   const auto [error, bytes] = co_await stream.ReadSome(buffer.prepare(4096));
//
// On the executor of its socket. Time limits are those of tcp().
#ifndef UPNEXT_NET_SERVER_STREAM_H_
#define UPNEXT_NET_SERVER_STREAM_H_

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <memory>
#include <optional>
#include <tuple>
#include <utility>

namespace upnext::net {

class ServerStream {
 public:
  using Tcp = boost::beast::tcp_stream;
  using Context = std::shared_ptr<boost::asio::ssl::context>;
  // `tls`: null for none.
  ServerStream(boost::asio::ip::tcp::socket socket, Context tls)
      : tcp_(std::move(socket)), context_(std::move(tls)) {
    if (context_ != nullptr) tls_.emplace(tcp_, *context_);
  }
  ServerStream(const ServerStream&) = delete;  // tls_ refers to tcp_
  ServerStream& operator=(const ServerStream&) = delete;
  Tcp& tcp() { return tcp_; }

  // True at once without TLS.
  boost::asio::awaitable<bool> Handshake() {
    if (!tls_) co_return true;
    const auto [error] =
        co_await tls_->async_handshake(boost::asio::ssl::stream_base::server, kNoThrow);
    co_return !error;
  }
  template <typename Buffers>
  boost::asio::awaitable<std::tuple<boost::system::error_code, size_t>> ReadSome(Buffers buffers) {
    if (tls_) co_return co_await tls_->async_read_some(buffers, kNoThrow);
    co_return co_await tcp_.async_read_some(buffers, kNoThrow);
  }
  template <typename Message>
  boost::asio::awaitable<bool> Write(const Message& message) {
    if (tls_) {
      const auto [error, bytes] =
          co_await boost::beast::http::async_write(*tls_, message, kNoThrow);
      co_return !error;
    }
    const auto [error, bytes] = co_await boost::beast::http::async_write(tcp_, message, kNoThrow);
    co_return !error;
  }
  // Says that no more is sent: by TLS, so that the client knows that nothing was cut off, then by TCP.
  // What still comes can be read from tcp(), undecoded.
  boost::asio::awaitable<void> ShutdownSend() {
    if (tls_) {
      [[maybe_unused]] const auto [error] = co_await tls_->async_shutdown(kNoThrow);
    }
    boost::system::error_code ignored;
    tcp_.socket().shutdown(boost::asio::ip::tcp::socket::shutdown_send, ignored);
  }

 private:
  static constexpr auto kNoThrow = boost::asio::as_tuple(boost::asio::use_awaitable);
  Tcp tcp_;
  Context context_;
  std::optional<boost::asio::ssl::stream<Tcp&>> tls_;
};

}  // namespace upnext::net

#endif  // UPNEXT_NET_SERVER_STREAM_H_
