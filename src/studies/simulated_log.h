// A simulated world as an event log, made the way a site's own events become one: rows with string
// ids -> event log -> everything that reads logs. Numbers of the log are numbers of the world.
//
//   UPNEXT_ASSIGN_OR_RETURN(const World world, World::Create(options));
//   SimulatedLog rows(world);
//   UPNEXT_RETURN_IF_ERROR(rows.AddWindow(pool, progress));       the logging policy's window
//   UPNEXT_ASSIGN_OR_RETURN(log::EventLog log, rows.Write(folder / "log"));
//
// LogOf() does all of it where nothing else is done with the rows. One thread at a time. In memory:
// about 300 bytes an event until it is written.
#ifndef UPNEXT_STUDIES_SIMULATED_LOG_H_
#define UPNEXT_STUDIES_SIMULATED_LOG_H_

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/progress.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "log/event_log.h"
#include "schema/raw_event.h"
#include "simulator/log_writer.h"
#include "simulator/world.h"

namespace upnext::studies {

// "u42", "v7": without leading zeros, so that a log numbers them as the world does.
std::string UserName(uint32_t user);
std::string ItemName(uint32_t item);

class SimulatedLog {
 public:
  explicit SimulatedLog(const simulator::World& world) : world_(world) {}  // outlives this

  // What every user does in the world's window under its logging policy. `also` sees the rows
  // before they are added: they hold truth that the log does not.
  Status AddWindow(base::ThreadPool& pool, base::Progress& progress,
                   const std::function<void(const simulator::UserRows&)>& also = {});
  void Add(const simulator::UserRows& rows);
  // Leaves out the rows before a time, so that a site with a short memory can be studied.
  void ForgetBefore(int64_t time_ms);
  size_t events() const { return events_.size(); }

  // Writes all that was added, with all users of the world and the items that were uploaded up to a
  // time or that an event names (a session may outlast its day), into a folder of its own (made
  // here) and opens it. kInternal when the log's numbers are not the world's.
  Result<log::EventLog> Write(const std::filesystem::path& folder,
                              int64_t until_ms = INT64_MAX) const;

 private:
  const simulator::World& world_;
  std::vector<schema::RawEvent> events_;
  uint32_t items_named_ = 0;  // one more than the largest item number that an event named
};

// The world's window under its logging policy, written into a folder of its own.
Result<log::EventLog> LogOf(const simulator::World& world, const std::filesystem::path& folder,
                            base::ThreadPool& pool, base::Progress& progress);

}  // namespace upnext::studies

#endif  // UPNEXT_STUDIES_SIMULATED_LOG_H_
