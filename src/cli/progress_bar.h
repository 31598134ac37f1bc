// The command line's Progress: on a terminal a bar with rate and remaining time, elsewhere a line
// every few seconds. Writes to stderr only. Safe from any thread.
#ifndef UPNEXT_CLI_PROGRESS_BAR_H_
#define UPNEXT_CLI_PROGRESS_BAR_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "base/progress.h"

namespace upnext::cli {

// The first ^C or SIGTERM requests a clean stop, the second ends the process.
void InstallStopHandler();
bool StopRequested();
// The exit code of a program that the signal stopped: 130 after ^C, 143 after SIGTERM.
int StopExitCode();
// From here on SIGHUP ends a WaitForStop and not the process.
void InstallHangupHandler();
// Blocks until the first ^C or SIGTERM, false, or until a SIGHUP, true.
bool WaitForHangup();

class ProgressBar : public base::Progress {
 public:
  explicit ProgressBar(bool quiet = false);
  ~ProgressBar() override;
  void Begin(std::string_view stage, std::string_view unit, uint64_t total) override;
  void Update(uint64_t done, std::string_view note) override;
  void End() override;
  void Note(std::string_view line) override;
  bool stop_requested() const override { return StopRequested(); }

 private:
  using Time = std::chrono::steady_clock::time_point;
  void Draw(bool final) UPNEXT_REQUIRES(mutex_);

  const bool quiet_, terminal_;
  base::Mutex mutex_;
  bool active_ UPNEXT_GUARDED_BY(mutex_) = false;
  std::string stage_ UPNEXT_GUARDED_BY(mutex_), unit_ UPNEXT_GUARDED_BY(mutex_),
      note_ UPNEXT_GUARDED_BY(mutex_);
  uint64_t total_ UPNEXT_GUARDED_BY(mutex_) = 0, done_ UPNEXT_GUARDED_BY(mutex_) = 0;
  Time begin_ UPNEXT_GUARDED_BY(mutex_), drawn_ UPNEXT_GUARDED_BY(mutex_);
};

// "12.3 k", "1 min 05 s".
std::string HumanRate(double per_second);
std::string HumanSeconds(double seconds);

}  // namespace upnext::cli

#endif  // UPNEXT_CLI_PROGRESS_BAR_H_
