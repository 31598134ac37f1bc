// The steps of `upnext run`, one after the other on a thread of their own: each is a child process
// of this program, so that a step that fails, or that the system ends because memory is short, does
// not touch the server. What became of them is kept in DIRECTORY/run/ and survives a restart.
//
//   UPNEXT_ASSIGN_OR_RETURN(auto steps, RunSteps::Load(settings, {"upnext", flags ...}, clock));
//   steps->Start();  ...  steps->Stop();
//
// status() from any thread. A step is due at the first time of its schedule after its last run
// began; times that passed meanwhile make it due once. A step that fails runs again at its next time.
#ifndef UPNEXT_CLI_RUN_STEPS_H_
#define UPNEXT_CLI_RUN_STEPS_H_

#include <memory>
#include <string>
#include <vector>

#include "api/settings.h"
#include "base/clock.h"
#include "base/status.h"
#include "cli/own_program.h"
#include "net/status_page.h"

namespace upnext::cli {

class RunSteps {
 public:
  static Result<std::unique_ptr<RunSteps>> Load(const api::Settings& settings, OwnProgram program,
                                                const base::Clock& clock = base::SystemClock());
  ~RunSteps();  // as Stop()
  void Start();
  // Ends the step that runs, which is run again after the next Start.
  void Stop();
  std::vector<net::StepStatus> status() const;

 private:
  struct Rep;
  explicit RunSteps(std::unique_ptr<Rep> rep);
  std::unique_ptr<Rep> rep_;
};

}  // namespace upnext::cli

#endif  // UPNEXT_CLI_RUN_STEPS_H_
