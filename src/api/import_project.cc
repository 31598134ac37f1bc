#include "api/import_project.h"

#include "log/event_log.h"
#include "project/forget.h"
#include "project/project.h"
#include "schema/attribute.h"
#include "store/stored_events.h"

namespace upnext::api {

Result<Imported> ImportProject(const Settings& settings, const ImportRequest& request,
                               base::Progress& progress) {
  const project::Project& project = settings.project;
  const bool gives_rows =
      request.events || request.items || request.users || !request.tables.empty();
  if (request.from_store && gives_rows && !request.append && !request.full) {
    return InvalidArgument(
        "from_store alone reads what was posted and nothing else, found tables or SELECTs too; with "
        "append they join the log, with full they replace it");
  }
  UPNEXT_ASSIGN_OR_RETURN(const base::LockFile lock, project.Lock());
  UPNEXT_ASSIGN_OR_RETURN(const project::Forgot forgot, project::ForgetDeleted(project, progress));
  import::ImportOptions options = settings.import;
  options.deletions = forgot.deletions;
  options.append = request.append;
  if (request.from_store) {
    options.posted = [&](const log::PostedMark& since, const auto& visit) {
      return store::ReadStored(
          project.store(), project.schema(), since,
          {.event = visit.event, .record = [&](schema::Entity entity, const store::Record& record) {
             return visit.row(entity, record.row, record.deleted);
           }});
    };
    options.posted_alone = !request.append && !request.full;
  }
  if (request.events) options.events_sql = *request.events;
  if (request.items) options.items_sql = *request.items;
  if (request.users) options.users_sql = *request.users;
  if (request.max_rejects) options.max_rejects = *request.max_rejects;
  if (request.shards) options.shards = *request.shards;
  options.part = request.part;
  options.parts = request.parts;
  options.tables = request.tables;
  Imported done;
  UPNEXT_ASSIGN_OR_RETURN(done.report, import::Import(options, project.logs().root(), progress));
  UPNEXT_RETURN_IF_ERROR(project.Prune());
  UPNEXT_ASSIGN_OR_RETURN(done.served, project.Served());
  return done;
}

nlohmann::json ImportJson(const Imported& done) {
  const import::ImportReport& report = done.report;
  return {
      {"version", report.version},
      {"events", report.events},
      {"item_rows", report.items},
      {"user_rows", report.users},
      {"appended", report.appended},
      {"duplicates", report.duplicates},
      {"posted", report.posted},
      {"posted_new", report.posted_new},
      {"posted_items", report.posted_items},
      {"posted_users", report.posted_users},
      {"late", report.late},
      {"implausible_times", report.implausible_times},
      {"log_events", report.log_events},
      {"items", report.log_items},
      {"users", report.log_users},
      {"gone_items", report.gone_items},
      {"gone_users", report.gone_users},
      {"numbered_afresh", report.numbered_afresh},
      {"served", {{"bundle", done.served.bundle}, {"log", done.served.log}}},
      {"rejected",
       {{"events", report.rejected_events},
        {"items", report.rejected_items},
        {"users", report.rejected_users}}},
      {"rejects_file", report.rejects_file.string()},
      {"warnings", report.warnings},
      {"seconds", report.seconds},
  };
}

}  // namespace upnext::api
