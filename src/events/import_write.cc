#include "events/import_write.h"

#include <array>

#include "base/checksum.h"
#include "events/log_format.h"
#include "events/log_writer.h"

namespace upnext::events {
namespace {

// Where the names of an id space come from, as (column, table) pairs.
struct Origin {
  std::string_view column, table;
};

std::vector<Origin> OriginsOf(IdSpace space) {
  switch (space) {
    case IdSpace::kUser:
      return {{"\"user\"", "in_events"}, {"\"user\"", "in_users"}};
    case IdSpace::kItem:
      return {{"item", "in_events"}, {"seed", "in_events"}, {"item", "in_items"}};
    case IdSpace::kQuery:
      return {{"query", "in_events"}};
    case IdSpace::kDevice:
      return {{"device", "in_events"}};
    case IdSpace::kRegion:
      return {{"region", "in_events"}, {"region", "in_users"}};
    case IdSpace::kSource:
      return {{"source", "in_events"}};
    case IdSpace::kChannel:
      return {{"channel", "in_items"}};
    case IdSpace::kTopic:
      return {{"unnest(topics)", "in_items"}};
    case IdSpace::kLanguage:
      return {{"language", "in_items"}, {"language", "in_users"}};
  }
  return {};
}

class Writing {
 public:
  Writing(WatchedDatabase& db, LogWriter& writer, uint64_t events, uint32_t shards)
      : db_(db), writer_(writer), events_(events), shards_(shards) {}

  Status Run() {
    for (size_t i = 0; i < kIdSpaces; ++i) {
      UPNEXT_RETURN_IF_ERROR(WriteDictionary(static_cast<IdSpace>(i)));
    }
    UPNEXT_RETURN_IF_ERROR(WriteItems());
    UPNEXT_RETURN_IF_ERROR(WriteUsers());
    UPNEXT_RETURN_IF_ERROR(WriteEvents());
    return writer_.Finish();
  }
  // Names of the space, once its dictionary is written.
  uint64_t count(IdSpace space) const { return counts_[static_cast<size_t>(space)]; }

 private:
  // The id of `expression` (a column of table or subquery `t`) and the join that finds it. An id
  // is the rowid of its name's table.
  std::string Id(IdSpace space, std::string_view alias) const {
    if (count(space) == 0) return fmt::format("{}::UINTEGER", kNone);
    return fmt::format("coalesce({}.rowid, {})::UINTEGER", alias, kNone);
  }
  std::string Join(IdSpace space, std::string_view alias, std::string_view expression) const {
    if (count(space) == 0) return "";
    return fmt::format("LEFT JOIN names_{0} {1} ON {1}.name = {2}\n", IdSpaceName(space), alias,
                       expression);
  }

  Status WriteDictionary(IdSpace space);
  Status WriteItems();
  Status WriteUsers();
  Status WriteEvents();

  WatchedDatabase& db_;
  LogWriter& writer_;
  uint64_t events_;
  uint32_t shards_;
  std::array<uint64_t, kIdSpaces> counts_{};
};

Status Writing::WriteDictionary(IdSpace space) {
  const std::string_view label = IdSpaceName(space);
  std::string names;
  for (const Origin& origin : OriginsOf(space)) {
    names += fmt::format("{}SELECT {} AS name FROM {} WHERE reason IS NULL",
                         names.empty() ? "" : " UNION ALL ", origin.column, origin.table);
  }
  // strlen counts bytes; text is compared byte by byte. Rows of a new table keep the order of the
  // SELECT, so that rowid is the id.
  UPNEXT_RETURN_IF_ERROR(db_.Run(
      fmt::format("number {}", label),
      fmt::format("CREATE TABLE names_{} AS SELECT DISTINCT name FROM ({}) WHERE name IS NOT NULL "
                  "ORDER BY strlen(name), name",
                  label, names)));
  UPNEXT_ASSIGN_OR_RETURN(const std::vector<uint64_t> counts,
                          db_.Counts(fmt::format("SELECT count(*) FROM names_{}", label)));
  counts_[static_cast<size_t>(space)] = counts[0];
  UPNEXT_RETURN_IF_ERROR(writer_.BeginDictionary(space, counts[0]));
  return db_.Query(fmt::format("write {}", label), counts[0],
                   fmt::format("SELECT name FROM names_{} ORDER BY rowid", label),
                   [&](const Chunk& chunk) -> Status {
                     for (size_t row = 0; row < chunk.rows(); ++row) {
                       UPNEXT_RETURN_IF_ERROR(writer_.AddName(chunk.Text(0, row)));
                     }
                     return Ok();
                   });
}

Status Writing::WriteItems() {
  if (count(IdSpace::kTopic) == 0) {
    UPNEXT_RETURN_IF_ERROR(
        db_.Run("join topics", "CREATE TABLE item_topics (item VARCHAR, topics UINTEGER[])"));
  } else {
    UPNEXT_RETURN_IF_ERROR(db_.Run(
        "join topics",
        "CREATE TABLE item_topics AS SELECT item, list(topic ORDER BY place) AS topics FROM (\n"
        "  SELECT item, n.rowid::UINTEGER AS topic, min(place) AS place\n"
        "  FROM (SELECT item, unnest(topics) AS topic, generate_subscripts(topics, 1) AS place\n"
        "        FROM in_items WHERE reason IS NULL) x JOIN names_topics n ON n.name = x.topic\n"
        "  GROUP BY item, n.rowid) GROUP BY item"));
  }
  const std::string sql = fmt::format(
      "SELECT coalesce(i.created, {}), coalesce(i.duration, 'nan'::FLOAT), {}, {},\n"
      "  coalesce(i.removed, false), t.topics, coalesce(i.title, '')\n"
      "FROM names_items n\n"
      "LEFT JOIN (SELECT * FROM in_items WHERE reason IS NULL) i ON i.item = n.name\n"
      "LEFT JOIN item_topics t ON t.item = n.name\n{}{}ORDER BY n.rowid",
      "(-9223372036854775807 - 1)", Id(IdSpace::kChannel, "c"), Id(IdSpace::kLanguage, "l"),
      Join(IdSpace::kChannel, "c", "i.channel"), Join(IdSpace::kLanguage, "l", "i.language"));
  return db_.Query("write items", count(IdSpace::kItem), sql, [&](const Chunk& chunk) -> Status {
    const auto created = chunk.Values<int64_t>(0);
    const auto duration = chunk.Values<float>(1);
    const auto channel = chunk.Values<uint32_t>(2);
    const auto language = chunk.Values<uint32_t>(3);
    const auto removed = chunk.Values<bool>(4);
    for (size_t row = 0; row < chunk.rows(); ++row) {
      const Item item = {.created_ms = created[row],
                         .duration_s = duration[row],
                         .channel = channel[row],
                         .language = language[row],
                         .removed = removed[row],
                         .topics = chunk.valid(5, row) ? chunk.List<uint32_t>(5, row)
                                                       : std::span<const uint32_t>(),
                         .title = chunk.Text(6, row)};
      UPNEXT_RETURN_IF_ERROR(writer_.AddItem(item));
    }
    return Ok();
  });
}

Status Writing::WriteUsers() {
  const std::string sql = fmt::format(
      "SELECT {}, {}, coalesce(u.age, 'nan'::FLOAT), coalesce(u.gender, 'nan'::FLOAT),\n"
      "  coalesce(u.logged_in::INTEGER::FLOAT, 'nan'::FLOAT)\n"
      "FROM names_users n\n"
      "LEFT JOIN (SELECT * FROM in_users WHERE reason IS NULL) u ON u.\"user\" = n.name\n"
      "{}{}ORDER BY n.rowid",
      Id(IdSpace::kRegion, "r"), Id(IdSpace::kLanguage, "l"),
      Join(IdSpace::kRegion, "r", "u.region"), Join(IdSpace::kLanguage, "l", "u.language"));
  return db_.Query("write users", count(IdSpace::kUser), sql, [&](const Chunk& chunk) -> Status {
    for (size_t row = 0; row < chunk.rows(); ++row) {
      const User user = {.region = chunk.Values<uint32_t>(0)[row],
                         .language = chunk.Values<uint32_t>(1)[row],
                         .age = chunk.Values<float>(2)[row],
                         .gender = chunk.Values<float>(3)[row],
                         .logged_in = chunk.Values<float>(4)[row]};
      UPNEXT_RETURN_IF_ERROR(writer_.AddUser(user));
    }
    return Ok();
  });
}

Status Writing::WriteEvents() {
  const std::string sql = fmt::format(
      "SELECT u.rowid::UINTEGER, e.time, e.type, {}, coalesce(e.value, 'nan'::FLOAT), {},\n"
      "  coalesce(e.request, ''), coalesce(e.position, 0)::USMALLINT, {},\n"
      "  coalesce(e.propensity, 'nan'::FLOAT), {}, {}, {}, coalesce(e.off_site, false)\n"
      "FROM in_events e JOIN names_users u ON u.name = e.\"user\"\n{}{}{}{}{}{}"
      "WHERE e.reason IS NULL\n"
      "ORDER BY ((u.rowid::UBIGINT * {}) % 4294967296 * {}) >> 32, u.rowid, e.time, e.rowid",
      Id(IdSpace::kItem, "i"), Id(IdSpace::kQuery, "q"), Id(IdSpace::kSource, "s"),
      Id(IdSpace::kDevice, "d"), Id(IdSpace::kRegion, "r"), Id(IdSpace::kItem, "w"),
      Join(IdSpace::kItem, "i", "e.item"), Join(IdSpace::kQuery, "q", "e.query"),
      Join(IdSpace::kSource, "s", "e.source"), Join(IdSpace::kDevice, "d", "e.device"),
      Join(IdSpace::kRegion, "r", "e.region"), Join(IdSpace::kItem, "w", "e.seed"),
      format::kShardMultiplier, shards_);
  return db_.Query("write events", events_, sql, [&](const Chunk& chunk) -> Status {
    const auto user = chunk.Values<uint32_t>(0);
    const auto time = chunk.Values<int64_t>(1);
    const auto type = chunk.Values<uint8_t>(2);
    const auto item = chunk.Values<uint32_t>(3);
    const auto value = chunk.Values<float>(4);
    const auto query = chunk.Values<uint32_t>(5);
    const auto position = chunk.Values<uint16_t>(7);
    const auto source = chunk.Values<uint32_t>(8);
    const auto propensity = chunk.Values<float>(9);
    const auto device = chunk.Values<uint32_t>(10);
    const auto region = chunk.Values<uint32_t>(11);
    const auto seed = chunk.Values<uint32_t>(12);
    const auto off_site = chunk.Values<bool>(13);
    for (size_t row = 0; row < chunk.rows(); ++row) {
      const std::string_view request = chunk.Text(6, row);
      const Event event = {.time_ms = time[row],
                           .type = static_cast<EventType>(type[row]),
                           .item = item[row],
                           .value = value[row],
                           .query = query[row],
                           .request = request.empty() ? 0 : base::Fingerprint(request),
                           .position = position[row],
                           .source = source[row],
                           .propensity = propensity[row],
                           .device = device[row],
                           .region = region[row],
                           .seed = seed[row],
                           .off_site = off_site[row]};
      UPNEXT_RETURN_IF_ERROR(writer_.AddEvent(user[row], event));
    }
    return Ok();
  });
}

}  // namespace

Result<LogSizes> WriteImportedLog(WatchedDatabase& db, uint64_t events,
                                  const std::filesystem::path& directory, uint32_t shards) {
  UPNEXT_ASSIGN_OR_RETURN(LogWriter writer, LogWriter::Create(directory, {.shards = shards}));
  Writing writing(db, writer, events, shards);
  UPNEXT_RETURN_IF_ERROR(writing.Run());
  return LogSizes{.users = writing.count(IdSpace::kUser),
                  .items = writing.count(IdSpace::kItem),
                  .duplicates = writer.duplicates()};
}

}  // namespace upnext::events
