#include "net/http_server.h"

#include <algorithm>
#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <ctime>
#include <functional>
#include <future>
#include <thread>
#include <utility>
#include <vector>

#include "net/connections.h"
#include "net/file_limit.h"
#include "net/handler_pool.h"
#include "net/host.h"
#include "net/listener.h"
#include "net/request_reader.h"
#include "net/server_stream.h"
#include "net/tls.h"

namespace upnext::net {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;

namespace {

constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable);
constexpr size_t kFirstBytes = 4 << 10;  // read at once: of a request that begins
constexpr size_t kMoreBytes = 16 << 10;  // and of one that goes on
// How long, and for how many bytes, a client may go on sending after the last answer.
constexpr auto kDrainPatience = std::chrono::seconds(1);
constexpr size_t kMaxDrainedBytes = 64 << 20;
// How long a stopping server waits for connections that have begun, and then for a request on one
// that has none.
constexpr auto kHandshake = std::chrono::milliseconds(100);
constexpr auto kStopGrace = std::chrono::milliseconds(200);
// Files besides connections: the log, the store, and refused connections that end.
constexpr size_t kOtherFiles = 1024;
constexpr size_t kMaxRefusing = 64;
// Clients that post events can wait longer than people who wait for a page.
constexpr int kWriterNiceness = 5;

// Sun, 06 Nov 1994 08:49:37 GMT
std::string HttpDate() {
  const std::time_t now = std::time(nullptr);
  std::tm utc = {};
  gmtime_r(&now, &utc);
  constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", kDays[utc.tm_wday], utc.tm_mday,
                     kMonths[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
}

void SetCrossOrigin(const HttpResponse& answer, http::response<http::string_body>& message) {
  if (answer.allow_origin.empty()) return;
  message.set(http::field::access_control_allow_origin, answer.allow_origin);
  message.set(http::field::access_control_expose_headers, "Retry-After");
  if (answer.allow_methods.empty()) return;
  message.set(http::field::access_control_allow_methods, answer.allow_methods);
  message.set(http::field::access_control_allow_headers,
              "Authorization, Content-Type, Content-Encoding");
  message.set(http::field::access_control_max_age, "7200");  // the most that browsers keep
}

http::response<http::string_body> MessageOf(HttpResponse answer, bool head, unsigned version,
                                            bool keep_alive) {
  http::response<http::string_body> message;
  message.version(version);
  message.result(answer.status);
  message.set(http::field::server, "upnext");
  message.set(http::field::date, HttpDate());
  if (!answer.content_type.empty()) message.set(http::field::content_type, answer.content_type);
  message.set(http::field::cache_control, "no-store");
  message.set(http::field::vary,
              answer.varies_by_origin ? "Accept-Encoding, Origin" : "Accept-Encoding");
  SetCrossOrigin(answer, message);
  if (answer.gzipped) message.set(http::field::content_encoding, "gzip");
  if (answer.asks_key) message.set(http::field::www_authenticate, "Bearer");
  if (answer.takes_gzip) message.set(http::field::accept_encoding, "gzip");
  if (!answer.allow.empty()) message.set(http::field::allow, answer.allow);
  if (answer.retry_after_s > 0) {
    message.set(http::field::retry_after, std::to_string(answer.retry_after_s));
  }
  message.keep_alive(keep_alive);
  if (answer.status == 204) return message;    // has no length
  message.content_length(answer.body.size());  // of a HEAD too: what a GET would have sent
  if (!head) message.body() = std::move(answer.body);
  return message;
}

}  // namespace

struct HttpServer::Rep {
  const ServerOptions options;
  const RequestLimits limits;
  Api& api;
  const std::unique_ptr<Tls> tls;  // null for none
  const size_t io_threads, max_connections;
  Connections connections;  // outlives the context, whose coroutines know it
  std::atomic<size_t> refusing{0};
  asio::io_context context;
  Listener listener;
  HandlerPool readers, writers,
      operators;  // end before the context, whose coroutines wait for them
  std::vector<std::thread> threads;
  bool stopped = false;

  Rep(const ServerOptions& o, Api& a, std::unique_ptr<Tls> t, size_t files)
      : options(o),
        limits{.body_bytes = o.max_body_bytes},
        api(a),
        tls(std::move(t)),
        io_threads(o.threads > 0 ? static_cast<size_t>(o.threads)
                                 : std::max(1u, std::thread::hardware_concurrency())),
        max_connections(
            std::min(o.max_connections, std::max(files, kOtherFiles + 16) - kOtherFiles)),
        connections(max_connections, a.connections()),
        listener(context),
        readers(io_threads, o.max_waiting),
        writers(o.writers, o.max_waiting, kWriterNiceness),
        operators(o.operators, o.max_waiting, kWriterNiceness) {}

  // Begins to serve a connection, or to refuse it.
  void Take(tcp::socket socket);
  asio::awaitable<void> Serve(std::shared_ptr<Connection> connection);
  asio::awaitable<void> RefuseConnection(std::shared_ptr<ServerStream> stream);
  // One request and its answer; false when the connection is to be closed.
  asio::awaitable<bool> Exchange(ServerStream& stream, beast::flat_buffer& buffer);
  asio::awaitable<HttpResponse> Answer(const HttpRequest& request, ByteBudget::Share& share);
  // Waits until a request begins; false when none came.
  asio::awaitable<bool> Await(Connection& connection, beast::flat_buffer& buffer);
  // False when the connection ended before the request did.
  asio::awaitable<bool> Read(ServerStream& stream, beast::flat_buffer& buffer,
                             RequestReader& reader);
  asio::awaitable<bool> Write(ServerStream& stream,
                              const http::response<http::string_body>& message);
  // Ends a connection without the reset that would lose the last answer on its way.
  asio::awaitable<void> Finish(ServerStream& stream);
  ServerStream::Context TlsContext() const { return tls == nullptr ? nullptr : tls->context(); }
  std::chrono::seconds timeout() const { return std::chrono::seconds(options.timeout_s); }
};

void HttpServer::Rep::Take(tcp::socket socket) {
  const auto executor = socket.get_executor();
  if (connections.Enter()) {
    auto connection = std::make_shared<Connection>(connections, std::move(socket), TlsContext());
    asio::co_spawn(executor, Serve(std::move(connection)), asio::detached);
  } else if (refusing.fetch_add(1) < kMaxRefusing) {
    asio::co_spawn(
        executor, RefuseConnection(std::make_shared<ServerStream>(std::move(socket), TlsContext())),
        asio::detached);
  } else {
    refusing.fetch_sub(1);
  }
}

asio::awaitable<void> HttpServer::Rep::RefuseConnection(std::shared_ptr<ServerStream> stream) {
  const HttpResponse problem = api.Refuse(
      Refusal::kConnections, 503,
      fmt::format("more than {} connections are at work; try again later", max_connections));
  const auto message = MessageOf(problem, false, 11, false);
  stream->tcp().expires_after(timeout());
  bool open = co_await stream->Handshake();
  if (open) open = co_await Write(*stream, message);
  if (open) co_await Finish(*stream);
  refusing.fetch_sub(1);
}

asio::awaitable<void> HttpServer::Rep::Serve(std::shared_ptr<Connection> connection) {
  beast::flat_buffer buffer;
  connection->stream.tcp().expires_after(timeout());
  connection->SetWaiting(true);  // as for a request: the first to go when there are too many
  bool again = co_await connection->stream.Handshake();
  connection->SetWaiting(false);
  while (again) {
    again = co_await Await(*connection, buffer);
    if (again) again = co_await Exchange(connection->stream, buffer);
  }
  if (connection->stream.tcp().socket().is_open()) co_await Finish(connection->stream);
}

asio::awaitable<void> HttpServer::Rep::Finish(ServerStream& stream) {
  stream.tcp().expires_after(kDrainPatience);
  co_await stream.ShutdownSend();
  std::vector<char> sink(kMoreBytes);
  for (size_t left = kMaxDrainedBytes; left > 0;) {
    const auto [error, bytes] = co_await stream.tcp().async_read_some(asio::buffer(sink), kNoThrow);
    if (error) co_return;
    left -= std::min(left, bytes);
  }
}

asio::awaitable<bool> HttpServer::Rep::Await(Connection& connection, beast::flat_buffer& buffer) {
  if (buffer.size() > 0) co_return true;  // it came together with the one before
  buffer.shrink_to_fit();
  connection.SetWaiting(true);
  for (;;) {
    const bool last = connections.stopping();
    if (last) {
      connection.stream.tcp().expires_after(kStopGrace);
    } else {
      connection.stream.tcp().expires_after(timeout());
    }
    const auto [error, bytes] = co_await connection.stream.ReadSome(buffer.prepare(kFirstBytes));
    if (error == asio::error::operation_aborted && !last && connections.stopping()) continue;
    connection.SetWaiting(false);
    buffer.commit(bytes);
    // To make room for another one: at once, since no answer is on its way.
    if (error == asio::error::operation_aborted && !last) connection.stream.tcp().close();
    co_return !error;
  }
}

asio::awaitable<bool> HttpServer::Rep::Read(ServerStream& stream, beast::flat_buffer& buffer,
                                            RequestReader& reader) {
  stream.tcp().expires_after(timeout());  // for all of it, so that slow senders do not pile up
  for (;;) {
    const auto bytes = buffer.cdata();
    buffer.consume(reader.Read({static_cast<const char*>(bytes.data()), bytes.size()}));
    if (reader.done() || reader.refused()) co_return true;
    if (reader.TakeExpectation()) {
      const http::response<http::empty_body> go_on(http::status::continue_, 11);
      const bool written = co_await stream.Write(go_on);
      if (!written) co_return false;
    }
    const auto [error, more] = co_await stream.ReadSome(buffer.prepare(kMoreBytes));
    if (error) co_return false;
    buffer.commit(more);
  }
}

asio::awaitable<bool> HttpServer::Rep::Write(ServerStream& stream,
                                             const http::response<http::string_body>& message) {
  stream.tcp().expires_after(timeout());
  co_return co_await stream.Write(message);
}

asio::awaitable<HttpResponse> HttpServer::Rep::Answer(const HttpRequest& request,
                                                      ByteBudget::Share& share) {
  const auto handle = [&] {
    HttpResponse answer = api.Handle(request);
    if (share.GrowTo(answer.body.size())) return answer;
    return api.Refuse(Refusal::kAnswers, 503,
                      "too many bytes of answers wait for clients to read them; try again later");
  };
  const Lane lane = api.LaneOf(request);
  if (lane == Lane::kAtOnce) co_return handle();
  HandlerPool& pool = lane == Lane::kRead ? readers : lane == Lane::kWrite ? writers : operators;
  auto answer = co_await pool.Run(handle);
  if (answer) co_return *std::move(answer);
  co_return api.Refuse(
      Refusal::kWaiting, 503,
      fmt::format("more than {} requests wait already; try again later", options.max_waiting));
}

asio::awaitable<bool> HttpServer::Rep::Exchange(ServerStream& stream, beast::flat_buffer& buffer) {
  RequestReader reader(limits, api.bodies());
  bool open = co_await Read(stream, buffer, reader);
  if (open && reader.refused()) {
    const RequestReader::Problem& problem = reader.problem();
    const auto refused = MessageOf(api.Refuse(problem.why, problem.status, problem.detail), false,
                                   11, /*keep_alive=*/false);
    open = co_await Write(stream, refused);
  }
  if (!open) stream.tcp().close();
  if (!open || reader.refused()) co_return false;
  ByteBudget::Share share(api.answers());
  HttpRequest request = reader.request();
  boost::system::error_code gone;
  const tcp::endpoint remote = stream.tcp().socket().remote_endpoint(gone);
  const std::string client = gone ? std::string() : ClientOf(remote.address());
  request.client = client;
  HttpResponse answer = co_await Answer(request, share);
  // What the client has sent already is answered first.
  const bool keep_alive =
      reader.keep_alive() && (!connections.stopping_soon() || buffer.size() > 0);
  const auto message =
      MessageOf(std::move(answer), request.method == "HEAD", reader.version(), keep_alive);
  const bool written = co_await Write(stream, message);
  if (!written) stream.tcp().close();
  co_return written&& keep_alive;
}

Result<std::unique_ptr<HttpServer>> HttpServer::Start(const ServerOptions& options, Api& api) {
  UPNEXT_ASSIGN_OR_RETURN(const asio::ip::address address, ListenAddress(options.address));
  const bool has_tls = !options.certificate.empty();
  if (!IsLoopback(address) && !options.allow_unprotected && !(has_tls && options.keys)) {
    return FailedPrecondition(
        "address '{}': other machines reach it, and the server has {}: expected [server] "
        "certificate and private_key with keys, a loopback address such as 127.0.0.1 behind a "
        "proxy, or --allow-unprotected where the network is trusted",
        options.address, has_tls ? "no keys" : "no TLS");
  }
  std::unique_ptr<Tls> tls;
  if (has_tls) {
    UPNEXT_ASSIGN_OR_RETURN(tls, Tls::Open(options.certificate, options.private_key));
  }
  const size_t files = RaiseFileLimit(options.max_connections + kOtherFiles);
  auto rep = std::make_unique<Rep>(options, api, std::move(tls), files);
  UPNEXT_RETURN_IF_ERROR(rep->listener.Open(address, options.port));
  asio::co_spawn(rep->listener.executor(),
                 rep->listener.Run([rep = rep.get()](tcp::socket s) { rep->Take(std::move(s)); }),
                 asio::detached);
  for (size_t i = 0; i < rep->io_threads; ++i) {
    rep->threads.emplace_back([context = &rep->context] { context->run(); });
  }
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(rep)));
}

HttpServer::HttpServer(std::unique_ptr<Rep> rep) : rep_(std::move(rep)) {}
HttpServer::~HttpServer() { Stop(); }

uint16_t HttpServer::port() const { return rep_->listener.endpoint().port(); }
std::string HttpServer::url() const {
  return UrlOf(rep_->listener.endpoint().address(), port(), rep_->tls != nullptr);
}
size_t HttpServer::max_connections() const { return rep_->max_connections; }

void HttpServer::StopSoon() {
  rep_->api.SetStopping();
  rep_->connections.StopSoon();
}

void HttpServer::Stop() {
  if (std::exchange(rep_->stopped, true)) return;
  StopSoon();
  const auto on_listener = [this](const std::function<void(Listener&)>& work) {
    std::promise<void> done;
    asio::post(rep_->listener.executor(), [&] {
      work(rep_->listener);
      done.set_value();
    });
    done.get_future().wait();
  };
  on_listener([](Listener& listener) { listener.LetNoMoreIn(); });
  std::this_thread::sleep_for(kHandshake);
  on_listener([this](Listener& listener) {
    listener.Close([this](tcp::socket socket) { rep_->Take(std::move(socket)); });
  });
  rep_->connections.Stop();
  rep_->connections.WaitUntilNone(std::chrono::seconds(rep_->options.stop_patience_s));
  rep_->context.stop();
  for (std::thread& thread : rep_->threads) thread.join();
  rep_->readers.Stop();
  rep_->writers.Stop();
  rep_->operators.Stop();
}

}  // namespace upnext::net
