#include "import/import_write.h"

#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "import/row_cells.h"
#include "log/log_format.h"
#include "log/log_writer.h"
#include "schema/event.h"

namespace upnext::import {
namespace {

class Writing {
 public:
  Writing(WatchedDatabase& db, const schema::Schema& schema, ImportNames& names, EventSpool& spool,
          log::LogWriter& writer, uint32_t shards)
      : db_(db),
        schema_(schema),
        names_(names),
        spool_(spool),
        writer_(writer),
        shards_(shards),
        ids_(names.size()) {}

  Status Run() {
    for (const schema::Entity entity : {schema::Entity::kItem, schema::Entity::kUser}) {
      UPNEXT_RETURN_IF_ERROR(AddNames(db_, schema_, entity, names_));
    }
    UPNEXT_RETURN_IF_ERROR(WriteDictionaries());
    items_.emplace(names_[static_cast<size_t>(schema::IdSpace::kItem)],
                   ids_[static_cast<size_t>(schema::IdSpace::kItem)]);
    users_.emplace(names_[static_cast<size_t>(schema::IdSpace::kUser)],
                   ids_[static_cast<size_t>(schema::IdSpace::kUser)]);
    UPNEXT_RETURN_IF_ERROR(WriteRows(schema::Entity::kItem, schema::IdSpace::kItem, "write items",
                                     &log::LogWriter::AddItem, *items_));
    UPNEXT_RETURN_IF_ERROR(WriteRows(schema::Entity::kUser, schema::IdSpace::kUser, "write users",
                                     &log::LogWriter::AddUser, *users_));
    UPNEXT_RETURN_IF_ERROR(WriteEvents());
    return writer_.Finish();
  }
  Written written() const {
    return {.duplicates = writer_.duplicates(), .items = items_->Use(), .users = users_->Use()};
  }

 private:
  // The id of the name that a NameTable gave `number`.
  uint32_t Id(schema::IdSpace space, uint32_t number) const {
    return number == schema::kNone ? schema::kNone : ids_[static_cast<size_t>(space)][number];
  }
  using AddRow = Status (log::LogWriter::*)(std::span<const schema::AttributeCell>);

  Status WriteDictionaries();
  // The attributes of items or users, in the order of their dictionary.
  Status WriteRows(schema::Entity entity, schema::IdSpace space, std::string_view stage,
                   AddRow add_row, UseCounter& use);
  Status WriteEvents();
  schema::Event ToEvent(const SpooledEvent& spooled) const;
  std::vector<uint32_t> UsersByShard() const;

  WatchedDatabase& db_;
  const schema::Schema& schema_;
  ImportNames& names_;
  EventSpool& spool_;
  log::LogWriter& writer_;
  uint32_t shards_;
  std::vector<std::vector<uint32_t>> ids_;   // [space][number of a name]
  std::optional<UseCounter> items_, users_;  // once there are ids
};

// An id is the place of the name among all of its space, by (length, bytes).
Status Writing::WriteDictionaries() {
  uint64_t total = 0, done = 0;
  for (const NameTable& table : names_) total += table.size();
  base::ProgressStage stage(db_.progress(), "write names", "names", total);
  for (size_t s = 0; s < names_.size(); ++s) {
    const NameTable& table = names_[s];
    const std::vector<uint32_t> order = table.Sorted();
    UPNEXT_RETURN_IF_ERROR(writer_.BeginDictionary(static_cast<schema::IdSpace>(s), table.size()));
    ids_[s].resize(table.size());
    for (uint32_t id = 0; id < order.size(); ++id) {
      ids_[s][order[id]] = id;
      UPNEXT_RETURN_IF_ERROR(writer_.AddName(table.name(order[id])));
    }
    stage.Update(done += table.size());
    if (db_.progress().stop_requested()) {
      return Cancelled("stopped on request; nothing was published");
    }
  }
  return Ok();
}

// Names without a row get one whose attributes are absent.
Status Writing::WriteRows(schema::Entity entity, schema::IdSpace space, std::string_view stage,
                          AddRow add_row, UseCounter& use) {
  const std::vector<schema::AttributeCell> absent(schema_.attributes(entity).size());
  const uint32_t size = names_[static_cast<size_t>(space)].size();
  uint32_t next = 0;
  const auto fill_to = [&](uint32_t id) -> Status {
    for (; next < id; ++next) UPNEXT_RETURN_IF_ERROR((writer_.*add_row)(absent));
    return Ok();
  };
  RowCells cells(schema_, entity, names_, ids_);
  const auto add_all = [&](const Chunk& chunk) -> Status {
    for (size_t row = 0; row < chunk.rows(); ++row) {
      UPNEXT_RETURN_IF_ERROR(fill_to(cells.Id(chunk, row)));
      use.AddRow(next);
      UPNEXT_RETURN_IF_ERROR((writer_.*add_row)(cells.Of(chunk, row)));
      ++next;
    }
    return Ok();
  };
  UPNEXT_RETURN_IF_ERROR(db_.Query(std::string(stage), size, cells.Sql(), add_all));
  return fill_to(size);
}

// The numbers of all users in the order in which the log holds their events.
std::vector<uint32_t> Writing::UsersByShard() const {
  const std::vector<uint32_t>& ids = ids_[static_cast<size_t>(schema::IdSpace::kUser)];
  std::vector<uint32_t> number_of(ids.size());
  for (uint32_t number = 0; number < ids.size(); ++number) number_of[ids[number]] = number;
  std::vector<size_t> begin(shards_ + size_t{1});
  for (uint32_t id = 0; id < ids.size(); ++id)
    ++begin[log::format::ShardOf(id, shards_) + size_t{1}];
  std::partial_sum(begin.begin(), begin.end(), begin.begin());
  std::vector<uint32_t> order(ids.size());
  for (uint32_t id = 0; id < ids.size(); ++id) {
    order[begin[log::format::ShardOf(id, shards_)]++] = number_of[id];
  }
  return order;
}

schema::Event Writing::ToEvent(const SpooledEvent& spooled) const {
  return {.time_ms = spooled.time_ms,
          .type = spooled.type,
          .item = Id(schema::IdSpace::kItem, spooled.item),
          .value = spooled.value,
          .query = Id(schema::IdSpace::kQuery, spooled.query),
          .request = spooled.request,
          .position = spooled.position,
          .source = Id(schema::IdSpace::kSource, spooled.source),
          .source_score = spooled.source_score,
          .propensity = spooled.propensity,
          .device = Id(schema::IdSpace::kDevice, spooled.device),
          .region = Id(schema::IdSpace::kRegion, spooled.region),
          .current_item = Id(schema::IdSpace::kItem, spooled.current_item),
          .off_site = spooled.off_site,
          .posted = spooled.posted,
          .id = spooled.id};
}

Status Writing::WriteEvents() {
  const auto declared = schema_.declared(schema::Entity::kRequest);
  std::vector<schema::AttributeValue> attributes(declared.size());
  const auto on_user = [&](uint32_t user, const EventRows& rows) -> Status {
    const uint32_t id = Id(schema::IdSpace::kUser, user);
    users_->AddEvents(id, rows.events.size());
    for (size_t i = 0; i < rows.events.size(); ++i) {
      for (size_t a = 0; a < declared.size(); ++a) {
        attributes[a] = FromWord(rows.words[i * declared.size() + a], declared[a].kind);
        attributes[a].category = Id(declared[a].space, attributes[a].category);
      }
      const schema::Event event = ToEvent(rows.events[i]);
      if (event.item != schema::kNone) items_->AddEvents(event.item, 1);
      UPNEXT_RETURN_IF_ERROR(writer_.AddEvent(id, event, attributes));
    }
    return Ok();
  };
  return spool_.Sort(UsersByShard(), db_.progress(), on_user);
}

}  // namespace

Result<Written> WriteImportedLog(WatchedDatabase& db, ImportNames& names, EventSpool& spool,
                                 const std::filesystem::path& directory,
                                 const log::LogWriterOptions& options) {
  UPNEXT_ASSIGN_OR_RETURN(log::LogWriter writer, log::LogWriter::Create(directory, options));
  Writing writing(db, options.schema, names, spool, writer, options.shards);
  UPNEXT_RETURN_IF_ERROR(writing.Run());
  return writing.written();
}

}  // namespace upnext::import
