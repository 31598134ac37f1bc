// Names and addresses: what the server listens on, by which names it is called, and who calls.
//
//   UPNEXT_ASSIGN_OR_RETURN(const asio::ip::address address, ListenAddress("[::1]"));
//   UrlOf(address, 8080)                         "http://[::1]:8080"
//   IsOwnHost("localhost:8080", options.hosts)   true
//   ClientOf(socket.remote_endpoint().address()) "10.0.0.7"
//
// Pure functions.
#ifndef UPNEXT_NET_HOST_H_
#define UPNEXT_NET_HOST_H_

#include <boost/asio/ip/address.hpp>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"

namespace upnext::net {

// An IP address, an IPv6 address in brackets, or "localhost".
Result<boost::asio::ip::address> ListenAddress(std::string_view text);
// Whether only programs of this machine reach the address.
bool IsLoopback(const boost::asio::ip::address& address);
std::string UrlOf(const boost::asio::ip::address& address, uint16_t port, bool tls = false);

// Whose quota a client uses: its address, or the network of 2^64 addresses that one user of IPv6 has.
std::string ClientOf(const boost::asio::ip::address& address);

// Whether a client that sends this Host header meant this server: an IP address, "localhost", or one
// of `hosts`, each with or without a port; any, when `hosts` has "*". A web page of somebody else
// whose name resolves to this machine (DNS rebinding) has that other name in its requests.
bool IsOwnHost(std::string_view host, std::span<const std::string> hosts);

}  // namespace upnext::net

#endif  // UPNEXT_NET_HOST_H_
