#include "import/import.h"

#include <fmt/format.h>

#include <charconv>
#include <memory>

#include "api/import_project.h"
#include "api/settings.h"
#include "base/numbers.h"
#include "bundle/opened_bundle.h"
#include "cli/output.h"
#include "cli/progress_bar.h"
#include "cli/verbs.h"
#include "log/compact.h"
#include "project/forget.h"
#include "project/project.h"

namespace upnext::cli {
namespace {

struct ImportFlags {
  project::Location project;
  double max_rejects = -1;
  uint32_t shards = 0;
  std::string part;
  bool append = false, compact = false, from_store = false, full = false, json = false;
};

// What the import changes for those who read feeds.
std::string Effect(const import::ImportReport& report, const bundle::ServedVersions& served) {
  if (served.bundle.empty()) return "no bundle is published yet: run `upnext train`";
  if (std::string note = served.Note(); !note.empty()) {
    if (report.numbered_afresh.empty()) return note;
    return fmt::format("the ids are numbered afresh, because {}; {}", report.numbered_afresh, note);
  }
  return fmt::format(
      "takes effect at once: bundle {} is served with this log, and {}. The models learn from it "
      "with the next training",
      served.bundle, kTakenUp);
}

void PrintReport(const api::Imported& done, bool json) {
  if (json) {
    Print("{}\n", api::ImportJson(done).dump(2));
    return;
  }
  const import::ImportReport& report = done.report;
  Print("event log {}: {} events, {} items, {} users ({:.1f} s)\n", report.version,
        base::WithThousands(report.log_events), base::WithThousands(report.log_items),
        base::WithThousands(report.log_users), report.seconds);
  if (report.appended) {
    Print("{} events are new, {} of them late (earlier than their user's last one)\n",
          base::WithThousands(report.events - report.duplicates), base::WithThousands(report.late));
  }
  if (report.gone_items + report.gone_users > 0) {
    Print("gone, because no row mentions them any more: {} items, {} users\n",
          base::WithThousands(report.gone_items), base::WithThousands(report.gone_users));
  }
  if (report.duplicates > 0) {
    Print("{} events left out: the log had them, or they came twice\n",
          base::WithThousands(report.duplicates));
  }
  if (report.posted > 0) {
    Print("{} of {} posted events came from the store into the log\n",
          base::WithThousands(report.posted_new), base::WithThousands(report.posted));
  }
  if (report.posted_items + report.posted_users > 0) {
    Print("{} items and {} users that were posted came from the store into the log\n",
          base::WithThousands(report.posted_items), base::WithThousands(report.posted_users));
  }
  if (report.implausible_times > 0) {
    Print("{} events left out: their times are far from all others, see {}\n",
          base::WithThousands(report.implausible_times), report.rejects_file.string());
  }
  const uint64_t rejected = report.rejected_events + report.rejected_items + report.rejected_users;
  if (rejected > 0) {
    Print("{} rows rejected, listed with reasons in {}\n", base::WithThousands(rejected),
          report.rejects_file.string());
  }
  Print("{}\n", Effect(report, done.served));
}

// "3/8": the third of eight.
Status ReadPart(const std::string& text, api::ImportRequest& request) {
  const auto number = [](std::string_view digits, uint32_t& value) {
    const auto [end, error] = std::from_chars(digits.begin(), digits.end(), value);
    return error == std::errc() && end == digits.end();
  };
  const size_t slash = text.find('/');
  if (slash == std::string::npos ||
      !number(std::string_view(text).substr(0, slash), request.part) ||
      !number(std::string_view(text).substr(slash + 1), request.parts)) {
    return InvalidArgument("--part: expected K/N, such as 1/8, found '{}'", text);
  }
  return Ok();
}

Status RunCompact(const project::Project& project, bool json) {
  UPNEXT_ASSIGN_OR_RETURN(const base::LockFile lock, project.Lock());
  ProgressBar progress;
  UPNEXT_RETURN_IF_ERROR(project::ForgetDeleted(project, progress));
  Result<log::CompactReport> report = log::Compact(project.logs().root(), progress);
  if (!report && report.error().code == Code::kNotFound) {
    return NotFound("{}: no event log to compact; run `upnext import` without --compact first",
                    project.directory().string());
  }
  if (!report) return std::unexpected(report.error());
  UPNEXT_RETURN_IF_ERROR(project.Prune());
  if (json) {
    const nlohmann::json out = {{"version", report->version},
                                {"segments_before", report->segments},
                                {"events", report->events},
                                {"seconds", report->seconds}};
    Print("{}\n", out.dump(2));
  } else if (report->segments == 1) {
    Print("event log {}: one segment already, nothing to do\n", report->version);
  } else {
    Print("event log {}: {} events, {} segments put together to one ({:.1f} s)\n", report->version,
          base::WithThousands(report->events), report->segments, report->seconds);
  }
  return Ok();
}

Status RunImport(const ImportFlags& flags) {
  UPNEXT_ASSIGN_OR_RETURN(const api::Settings settings, api::Settings::Load(flags.project));
  if (flags.compact) return RunCompact(settings.project, flags.json);
  api::ImportRequest request = {
      .append = flags.append, .from_store = flags.from_store, .full = flags.full};
  if (flags.max_rejects >= 0) request.max_rejects = flags.max_rejects;
  if (flags.shards > 0) request.shards = flags.shards;
  if (!flags.part.empty()) UPNEXT_RETURN_IF_ERROR(ReadPart(flags.part, request));
  ProgressBar progress;
  UPNEXT_ASSIGN_OR_RETURN(const api::Imported done,
                          api::ImportProject(settings, request, progress));
  PrintReport(done, flags.json);
  return Ok();
}

}  // namespace

std::function<Status()> MakeImport(CLI::App& app) {
  auto flags = std::make_shared<ImportFlags>();
  AddProjectFlags(app, &flags->project);
  app.add_option("--max-rejects", flags->max_rejects,
                 "Share of bad rows above which nothing is published (default: the project file's, "
                 "else 0.001)")
      ->check(CLI::Range(0.0, 1.0));
  app.add_option("--shards", flags->shards, "Files to spread the users over (default 1)")
      ->check(CLI::Range(1, 4096));
  app.add_option("--part", flags->part,
                 "K/N: import only the users of the K-th of N parts, by the hash of their ids, and "
                 "their events. Each part makes a log of its own, in a --project-dir of its own");
  auto* append = app.add_flag(
      "--append", flags->append,
      "Add the rows to the current log instead of replacing it; point --data at the new files. "
      "Events that it has already are left out");
  auto* compact =
      app.add_flag("--compact", flags->compact,
                   "Import nothing; put what appends added together with the rest of the log");
  auto* from_store = app.add_flag(
      "--from-store", flags->from_store,
      "Add the events, items and users that were posted to the server since the last time; it may "
      "be running. Alone: "
      "no SELECT runs. With --append or --full: they and the files come in one version");
  auto* full = app.add_flag("--full", flags->full,
                            "Replace the log by all rows of the SELECTs, as without any of these "
                            "options; with --from-store: and by all posted events");
  append->excludes(compact)->excludes(full);
  from_store->excludes(compact)->excludes("--part");
  full->excludes(compact);
  app.add_flag("--json", flags->json, "Print the report as JSON");
  return [flags] { return RunImport(*flags); };
}

}  // namespace upnext::cli
