// Import: the user's own SELECT per canonical table, run by DuckDB, becomes an event log version.
//
//   [import]                          project file
//   max_rejects = 0.001               share of bad rows above which nothing is published
//   events = "SELECT user_id AS user, ... FROM read_csv('{data}/log.csv')"
//   items  = "SELECT ..."             optional, as is users
//
// Every SELECT may also give `file` (or `filename`, as DuckDB's readers call it) and `line`, where
// the row came from: they go into the rejects file and nowhere else. Lines that a
// read_csv(..., store_rejects = true) set aside are counted and listed too.
//
// rejects.csv: table, file, line (NULL where the SELECT does not give them), row (number of the row
// in the SELECT's output, from 1; NULL for what the reader set aside), reason, text (the row as it
// was read).
//
// {data} in the SQL is the data directory. Output columns are the built-in ones (docs/guides/
// import.md) and those that [schema] declares; a missing or unknown one is an error that names the
// nearest right one, and the line that would declare it. Rows that do not fit (no
// user, no time, an unknown type, a negative duration ...) go to rejects.csv with file, line and
// reason and are counted.
#ifndef UPNEXT_IMPORT_IMPORT_H_
#define UPNEXT_IMPORT_IMPORT_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/config.h"
#include "base/progress.h"
#include "base/status.h"
#include "base/versioned_root.h"
#include "import/event_times.h"
#include "log/event_log.h"
#include "schema/raw_event.h"
#include "schema/schema.h"

namespace upnext::import {

class ArrowTable;  // arrow_table.h

// What a store hands out: events, and items and users, each of which may have been deleted.
struct PostedVisitor {
  std::function<Status(const schema::RawEvent&)> event;
  std::function<Status(schema::Entity, const schema::RawEntity&, bool deleted)> row;
};
// Gives what a store has beyond `since`, and returns up to where that is: of the same store all after
// since.through, of another store all.
using ReadPosted = std::function<Result<log::PostedMark>(const log::PostedMark& since,
                                                         const PostedVisitor& visit)>;

struct ImportOptions {
  // The last two may be empty.
  std::string events_sql = {}, items_sql = {}, users_sql = {};
  std::filesystem::path data = {};  // replaces {data}
  double max_rejects = 0.001;       // share of rows
  // Rows of one SELECT above which the import stops: more are taken for a slip of its SQL.
  uint64_t max_rows = 500'000'000;
  uint32_t shards = 1;
  // Takes the users of one part alone, from 1, and their events: those whose id's hash leaves
  // part - 1 when divided by parts. Each part becomes a log of its own.
  uint32_t part = 1, parts = 1;
  int threads = 0;
  int memory_limit_mb = 0;  // DuckDB's budget; 0: DefaultImportMemoryMb()
  // Events further from the bulk of the log (event_times.h) are set aside.
  TimeLimits time_limits = {};
  // The SELECTs may load extensions of DuckDB, which it downloads, and with them read from other
  // machines: s3://, http(s)://, postgres_scan ...
  bool allow_remote = false;
  schema::Schema schema = {};
  // The rows join the current log instead of taking its place (append.h); its shards stay as they
  // are. Without a log it is an import like any other, which a note says.
  bool append = false;
  // The events, items and users that were posted to a server come into the log too, the latter in
  // place of what the SELECTs give of them; null: they stay where they are, and a log that takes the
  // place of another has none of them.
  ReadPosted posted = {};
  bool posted_alone = false;  // with `posted`: no SELECT runs, what was posted joins the log
  // Users that were deleted from this store up to `forgotten` are out of the log; it is set in the log
  // that is written.
  log::PostedMark deletions = {};
  // How far apart in time a posted event and one of a file may be and be the same (duplicates.h).
  int64_t same_event_ms = log::kSameEventMs;

  // Tables of the program that imports; the SELECTs read them by their names.
  std::vector<std::shared_ptr<const ArrowTable>> tables = {};

  static ImportOptions FromConfig(const base::Config& config);  // [import] and [schema]
};

struct ImportReport {
  uint64_t events = 0, items = 0, users = 0;  // rows taken
  uint64_t log_users = 0, log_items = 0;      // distinct ones in the log, from whichever table
  uint64_t log_events = 0;
  // Of the events taken: the same as another (duplicates.h), and so left out; of the others, earlier
  // than the last one that the log had of their user.
  uint64_t duplicates = 0, late = 0;
  // Of the events taken: those that came from the store; of them, those that the log did not have.
  uint64_t posted = 0, posted_new = 0;
  uint64_t posted_items = 0, posted_users = 0;  // came from the store; not among `items`, `users`
  // Set aside because of time_limits; not among `events`, and not among the rejected.
  uint64_t implausible_times = 0;
  bool appended = false;  // to a log that was there
  // Of the log that there was: items and users that no row mentions any more; they keep their
  // numbers (EventLog::gone).
  uint64_t gone_items = 0, gone_users = 0;
  // Why names did not keep the numbers of the log that there was; "" when they did, or there was none.
  std::string numbered_afresh;
  uint64_t rejected_events = 0, rejected_items = 0, rejected_users = 0;
  std::filesystem::path rejects_file;  // "" when nothing was rejected or set aside
  std::string version;                 // "v000002"; the old one when an append brought nothing new
  // What was taken and still looks wrong (import_warnings.h); told to the Progress too.
  std::vector<std::string> warnings;
  double seconds = 0;
};

// A quarter of the machine's memory, at least 1 GiB and at most 4 GiB: what an import gives DuckDB
// when nobody says otherwise.
int DefaultImportMemoryMb();

// Events that are the same (duplicates.h) are in the log once.
//
// Names keep the numbers that they have in the current log, and new ones get the next, so that the
// current bundle can be served with the new log (log::WriteContinuedLog). Only where that log has
// another schema, or too few of its names are left, is everything numbered afresh.
//
// Writes the next version under `log_root` (a base::VersionedRoot) and makes it current. On any
// error the current version stays as it was; the rejects file is written to `log_root`/rejects.csv
// either way.
Result<ImportReport> Import(const ImportOptions& options, const std::filesystem::path& log_root,
                            base::Progress& progress);

}  // namespace upnext::import

#endif  // UPNEXT_IMPORT_IMPORT_H_
