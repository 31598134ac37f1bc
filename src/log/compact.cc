#include "log/compact.h"

#include <chrono>
#include <vector>

#include "base/file.h"
#include "log/log_order.h"
#include "log/log_writer.h"
#include "schema/event.h"

namespace upnext::log {
namespace {

namespace fs = std::filesystem;

}  // namespace

Status WriteCompactedLog(const fs::path& directory, const EventLog& log, base::Progress& progress,
                         const Forgotten* forgotten) {
  LogWriterOptions options = {.shards = log.shards(), .base = &log, .keep_events = false};
  std::vector<bool> gone(log.users());
  if (forgotten != nullptr) {
    options.posted = forgotten->posted;
    options.forgotten = forgotten->names;
    gone = forgotten->names[static_cast<size_t>(schema::IdSpace::kUser)];
  }
  UPNEXT_ASSIGN_OR_RETURN(LogWriter writer, LogWriter::Create(directory, options));
  for (size_t i = 0; i < log.schema().id_spaces().size(); ++i) {
    UPNEXT_RETURN_IF_ERROR(writer.BeginDictionary(static_cast<schema::IdSpace>(i), 0));
  }
  std::vector<schema::AttributeCell> cells;
  for (const schema::Entity entity : {schema::Entity::kItem, schema::Entity::kUser}) {
    const bool of_items = entity == schema::Entity::kItem;
    const uint32_t rows = of_items ? log.items() : log.users();
    for (uint32_t id = 0; id < rows; ++id) {
      if (log.IsGone(entity, id) || (!of_items && gone[id])) {
        UPNEXT_RETURN_IF_ERROR(writer.AddGone(entity));
        continue;
      }
      log.Attributes(entity, id, &cells);
      UPNEXT_RETURN_IF_ERROR(of_items ? writer.AddItem(cells) : writer.AddUser(cells));
    }
  }
  std::vector<schema::AttributeValue> attributes;
  base::ProgressStage stage(progress, "compact", "events", log.events());
  uint64_t rows = 0;
  for (const uint32_t user : UsersByRow(log.users(), log.shards())) {
    if (gone[user]) continue;
    for (uint64_t row = log.begin(user); row < log.end(user); ++row) {
      log.RequestAttributes(row, &attributes);
      UPNEXT_RETURN_IF_ERROR(writer.AddEvent(user, log.event(row), attributes));
      if (++rows % kProgressRows != 0) continue;
      stage.Update(rows);
      if (progress.stop_requested()) {
        return Cancelled("stopped on request; nothing was published");
      }
    }
  }
  return writer.Finish();
}

Result<CompactReport> Compact(const fs::path& log_root, base::Progress& progress) {
  const auto start = std::chrono::steady_clock::now();
  base::VersionedRoot root(log_root);
  CompactReport report;
  UPNEXT_ASSIGN_OR_RETURN(report.version, root.Current());
  UPNEXT_ASSIGN_OR_RETURN(const EventLog log, EventLog::Open(root.Path(report.version)));
  report.segments = static_cast<uint32_t>(log.segments().size());
  report.events = log.events();
  if (report.segments == 1) return report;
  UPNEXT_ASSIGN_OR_RETURN(const fs::path staged, root.Begin());
  const auto publish = [&]() -> Status {
    UPNEXT_RETURN_IF_ERROR(WriteCompactedLog(staged, log, progress));
    UPNEXT_ASSIGN_OR_RETURN(report.version, root.Publish(staged));
    return root.SetCurrent(report.version);
  };
  const Status published = publish();
  const Status removed = base::RemoveAll(staged);  // gone when it was published
  if (!published) return std::unexpected(published.error());
  if (!removed) progress.Note(removed.error().message);
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

}  // namespace upnext::log
