#include "net/http_server.h"

#include <algorithm>
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
#include "net/handler_pool.h"

namespace upnext::net {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;

namespace {

constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable);
constexpr size_t kMaxHeaderBytes = 16 << 10;
constexpr size_t kFirstBytes = 4 << 10;
// How long, and for how many bytes, a client that was refused may go on sending.
constexpr auto kDrainPatience = std::chrono::seconds(1);
constexpr size_t kMaxDrainedBytes = 64 << 20;

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
  bool stopping() {
    base::MutexLock lock(mutex_);
    return stopping_;
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
  void WaitUntilNone(std::chrono::seconds patience) {
    std::unique_lock<base::Mutex> lock(mutex_);
    none_.wait_for(lock, patience, [this] { return open_ == 0; });
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

http::response<http::string_body> MessageOf(HttpResponse answer, bool head, unsigned version,
                                            bool keep_alive) {
  http::response<http::string_body> message;
  message.version(version);
  message.result(answer.status);
  message.set(http::field::server, "upnext");
  message.set(http::field::content_type, answer.content_type);
  message.set(http::field::cache_control, "no-store");
  if (!answer.allow.empty()) message.set(http::field::allow, answer.allow);
  if (answer.retry_after_s > 0) {
    message.set(http::field::retry_after, std::to_string(answer.retry_after_s));
  }
  message.keep_alive(keep_alive);
  message.content_length(answer.body.size());  // of a HEAD too: what a GET would have sent
  if (!head) message.body() = std::move(answer.body);
  return message;
}

HttpRequest RequestOf(const http::request<http::string_body>& request) {
  const auto view = [](auto text) { return std::string_view(text.data(), text.size()); };
  return {.method = view(request.method_string()),
          .target = view(request.target()),
          .content_type = view(request[http::field::content_type]),
          .body = request.body()};
}

// Removes a connection when its coroutine ends, however it ends.
class Registration {
 public:
  Registration(Connections& connections, beast::tcp_stream* stream)
      : connections_(connections), stream_(stream) {
    connections_.Add(stream_);
  }
  ~Registration() { connections_.Remove(stream_); }
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;

 private:
  Connections& connections_;
  beast::tcp_stream* const stream_;
};

using Parser = http::request_parser<http::string_body>;

}  // namespace

struct HttpServer::Rep {
  const ServerOptions options;
  Api& api;
  const size_t io_threads;
  Connections connections;  // outlives the context, whose coroutines know it
  asio::io_context context;
  tcp::acceptor acceptor;        // on a strand of its own, where it is closed too
  HandlerPool readers, writers;  // end before the context, whose coroutines wait for them
  uint16_t port = 0;
  std::vector<std::thread> threads;
  bool stopped = false;

  Rep(const ServerOptions& o, Api& a)
      : options(o),
        api(a),
        io_threads(o.threads > 0 ? static_cast<size_t>(o.threads)
                                 : std::max(1u, std::thread::hardware_concurrency())),
        acceptor(asio::make_strand(context)),
        readers(io_threads, o.max_waiting),
        writers(o.writers, o.max_waiting) {}

  Status Listen();
  asio::awaitable<void> Accept();
  asio::awaitable<void> Serve(beast::tcp_stream stream);
  // One request and its answer; false when the connection is to be closed.
  asio::awaitable<bool> Exchange(beast::tcp_stream& stream, beast::flat_buffer& buffer);
  asio::awaitable<HttpResponse> Answer(const HttpRequest& request);
  // Waits until a request begins; false when none came.
  asio::awaitable<bool> Await(beast::tcp_stream& stream, beast::flat_buffer& buffer);
  asio::awaitable<boost::system::error_code> Read(beast::tcp_stream& stream,
                                                  beast::flat_buffer& buffer, Parser& parser);
  // Answers a request that cannot be read, and is done with the connection.
  asio::awaitable<void> Refuse(beast::tcp_stream& stream, boost::system::error_code error);
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
  if (!error) port = acceptor.local_endpoint(error).port();
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
  const Registration registration(connections, &stream);
  beast::flat_buffer buffer;
  while (connections.SetWaiting(&stream, true)) {
    const bool again = co_await Exchange(stream, buffer);
    if (!again) break;
  }
  boost::system::error_code ignored;
  stream.socket().shutdown(tcp::socket::shutdown_send, ignored);
}

asio::awaitable<bool> HttpServer::Rep::Await(beast::tcp_stream& stream,
                                             beast::flat_buffer& buffer) {
  if (buffer.size() > 0) co_return true;  // it came together with the one before
  stream.expires_after(timeout());
  const auto [error, bytes] =
      co_await stream.async_read_some(buffer.prepare(kFirstBytes), kNoThrow);
  if (error) co_return false;
  buffer.commit(bytes);
  co_return true;
}

asio::awaitable<boost::system::error_code> HttpServer::Rep::Read(beast::tcp_stream& stream,
                                                                 beast::flat_buffer& buffer,
                                                                 Parser& parser) {
  parser.body_limit(options.max_body_bytes);
  parser.header_limit(kMaxHeaderBytes);
  stream.expires_after(timeout());  // for all of it, so that slow senders do not pile up
  const auto [header_error, header_bytes] =
      co_await http::async_read_header(stream, buffer, parser, kNoThrow);
  if (header_error) co_return header_error;
  if (beast::iequals(parser.get()[http::field::expect], "100-continue")) {
    const http::response<http::empty_body> go_on(http::status::continue_, 11);
    const auto [error, bytes] = co_await http::async_write(stream, go_on, kNoThrow);
    if (error) co_return error;
  }
  const auto [error, bytes] = co_await http::async_read(stream, buffer, parser, kNoThrow);
  co_return error;
}

asio::awaitable<void> HttpServer::Rep::Refuse(beast::tcp_stream& stream,
                                              boost::system::error_code error) {
  // A closed, idle or cancelled connection gets no answer; invalid HTTP does.
  const auto& http_errors = http::make_error_code(http::error::bad_method).category();
  if (error.category() != http_errors || error == http::error::end_of_stream ||
      error == http::error::partial_message) {
    co_return;
  }
  HttpResponse problem;
  if (error == http::error::body_limit) {
    problem = api.Problem(413, fmt::format("expected a body of at most {} bytes; send smaller "
                                           "batches",
                                           options.max_body_bytes));
  } else if (error == http::error::header_limit) {
    problem = api.Problem(
        431, fmt::format("expected a request line and headers of at most {} bytes in all",
                         kMaxHeaderBytes));
  } else {
    problem = api.Problem(400, fmt::format("expected an HTTP request: {}", error.message()));
  }
  const auto message = MessageOf(std::move(problem), false, 11, false);
  stream.expires_after(timeout());
  const auto [write_error, written] = co_await http::async_write(stream, message, kNoThrow);
  if (write_error) co_return;
  // To close while the client still sends would reset the connection and lose the answer.
  boost::system::error_code ignored;
  stream.socket().shutdown(tcp::socket::shutdown_send, ignored);
  stream.expires_after(kDrainPatience);
  std::vector<char> sink(64 << 10);
  for (size_t left = kMaxDrainedBytes; left > 0;) {
    const auto [read_error, bytes] = co_await stream.async_read_some(asio::buffer(sink), kNoThrow);
    if (read_error) co_return;
    left -= std::min(left, bytes);
  }
}

asio::awaitable<HttpResponse> HttpServer::Rep::Answer(const HttpRequest& request) {
  const Lane lane = api.LaneOf(request);
  if (lane == Lane::kAtOnce) co_return api.Handle(request);
  HandlerPool& pool = lane == Lane::kRead ? readers : writers;
  auto answer = co_await pool.Run([&] { return api.Handle(request); });
  if (answer) co_return *std::move(answer);
  co_return api.Problem(
      503, fmt::format("more than {} requests wait already; try again later", options.max_waiting));
}

asio::awaitable<bool> HttpServer::Rep::Exchange(beast::tcp_stream& stream,
                                                beast::flat_buffer& buffer) {
  const bool begun = co_await Await(stream, buffer);
  connections.SetWaiting(&stream, false);
  if (!begun) co_return false;
  Parser parser;
  const boost::system::error_code error = co_await Read(stream, buffer, parser);
  if (error) {
    co_await Refuse(stream, error);
    co_return false;
  }
  const auto& request = parser.get();
  HttpResponse answer = co_await Answer(RequestOf(request));
  const bool keep_alive = request.keep_alive() && !connections.stopping();
  const auto message = MessageOf(std::move(answer), request.method() == http::verb::head,
                                 request.version(), keep_alive);
  stream.expires_after(timeout());
  const auto [write_error, written] = co_await http::async_write(stream, message, kNoThrow);
  co_return !write_error && keep_alive;
}

Result<std::unique_ptr<HttpServer>> HttpServer::Start(const ServerOptions& options, Api& api) {
  auto rep = std::make_unique<Rep>(options, api);
  UPNEXT_RETURN_IF_ERROR(rep->Listen());
  asio::co_spawn(rep->acceptor.get_executor(), rep->Accept(), asio::detached);
  for (size_t i = 0; i < rep->io_threads; ++i) {
    rep->threads.emplace_back([context = &rep->context] { context->run(); });
  }
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(rep)));
}

HttpServer::HttpServer(std::unique_ptr<Rep> rep) : rep_(std::move(rep)) {}
HttpServer::~HttpServer() { Stop(); }

uint16_t HttpServer::port() const { return rep_->port; }

void HttpServer::Stop() {
  if (std::exchange(rep_->stopped, true)) return;
  rep_->api.SetStopping();
  asio::post(rep_->acceptor.get_executor(), [this] {
    boost::system::error_code ignored;
    rep_->acceptor.close(ignored);
  });
  rep_->connections.Stop();
  rep_->connections.WaitUntilNone(std::chrono::seconds(rep_->options.stop_patience_s));
  rep_->context.stop();
  for (std::thread& thread : rep_->threads) thread.join();
  rep_->readers.Stop();
  rep_->writers.Stop();
}

}  // namespace upnext::net
