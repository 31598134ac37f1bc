#include "base/child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

namespace upnext::base {
namespace {

constexpr int kNice = 10;

// In the child, between fork and exec: only what may be called there.
[[noreturn]] void RunProgram(char* const* arguments, int input, int output, int errors,
                             pid_t parent) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(127);  // it ended before the line above
  setpriority(PRIO_PROCESS, 0, kNice);
  if (const int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC); fd >= 0) {
    [[maybe_unused]] const ssize_t written = write(fd, "500", 3);
    close(fd);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  signal(SIGXFSZ, SIG_DFL);
  if (dup2(input, 0) < 0 || dup2(output, 1) < 0 || dup2(errors, 2) < 0) _exit(127);
  execv(arguments[0], arguments);
  constexpr char kFailed[] = "cannot start the program\n";
  [[maybe_unused]] const ssize_t written = write(2, kFailed, sizeof(kFailed) - 1);
  _exit(127);
}

}  // namespace

Result<ChildProcess> ChildProcess::Start(const std::vector<std::string>& command,
                                         const fs::path& output, const fs::path& errors) {
  constexpr int kAnew = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC;
  const int out = open(output.c_str(), kAnew, 0644);
  if (out < 0) return OsError(errno, output, "write the file");
  const int err = errors.empty() ? out : open(errors.c_str(), kAnew, 0644);
  if (err < 0) {
    const int error = errno;
    close(out);
    return OsError(error, errors, "write the file");
  }
  const int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
  std::vector<char*> arguments;
  for (const std::string& one : command) arguments.push_back(const_cast<char*>(one.c_str()));
  arguments.push_back(nullptr);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) RunProgram(arguments.data(), in, out, err, parent);
  const int error = errno;
  close(out);
  if (err != out) close(err);
  if (in >= 0) close(in);
  if (pid < 0) return OsError(error, command[0], "start the program");
  setpgid(pid, pid);  // the child does it too: whoever is first
  return ChildProcess(pid);
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)),
      exit_code_(other.exit_code_),
      outcome_(std::move(other.outcome_)) {}

ChildProcess::~ChildProcess() { Stop(std::chrono::milliseconds(0)); }

void ChildProcess::Take(int status) {
  pid_ = 0;
  if (WIFEXITED(status)) {
    exit_code_ = WEXITSTATUS(status);
    if (exit_code_ != 0) outcome_ = fmt::format("exit code {}", exit_code_);
    return;
  }
  const int signal = WTERMSIG(status);
  outcome_ = fmt::format("ended by signal {} ({}){}", signal, strsignal(signal),
                         signal == SIGKILL ? ", perhaps because memory was short" : "");
}

bool ChildProcess::Poll() {
  if (pid_ == 0) return true;
  int status = 0;
  const pid_t ended = waitpid(pid_, &status, WNOHANG);
  if (ended == pid_) Take(status);
  return pid_ == 0;
}

void ChildProcess::Stop(std::chrono::milliseconds patience) {
  const pid_t group = pid_;
  if (Poll()) return;
  kill(-group, SIGTERM);
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!Poll() && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  kill(-group, SIGKILL);  // also what the child has started and left
  while (!Poll()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
}

}  // namespace upnext::base
