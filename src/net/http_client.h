// A blocking HTTP/1.1 client of one server, plain or by TLS, for what runs beside a server: simulated users, load.
//
//   UPNEXT_ASSIGN_OR_RETURN(auto client, HttpClient::Make("http://127.0.0.1:8080"));
//   UPNEXT_ASSIGN_OR_RETURN(const HttpClient::Answer answer, client->Get("/healthz"));
//
// Any number of threads; each request in flight has a connection of its own, and connections are
// kept for the next ones.
#ifndef UPNEXT_NET_HTTP_CLIENT_H_
#define UPNEXT_NET_HTTP_CLIENT_H_

#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"

namespace upnext::net {

class HttpClient {
 public:
  struct Answer {
    int status = 0;
    std::string body;
  };
  // kInvalidArgument when `url` is not http://HOST[:PORT] or https://HOST[:PORT]. Nothing is sent yet. A certificate has to be
  // of this host and signed by an authority of the system, or of the file that SSL_CERT_FILE of the environment names. `key` goes with every request; "": none.
  // `timeout_s`: how long to wait for an answer.
  static Result<std::unique_ptr<HttpClient>> Make(std::string_view url, std::string_view key = "",
                                                  int timeout_s = kTimeoutS);
  ~HttpClient();

  // `target` is path and query, percent-encoded. kUnavailable when no answer comes within
  // `timeout_s`; an answer of any status is none. A request on a kept connection that the server
  // has closed meanwhile is sent once more.
  Result<Answer> Get(std::string_view target);
  Result<Answer> Post(std::string_view target, std::string body);
  Result<Answer> Delete(std::string_view target);

  static constexpr int kTimeoutS = 30;

 private:
  struct Rep;
  explicit HttpClient(std::unique_ptr<Rep> rep);
  std::unique_ptr<Rep> rep_;
};

// A value of a query, with every byte that could end it written %XX.
std::string EncodeQueryValue(std::string_view text);

}  // namespace upnext::net

#endif  // UPNEXT_NET_HTTP_CLIENT_H_
