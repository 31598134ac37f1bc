#include "events/import.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>

#include "base/file.h"
#include "events/canonical.h"
#include "events/duckdb.h"
#include "events/import_warnings.h"
#include "events/import_write.h"
#include "events/log_format.h"
#include "events/watched.h"

namespace upnext::events {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kRejectsFile = "rejects.csv";

struct Counts {
  uint64_t good = 0, bad = 0;
};

const std::string& SqlOf(const ImportOptions& options, Table table) {
  switch (table) {
    case Table::kItems:
      return options.items_sql;
    case Table::kUsers:
      return options.users_sql;
    case Table::kEvents:
      break;
  }
  return options.events_sql;
}

// The user's SELECT, ready to stand in brackets: {data} replaced, no semicolon at its end.
Result<std::string> Select(const ImportOptions& options, Table table) {
  std::string sql = SqlOf(options, table);
  constexpr std::string_view kData = "{data}";
  // The placeholder stands inside quotes, so a quote in the path is doubled.
  std::string data = QuoteSql(options.data.string());
  data = data.substr(1, data.size() - 2);
  for (size_t at = sql.find(kData); at != std::string::npos; at = sql.find(kData, at)) {
    if (options.data.empty()) {
      return InvalidArgument(
          "[import] {}: the SELECT reads from {{data}}, but no data directory was given; use "
          "--data "
          "or set UPNEXT_DATA",
          TableName(table));
    }
    sql.replace(at, kData.size(), data);
    at += data.size();
  }
  while (!sql.empty() &&
         (sql.back() == ';' || std::isspace(static_cast<unsigned char>(sql.back()))))
    sql.pop_back();
  return sql;
}

// DuckDB ends a message with the line of the statement and a caret under the place. Statements wrap
// the user's SELECT, so `before` lines are taken off the number; syntax errors have it all twice.
void MendPlace(std::string& message, int64_t before) {
  constexpr std::string_view kPlace = "\n\nLINE ";
  const size_t at = message.rfind(kPlace);
  if (at == std::string::npos) return;
  std::string place = message.substr(at);
  message.resize(at);
  if (message.ends_with(place)) message.resize(message.size() - place.size());
  const size_t first = kPlace.size(), colon = place.find(':');
  int64_t line = 0;
  const auto parsed = std::from_chars(place.data() + first, place.data() + colon, line);
  if (colon != std::string::npos && parsed.ec == std::errc() && line > before) {
    const std::string number = fmt::format("{}", line - before);
    const size_t shorter = colon - first - number.size();
    place.replace(first, colon - first, number);
    const size_t caret = place.rfind('\n') + 1;
    if (place.find_first_not_of(' ', caret) >= caret + shorter) place.erase(caret, shorter);
  }
  message += place;
}

// DuckDB's error with the table whose SELECT it is about, and what to do. `statement` is what ran:
// the SELECT and what stands around it.
std::unexpected<Error> SelectError(Error error, const ImportOptions& options, Table table,
                                   std::string_view statement, std::string_view select) {
  const std::string_view around = statement.substr(0, statement.find(select));
  MendPlace(error.message, std::ranges::count(around, '\n'));
  if (error.code == Code::kCancelled) return std::unexpected(std::move(error));
  if (error.code == Code::kNotFound) {
    error.message += fmt::format("\n(the data directory is '{}'; --data or UPNEXT_DATA sets it)",
                                 options.data.string());
  } else if (error.code == Code::kInvalidArgument) {
    const bool csv = error.message.contains("CSV Error on Line") ||
                     error.message.contains("rror when sniffing file");
    error.message += csv ? "\n(mend the file or the options of its read_csv; to set unreadable "
                           "lines aside instead, add store_rejects = true to it)"
                         : "\n(mend the SELECT or the file that it reads)";
  }
  return WithContext(std::move(error),
                     fmt::format("[import] {}: the SELECT fails", TableName(table)));
}

class Importer {
 public:
  Importer(const ImportOptions& options, WatchedDatabase& db) : options_(options), db_(db) {}

  // Makes in_events, in_items, in_users and rejects.
  Status Load();
  // Writes the rejects file, or removes an old one when there is nothing to write.
  Status WriteRejects(const fs::path& work, const fs::path& target);
  // kInvalidArgument when too many rows were rejected or no event is left.
  Status CheckShare(const fs::path& rejects_file);

  const Counts& counts(Table table) const { return counts_[static_cast<size_t>(table)]; }
  bool any_rejects() const {
    return std::ranges::any_of(counts_, [](const Counts& c) { return c.bad > 0; });
  }

 private:
  Status LoadTable(Table table);
  Status RejectRepeated(Table table);
  Result<uint64_t> TakeReaderRejects(Table table);
  Result<std::string> FirstReasons(Table table);

  const ImportOptions& options_;
  WatchedDatabase& db_;
  std::array<Counts, kTables.size()> counts_{};
};

Status Importer::Load() {
  UPNEXT_RETURN_IF_ERROR(db_.database().Run(
      "CREATE TABLE rejects (\"table\" VARCHAR, file VARCHAR, line BIGINT, \"row\" BIGINT, "
      "reason VARCHAR, text VARCHAR)"));
  for (const Table table : kTables) UPNEXT_RETURN_IF_ERROR(LoadTable(table));
  return Ok();
}

Status Importer::LoadTable(Table table) {
  const std::string_view name = TableName(table);
  UPNEXT_ASSIGN_OR_RETURN(std::string select, Select(options_, table));
  const bool given = !select.empty();
  if (!given) {
    select = fmt::format("SELECT ''::VARCHAR AS {} WHERE false",
                         table == Table::kUsers ? "\"user\"" : "item");
  }
  Result<std::vector<Column>> columns = db_.database().Describe(select);
  if (!columns) {
    return SelectError(std::move(columns).error(), options_, table, "\n" + select, select);
  }
  UPNEXT_ASSIGN_OR_RETURN(const std::string load, LoadStatement(table, select, *columns));
  UPNEXT_RETURN_IF_ERROR(db_.database().AddRowLimit(
      RowLimitName(table), options_.max_rows,
      fmt::format("it gives more than {} rows, which is all that [import] max_rows allows; check "
                  "its LIMIT, joins and ranges, or raise max_rows",
                  options_.max_rows)));
  if (const Status loaded = db_.Run(fmt::format("read {}", name), load); !loaded) {
    return SelectError(loaded.error(), options_, table, load, select);
  }
  if (table != Table::kEvents) UPNEXT_RETURN_IF_ERROR(RejectRepeated(table));
  UPNEXT_ASSIGN_OR_RETURN(const uint64_t unread, TakeReaderRejects(table));
  UPNEXT_RETURN_IF_ERROR(db_.database().Run(
      fmt::format("INSERT INTO rejects SELECT '{0}', file, line, rowid + 1, reason, row_text "
                  "FROM in_{0} WHERE reason IS NOT NULL ORDER BY rowid",
                  name)));
  UPNEXT_ASSIGN_OR_RETURN(
      const std::vector<uint64_t> counted,
      db_.Counts(fmt::format("SELECT count(*), count(reason) FROM in_{}", name)));
  Counts& counts = counts_[static_cast<size_t>(table)];
  counts = {.good = counted[0] - counted[1], .bad = counted[1] + unread};
  if (given) {
    db_.progress().Note(fmt::format("{} {} read, {} rows rejected", counts.good, name, counts.bad));
  }
  return Ok();
}

// The second row for the same item or user is a bad one: which of them is right nobody can tell.
Status Importer::RejectRepeated(Table table) {
  const std::string_view id = table == Table::kItems ? "item" : "\"user\"";
  return db_.Run(
      fmt::format("check {}", TableName(table)),
      fmt::format("UPDATE in_{0} SET reason = 'repeats ' || in_{0}.{1} || ', which an "
                  "earlier row describes', row_text = in_{0}.{1}\n"
                  "FROM (SELECT {1}, min(rowid) AS first FROM in_{0} WHERE reason IS NULL "
                  "GROUP BY {1} HAVING count(*) > 1) again\n"
                  "WHERE in_{0}.{1} = again.{1} AND in_{0}.rowid > again.first AND "
                  "in_{0}.reason IS NULL",
                  TableName(table), id));
}

// Lines that read_csv(..., store_rejects = true) set aside, in DuckDB's own tables.
Result<uint64_t> Importer::TakeReaderRejects(Table table) {
  UPNEXT_ASSIGN_OR_RETURN(
      const std::vector<uint64_t> found,
      db_.Counts("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'reject_errors'"));
  if (found[0] == 0) return 0;
  constexpr std::string_view kFrom =
      "FROM reject_errors e JOIN (SELECT DISTINCT scan_id, file_id, file_path FROM reject_scans) s "
      "ON e.scan_id = s.scan_id AND e.file_id = s.file_id";
  UPNEXT_ASSIGN_OR_RETURN(
      const std::vector<uint64_t> lines,
      db_.Counts(
          fmt::format("SELECT count(*) FROM (SELECT DISTINCT s.file_path, e.line {})", kFrom)));
  // A line can have several errors, e.g. one for each cell that it has too many.
  UPNEXT_RETURN_IF_ERROR(db_.database().Run(fmt::format(
      "INSERT INTO rejects SELECT '{}', file_path, line, NULL,\n"
      "  string_agg(DISTINCT error_message, '; ' ORDER BY error_message), min(csv_line) {}\n"
      "GROUP BY file_path, line ORDER BY file_path, line;\n"
      "DELETE FROM reject_errors; DELETE FROM reject_scans",
      TableName(table), kFrom)));
  return lines[0];
}

Status Importer::WriteRejects(const fs::path& work, const fs::path& target) {
  if (!any_rejects()) return base::RemoveAll(target);
  const fs::path written = work / kRejectsFile;
  UPNEXT_RETURN_IF_ERROR(db_.database().Run(
      fmt::format("COPY rejects TO {} (FORMAT csv, HEADER)", QuoteSql(written.string()))));
  std::error_code error;
  fs::rename(written, target, error);
  if (error) return Internal("{}: cannot be written: {}", target.string(), error.message());
  return Ok();
}

Result<std::string> Importer::FirstReasons(Table table) {
  std::string reasons;
  UPNEXT_RETURN_IF_ERROR(db_.database().Query(
      fmt::format(
          "SELECT coalesce(file || ' ', '') || coalesce('line ' || line, 'row ' || \"row\") || "
          "': ' || reason "
          "FROM rejects WHERE \"table\" = '{}' LIMIT 3",
          TableName(table)),
      [&](const Chunk& chunk) {
        for (size_t row = 0; row < chunk.rows(); ++row) {
          reasons += fmt::format("\n  {}", chunk.Text(0, row));
        }
        return Ok();
      }));
  return reasons;
}

Status Importer::CheckShare(const fs::path& rejects_file) {
  for (const Table table : kTables) {
    const Counts& c = counts(table);
    const uint64_t rows = c.good + c.bad;
    if (static_cast<double>(c.bad) <= options_.max_rejects * static_cast<double>(rows)) continue;
    UPNEXT_ASSIGN_OR_RETURN(const std::string reasons, FirstReasons(table));
    return InvalidArgument(
        "[import] {}: {} of {} rows were rejected ({:.2f} %), more than max_rejects = {} allows; "
        "nothing was published. The first of them:{}\nAll of them are in {}",
        TableName(table), c.bad, rows, 100 * static_cast<double>(c.bad) / static_cast<double>(rows),
        options_.max_rejects, reasons, rejects_file.string());
  }
  if (counts(Table::kEvents).good == 0) {
    return InvalidArgument(
        "[import] events: the SELECT gives no {}row; nothing was published. Check its files and "
        "its "
        "WHERE",
        counts(Table::kEvents).bad > 0 ? "good " : "");
  }
  return Ok();
}

// Everything between Begin() and the published version; `work` is removed by the caller.
Result<ImportReport> ImportInto(const ImportOptions& options, base::VersionedRoot& root,
                                const fs::path& work, base::Progress& progress) {
  const fs::path folder = work / "log", spill = work / "spill";
  UPNEXT_RETURN_IF_ERROR(base::MakeDirectories(folder));
  UPNEXT_RETURN_IF_ERROR(base::MakeDirectories(spill));
  UPNEXT_ASSIGN_OR_RETURN(Database database,
                          Database::Open({.file = work / "import.duckdb",
                                          .temp_directory = spill,
                                          .threads = options.threads,
                                          .memory_limit_mb = options.memory_limit_mb}));
  WatchedDatabase db(std::move(database), progress, work, DiskReserve(work));
  Importer importer(options, db);
  UPNEXT_RETURN_IF_ERROR(importer.Load());
  const fs::path rejects_file = root.root() / kRejectsFile;
  UPNEXT_RETURN_IF_ERROR(importer.WriteRejects(work, rejects_file));
  UPNEXT_RETURN_IF_ERROR(importer.CheckShare(rejects_file));

  ImportReport report;
  report.events = importer.counts(Table::kEvents).good;
  report.items = importer.counts(Table::kItems).good;
  report.users = importer.counts(Table::kUsers).good;
  report.rejected_events = importer.counts(Table::kEvents).bad;
  report.rejected_items = importer.counts(Table::kItems).bad;
  report.rejected_users = importer.counts(Table::kUsers).bad;
  if (importer.any_rejects()) report.rejects_file = rejects_file;
  UPNEXT_ASSIGN_OR_RETURN(const LogSizes sizes,
                          WriteImportedLog(db, report.events, folder, options.shards));
  report.log_users = sizes.users;
  report.log_items = sizes.items;
  UPNEXT_ASSIGN_OR_RETURN(report.warnings, ImportWarnings(db));
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
