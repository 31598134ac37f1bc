// The request log: a line of JSON for each answered request, in a file of bounded size.
//
//   RequestLog log("requests.log", 256 << 20);
//   log.Write(record);
//
// The file is opened for each line, so that it may be moved away at any time. When it is full it becomes FILE.1, in place
// of the one before. "-": stdout, without a bound. Any number of threads.
#ifndef UPNEXT_NET_REQUEST_LOG_H_
#define UPNEXT_NET_REQUEST_LOG_H_

#include <atomic>
#include <cstdint>
#include <filesystem>

#include "base/mutex.h"
#include "net/request_record.h"

namespace upnext::net {

class RequestLog {
 public:
  RequestLog(std::filesystem::path file, uint64_t most_bytes)
      : file_(std::move(file)), most_bytes_(most_bytes) {}
  // A line that cannot be written is lost and counted; the request is answered all the same.
  void Write(const RequestRecord& record);
  uint64_t lost() const { return lost_; }

 private:
  bool Append(std::string_view line) UPNEXT_REQUIRES(mutex_);

  const std::filesystem::path file_;
  const uint64_t most_bytes_;
  base::Mutex mutex_;
  std::atomic<uint64_t> lost_{0};
};

}  // namespace upnext::net

#endif  // UPNEXT_NET_REQUEST_LOG_H_
