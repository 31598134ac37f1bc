#include "net/http_client.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/url/encode.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/rfc/unreserved_chars.hpp>
#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "base/mutex.h"

namespace upnext::net {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using Request = http::request<http::string_body>;

constexpr uint64_t kMaxAnswerBytes = 64 << 20;

// Blocking calls on asynchronous operations, since only those can time out.
class ClientConnection {
 public:
  // `tls`: null for none; else the certificate has to be of `host`.
  ClientConnection(std::chrono::seconds timeout, std::shared_ptr<asio::ssl::context> tls,
                   std::string host)
      : timeout_(timeout), context_of_tls_(std::move(tls)), host_(std::move(host)) {}
  bool open() const { return tcp_.socket().is_open(); }

  error_code Open(const asio::ip::tcp::resolver::results_type& places) {
    Expect();
    error_code failed;
    tcp_.async_connect(places, [&](error_code error, const auto&) { failed = error; });
    Run();
    if (!failed && context_of_tls_ != nullptr) failed = Handshake();
    if (failed) {
      Close();
      return failed;
    }
    tcp_.socket().set_option(asio::ip::tcp::no_delay(true), failed);
    return {};
  }
  error_code Exchange(const Request& request, HttpClient::Answer& answer) {
    return tls_ ? ExchangeOn(*tls_, request, answer) : ExchangeOn(tcp_, request, answer);
  }
  void Close() {
    error_code ignored;
    tcp_.socket().close(ignored);
    tls_.reset();
    buffer_.clear();
  }

 private:
  error_code Handshake() {
    tls_.emplace(tcp_, *context_of_tls_);
    if (SSL_set_tlsext_host_name(tls_->native_handle(), host_.c_str()) != 1) {
      return asio::error::invalid_argument;
    }
    error_code failed;
    tls_->set_verify_callback(asio::ssl::host_name_verification(host_), failed);
    if (failed) return failed;
    tls_->async_handshake(asio::ssl::stream_base::client,
                          [&](error_code error) { failed = error; });
    Run();
    return failed;
  }
  template <typename Stream>
  error_code ExchangeOn(Stream& stream, const Request& request, HttpClient::Answer& answer) {
    Expect();
    error_code failed;
    http::async_write(stream, request, [&](error_code error, size_t) { failed = error; });
    Run();
    if (failed) return failed;
    http::response_parser<http::string_body> parser;
    parser.body_limit(kMaxAnswerBytes);
    http::async_read(stream, buffer_, parser, [&](error_code error, size_t) { failed = error; });
    Run();
    if (failed) return failed;
    answer.status = static_cast<int>(parser.get().result_int());
    if (!parser.get().keep_alive()) Close();
    answer.body = std::move(parser.get().body());
    return {};
  }
  void Expect() { tcp_.expires_after(timeout_); }
  void Run() {
    context_.restart();
    context_.run();
  }
  const std::chrono::seconds timeout_;
  const std::shared_ptr<asio::ssl::context> context_of_tls_;
  const std::string host_;
  asio::io_context context_;
  beast::tcp_stream tcp_{context_};
  std::optional<asio::ssl::stream<beast::tcp_stream&>> tls_;
  beast::flat_buffer buffer_;
};

// Trusts the authorities of the system, or those in the file SSL_CERT_FILE of the environment.
Result<std::shared_ptr<asio::ssl::context>> ClientTls() {
  auto tls = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_client);
  error_code failed;
  tls->set_options(asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1, failed);
  if (!failed) tls->set_default_verify_paths(failed);
  if (!failed) tls->set_verify_mode(asio::ssl::verify_peer, failed);
  if (failed) return Internal("TLS: {}", failed.message());
  return tls;
}

}  // namespace

struct HttpClient::Rep {
  std::string scheme, host, port, name;     // name: of the Host header
  std::shared_ptr<asio::ssl::context> tls;  // null: http
  std::string authorization;                // "" for none
  std::chrono::seconds timeout{};
  base::Mutex mutex;
  std::vector<std::unique_ptr<ClientConnection>> free UPNEXT_GUARDED_BY(mutex);

  std::unique_ptr<ClientConnection> Take() {
    base::MutexLock lock(mutex);
    if (free.empty()) return std::make_unique<ClientConnection>(timeout, tls, host);
    std::unique_ptr<ClientConnection> connection = std::move(free.back());
    free.pop_back();
    return connection;
  }
  void Give(std::unique_ptr<ClientConnection> connection) {
    if (!connection->open()) return;
    base::MutexLock lock(mutex);
    free.push_back(std::move(connection));
  }
  error_code Open(ClientConnection& connection) const {
    asio::io_context context;
    asio::ip::tcp::resolver resolver(context);
    error_code failed;
    const auto places = resolver.resolve(host, port, failed);
    return failed ? failed : connection.Open(places);
  }
  Result<Answer> Ask(http::verb verb, std::string_view target, std::string body) {
    Request request(verb, target, 11);
    request.set(http::field::host, name);
    if (!authorization.empty()) request.set(http::field::authorization, authorization);
    if (verb == http::verb::post) request.set(http::field::content_type, "application/json");
    request.body() = std::move(body);
    request.prepare_payload();
    std::unique_ptr<ClientConnection> connection = Take();
    Answer answer;
    error_code failed;
    bool kept = connection->open();
    for (;;) {
      failed = kept ? error_code() : Open(*connection);
      if (!failed) failed = connection->Exchange(request, answer);
      if (!failed) break;
      connection->Close();
      if (!std::exchange(kept, false) || failed == beast::error::timeout) {
        return Unavailable("{} {} of {}://{}:{}: {}", std::string(http::to_string(verb)), target,
                           scheme, host, port, failed.message());
      }
    }
    Give(std::move(connection));
    return answer;
  }
};

HttpClient::HttpClient(std::unique_ptr<Rep> rep) : rep_(std::move(rep)) {}
HttpClient::~HttpClient() = default;

Result<std::unique_ptr<HttpClient>> HttpClient::Make(std::string_view url, std::string_view key,
                                                     int timeout_s) {
  const auto parsed = boost::urls::parse_uri(url);
  if (!parsed || (parsed->scheme() != "http" && parsed->scheme() != "https") ||
      parsed->encoded_host().empty() || parsed->has_query() || parsed->has_fragment() ||
      (!parsed->port().empty() && parsed->port_number() == 0) ||
      (!parsed->encoded_path().empty() && parsed->encoded_path() != "/")) {
    return InvalidArgument("expected a server's address such as http://127.0.0.1:8080, found '{}'",
                           url);
  }
  auto rep = std::make_unique<Rep>();
  for (const char c : key) {
    if (c <= ' ' || c > '~')
      return InvalidArgument("the key: expected printable ASCII without blanks");
  }
  if (!key.empty()) rep->authorization = "Bearer " + std::string(key);
  rep->timeout = std::chrono::seconds(timeout_s);
  rep->host = parsed->host_address();
  rep->name = std::string(parsed->encoded_host_and_port());
  rep->scheme = std::string(parsed->scheme());
  const bool secure = rep->scheme == "https";
  if (secure) {
    UPNEXT_ASSIGN_OR_RETURN(rep->tls, ClientTls());
  }
  rep->port = !parsed->port().empty() ? std::string(parsed->port()) : secure ? "443" : "80";
  return std::unique_ptr<HttpClient>(new HttpClient(std::move(rep)));
}

Result<HttpClient::Answer> HttpClient::Get(std::string_view target) {
  return rep_->Ask(http::verb::get, target, "");
}

Result<HttpClient::Answer> HttpClient::Post(std::string_view target, std::string body) {
  return rep_->Ask(http::verb::post, target, std::move(body));
}

Result<HttpClient::Answer> HttpClient::Delete(std::string_view target) {
  return rep_->Ask(http::verb::delete_, target, "");
}

std::string EncodeQueryValue(std::string_view text) {
  return boost::urls::encode(text, boost::urls::unreserved_chars);
}

}  // namespace upnext::net
