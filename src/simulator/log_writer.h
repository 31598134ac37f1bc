// Log mode: simulates every user of a world and writes the canonical tables as Parquet.
//
//   UPNEXT_RETURN_IF_ERROR(SimulateLog(options, "data/demo", progress));
//   -> data/demo/{events,items,users}.parquet, columns of the design (docs/guides/simulator.md)
//
// One world, one set of bytes: the files do not depend on the number of threads. Users are
// simulated in chunks and their rows handed to DuckDB, so memory is bounded by `memory_limit_mb`
// plus the world itself.
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

// Makes `directory` if it is not there and replaces the three files in it. On an error, or when the
// user stops it (kCancelled), files of an earlier run stay as they were.
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
