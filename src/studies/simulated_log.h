// Writes a simulated world as an event log, in the same way as a site's events: rows with string
// ids -> event log. Numbers of the log equal numbers of the world.
//
//   UPNEXT_ASSIGN_OR_RETURN(const World world, World::Create(options));
//   SimulatedLog rows(world);
//   UPNEXT_RETURN_IF_ERROR(rows.AddWindow(pool, progress));   // under the logging policy
//   UPNEXT_ASSIGN_OR_RETURN(log::EventLog log, rows.Write(folder / "log"));
//
// LogOf() does all of this in one call. One thread at a time. Memory: about 300 bytes per event
// until it is written.
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
  explicit SimulatedLog(const simulator::World& world) : world_(world) {}  // must outlive this

  // Adds the events of all users in the world's window under its logging policy. `also` receives
  // the rows first: they contain ground truth that the log does not.
  Status AddWindow(base::ThreadPool& pool, base::Progress& progress,
                   const std::function<void(const simulator::UserRows&)>& also = {});
  void Add(const simulator::UserRows& rows);
  // Drops the rows before a time, to study a site that keeps its log for a limited time.
  void ForgetBefore(int64_t time_ms);
  size_t events() const { return events_.size(); }

  // Writes the added rows to `folder`, which it creates, and opens the log. It contains all users
  // of the world, and the items uploaded before a time or named by an event (a session may continue
  // past its day). kInternal when the log's numbers differ from the world's.
  Result<log::EventLog> Write(const std::filesystem::path& folder,
                              int64_t until_ms = INT64_MAX) const;

 private:
  const simulator::World& world_;
  std::vector<schema::RawEvent> events_;
  uint32_t items_named_ = 0;  // one more than the largest item number that an event named
};

// The world's window under its logging policy, written to a new folder.
Result<log::EventLog> LogOf(const simulator::World& world, const std::filesystem::path& folder,
                            base::ThreadPool& pool, base::Progress& progress);

}  // namespace upnext::studies

#endif  // UPNEXT_STUDIES_SIMULATED_LOG_H_
