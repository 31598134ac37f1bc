#include "events/import.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "base/file.h"
#include "events/canonical.h"
#include "events/duckdb.h"
#include "events/import_read.h"
#include "events/import_warnings.h"
#include "events/import_write.h"
#include "events/log_format.h"
#include "events/watched.h"

namespace upnext::events {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kRejectsFile = "rejects.csv";

// kInvalidArgument when too many rows were rejected or no event is left.
Status CheckShare(const ImportReader& reader, double max_rejects, const RejectsFile& rejects,
                  const fs::path& rejects_file) {
  for (const Table table : kTables) {
    const ImportReader::Counts& c = reader.counts(table);
    const uint64_t rows = c.good + c.bad;
    if (static_cast<double>(c.bad) <= max_rejects * static_cast<double>(rows)) continue;
    return InvalidArgument(
        "[import] {}: {} of {} rows were rejected ({:.2f} %), more than max_rejects = {} allows; "
        "nothing was published. The first of them:{}\nAll of them are in {}",
        TableName(table), c.bad, rows, 100 * static_cast<double>(c.bad) / static_cast<double>(rows),
        max_rejects, rejects.First(table), rejects_file.string());
  }
  if (reader.counts(Table::kEvents).good == 0) {
    return InvalidArgument(
        "[import] events: the SELECT gives no {}row; nothing was published. Check its files and "
        "its "
        "WHERE",
        reader.counts(Table::kEvents).bad > 0 ? "good " : "");
  }
  return Ok();
}

// Everything between Begin() and the published version; `work` is removed by the caller.
Result<ImportReport> ImportInto(const ImportOptions& options, base::VersionedRoot& root,
                                const fs::path& work, base::Progress& progress) {
  const fs::path folder = work / "log", spill = work / "spill";
  UPNEXT_RETURN_IF_ERROR(base::MakeDirectories(folder));
  UPNEXT_RETURN_IF_ERROR(base::MakeDirectories(spill));
  UPNEXT_ASSIGN_OR_RETURN(
      Database database,
      Database::Open({.file = work / "import.duckdb",
                      .temp_directory = spill,
                      .threads = options.threads,
                      .memory_limit_mb = options.memory_limit_mb > 0 ? options.memory_limit_mb
                                                                     : DefaultImportMemoryMb()}));
  WatchedDatabase db(std::move(database), progress, work, DiskReserve(work));
  ImportNames names;
  UPNEXT_ASSIGN_OR_RETURN(EventSpool spool, EventSpool::Create(work));
  RejectsFile rejects(work / kRejectsFile);
  ImportReader reader(options, db, rejects);
  UPNEXT_RETURN_IF_ERROR(reader.ReadAll(names, spool));
  const fs::path rejects_file = root.root() / kRejectsFile;
  UPNEXT_RETURN_IF_ERROR(rejects.Publish(rejects_file));
  UPNEXT_RETURN_IF_ERROR(CheckShare(reader, options.max_rejects, rejects, rejects_file));

  ImportReport report;
  report.events = reader.counts(Table::kEvents).good;
  report.items = reader.counts(Table::kItems).good;
  report.users = reader.counts(Table::kUsers).good;
  report.rejected_events = reader.counts(Table::kEvents).bad;
  report.rejected_items = reader.counts(Table::kItems).bad;
  report.rejected_users = reader.counts(Table::kUsers).bad;
  if (!rejects.empty()) report.rejects_file = rejects_file;
  UPNEXT_ASSIGN_OR_RETURN(const LogSizes sizes,
                          WriteImportedLog(db, names, spool, folder, options.shards));
  report.log_users = sizes.users;
  report.log_items = sizes.items;
  report.warnings = ImportWarnings(names, spool);
  for (const std::string& warning : report.warnings) progress.Note("warning: " + warning);
  if (progress.stop_requested()) return Cancelled("stopped on request; nothing was published");
  UPNEXT_ASSIGN_OR_RETURN(report.version, root.Publish(folder));
  UPNEXT_RETURN_IF_ERROR(root.SetCurrent(report.version));
  return report;
}

}  // namespace

ImportOptions ImportOptions::FromConfig(const base::ConfigTable& import) {
  ImportOptions options;
  options.events_sql = import.Text("events", "");
  options.items_sql = import.Text("items", "");
  options.users_sql = import.Text("users", "");
  options.max_rejects = import.Real("max_rejects", options.max_rejects, {.min = 0, .max = 1});
  options.max_rows = static_cast<uint64_t>(
      import.Int("max_rows", static_cast<int64_t>(options.max_rows), {.min = 1, .max = INT64_MAX}));
  options.shards =
      static_cast<uint32_t>(import.Int("shards", 1, {.min = 1, .max = format::kMaxShards}));
  options.threads = static_cast<int>(import.Int("threads", 0, {.min = 0, .max = 4096}));
  options.memory_limit_mb =
      static_cast<int>(import.Int("memory_limit_mb", 0, {.min = 0, .max = 1 << 30}));
  return options;
}

int DefaultImportMemoryMb() {
  const int64_t bytes = int64_t{::sysconf(_SC_PHYS_PAGES)} * ::sysconf(_SC_PAGE_SIZE);
  return static_cast<int>(std::clamp<int64_t>((bytes >> 20) / 4, 1024, 4096));
}

Result<ImportReport> Import(const ImportOptions& options, const fs::path& log_root,
                            base::Progress& progress) {
  const auto start = std::chrono::steady_clock::now();
  if (options.events_sql.empty()) {
    return InvalidArgument(
        "[import] needs events = \"SELECT ...\": the SELECT whose rows are the events");
  }
  if (options.shards < 1 || options.shards > format::kMaxShards) {
    return InvalidArgument("[import] shards should be in [1, {}], is {}", format::kMaxShards,
                           options.shards);
  }
  base::VersionedRoot root(log_root);
  UPNEXT_ASSIGN_OR_RETURN(const fs::path work, root.Begin());
  Result<ImportReport> report = ImportInto(options, root, work, progress);
  const Status removed = base::RemoveAll(work);
  if (report && !removed) progress.Note(removed.error().message);
  if (report) {
    report->seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  return report;
}

}  // namespace upnext::events
