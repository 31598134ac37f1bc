// Log mode: simulates every user of a world and writes the canonical tables as Parquet.
//
//   UPNEXT_RETURN_IF_ERROR(SimulateLog(options, {.truth = true}, "data/demo", progress));
//   -> data/demo/{events,items,users}.parquet, columns of the design, and the truth about them
//      (docs/guides/simulator.md)
//
// A log of more than about half a million events comes in parts, events-0000.parquet and so on,
// each of a range of users, written by the threads at the same time. One world, one set of bytes:
// neither the cut nor what is in a part depends on the number of threads. Memory: the world, and
// for each thread about 150 MB for the part at hand.
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
  // The log holds the sessions that begin on the days [first_day, end_day) of the window; end_day
  // 0: all that are left. Before, users live under the world's logging policy, unwritten. A
  // session goes on past midnight: items end with the last one uploaded on these days, or with the
  // last one that an event names.
  int first_day = 0, end_day = 0;
  // Whose slates the log shows; null: the world's logging policy's. The bytes do not depend on the
  // threads if its answers do not.
  Recommender* policy = nullptr;
  bool truth = false;  // also truth.parquet (in parts as the events), examination and qualities
};

struct LogReport {
  uint64_t events = 0, parts = 0;
  double world_s = 0, log_s = 0;  // making the world, and the log of it
};

// Makes `directory` if it is not there and replaces the files of an earlier run in it, under all
// the names that a run may use. On an error, or when the user stops it (kCancelled), they stay as
// they were.
Result<LogReport> SimulateLog(const WorldOptions& options, const LogOptions& log,
                              const std::filesystem::path& directory, base::Progress& progress);
Status SimulateLog(const WorldOptions& options, const std::filesystem::path& directory,
                   base::Progress& progress);

// The same rows, user by user in order, for whoever wants them without a file: what the users of
// the world do at a site whose slates `recommender` chooses. It is called from all threads of the
// pool, `take` on this one, with the rows of a user's whole window; an error of either ends it.
Status SimulateUsers(const World& world, Recommender& recommender,
                     const UserSimulatorOptions& options, base::ThreadPool& pool,
                     base::Progress& progress, const std::function<Status(const UserRows&)>& take);
// Under the logging policy of the world.
Status SimulateUsers(const World& world, base::ThreadPool& pool, base::Progress& progress,
                     const std::function<Status(const UserRows&)>& take);

}  // namespace upnext::simulator

#endif  // UPNEXT_SIMULATOR_LOG_WRITER_H_
