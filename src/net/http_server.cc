#include "net/http_server.h"

#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <condition_variable>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "net/api.h"

namespace upnext::net {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;

namespace {

constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable);
constexpr auto kStopPatience = std::chrono::seconds(10);  // for requests in flight
constexpr size_t kMaxHeaderBytes = 16 << 10;

// The connections that are open, and whether each waits for a request. Those are closed at once
// when the server stops; the others answer first.
class Connections {
 public:
  void Add(beast::tcp_stream* stream) {
    base::MutexLock lock(mutex_);
    waiting_.insert(stream);
    ++open_;
  }
  void Remove(beast::tcp_stream* stream) {
    base::MutexLock lock(mutex_);
    waiting_.erase(stream);
    if (--open_ == 0) none_.notify_all();
  }
  // False when the server is stopping: close instead of waiting for another request.
  bool SetWaiting(beast::tcp_stream* stream, bool waiting) {
    base::MutexLock lock(mutex_);
    if (waiting) {
      waiting_.insert(stream);
    } else {
      waiting_.erase(stream);
    }
    return !stopping_;
  }
  // Each stream runs on a strand of its own, where it must be cancelled.
  void Stop() {
    base::MutexLock lock(mutex_);
    stopping_ = true;
    for (beast::tcp_stream* stream : waiting_) {
      asio::post(stream->get_executor(), [this, stream] { CancelIfWaiting(stream); });
    }
  }
  void WaitUntilNone() {
    std::unique_lock<base::Mutex> lock(mutex_);
    none_.wait_for(lock, kStopPatience, [this] { return open_ == 0; });
  }

 private:
  void CancelIfWaiting(beast::tcp_stream* stream) {
    base::MutexLock lock(mutex_);
    if (waiting_.contains(stream)) stream->cancel();
  }

  base::Mutex mutex_;
  std::condition_variable_any none_;
  std::set<beast::tcp_stream*> waiting_;
  size_t open_ = 0;
  bool stopping_ = false;
};

http::response<http::string_body> MessageOf(HttpResponse answer, unsigned version,
                                            bool keep_alive) {
  http::response<http::string_body> message;
  message.version(version);
  message.result(answer.status);
  message.set(http::field::server, "upnext");
  message.set(http::field::content_type, answer.content_type);
  message.set(http::field::cache_control, "no-store");
  if (!answer.allow.empty()) message.set(http::field::allow, answer.allow);
  message.body() = std::move(answer.body);
  message.keep_alive(keep_alive);
  message.prepare_payload();
  return message;
}

}  // namespace

struct HttpServer::Rep {
  const ServerOptions options;
  Api api;
  asio::io_context context;
  tcp::acceptor acceptor;
  Connections connections;
  std::vector<std::thread> threads;
  bool stopped = false;

  Rep(const ServerOptions& o, serving::Service& service)
      : options(o), api(service), acceptor(context) {}

  Status Listen();
  asio::awaitable<void> Accept();
  asio::awaitable<void> Serve(beast::tcp_stream stream);
  // One request and its answer; false when the connection is to be closed.
  asio::awaitable<bool> Exchange(beast::tcp_stream& stream, beast::flat_buffer& buffer);
  asio::awaitable<bool> Write(beast::tcp_stream& stream, HttpResponse answer, unsigned version,
                              bool keep_alive);
  std::chrono::seconds timeout() const { return std::chrono::seconds(options.timeout_s); }
};

Status HttpServer::Rep::Listen() {
  boost::system::error_code error;
  const auto address = asio::ip::make_address(options.address, error);
  if (error) {
    return InvalidArgument("address '{}': expected an IP address such as 127.0.0.1 or ::1",
                           options.address);
  }
  const tcp::endpoint endpoint(address, options.port);
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    return Unavailable("cannot listen on {}:{}: {}; stop what uses the port, or choose another one",
                       options.address, options.port, error.message());
  }
  return Ok();
}

asio::awaitable<void> HttpServer::Rep::Accept() {
  while (acceptor.is_open()) {
    auto [error, socket] = co_await acceptor.async_accept(asio::make_strand(context), kNoThrow);
    if (error == asio::error::operation_aborted) co_return;
    if (error) {  // out of file descriptors, say: wait for connections to close
      asio::steady_timer pause(context, std::chrono::milliseconds(50));
      co_await pause.async_wait(kNoThrow);
      continue;
    }
    boost::system::error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    const auto executor = socket.get_executor();
    asio::co_spawn(executor, Serve(beast::tcp_stream(std::move(socket))), asio::detached);
  }
}

asio::awaitable<void> HttpServer::Rep::Serve(beast::tcp_stream stream) {
  connections.Add(&stream);
  beast::flat_buffer buffer;
  while (connections.SetWaiting(&stream, true) && co_await Exchange(stream, buffer)) {
  }
  boost::system::error_code ignored;
  stream.socket().shutdown(tcp::socket::shutdown_send, ignored);
  connections.Remove(&stream);
}

asio::awaitable<bool> HttpServer::Rep::Write(beast::tcp_stream& stream, HttpResponse answer,
                                             unsigned version, bool keep_alive) {
  const auto message = MessageOf(std::move(answer), version, keep_alive);
  stream.expires_after(timeout());
  const auto [error, bytes] = co_await http::async_write(stream, message, kNoThrow);
  co_return !error && keep_alive;
}

asio::awaitable<bool> HttpServer::Rep::Exchange(beast::tcp_stream& stream,
                                                beast::flat_buffer& buffer) {
  http::request_parser<http::string_body> parser;
  parser.body_limit(options.max_body_bytes);
  parser.header_limit(kMaxHeaderBytes);
  stream.expires_after(timeout());
  const auto [error, bytes] = co_await http::async_read(stream, buffer, parser, kNoThrow);
  connections.SetWaiting(&stream, false);
  if (error == http::error::body_limit) {
    co_return co_await Write(
        stream,
        api.Problem(413, fmt::format("expected a body of at most {} bytes; send smaller batches",
                                     options.max_body_bytes)),
        11, false);
  }
  // Bytes that are no HTTP; a closed, idle or cancelled connection gets no answer.
  if (error && error.category() == http::make_error_code(http::error::bad_method).category() &&
      error != http::error::end_of_stream && error != http::error::partial_message) {
    co_return co_await Write(stream, api.Problem(400, error.message()), 11, false);
  }
  if (error) co_return false;
  const auto& request = parser.get();
  const auto view = [](auto text) { return std::string_view(text.data(), text.size()); };
  const bool head = request.method() == http::verb::head;
  HttpResponse answer = api.Handle({.method = head ? "GET" : view(request.method_string()),
                                    .target = view(request.target()),
                                    .content_type = view(request[http::field::content_type]),
                                    .body = request.body()});
  if (head) answer.body.clear();
  const bool keep_alive = request.keep_alive();
  co_return co_await Write(stream, std::move(answer), request.version(), keep_alive);
}

Result<std::unique_ptr<HttpServer>> HttpServer::Start(const ServerOptions& options,
                                                      serving::Service& service) {
  auto rep = std::make_unique<Rep>(options, service);
  UPNEXT_RETURN_IF_ERROR(rep->Listen());
  asio::co_spawn(rep->context, rep->Accept(), asio::detached);
  const unsigned threads = options.threads > 0 ? static_cast<unsigned>(options.threads)
                                               : std::max(1u, std::thread::hardware_concurrency());
  for (unsigned i = 0; i < threads; ++i) {
    rep->threads.emplace_back([context = &rep->context] { context->run(); });
  }
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(rep)));
}

HttpServer::HttpServer(std::unique_ptr<Rep> rep) : rep_(std::move(rep)) {}
HttpServer::~HttpServer() { Stop(); }

uint16_t HttpServer::port() const {
  boost::system::error_code error;
  const auto endpoint = rep_->acceptor.local_endpoint(error);
  return error ? rep_->options.port : endpoint.port();
}

void HttpServer::Stop() {
  if (std::exchange(rep_->stopped, true)) return;
  rep_->api.SetStopping();
  asio::post(rep_->context, [this] {
    boost::system::error_code ignored;
    rep_->acceptor.close(ignored);
  });
  rep_->connections.Stop();
  rep_->connections.WaitUntilNone();
  rep_->context.stop();
  for (std::thread& thread : rep_->threads) thread.join();
}

}  // namespace upnext::net
