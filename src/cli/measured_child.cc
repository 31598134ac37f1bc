#include "cli/measured_child.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>

namespace upnext::cli {
namespace {

using nlohmann::json;

// The child's answer: {"found": ...} or {"code": ..., "error": ...}.
json Answer(const Result<json>& result) {
  if (result) return {{"found", *result}};
  return {{"code", static_cast<int>(result.error().code)}, {"error", result.error().message}};
}

void WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;  // the parent has ended
    text.remove_prefix(static_cast<size_t>(n));
  }
}

std::string ReadAll(int fd) {
  std::string text;
  char buffer[4096];
  for (;;) {
    const ssize_t n = ::read(fd, buffer, sizeof(buffer));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return text;
    text.append(buffer, static_cast<size_t>(n));
  }
}

double SecondsOf(const timeval& time) {
  return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
}

}  // namespace

Result<Measured> RunMeasured(const std::function<Result<json>()>& body) {
  int ends[2];
  if (::pipe(ends) != 0) return Internal("cannot create a pipe: {}", std::strerror(errno));
  const auto start = std::chrono::steady_clock::now();
  const pid_t child = ::fork();
  if (child < 0) {
    ::close(ends[0]);
    ::close(ends[1]);
    return ResourceExhausted("cannot start a process: {}", std::strerror(errno));
  }
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);  // do not outlive a parent that was killed
    ::close(ends[0]);
    WriteAll(ends[1], Answer(body()).dump());
    ::_exit(0);  // without the parent's exit handlers
  }
  ::close(ends[1]);
  const std::string text = ReadAll(ends[0]);
  ::close(ends[0]);
  int status = 0;
  rusage usage{};
  while (::wait4(child, &status, 0, &usage) < 0) {
    if (errno != EINTR)
      return Internal("cannot wait for the child process: {}", std::strerror(errno));
  }
  Measured measured;
  measured.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  measured.cpu_seconds = SecondsOf(usage.ru_utime) + SecondsOf(usage.ru_stime);
  measured.peak_mb = static_cast<double>(usage.ru_maxrss) / 1024;
  if (WIFSIGNALED(status)) {
    return Internal("the child process was ended by signal {} ({}); its peak was {:.0f} MB",
                    WTERMSIG(status), strsignal(WTERMSIG(status)), measured.peak_mb);
  }
  const json answer = json::parse(text, nullptr, false);
  if (answer.is_discarded()) return Internal("the child process returned no answer");
  if (answer.contains("error")) {
    return std::unexpected(
        Error{static_cast<Code>(answer["code"].get<int>()), answer["error"].get<std::string>()});
  }
  measured.found = answer["found"];
  return measured;
}

}  // namespace upnext::cli
