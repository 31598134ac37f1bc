// A plain HTTP client for tests: it sends exactly the given bytes, valid or not.
//
//   TestClient client(server.port());
//   client.Send(TestClient::Get("/healthz"));
//   TestClient::Answer answer = client.Read();
//
// Waits at most kPatience for anything, then gives an answer with status 0.
#ifndef UPNEXT_NET_TEST_CLIENT_H_
#define UPNEXT_NET_TEST_CLIENT_H_

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>

namespace upnext::net {

class TestClient {
 public:
  static constexpr int kPatienceSeconds = 20;
  struct Answer {
    int status = 0;                              // 0: the connection ended or nothing came
    std::map<std::string, std::string> headers;  // names in lower case
    std::string body;
    std::string Header(const std::string& name) const {
      const auto at = headers.find(name);
      return at == headers.end() ? "" : at->second;
    }
  };

  explicit TestClient(uint16_t port) : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval patience = {.tv_sec = kPatienceSeconds, .tv_usec = 0};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    const int on = 1;
    setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    connected_ = connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  }
  ~TestClient() { close(socket_); }
  TestClient(const TestClient&) = delete;
  TestClient& operator=(const TestClient&) = delete;

  bool connected() const { return connected_; }
  // False when the server has closed the connection.
  bool Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }
  // `head`: the answer to a HEAD, which has no body whatever its headers say.
  Answer Read(bool head = false) {
    size_t end;
    while ((end = received_.find("\r\n\r\n")) == std::string::npos) {
      if (!Receive()) return {};
    }
    Answer answer = ParseHead(received_.substr(0, end));
    received_.erase(0, end + 4);
    const auto length = answer.headers.find("content-length");
    if (head || length == answer.headers.end()) return answer;
    const size_t size = std::strtoul(length->second.c_str(), nullptr, 10);
    while (received_.size() < size) {
      if (!Receive()) return {};
    }
    answer.body = received_.substr(0, size);
    received_.erase(0, size);
    return answer;
  }
  Answer Ask(std::string_view request) { return Send(request) ? Read() : Answer{}; }
  // True when the server closes the connection and sends nothing more.
  bool Ended() {
    char byte;
    return received_.empty() && recv(socket_, &byte, 1, 0) <= 0 && errno != EAGAIN;
  }

  static std::string Get(std::string_view target, std::string_view headers = "") {
    return fmt::format("GET {} HTTP/1.1\r\nHost: localhost\r\n{}\r\n", target, headers);
  }
  static std::string Post(std::string_view target, std::string_view body) {
    return fmt::format(
        "POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        "Content-Length: {}\r\n\r\n{}",
        target, body.size(), body);
  }

 private:
  bool Receive() {
    char bytes[16384];
    errno = 0;
    const ssize_t n = recv(socket_, bytes, sizeof(bytes), 0);
    if (n <= 0) return false;
    received_.append(bytes, static_cast<size_t>(n));
    return true;
  }
  static Answer ParseHead(std::string_view head) {
    Answer answer;
    if (head.size() > 12) answer.status = std::atoi(std::string(head.substr(9, 3)).c_str());
    for (size_t at = head.find("\r\n"); at != std::string_view::npos; at = head.find("\r\n", at)) {
      at += 2;
      const std::string_view line = head.substr(at, head.find("\r\n", at) - at);
      const size_t colon = line.find(": ");
      if (colon == std::string_view::npos) continue;
      std::string name(line.substr(0, colon));
      std::ranges::transform(name, name.begin(),
                             [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      answer.headers[name] = line.substr(colon + 2);
    }
    return answer;
  }

  const int socket_;
  bool connected_ = false;
  std::string received_;
};

}  // namespace upnext::net

#endif  // UPNEXT_NET_TEST_CLIENT_H_
