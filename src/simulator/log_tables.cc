#include "simulator/log_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "import/duckdb_table.h"
#include "schema/event.h"
#include "simulator/names.h"
#include "simulator/table_file.h"
#include "simulator/words.h"

namespace upnext::simulator {
namespace {

namespace fs = std::filesystem;
using import::ChunkWriter;
using import::Column;

}  // namespace

Status WriteEvents(const World& world, const UserRows& rows, const fs::path& file) {
  const std::vector<Column> columns = {
      {"user", "VARCHAR"},         {"item", "VARCHAR"},     {"time", "TIMESTAMP"},
      {"type", "VARCHAR"},         {"value", "DOUBLE"},     {"query", "VARCHAR"},
      {"request", "VARCHAR"},      {"position", "INTEGER"}, {"source", "VARCHAR"},
      {"propensity", "DOUBLE"},    {"device", "VARCHAR"},   {"region", "VARCHAR"},
      {"current_item", "VARCHAR"}, {"off_site", "BOOLEAN"}, {"source_score", "FLOAT"}};
  IdName user('u', world.options().users), item('v', world.options().items);
  RequestName request;
  return WriteTable(
      file, columns, "*", rows.rows.size(), [&](ChunkWriter& chunk, size_t i, size_t r) {
        const LogRow& row = rows.rows[i];
        const std::string_view source = kSourceNames[static_cast<size_t>(row.source)];
        chunk.SetText(0, r, user(row.user));
        TextOrNull(chunk, 1, r, item(row.item), row.item == kNoItem);
        chunk.Values<int64_t>(2)[r] = row.time_ms * 1000;
        chunk.SetText(3, r, schema::EventTypeName(row.type));
        ValueOrNull(chunk, 4, r, static_cast<double>(row.value), std::isnan(row.value));
        TextOrNull(chunk, 5, r,
                   row.query == kNoQuery ? "" : std::string_view(rows.queries[row.query]),
                   row.query == kNoQuery);
        TextOrNull(chunk, 6, r, request(row.user, row.request), row.request == 0);
        ValueOrNull(chunk, 7, r, int32_t{row.position}, row.position == 0);
        TextOrNull(chunk, 8, r, source, source.empty());
        ValueOrNull(chunk, 9, r, row.propensity, !(row.propensity > 0));
        chunk.SetText(10, r, kDeviceNames[static_cast<size_t>(row.device)]);
        chunk.SetText(11, r, kRegionTable[row.region].name);
        TextOrNull(chunk, 12, r, item(row.current_item), row.current_item == kNoItem);
        chunk.Values<bool>(13)[r] = row.off_site;
        ValueOrNull(chunk, 14, r, row.source_score, std::isnan(row.source_score));
      });
}

Status WriteItems(const World& world, uint32_t items, const fs::path& file) {
  const Catalogue& catalogue = world.catalogue();
  const std::vector<Column> columns = {{"item", "VARCHAR"},     {"created", "TIMESTAMP"},
                                       {"duration", "DOUBLE"},  {"channel", "VARCHAR"},
                                       {"topic", "VARCHAR"},    {"second_topic", "VARCHAR"},
                                       {"language", "VARCHAR"}, {"title", "VARCHAR"}};
  IdName name('v', world.options().items);
  return WriteTable(file, columns,
                    "item, created, duration, channel, CASE WHEN second_topic IS NULL THEN [topic] "
                    "ELSE [topic, second_topic] END AS topics, language, title, false AS removed",
                    items, [&](ChunkWriter& chunk, size_t i, size_t r) {
                      const auto id = static_cast<uint32_t>(i);
                      const Item& item = catalogue.item(id);
                      const bool one = item.second_topic == kNoTopic;
                      chunk.SetText(0, r, name(id));
                      chunk.Values<int64_t>(1)[r] = item.created_ms * 1000;
                      chunk.Values<double>(2)[r] = static_cast<double>(item.duration_s);
                      chunk.SetText(3, r, catalogue.channels()[item.channel].name());
                      chunk.SetText(4, r, Topic(item.topic).name);
                      TextOrNull(chunk, 5, r, one ? "" : Topic(item.second_topic).name, one);
                      chunk.SetText(6, r, kLanguageNames[item.language]);
                      chunk.SetText(7, r, catalogue.Title(id));
                    });
}

Status WriteUsers(const World& world, const fs::path& file) {
  const std::vector<Column> columns = {{"user", "VARCHAR"},     {"region", "VARCHAR"},
                                       {"language", "VARCHAR"}, {"age", "DOUBLE"},
                                       {"gender", "DOUBLE"},    {"logged_in", "BOOLEAN"}};
  IdName name('u', world.options().users);
  return WriteTable(file, columns, "*", world.options().users,
                    [&](ChunkWriter& chunk, size_t i, size_t r) {
                      const User user = world.user(static_cast<uint32_t>(i));
                      chunk.SetText(0, r, name(user.id));
                      chunk.SetText(1, r, kRegionTable[user.region].name);
                      chunk.SetText(2, r, kLanguageNames[user.language]);
                      // A site knows age and gender only of users with an account.
                      ValueOrNull(chunk, 3, r, static_cast<double>(user.age), !user.logged_in);
                      ValueOrNull(chunk, 4, r, static_cast<double>(user.gender), !user.logged_in);
                      chunk.Values<bool>(5)[r] = user.logged_in;
                    });
}

Status WriteImpressionTruth(const World& world, const UserRows& rows, const fs::path& file) {
  const std::vector<Column> columns = {{"user", "VARCHAR"},       {"request", "VARCHAR"},
                                       {"item", "VARCHAR"},       {"position", "INTEGER"},
                                       {"device", "VARCHAR"},     {"examination", "FLOAT"},
                                       {"click", "DOUBLE"},       {"watch_s", "FLOAT"},
                                       {"satisfaction", "FLOAT"}, {"examined", "BOOLEAN"}};
  std::vector<uint32_t> shown;
  for (uint32_t i = 0; i < rows.rows.size(); ++i) {
    if (rows.rows[i].type == schema::EventType::kImpression) shown.push_back(i);
  }
  IdName user('u', world.options().users), item('v', world.options().items);
  RequestName request;
  return WriteTable(file, columns, "*", shown.size(), [&](ChunkWriter& chunk, size_t i, size_t r) {
    const LogRow& row = rows.rows[shown[i]];
    chunk.SetText(0, r, user(row.user));
    chunk.SetText(1, r, request(row.user, row.request));
    chunk.SetText(2, r, item(row.item));
    chunk.Values<int32_t>(3)[r] = row.position;
    chunk.SetText(4, r, kDeviceNames[static_cast<size_t>(row.device)]);
    chunk.Values<float>(5)[r] = row.examination;
    chunk.Values<double>(6)[r] = row.click_probability;
    chunk.Values<float>(7)[r] = row.expected_watch_s;
    chunk.Values<float>(8)[r] = row.satisfaction;
    chunk.Values<bool>(9)[r] = row.examined;
  });
}

Status WriteExamination(const World& world, const fs::path& file) {
  const uint32_t size = world.options().sessions.slate_size;
  const std::vector<Column> columns = {{"device", "VARCHAR"},
                                       {"position", "INTEGER"},
                                       {"probability", "DOUBLE"},
                                       {"trust", "DOUBLE"}};
  return WriteTable(file, columns, "*", kDevices * size,
                    [&](ChunkWriter& chunk, size_t i, size_t r) {
                      const auto device = static_cast<Device>(i / size);
                      const auto position = static_cast<uint32_t>(i % size + 1);
                      chunk.SetText(0, r, kDeviceNames[i / size]);
                      chunk.Values<int32_t>(1)[r] = static_cast<int32_t>(position);
                      chunk.Values<double>(2)[r] = world.ExaminationProbability(position, device);
                      chunk.Values<double>(3)[r] = world.Trust(position);
                    });
}

Status WriteQualities(const World& world, uint32_t items, const fs::path& file) {
  const Catalogue& catalogue = world.catalogue();
  const std::vector<Column> columns = {{"item", "VARCHAR"},    {"quality", "FLOAT"},
                                       {"clickbait", "FLOAT"}, {"worth", "FLOAT"},
                                       {"appeal", "FLOAT"},    {"base_popularity", "FLOAT"},
                                       {"episode", "INTEGER"}, {"next", "VARCHAR"}};
  IdName name('v', world.options().items);
  return WriteTable(file, columns, "*", items, [&](ChunkWriter& chunk, size_t i, size_t r) {
    const Item& item = catalogue.item(static_cast<uint32_t>(i));
    chunk.SetText(0, r, name(static_cast<uint32_t>(i)));
    chunk.Values<float>(1)[r] = item.quality;
    chunk.Values<float>(2)[r] = item.clickbait;
    chunk.Values<float>(3)[r] = item.worth;
    chunk.Values<float>(4)[r] = item.appeal;
    chunk.Values<float>(5)[r] = item.base_popularity;
    ValueOrNull(chunk, 6, r, int32_t{item.episode}, item.episode == 0);
    TextOrNull(chunk, 7, r, name(item.next), item.next == kNoItem);
  });
}

}  // namespace upnext::simulator
