#include "net/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <array>
#include <boost/asio/ssl.hpp>
#include <chrono>
#include <utility>

#include "base/file.h"

namespace upnext::net {
namespace {

namespace fs = std::filesystem;
namespace ssl = boost::asio::ssl;
using boost::system::error_code;

constexpr int64_t kFilesEveryMs = 1000;

int64_t SteadyMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

Result<Tls::Context> Tls::Read(const fs::path& certificate, const fs::path& key) {
  UPNEXT_ASSIGN_OR_RETURN(const std::string chain_text, base::ReadFile(certificate));
  UPNEXT_ASSIGN_OR_RETURN(const std::string key_text, base::ReadFile(key));
  auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
  error_code failed;
  context->set_options(ssl::context::default_workarounds | ssl::context::no_sslv2 |
                           ssl::context::no_sslv3 | ssl::context::no_tlsv1 |
                           ssl::context::no_tlsv1_1,
                       failed);
  context->use_certificate_chain(boost::asio::buffer(chain_text), failed);
  if (failed) {
    return InvalidArgument("{}: expected a certificate in PEM: {}", certificate.string(),
                           failed.message());
  }
  context->use_private_key(boost::asio::buffer(key_text), ssl::context::pem, failed);
  if (failed) {
    return InvalidArgument("{}: expected the private key of {} in PEM, without a password: {}",
                           key.string(), certificate.string(), failed.message());
  }
  if (SSL_CTX_check_private_key(context->native_handle()) != 1) {
    ERR_clear_error();
    return InvalidArgument("{}: expected the private key of {}, found another one", key.string(),
                           certificate.string());
  }
  return context;
}

Result<std::unique_ptr<Tls>> Tls::Open(const fs::path& certificate, const fs::path& key) {
  UPNEXT_ASSIGN_OR_RETURN(Context context, Read(certificate, key));
  return std::unique_ptr<Tls>(new Tls(certificate, key, std::move(context)));
}

Tls::Context Tls::context() {
  base::MutexLock lock(mutex_);
  const int64_t now_ms = SteadyMs();
  if (now_ms - looked_ms_ < kFilesEveryMs) return context_;
  looked_ms_ = now_ms;
  std::error_code error;
  const std::array<Time, 2> changed = {fs::last_write_time(certificate_, error),
                                       fs::last_write_time(key_, error)};
  if (error || (changed[0] == changed_[0] && changed[1] == changed_[1])) return context_;
  Result<Context> read = Read(certificate_, key_);
  if (!read) return context_;
  context_ = *std::move(read);
  changed_[0] = changed[0];
  changed_[1] = changed[1];
  return context_;
}

}  // namespace upnext::net
