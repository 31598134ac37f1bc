// TLS of the server by files in PEM, read again when they change, so that a renewed certificate is used without a restart.
//
//   UPNEXT_ASSIGN_OR_RETURN(auto tls, Tls::Open("cert.pem", "key.pem"));
//   asio::ssl::stream<beast::tcp_stream&> stream(tcp, *tls->context());     of a new connection
//
// TLS 1.2 and newer. Any number of threads.
#ifndef UPNEXT_NET_TLS_H_
#define UPNEXT_NET_TLS_H_

#include <boost/asio/ssl/context.hpp>
#include <filesystem>
#include <memory>
#include <string>

#include "base/mutex.h"
#include "base/status.h"

namespace upnext::net {

class Tls {
 public:
  // `certificate`: the server's, then those that signed it. kInvalidArgument, kNotFound with the file and the
  // library's reason; also when the key is not that of the certificate.
  static Result<std::unique_ptr<Tls>> Open(const std::filesystem::path& certificate,
                                           const std::filesystem::path& key);
  // That of new connections. Looks at the files once a second; files that cannot be read, as between two
  // steps of a renewal, leave the one before in use.
  std::shared_ptr<boost::asio::ssl::context> context();

 private:
  using Context = std::shared_ptr<boost::asio::ssl::context>;
  using Time = std::filesystem::file_time_type;
  Tls(std::filesystem::path certificate, std::filesystem::path key, Context context)
      : certificate_(std::move(certificate)), key_(std::move(key)), context_(std::move(context)) {}
  static Result<Context> Read(const std::filesystem::path& certificate,
                              const std::filesystem::path& key);

  const std::filesystem::path certificate_, key_;
  base::Mutex mutex_;
  Context context_ UPNEXT_GUARDED_BY(mutex_);
  int64_t looked_ms_ UPNEXT_GUARDED_BY(mutex_) = 0;
  Time changed_[2] UPNEXT_GUARDED_BY(mutex_) = {};
};

}  // namespace upnext::net

#endif  // UPNEXT_NET_TLS_H_
