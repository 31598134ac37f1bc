// A program that runs beside this process: with lower priority, in a process group of its own, its
// output in a file. It does not outlive the thread that started it.
//
//   UPNEXT_ASSIGN_OR_RETURN(auto child, ChildProcess::Start({"/usr/bin/sort", "big"}, "sort.log"));
//   while (!child.Poll()) ...                          or child.Stop(std::chrono::seconds(10))
//   child.outcome()                                    "" for exit code 0, else what happened
//
// One thread: the one that started it. Destroying it stops what still runs.
#ifndef UPNEXT_BASE_CHILD_PROCESS_H_
#define UPNEXT_BASE_CHILD_PROCESS_H_

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/status.h"

namespace upnext::base {

class ChildProcess {
 public:
  // Writes stdout to `output` and stderr to `errors` ("": to `output` too), anew; stdin is empty. The
  // first of `command` is the path of the program. When memory is short, the system ends the child
  // rather than this process.
  static Result<ChildProcess> Start(const std::vector<std::string>& command, const fs::path& output,
                                    const fs::path& errors = {});
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&&) = delete;
  ~ChildProcess();  // as Stop(0 s)

  bool Poll();  // whether it has ended; does not wait
  // Asks its group to end (SIGTERM), and ends it after `patience` (SIGKILL). Waits for that.
  void Stop(std::chrono::milliseconds patience);
  // Once it has ended: "", "exit code 1", "ended by signal 9 (Killed)".
  const std::string& outcome() const { return outcome_; }
  int exit_code() const { return exit_code_; }  // -1 when a signal ended it

 private:
  explicit ChildProcess(pid_t pid) : pid_(pid) {}
  void Take(int status);
  pid_t pid_ = 0;  // 0: it has ended
  int exit_code_ = -1;
  std::string outcome_;
};

}  // namespace upnext::base

#endif  // UPNEXT_BASE_CHILD_PROCESS_H_
