#include "import/import.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iterator>
#include <optional>

#include "base/clock.h"
#include "base/file.h"
#include "base/time_text.h"
#include "import/arrow_table.h"
#include "import/canonical.h"
#include "import/duckdb.h"
#include "import/import_read.h"
#include "import/import_warnings.h"
#include "import/import_write.h"
#include "import/posted_events.h"
#include "import/posted_rows.h"
#include "import/watched.h"
#include "log/append.h"
#include "log/dictionary.h"
#include "log/log_format.h"
#include "log/log_reader.h"
#include "schema/event.h"

namespace upnext::import {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kRejectsFile = "rejects.csv";
constexpr int64_t kMostDays = 109'573;  // three hundred years: every time that an import takes

// kInvalidArgument when too many rows were rejected, no event is left, or all times are dates.
Status CheckRows(const ImportReader& reader, const EventTimes& times, double max_rejects,
                 bool without_events, const RejectsFile& rejects, const fs::path& rejects_file) {
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
  if (!without_events && reader.counts(Table::kEvents).good == 0) {
    return InvalidArgument(
        "[import] events: the SELECT gives no {}row; nothing was published. Check its files and "
        "its "
        "WHERE",
        reader.counts(Table::kEvents).bad > 0 ? "good " : "");
  }
  if (times.AreDates()) {
    return InvalidArgument(
        "[import] events: all {} times are numbers like {}, which are dates and not seconds since "
        "1970; nothing was published. Write strptime(CAST(... AS VARCHAR), '%Y%m%d') AS time",
        reader.counts(Table::kEvents).good, times.span().first_ms / 1000);
  }
  return Ok();
}

// The log to append to, if there is one and that is asked for.
Result<std::optional<log::EventLog>> BaseOf(const ImportOptions& options,
                                            const base::VersionedRoot& root,
                                            base::Progress& progress) {
  if (!options.append) return std::nullopt;
  const Result<std::string> current = root.Current();
  if (!current && current.error().code == Code::kNotFound) {
    if (options.posted_alone) {
      return FailedPrecondition(
          "--from-store moves posted events into the log, and there is no log yet: run `upnext "
          "import` first");
    }
    progress.Note("there is no log to append to yet: this import creates one");
    return std::nullopt;
  }
  if (!current) return std::unexpected(current.error());
  UPNEXT_ASSIGN_OR_RETURN(log::EventLog log, log::EventLog::Open(root.Path(*current)));
  if (const std::string difference =
          options.schema.Difference(log.schema(), "the project file", "the log");
      !difference.empty()) {
    return InvalidArgument(
        "what is appended needs a log of the same [schema]: {}; run the import without --append{}",
        difference, options.posted ? ", with --full --from-store" : "");
  }
  if (options.shards != 1 && options.shards != log.shards()) {
    progress.Note(fmt::format("the log has {} shards and keeps them (shards = {} was asked for)",
                              log.shards(), options.shards));
  }
  return log;
}

// The log whose numbers an import of everything keeps, if there is one that can be read.
std::optional<log::EventLog> LogToContinue(const base::VersionedRoot& root,
                                           base::Progress& progress) {
  const Result<std::string> current = root.Current();
  if (!current) return std::nullopt;
  Result<log::EventLog> log = log::EventLog::Open(root.Path(*current));
  if (log) return *std::move(log);
  progress.Note("the current log cannot be continued: " + log.error().message);
  return std::nullopt;
}

std::string DateText(int64_t time_ms) { return base::FormatTime(time_ms).substr(0, 10); }

// Takes events whose time is far from all others out of the spool, into the rejects. The server has
// checked the times of posted events against its clock: however old the log is, they are plausible
// up to `days_ahead` days from now.
Status SetImplausibleAside(const ImportOptions& options, const std::optional<log::EventLog>& base,
                           const ImportNames& names, EventSpool& spool, RejectsFile& rejects,
                           ImportReport& report) {
  std::optional<TimeSpan> before;
  if (base && base->events() > 0) {
    before = TimeSpan{.first_ms = base->stats().first_ms, .last_ms = base->stats().last_ms};
  }
  const TimeSpan found = spool.times().span();
  const TimeSpan span = spool.times().Plausible(options.time_limits, before);
  if (spool.rows() == 0 || (found.first_ms >= span.first_ms && found.last_ms <= span.last_ms))
    return Ok();
  const auto name = [&](schema::IdSpace space, uint32_t number) {
    return number == schema::kNone ? "" : names[static_cast<size_t>(space)].name(number);
  };
  uint64_t ahead = 0, behind = 0;
  const uint64_t rows = spool.rows();
  const int64_t last_posted_ms = std::max(
      span.last_ms, base::SystemClock().NowMs() + options.time_limits.days_ahead * base::kDayMs);
  const auto plausible = [&](const SpooledEvent& event) {
    return event.time_ms >= span.first_ms &&
           event.time_ms <= (event.posted ? last_posted_ms : span.last_ms);
  };
  UPNEXT_RETURN_IF_ERROR(spool.Keep(plausible, [&](const SpooledEvent& event) {
    const bool late = event.time_ms > span.last_ms;
    ++(late ? ahead : behind);
    const std::string reason =
        fmt::format("time {} is more than {} = {} days {} the bulk of the log",
                    base::FormatTime(event.time_ms), late ? "max_days_ahead" : "max_days_behind",
                    late ? options.time_limits.days_ahead : options.time_limits.days_behind,
                    late ? "after" : "before");
    const std::string text =
        fmt::format("user {}, item {}", name(schema::IdSpace::kUser, event.user),
                    name(schema::IdSpace::kItem, event.item));
    return rejects.Add({.table = Table::kEvents, .reason = reason, .text = text});
  }));
  if (ahead + behind == 0) return Ok();
  report.implausible_times = ahead + behind;
  report.warnings.push_back(fmt::format(
      "events: {} of {} times are far from all others: {} lie after {} and {} before {} (from {} to {}). "
      "These events are left out and listed in {}; [import] max_days_ahead and max_days_behind set "
      "the limits",
      ahead + behind, rows, ahead, DateText(span.last_ms), behind, DateText(span.first_ms),
      DateText(found.first_ms), DateText(found.last_ms), kRejectsFile));
  return Ok();
}

// Marks the names that good rows of a table of items or users have.
Status Mark(WatchedDatabase& db, Table table, const log::Dictionary& names,
            std::vector<bool>& marks) {
  marks.assign(names.size(), false);
  return db.database().Query(
      fmt::format("SELECT {} FROM in_{} WHERE upnext_reason IS NULL",
                  table == Table::kItems ? "item" : "\"user\"", TableName(table)),
      [&](const Chunk& chunk) -> Status {
        for (size_t row = 0; row < chunk.rows(); ++row) {
          const uint32_t id = names.Find(chunk.Text(0, row));
          if (id == schema::kNone)
            return Internal("'{}' is not among the names", chunk.Text(0, row));
          marks[id] = true;
        }
        return Ok();
      });
}

// Joins the log of the new rows in `part` to the base.
Status JoinCurrentLog(WatchedDatabase& db, const log::EventLog& base, const fs::path& part_folder,
                      const fs::path& folder, ImportReport& report) {
  UPNEXT_RETURN_IF_ERROR(base::MakeDirectories(folder));
  UPNEXT_ASSIGN_OR_RETURN(const log::EventLog part, log::EventLog::Open(part_folder));
  log::Mentioned mentioned;
  UPNEXT_RETURN_IF_ERROR(
      Mark(db, Table::kItems, part.dictionary(schema::IdSpace::kItem), mentioned.items));
  UPNEXT_RETURN_IF_ERROR(
      Mark(db, Table::kUsers, part.dictionary(schema::IdSpace::kUser), mentioned.users));
  UPNEXT_ASSIGN_OR_RETURN(const log::AppendCounts counts,
                          log::WriteJoinedLog(folder, base, part, mentioned, db.progress()));
  report.duplicates += counts.duplicates;
  report.late = counts.late;
  report.appended = true;
  return Ok();
}

// Gives the names of the log in `part_folder` the numbers that they have in `current`, if that is
// worth it. Returns the folder of the result, which may be the same.
Result<fs::path> ContinueNumbers(WatchedDatabase& db, const log::EventLog& current,
                                 const fs::path& part_folder, const fs::path& folder,
                                 ImportReport& report) {
  UPNEXT_ASSIGN_OR_RETURN(const log::EventLog part, log::EventLog::Open(part_folder));
  if (part.digest() == current.digest() && current.lineage().size() == 1) return part_folder;
  report.numbered_afresh = log::WhyNumberAfresh(current, part);
  if (!report.numbered_afresh.empty()) return part_folder;
  UPNEXT_RETURN_IF_ERROR(base::MakeDirectories(folder));
  UPNEXT_RETURN_IF_ERROR(log::WriteContinuedLog(folder, current, part, db.progress()));
  return folder;
}

// `previous`: the log whose numbers this one has; null: none.
Status CountLog(const fs::path& folder, const log::LogMeta& meta, const log::EventLog* previous,
                ImportReport& report) {
  using enum schema::Entity;
  const auto count = [&](schema::Entity entity, uint32_t all, uint64_t* there,
                         uint64_t* gone) -> Status {
    UPNEXT_ASSIGN_OR_RETURN(const uint32_t in_all, log::CountGone(folder, entity));
    *there = all - in_all;
    const auto before = previous == nullptr ? std::span<const uint32_t>() : previous->gone(entity);
    UPNEXT_ASSIGN_OR_RETURN(*gone, log::CountGone(folder, entity, before));
    return Ok();
  };
  UPNEXT_RETURN_IF_ERROR(count(kItem, meta.items, &report.log_items, &report.gone_items));
  UPNEXT_RETURN_IF_ERROR(count(kUser, meta.users, &report.log_users, &report.gone_users));
  report.log_events = meta.stats.events;
  return Ok();
}

// What the log that is written says about the store. `from_store`: what was read from it.
log::PostedMark MarkOf(const ImportOptions& options, const std::optional<log::EventLog>& base,
                       const PostedEvents& from_store) {
  log::PostedMark mark;
  if (base) mark = base->posted();
  if (options.posted) mark = from_store.mark;
  if (options.deletions.forgotten > 0) {
    if (mark.store != options.deletions.store) mark = {.store = options.deletions.store};
    mark.forgotten = std::max(mark.forgotten, options.deletions.forgotten);
  }
  return mark;
}

// Everything between Begin() and the published version; `work` is removed by the caller.
Result<ImportReport> ImportInto(const ImportOptions& options, base::VersionedRoot& root,
                                const fs::path& work, base::Progress& progress) {
  UPNEXT_ASSIGN_OR_RETURN(const std::optional<log::EventLog> base, BaseOf(options, root, progress));
  fs::path folder = work / "log";
  const fs::path spill = work / "spill";
  UPNEXT_RETURN_IF_ERROR(base::MakeDirectories(folder));
  UPNEXT_RETURN_IF_ERROR(base::MakeDirectories(spill));
  UPNEXT_ASSIGN_OR_RETURN(
      Database database,
      Database::Open({.file = work / "import.duckdb",
                      .temp_directory = spill,
                      .threads = options.threads,
                      .memory_limit_mb = options.memory_limit_mb > 0 ? options.memory_limit_mb
                                                                     : DefaultImportMemoryMb(),
                      .load_extensions = options.allow_remote}));
  for (const auto& table : options.tables) {
    UPNEXT_RETURN_IF_ERROR(AddArrowTable(database, table));
  }
  WatchedDatabase db(std::move(database), progress, work, DiskReserve(work));
  ImportNames names(options.schema.id_spaces().size());
  const size_t words = options.schema.declared(schema::Entity::kRequest).size();
  UPNEXT_ASSIGN_OR_RETURN(EventSpool spool, EventSpool::Create(work, words));
  RejectsFile rejects(work / kRejectsFile);
  ImportReader reader(options, base.has_value(), db, rejects);
  UPNEXT_RETURN_IF_ERROR(reader.ReadAll(names, spool));
  ImportReport report;
  PostedEvents posted;
  if (options.posted) {
    const log::PostedMark since = base ? base->posted() : log::PostedMark{};
    UPNEXT_ASSIGN_OR_RETURN(PostedRows rows, PostedRows::Begin(db, options.schema));
    UPNEXT_ASSIGN_OR_RETURN(posted, SpoolPosted(options, since, names, spool, rows, rejects));
    UPNEXT_RETURN_IF_ERROR(rows.Finish());
    report.posted_items = rows.count(schema::Entity::kItem);
    report.posted_users = rows.count(schema::Entity::kUser);
  }
  UPNEXT_RETURN_IF_ERROR(SetImplausibleAside(options, base, names, spool, rejects, report));
  const fs::path rejects_file = root.root() / kRejectsFile;
  UPNEXT_RETURN_IF_ERROR(rejects.Publish(rejects_file));
  const bool adds_rows = base && reader.counts(Table::kEvents).bad == 0 &&
                         reader.counts(Table::kItems).good + reader.counts(Table::kUsers).good > 0;
  UPNEXT_RETURN_IF_ERROR(CheckRows(reader, spool.times(), options.max_rejects,
                                   options.posted_alone || adds_rows, rejects, rejects_file));

  report.posted = posted.good;
  report.events = reader.counts(Table::kEvents).good + posted.good - report.implausible_times;
  report.items = reader.counts(Table::kItems).good;
  report.users = reader.counts(Table::kUsers).good;
  report.rejected_events = reader.counts(Table::kEvents).bad + posted.bad;
  report.rejected_items = reader.counts(Table::kItems).bad;
  report.rejected_users = reader.counts(Table::kUsers).bad;
  if (!rejects.empty()) report.rejects_file = rejects_file;
  UPNEXT_ASSIGN_OR_RETURN(const Written written,
                          WriteImportedLog(db, names, spool, folder,
                                           {.shards = options.shards,
                                            .schema = options.schema,
                                            .posted = MarkOf(options, base, posted),
                                            .same_event_ms = options.same_event_ms,
                                            .adds_posted = posted.good > 0}));
  if (!options.posted_alone) {
    std::ranges::move(ImportWarnings(options.schema, names, spool, written, base.has_value()),
                      std::back_inserter(report.warnings));
  }
  for (const std::string& warning : report.warnings) progress.Note("warning: " + warning);
  report.duplicates = written.duplicates;
  if (base) {
    const fs::path joined = work / "joined";
    UPNEXT_RETURN_IF_ERROR(JoinCurrentLog(db, *base, folder, joined, report));
    folder = joined;
  }
  std::optional<log::EventLog> previous = base;
  if (!base && (previous = LogToContinue(root, progress))) {
    UPNEXT_ASSIGN_OR_RETURN(folder,
                            ContinueNumbers(db, *previous, folder, work / "continued", report));
    if (!report.numbered_afresh.empty()) previous.reset();
  }
  UPNEXT_ASSIGN_OR_RETURN(const log::LogMeta meta, log::ReadMeta(folder / log::format::kMetaFile));
  UPNEXT_RETURN_IF_ERROR(CountLog(folder, meta, previous ? &*previous : nullptr, report));
  report.posted_new = meta.stats.posted - (base ? base->stats().posted : 0);
  if (progress.stop_requested()) return Cancelled("stopped on request; nothing was published");
  if (base && std::ranges::equal(meta.digests, base->file_digests())) {
    progress.Note("nothing new: no version was added to the log");
    report.version = base->directory().filename().string();
    return report;
  }
  UPNEXT_ASSIGN_OR_RETURN(report.version, root.Publish(folder));
  UPNEXT_RETURN_IF_ERROR(root.SetCurrent(report.version));
  return report;
}

}  // namespace

ImportOptions ImportOptions::FromConfig(const base::Config& config) {
  const base::ConfigTable import = config.Table("import");
  ImportOptions options;
  options.schema = schema::Schema::FromConfig(config.Table("schema"));
  options.events_sql = import.Text("events", "");
  options.items_sql = import.Text("items", "");
  options.users_sql = import.Text("users", "");
  options.max_rejects = import.Real("max_rejects", options.max_rejects, {.min = 0, .max = 1});
  options.max_rows = static_cast<uint64_t>(
      import.Int("max_rows", static_cast<int64_t>(options.max_rows), {.min = 1, .max = INT64_MAX}));
  options.shards =
      static_cast<uint32_t>(import.Int("shards", 1, {.min = 1, .max = log::format::kMaxShards}));
  options.time_limits.days_ahead =
      import.Int("max_days_ahead", options.time_limits.days_ahead, {.min = 0, .max = kMostDays});
  options.time_limits.days_behind =
      import.Int("max_days_behind", options.time_limits.days_behind, {.min = 0, .max = kMostDays});
  options.same_event_ms =
      std::llround(1000 * import.Real("same_event_seconds", log::kSameEventMs / 1000.0,
                                      {.min = 0, .max = log::kMaxSameEventMs / 1000.0}));
  options.allow_remote = import.Bool("allow_remote", false);
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
  ImportOptions wanted = options;
  if (wanted.posted_alone) {
    wanted.events_sql = wanted.items_sql = wanted.users_sql = "";
    wanted.append = true;
  }
  if (wanted.events_sql.empty() && !wanted.posted_alone) {
    return InvalidArgument(
        "[import] needs events = \"SELECT ...\": the SELECT whose rows are the events");
  }
  if (wanted.shards < 1 || wanted.shards > log::format::kMaxShards) {
    return InvalidArgument("[import] shards should be in [1, {}], is {}", log::format::kMaxShards,
                           wanted.shards);
  }
  if (wanted.part < 1 || wanted.part > wanted.parts) {
    return InvalidArgument("part {} of {}: expected 1 to {}", wanted.part, wanted.parts,
                           wanted.parts);
  }
  base::VersionedRoot root(log_root);
  UPNEXT_ASSIGN_OR_RETURN(const fs::path work, root.Begin());
  Result<ImportReport> report = ImportInto(wanted, root, work, progress);
  const Status removed = base::RemoveAll(work);
  if (report && !removed) progress.Note(removed.error().message);
  if (report) {
    report->seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  return report;
}

}  // namespace upnext::import
