#include "net/request_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <system_error>

namespace upnext::net {
namespace {

class LogFile {
 public:
  explicit LogFile(const std::filesystem::path& file)
      : to_(open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
                 S_IRUSR | S_IWUSR | S_IRGRP)) {}
  ~LogFile() {
    if (to_ >= 0) close(to_);
  }
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;
  int get() const { return to_; }
  uint64_t bytes() const {
    struct stat info = {};
    return to_ >= 0 && fstat(to_, &info) == 0 && S_ISREG(info.st_mode)
               ? static_cast<uint64_t>(info.st_size)
               : 0;
  }

 private:
  const int to_;
};

bool WriteAll(int to, std::string_view line) {
  return to >= 0 && write(to, line.data(), line.size()) == static_cast<ssize_t>(line.size());
}

}  // namespace

void RequestLog::Write(const RequestRecord& record) {
  const std::string line = LogLine(record);
  base::MutexLock lock(mutex_);
  if (!Append(line)) ++lost_;
}

bool RequestLog::Append(std::string_view line) {
  if (file_ == "-") return WriteAll(STDOUT_FILENO, line);
  {
    const LogFile file(file_);
    const uint64_t bytes = file.bytes();
    if (bytes == 0 || bytes + line.size() <= most_bytes_) return WriteAll(file.get(), line);
  }
  std::filesystem::path full = file_;
  full += ".1";
  std::error_code error;
  std::filesystem::rename(file_, full, error);
  if (error) return false;  // rather than a file without a bound
  const LogFile file(file_);
  return WriteAll(file.get(), line);
}

}  // namespace upnext::net
