#include "cli/progress_bar.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "base/numbers.h"
#include "cli/output.h"

namespace upnext::cli {
namespace {

std::atomic<int> g_stop{0};  // the signal
std::atomic<bool> g_hangup{false};
int g_stop_pipe[2] = {-1, -1};

void OnStop(int signal) {
  if (g_stop.exchange(signal) != 0) _exit(128 + signal);
  const char byte = 1;
  [[maybe_unused]] const ssize_t written = write(g_stop_pipe[1], &byte, 1);
}

void OnHangup(int) {
  if (g_hangup.exchange(true)) return;  // not taken yet: one byte is enough
  const char byte = 2;
  [[maybe_unused]] const ssize_t written = write(g_stop_pipe[1], &byte, 1);
}

constexpr double kTerminalPeriod = 0.1, kLinePeriod = 5.0;  // seconds between drawings
constexpr double kWorthTelling = 2.0;  // shorter stages print nothing unless on a terminal

double Seconds(std::chrono::steady_clock::duration d) {
  return std::chrono::duration<double>(d).count();
}

}  // namespace

void InstallStopHandler() {
  if (pipe2(g_stop_pipe, O_CLOEXEC) != 0) return;
  struct sigaction action = {};
  action.sa_handler = OnStop;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool StopRequested() { return g_stop.load(std::memory_order_relaxed) != 0; }

int StopExitCode() { return 128 + g_stop.load(std::memory_order_relaxed); }

void InstallHangupHandler() {
  struct sigaction action = {};
  action.sa_handler = OnHangup;
  sigaction(SIGHUP, &action, nullptr);
}

bool WaitForHangup() {
  pollfd wait{.fd = g_stop_pipe[0], .events = POLLIN, .revents = 0};
  while (!StopRequested()) {
    char byte;
    if (poll(&wait, 1, -1) < 0 && errno != EINTR) return false;
    // The byte of a stop stays, for others who wait.
    if (!StopRequested() && g_hangup.exchange(false) && read(g_stop_pipe[0], &byte, 1) == 1) {
      return true;
    }
  }
  return false;
}

ProgressBar::ProgressBar(bool quiet) : quiet_(quiet), terminal_(isatty(STDERR_FILENO) == 1) {}

ProgressBar::~ProgressBar() { End(); }

void ProgressBar::Begin(std::string_view stage, std::string_view unit, uint64_t total) {
  base::MutexLock lock(mutex_);
  active_ = true;
  stage_ = stage;
  unit_ = unit;
  note_.clear();
  total_ = total;
  done_ = 0;
  begin_ = drawn_ = std::chrono::steady_clock::now();
}

void ProgressBar::Update(uint64_t done, std::string_view note) {
  base::MutexLock lock(mutex_);
  if (!active_) return;
  done_ = done;
  if (!note.empty()) note_ = note;
  if (Seconds(std::chrono::steady_clock::now() - drawn_) >=
      (terminal_ ? kTerminalPeriod : kLinePeriod)) {
    Draw(false);
  }
}

void ProgressBar::End() {
  base::MutexLock lock(mutex_);
  if (!active_) return;
  Draw(true);
  active_ = false;
}

void ProgressBar::Note(std::string_view line) {
  base::MutexLock lock(mutex_);
  if (quiet_) return;
  Tell("{}{}\n", terminal_ && active_ ? "\r\033[K" : "", line);
}

void ProgressBar::Draw(bool final) {
  drawn_ = std::chrono::steady_clock::now();
  if (quiet_) return;
  const double elapsed = Seconds(drawn_ - begin_);
  if (final && !terminal_ && elapsed < kWorthTelling) return;
  const double rate = elapsed > 0 ? static_cast<double>(done_) / elapsed : 0;
  std::string line = fmt::format("{:<26}", stage_);
  if (total_ > 0) {
    const double share = std::min(1.0, static_cast<double>(done_) / static_cast<double>(total_));
    const int filled = static_cast<int>(share * 20);
    line += fmt::format(" [{:#<{}}{:.<{}}] {:3.0f}%", "", filled, "", 20 - filled, share * 100);
  } else {
    line += fmt::format(" {} {}", base::WithThousands(done_), unit_);
  }
  if (done_ > 0 && rate > 0) line += fmt::format("  {} {}/s", HumanRate(rate), unit_);
  if (final) {
    line += fmt::format("  {}", HumanSeconds(elapsed));
  } else if (total_ > done_ && rate > 0) {
    line += fmt::format("  {} left", HumanSeconds(static_cast<double>(total_ - done_) / rate));
  }
  if (!note_.empty()) line += "  " + note_;
  Tell("{}{}{}", terminal_ ? "\r\033[K" : "", line, terminal_ && !final ? "" : "\n");
  std::fflush(stderr);
}

std::string HumanRate(double per_second) {
  if (per_second >= 1e6) return fmt::format("{:.2f} M", per_second / 1e6);
  if (per_second >= 1e3) return fmt::format("{:.1f} k", per_second / 1e3);
  return fmt::format("{:.1f}", per_second);
}

std::string HumanSeconds(double seconds) {
  if (seconds < 10) return fmt::format("{:.1f} s", seconds);
  const auto whole = static_cast<uint64_t>(std::llround(seconds));
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole / 60 % 60);
}

}  // namespace upnext::cli
