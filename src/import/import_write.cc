#include "import/import_write.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <optional>
#include <vector>

#include "log/log_format.h"
#include "log/log_writer.h"
#include "schema/event.h"

namespace upnext::import {
namespace {

constexpr std::string_view kNoTimeSql = "(-9223372036854775807 - 1)";

class Writing {
 public:
  Writing(WatchedDatabase& db, ImportNames& names, EventSpool& spool, log::LogWriter& writer,
          uint32_t shards)
      : db_(db), names_(names), spool_(spool), writer_(writer), shards_(shards) {}

  Status Run() {
    UPNEXT_RETURN_IF_ERROR(NameItems());
    UPNEXT_RETURN_IF_ERROR(NameUsers());
    UPNEXT_RETURN_IF_ERROR(WriteDictionaries());
    UPNEXT_RETURN_IF_ERROR(WriteItems());
    UPNEXT_RETURN_IF_ERROR(WriteUsers());
    UPNEXT_RETURN_IF_ERROR(WriteEvents());
    return writer_.Finish();
  }

 private:
  NameTable& names(schema::IdSpace space) { return names_[static_cast<size_t>(space)]; }
  // The id of the name that a NameTable gave `number`.
  uint32_t Id(schema::IdSpace space, uint32_t number) const {
    return number == schema::kNone ? schema::kNone : ids_[static_cast<size_t>(space)][number];
  }
  uint32_t IdOf(schema::IdSpace space, const Chunk& chunk, size_t column, size_t row) {
    return chunk.valid(column, row) ? Id(space, names(space).Find(chunk.Text(column, row)))
                                    : schema::kNone;
  }

  Status NameItems();
  Status NameUsers();
  Status WriteDictionaries();
  Status WriteItems();
  Status WriteUsers();
  Status WriteEvents();
  schema::Event ToEvent(const SpooledEvent& spooled) const;
  std::vector<uint32_t> UsersByShard() const;

  WatchedDatabase& db_;
  ImportNames& names_;
  EventSpool& spool_;
  log::LogWriter& writer_;
  uint32_t shards_;
  std::array<std::vector<uint32_t>, schema::kIdSpaces> ids_;  // [space][number of a name]
  std::vector<uint32_t> topics_;
};

Status Writing::NameItems() {
  return db_.database().Query(
      "SELECT item, channel, language, topics FROM in_items WHERE reason IS NULL",
      [&](const Chunk& chunk) -> Status {
        for (size_t row = 0; row < chunk.rows(); ++row) {
          names(schema::IdSpace::kItem).Add(chunk.Text(0, row));
          if (chunk.valid(1, row)) names(schema::IdSpace::kChannel).Add(chunk.Text(1, row));
          if (chunk.valid(2, row)) names(schema::IdSpace::kLanguage).Add(chunk.Text(2, row));
          if (!chunk.valid(3, row)) continue;
          for (const std::string_view topic : chunk.TextList(3, row)) {
            names(schema::IdSpace::kTopic).Add(topic);
          }
        }
        return Ok();
      });
}

Status Writing::NameUsers() {
  return db_.database().Query(
      "SELECT \"user\", region, language FROM in_users WHERE reason IS NULL",
      [&](const Chunk& chunk) -> Status {
        for (size_t row = 0; row < chunk.rows(); ++row) {
          names(schema::IdSpace::kUser).Add(chunk.Text(0, row));
          if (chunk.valid(1, row)) names(schema::IdSpace::kRegion).Add(chunk.Text(1, row));
          if (chunk.valid(2, row)) names(schema::IdSpace::kLanguage).Add(chunk.Text(2, row));
        }
        return Ok();
      });
}

// An id is the place of the name among all of its space, by (length, bytes).
Status Writing::WriteDictionaries() {
  uint64_t total = 0, done = 0;
  for (const NameTable& table : names_) total += table.size();
  base::ProgressStage stage(db_.progress(), "write names", "names", total);
  for (size_t s = 0; s < schema::kIdSpaces; ++s) {
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

// Rows come in the order of the dictionary; names without one get a row that says nothing.
Status Writing::WriteItems() {
  uint32_t next = 0;
  const auto fill_to = [&](uint32_t id) -> Status {
    for (; next < id; ++next) UPNEXT_RETURN_IF_ERROR(writer_.AddItem(schema::Item()));
    return Ok();
  };
  const std::string sql = fmt::format(
      "SELECT item, coalesce(created, {}), coalesce(duration, 'nan'::FLOAT), channel, language,\n"
      "  coalesce(removed, false), topics, coalesce(title, '')\n"
      "FROM in_items WHERE reason IS NULL ORDER BY strlen(item), item",
      kNoTimeSql);
  const auto add = [&](const Chunk& chunk, size_t row) -> Status {
    const uint32_t id = IdOf(schema::IdSpace::kItem, chunk, 0, row);
    UPNEXT_RETURN_IF_ERROR(fill_to(id));
    topics_.clear();
    if (chunk.valid(6, row)) {
      for (const std::string_view name : chunk.TextList(6, row)) {
        const uint32_t topic =
            Id(schema::IdSpace::kTopic, names(schema::IdSpace::kTopic).Find(name));
        if (std::ranges::find(topics_, topic) == topics_.end()) topics_.push_back(topic);
      }
    }
    ++next;
    return writer_.AddItem({.created_ms = chunk.Values<int64_t>(1)[row],
                            .duration_s = chunk.Values<float>(2)[row],
                            .channel = IdOf(schema::IdSpace::kChannel, chunk, 3, row),
                            .language = IdOf(schema::IdSpace::kLanguage, chunk, 4, row),
                            .removed = chunk.Values<bool>(5)[row],
                            .topics = topics_,
                            .title = chunk.Text(7, row)});
  };
  const auto add_all = [&](const Chunk& chunk) -> Status {
    for (size_t row = 0; row < chunk.rows(); ++row) UPNEXT_RETURN_IF_ERROR(add(chunk, row));
    return Ok();
  };
  UPNEXT_RETURN_IF_ERROR(
      db_.Query("write items", names(schema::IdSpace::kItem).size(), sql, add_all));
  return fill_to(names(schema::IdSpace::kItem).size());
}

Status Writing::WriteUsers() {
  uint32_t next = 0;
  const auto fill_to = [&](uint32_t id) -> Status {
    for (; next < id; ++next) UPNEXT_RETURN_IF_ERROR(writer_.AddUser(schema::User()));
    return Ok();
  };
  constexpr std::string_view kSql =
      "SELECT \"user\", region, language, coalesce(age, 'nan'::FLOAT),\n"
      "  coalesce(gender, 'nan'::FLOAT), coalesce(logged_in::INTEGER::FLOAT, 'nan'::FLOAT)\n"
      "FROM in_users WHERE reason IS NULL ORDER BY strlen(\"user\"), \"user\"";
  const auto add_all = [&](const Chunk& chunk) -> Status {
    for (size_t row = 0; row < chunk.rows(); ++row) {
      const Status filled = fill_to(IdOf(schema::IdSpace::kUser, chunk, 0, row));
      UPNEXT_RETURN_IF_ERROR(filled);
      ++next;
      const schema::User user = {.region = IdOf(schema::IdSpace::kRegion, chunk, 1, row),
                                 .language = IdOf(schema::IdSpace::kLanguage, chunk, 2, row),
                                 .age = chunk.Values<float>(3)[row],
                                 .gender = chunk.Values<float>(4)[row],
                                 .logged_in = chunk.Values<float>(5)[row]};
      UPNEXT_RETURN_IF_ERROR(writer_.AddUser(user));
    }
    return Ok();
  };
  UPNEXT_RETURN_IF_ERROR(
      db_.Query("write users", names(schema::IdSpace::kUser).size(), kSql, add_all));
  return fill_to(names(schema::IdSpace::kUser).size());
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
          .propensity = spooled.propensity,
          .device = Id(schema::IdSpace::kDevice, spooled.device),
          .region = Id(schema::IdSpace::kRegion, spooled.region),
          .current_item = Id(schema::IdSpace::kItem, spooled.current_item),
          .off_site = spooled.off_site};
}

Status Writing::WriteEvents() {
  return spool_.Sort(UsersByShard(), db_.progress(),
                     [&](uint32_t user, std::span<const SpooledEvent> events) -> Status {
                       const uint32_t id = Id(schema::IdSpace::kUser, user);
                       for (const SpooledEvent& event : events) {
                         UPNEXT_RETURN_IF_ERROR(writer_.AddEvent(id, ToEvent(event)));
                       }
                       return Ok();
                     });
}

}  // namespace

Result<LogSizes> WriteImportedLog(WatchedDatabase& db, ImportNames& names, EventSpool& spool,
                                  const std::filesystem::path& directory, uint32_t shards) {
  UPNEXT_ASSIGN_OR_RETURN(log::LogWriter writer,
                          log::LogWriter::Create(directory, {.shards = shards}));
  Writing writing(db, names, spool, writer, shards);
  UPNEXT_RETURN_IF_ERROR(writing.Run());
  return LogSizes{.users = names[static_cast<size_t>(schema::IdSpace::kUser)].size(),
                  .items = names[static_cast<size_t>(schema::IdSpace::kItem)].size(),
                  .duplicates = writer.duplicates()};
}

}  // namespace upnext::import
