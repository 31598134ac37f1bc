// Log mode: simulates every user of a world and writes the canonical tables as Parquet.
//
//   UPNEXT_RETURN_IF_ERROR(SimulateLog(options, {.truth = true}, "data/demo", progress));
//   // data/demo/{events,items,users}.parquet, and the ground truth (docs/guides/simulator.md)
//
// A log of more than about half a million events is written in parts, events-0000.parquet and so
// on, each for a range of users, by several threads at once. The bytes depend only on the options:
// neither the ranges nor the contents of a part depend on the number of threads. Memory: the world,
// and for each thread about 150 MB for its current part.
#ifndef UPNEXT_SIMULATOR_LOG_WRITER_H_
#define UPNEXT_SIMULATOR_LOG_WRITER_H_

#include <filesystem>
#include <functional>

#include "base/progress.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "simulator/user_log.h"
#include "simulator/world.h"

namespace upnext::simulator {

struct LogOptions {
  // The log contains the sessions that start on the days [first_day, end_day) of the window;
  // end_day 0: all remaining days. Days before first_day are simulated under the world's logging
  // policy, but not written. A session may continue past midnight: the items table ends with the
  // last item uploaded on these days or the last one in an event, whichever is later.
  int first_day = 0, end_day = 0;
  // The recommender whose slates are shown; null: the world's logging policy. The bytes do not
  // depend on the number of threads if its answers do not.
  Recommender* policy = nullptr;
  bool truth = false;  // also truth.parquet (in the same parts as events), examination, qualities
};

struct LogReport {
  uint64_t events = 0, parts = 0;
  double world_s = 0, log_s = 0;  // time to create the world and to write its log
};

// Creates `directory` if it does not exist and replaces the files of an earlier run in it, under
// any name that a run may use. On an error or a stop request (kCancelled) they stay unchanged.
Result<LogReport> SimulateLog(const WorldOptions& options, const LogOptions& log,
                              const std::filesystem::path& directory, base::Progress& progress);
Status SimulateLog(const WorldOptions& options, const std::filesystem::path& directory,
                   base::Progress& progress);

// The same rows without a file, user by user in order: the behaviour of the users at a site whose
// slates `recommender` chooses. `recommender` is called from all threads of the pool, `take` on
// this thread with the rows of a user's whole window. An error of either ends the simulation.
Status SimulateUsers(const World& world, Recommender& recommender,
                     const UserSimulatorOptions& options, base::ThreadPool& pool,
                     base::Progress& progress, const std::function<Status(const UserRows&)>& take);
// Under the logging policy of the world.
Status SimulateUsers(const World& world, base::ThreadPool& pool, base::Progress& progress,
                     const std::function<Status(const UserRows&)>& take);

}  // namespace upnext::simulator

#endif  // UPNEXT_SIMULATOR_LOG_WRITER_H_
