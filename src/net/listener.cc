#include "net/listener.h"

#include <linux/filter.h>
#include <sys/socket.h>

#include <chrono>
#include <new>
#include <utility>

#include "net/host.h"

namespace upnext::net {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr int kAtOnce = 32;

// The kernel drops the first packet of new connections to the socket, whose sender tries again. The
// later packets of a handshake pass: its client has a connection already.
void DropFirstPackets(int socket) {
  constexpr uint32_t kFlags = 13, kSyn = 2;  // of the TCP header, where filters of sockets begin
  sock_filter drop[] = {BPF_STMT(BPF_LD | BPF_B | BPF_ABS, kFlags),
                        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, kSyn, 0, 1),
                        BPF_STMT(BPF_RET | BPF_K, 0), BPF_STMT(BPF_RET | BPF_K, UINT32_MAX)};
  const sock_fprog program = {.len = 4, .filter = drop};
  setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

}  // namespace

Status Listener::Open(const asio::ip::address& address, uint16_t port) {
  boost::system::error_code error;
  const tcp::endpoint wanted(address, port);
  acceptor_.open(wanted.protocol(), error);
  if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor_.bind(wanted, error);
  if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (!error) acceptor_.non_blocking(true, error);
  if (!error) endpoint_ = acceptor_.local_endpoint(error);
  if (error) {
    return Unavailable("cannot listen on {}: {}; stop what uses the port, or choose another one",
                       UrlOf(address, port), error.message());
  }
  return Ok();
}

asio::awaitable<void> Listener::Run(Take take) {
  while (acceptor_.is_open()) {
    const auto [error] = co_await acceptor_.async_wait(tcp::acceptor::wait_read,
                                                       asio::as_tuple(asio::use_awaitable));
    if (error) co_return;
    if (TakeSome(take) != Left::kFailed) continue;
    asio::steady_timer pause(context_, std::chrono::milliseconds(50));
    co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

Listener::Left Listener::TakeSome(const Take& take) {
  for (int taken = 0; taken < kAtOnce; ++taken) {
    boost::system::error_code error;
    tcp::socket socket = acceptor_.accept(asio::make_strand(context_), error);
    if (error == asio::error::would_block) return Left::kNone;
    if (error == asio::error::connection_aborted) continue;  // by the client
    if (error) return Left::kFailed;
    boost::system::error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    try {
      take(std::move(socket));
    } catch (const std::bad_alloc&) {  // this one is closed; the listener continues
      return Left::kFailed;
    }
  }
  return Left::kMore;
}

void Listener::LetNoMoreIn() { DropFirstPackets(acceptor_.native_handle()); }

void Listener::Close(const Take& take) {
  while (TakeSome(take) == Left::kMore) {
  }
  boost::system::error_code ignored;
  acceptor_.close(ignored);
}

}  // namespace upnext::net
