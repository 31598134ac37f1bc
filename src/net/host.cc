#include "net/host.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/url/grammar/ci_string.hpp>
#include <charconv>

namespace upnext::net {

namespace ip = boost::asio::ip;

namespace {

constexpr std::string_view kLocalhost = "localhost";

bool EqualNames(std::string_view a, std::string_view b) {
  return boost::urls::grammar::ci_is_equal(a, b);
}

bool IsAddress(std::string_view text) {
  boost::system::error_code error;
  ip::make_address(std::string(text), error);
  return !error;
}

// "", which RFC 3986 allows, or a number that a port has.
bool IsPort(std::string_view text) {
  if (text.empty()) return true;
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size();
}

// "example.org:80" -> "example.org", "[::1]:80" -> "::1"; "" for what is neither.
std::string_view WithoutPort(std::string_view host) {
  std::string_view rest;
  if (host.starts_with('[')) {
    const size_t end = host.find(']');
    if (end == std::string_view::npos) return {};
    rest = host.substr(end + 1);
    host = host.substr(1, end - 1);
  } else {
    const size_t colon = std::min(host.find(':'), host.size());
    rest = host.substr(colon);
    host = host.substr(0, colon);
  }
  return rest.empty() || (rest.front() == ':' && IsPort(rest.substr(1))) ? host
                                                                         : std::string_view();
}

}  // namespace

Result<ip::address> ListenAddress(std::string_view text) {
  if (EqualNames(text, kLocalhost)) return ip::address(ip::address_v4::loopback());
  std::string address(text);
  if (address.starts_with('[') && address.ends_with(']')) {
    address = address.substr(1, address.size() - 2);
  }
  boost::system::error_code error;
  ip::address parsed = ip::make_address(address, error);
  if (error) {
    return InvalidArgument(
        "address '{}': expected an IP address such as 127.0.0.1 or ::1, or localhost", text);
  }
  return parsed;
}

bool IsLoopback(const ip::address& address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    return ip::make_address_v4(ip::v4_mapped, address.to_v6()).is_loopback();
  }
  return address.is_loopback();
}

std::string UrlOf(const ip::address& address, uint16_t port, bool tls) {
  const std::string host = address.is_v6() ? "[" + address.to_string() + "]" : address.to_string();
  return fmt::format("{}://{}:{}", tls ? "https" : "http", host, port);
}

std::string ClientOf(const ip::address& address) {
  if (address.is_v4()) return address.to_string();
  const ip::address_v6 v6 = address.to_v6();
  if (v6.is_v4_mapped()) return ip::make_address_v4(ip::v4_mapped, v6).to_string();
  ip::address_v6::bytes_type bytes = v6.to_bytes();
  std::fill(bytes.begin() + 8, bytes.end(), static_cast<unsigned char>(0));
  return ip::address_v6(bytes).to_string() + "/64";
}

bool IsOwnHost(std::string_view host, std::span<const std::string> hosts) {
  const std::string_view name = WithoutPort(host);
  if (name.empty()) return false;
  if (IsAddress(name) || EqualNames(name, kLocalhost)) return true;
  return std::ranges::any_of(
      hosts, [&](const std::string& own) { return own == "*" || EqualNames(own, name); });
}

}  // namespace upnext::net
