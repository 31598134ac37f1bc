#include "log/event_log.h"

#include <algorithm>
#include <cmath>

#include "base/file.h"
#include "base/versioned_root.h"
#include "log/log_format.h"
#include "log/log_order.h"
#include "log/log_reader.h"

namespace upnext::log {
namespace {

namespace fs = std::filesystem;

// kNotFound unless the folder holds a log; says what is there instead.
Status CheckIsLog(const fs::path& directory) {
  std::error_code error;
  if (fs::exists(directory / format::kMetaFile, error)) return Ok();
  const std::string path = directory.string();
  if (!fs::exists(directory, error)) {
    return NotFound("{}: no such folder; an event log was expected (the import writes one)", path);
  }
  if (!fs::is_directory(directory, error)) {
    return NotFound("{}: not an event log: a folder was expected, this is a file", path);
  }
  const auto versions = base::VersionedRoot(directory).Versions();
  if (versions && !versions->empty()) {
    return NotFound("{}: a folder of versions, not an event log: name one, e.g. {}", path,
                    (directory / versions->back()).string());
  }
  return NotFound("{}: not an event log (it has no file {}); run the import first", path,
                  format::kMetaFile);
}

}  // namespace

struct EventLog::Rep {
  fs::path directory;
  LogMeta meta;
  schema::Schema schema;
  LogStats stats;
  std::vector<LogStats> segments;
  std::vector<Dictionary> dictionaries;  // by id space
  std::vector<uint64_t> lineage;
  ItemReader items;
  UserReader users;
  std::vector<ShardReader> files;  // [segments, shards]
  std::vector<uint64_t> bases;     // first place of each file, and one past the last
  RowOrder order;                  // empty with one segment: rows are places
  std::optional<uint32_t> only;    // the shard that was opened, of several

  std::span<const AttributeView> Of(schema::Entity entity) const {
    return entity == schema::Entity::kItem ? items.attributes() : users.attributes();
  }
  bool Opened(uint32_t of_shard) const { return !only || *only == of_shard; }

  // The file that holds the row, and the row's place in it.
  const ShardReader& Locate(uint64_t& row) const {
    size_t file = 0;
    if (files.size() > 1) {
      if (!order.empty()) row = order.Place(row);
      file = static_cast<size_t>(std::ranges::upper_bound(bases, row) - bases.begin()) - 1;
    }
    row -= bases[file];
    return files[file];
  }
  Status OpenFiles();
  Status CheckUsers() const;
  Status CheckGoneItems() const;
  Status CheckTimes(uint32_t user) const;
};

// The rows of a user are in time order; of equal times, those of an earlier segment come first.
Status EventLog::Rep::CheckTimes(uint32_t user) const {
  const uint64_t begin = users.begin(user), end = users.end(user);
  if (order.empty()) {
    if (begin == end) return Ok();
    uint64_t first = begin;
    const ShardReader& file = Locate(first);
    const std::span<const int64_t> times(file.times() + first, end - begin);
    const auto wrong = std::ranges::is_sorted_until(times);
    if (wrong == times.end()) return Ok();
    return DataLoss("{}: row {} of user {} is earlier than the row before it", file.path(),
                    begin + static_cast<uint64_t>(wrong - times.begin()), user);
  }
  int64_t last_time = schema::kNoTime;
  uint64_t last_place = 0;
  for (uint64_t row = begin; row < end; ++row) {
    uint64_t in_file = row;
    const ShardReader& file = Locate(in_file);
    const int64_t time = file.times()[in_file];
    const uint64_t place = order.Place(row);
    if (row > begin && (time < last_time || (time == last_time && place < last_place))) {
      return DataLoss("{}: row {} of user {} is earlier than the row before it", file.path(), row,
                      user);
    }
    last_time = time;
    last_place = place;
  }
  return Ok();
}

// Every user's rows lie in the user's shard, one user after another, in time order.
Status EventLog::Rep::CheckUsers() const {
  std::vector<uint64_t> ends(meta.shards + 1, 0);  // of the rows of each shard, after the first
  for (size_t file = 0; file < meta.rows.size(); ++file) {
    ends[file % meta.shards + 1] += meta.rows[file];
  }
  for (size_t shard = 1; shard < ends.size(); ++shard) ends[shard] += ends[shard - 1];
  std::vector<uint64_t> cursor(ends.begin(), ends.end() - 1);
  for (uint32_t user = 0; user < users.size(); ++user) {
    const uint32_t shard = format::ShardOf(user, meta.shards);
    const uint64_t begin = users.begin(user), end = users.end(user);
    if (begin != cursor[shard] || end < begin || end > ends[shard + 1]) {
      return DataLoss("{}: the rows [{}, {}) of user {} are out of place", users.path(), begin, end,
                      user);
    }
    cursor[shard] = end;
    if (Opened(shard)) UPNEXT_RETURN_IF_ERROR(CheckTimes(user));
  }
  for (uint32_t shard = 0; shard < meta.shards; ++shard) {
    if (cursor[shard] != ends[shard + 1]) {
      return DataLoss("{}: rows from {} on of shard {} belong to no user", users.path(),
                      cursor[shard], shard);
    }
  }
  return Ok();
}

// No event has an item that is gone.
Status EventLog::Rep::CheckGoneItems() const {
  if (items.gone().empty()) return Ok();
  std::vector<bool> gone(items.size());
  for (const uint32_t item : items.gone()) gone[item] = true;
  for (size_t file = 0; file < files.size(); ++file) {
    for (uint64_t row = 0; row < bases[file + 1] - bases[file]; ++row) {
      const uint32_t item = files[file].item(row);
      if (item == schema::kNone || !gone[item]) continue;
      return DataLoss("{}: row {} has item {}, which is gone", files[file].path(), row, item);
    }
  }
  return Ok();
}

// Opens what meta lists, each file only if its digest is the one in there.
Status EventLog::Rep::OpenFiles() {
  const auto open = [&](std::string_view name, std::string_view kind, size_t place,
                        LogStats& size_of) -> Result<FilePtr> {
    auto file = base::SectionFile::Open(directory / name, kind, format::kVersion);
    if (!file) {
      if (file.error().code != Code::kNotFound) return std::unexpected(std::move(file).error());
      return DataLoss("{}: missing from the log", (directory / name).string());
    }
    if (file->digest() != meta.digests[place]) {
      return DataLoss("{}: belongs to another log than {}", (directory / name).string(),
                      format::kMetaFile);
    }
    for (const auto& section : file->sections()) size_of.bytes += section.size;
    return std::make_shared<const base::SectionFile>(*std::move(file));
  };
  UPNEXT_ASSIGN_OR_RETURN(auto names,
                          open(format::kDictionaryFile, format::kDictionaryKind, 0, stats));
  lineage = meta.ancestors;
  lineage.push_back(names->digest());
  UPNEXT_ASSIGN_OR_RETURN(schema, ReadSchema(*names));
  IdCounts ids;
  for (const std::string& space : schema.id_spaces()) {
    UPNEXT_ASSIGN_OR_RETURN(Dictionary dictionary, Dictionary::Load(names, space));
    ids.push_back(dictionary.size());
    dictionaries.push_back(std::move(dictionary));
  }
  if (ids[static_cast<size_t>(schema::IdSpace::kUser)] != meta.users ||
      ids[static_cast<size_t>(schema::IdSpace::kItem)] != meta.items) {
    return DataLoss("{}: its dictionaries have other sizes than {} says", names->path().string(),
                    format::kMetaFile);
  }
  UPNEXT_ASSIGN_OR_RETURN(auto items_file, open(format::kItemsFile, format::kItemsKind, 1, stats));
  UPNEXT_ASSIGN_OR_RETURN(items, ItemReader::Open(std::move(items_file), schema, ids));
  UPNEXT_ASSIGN_OR_RETURN(auto users_file, open(format::kUsersFile, format::kUsersKind, 2, stats));
  UPNEXT_ASSIGN_OR_RETURN(users, UserReader::Open(std::move(users_file), schema, ids));

  segments.resize(meta.segments);
  for (size_t i = 0; i < meta.rows.size(); ++i) {
    const auto shard = static_cast<uint32_t>(i % meta.shards);
    const auto segment = static_cast<uint32_t>(i / meta.shards);
    if (!Opened(shard)) {
      files.emplace_back();
      continue;
    }
    LogStats& counted = segments[segment];
    UPNEXT_ASSIGN_OR_RETURN(
        auto file, open(format::ShardFile(shard, segment), format::kShardKind, 3 + i, counted));
    UPNEXT_ASSIGN_OR_RETURN(ShardReader reader,
                            ShardReader::Open(std::move(file), schema, ids, meta.rows[i], counted));
    files.push_back(std::move(reader));
  }
  for (const LogStats& segment : segments) stats.bytes += segment.bytes;
  bases = FileBases(meta);
  if (meta.has_order()) {
    UPNEXT_ASSIGN_OR_RETURN(
        auto file, open(format::kOrderFile, format::kOrderKind, meta.digests.size() - 1, stats));
    UPNEXT_ASSIGN_OR_RETURN(order, RowOrder::Open(std::move(file), meta));
  }
  return Ok();
}

Result<EventLog> EventLog::Open(const fs::path& directory, std::optional<uint32_t> shard) {
  auto rep = std::make_shared<Rep>();
  rep->directory = directory;
  UPNEXT_RETURN_IF_ERROR(CheckIsLog(directory));
  UPNEXT_ASSIGN_OR_RETURN(rep->meta, ReadMeta(directory / format::kMetaFile));
  rep->stats = rep->meta.stats;
  rep->only = shard;
  if (shard && *shard >= rep->meta.shards) {
    return InvalidArgument("{}: there is no shard {}; it has {}, counted from 0",
                           directory.string(), *shard, rep->meta.shards);
  }
  UPNEXT_RETURN_IF_ERROR(rep->OpenFiles());
  UPNEXT_RETURN_IF_ERROR(rep->CheckUsers());
  if (!shard) UPNEXT_RETURN_IF_ERROR(rep->CheckGoneItems());
  LogStats counted;
  for (const LogStats& segment : rep->segments) counted += segment;
  if (shard) {
    rep->stats.events = counted.events;
    rep->stats.by_type = counted.by_type;
    rep->stats.posted = counted.posted;
    rep->stats.with_id = counted.with_id;
  } else if (counted.by_type != rep->stats.by_type || counted.first_ms != rep->stats.first_ms ||
             counted.last_ms != rep->stats.last_ms || counted.posted != rep->stats.posted ||
             counted.with_id != rep->stats.with_id) {
    return DataLoss("{}: its statistics are not those of the events",
                    (directory / format::kMetaFile).string());
  }
  EventLog log;
  log.rep_ = std::move(rep);
  return log;
}

Result<std::vector<uint64_t>> EventLog::ReadLineage(const fs::path& directory) {
  UPNEXT_RETURN_IF_ERROR(CheckIsLog(directory));
  UPNEXT_ASSIGN_OR_RETURN(LogMeta meta, ReadMeta(directory / format::kMetaFile));
  meta.ancestors.push_back(meta.digests.front());
  return std::move(meta.ancestors);
}

LogStats& LogStats::operator+=(const LogStats& other) {
  if (other.events > 0) {
    first_ms = events == 0 ? other.first_ms : std::min(first_ms, other.first_ms);
    last_ms = events == 0 ? other.last_ms : std::max(last_ms, other.last_ms);
  }
  events += other.events;
  bytes += other.bytes;
  posted += other.posted;
  with_id += other.with_id;
  for (size_t type = 0; type < by_type.size(); ++type) by_type[type] += other.by_type[type];
  return *this;
}

void LogStats::Count(const schema::Event& event) {
  first_ms = events == 0 ? event.time_ms : std::min(first_ms, event.time_ms);
  last_ms = events == 0 ? event.time_ms : std::max(last_ms, event.time_ms);
  ++events;
  posted += event.posted ? 1 : 0;
  with_id += event.id != 0 ? 1 : 0;
  ++by_type[static_cast<size_t>(event.type)];
}

const schema::Schema& EventLog::schema() const { return rep_->schema; }
Status CheckSchema(const EventLog& log, const schema::Schema& of_project) {
  const std::string difference = of_project.Difference(log.schema(), "the project file", "the log");
  if (difference.empty()) return Ok();
  return FailedPrecondition("{}: the log has another [schema]: {}; run `upnext import` again",
                            log.directory().string(), difference);
}

uint32_t EventLog::users() const { return rep_->users.size(); }
uint32_t EventLog::items() const { return rep_->items.size(); }
uint64_t EventLog::events() const { return rep_->stats.events; }
std::span<const uint32_t> EventLog::gone(schema::Entity entity) const {
  return entity == schema::Entity::kItem ? rep_->items.gone() : rep_->users.gone();
}
bool EventLog::IsGone(schema::Entity entity, uint32_t id) const {
  return std::ranges::binary_search(gone(entity), id);
}
uint32_t EventLog::present(schema::Entity entity) const {
  const uint32_t all = entity == schema::Entity::kItem ? items() : users();
  return all - static_cast<uint32_t>(gone(entity).size());
}
const Dictionary& EventLog::dictionary(schema::IdSpace space) const {
  return rep_->dictionaries[static_cast<size_t>(space)];
}
uint64_t EventLog::begin(uint32_t user) const { return rep_->users.begin(user); }
uint64_t EventLog::end(uint32_t user) const {
  const bool opened = rep_->Opened(format::ShardOf(user, rep_->meta.shards));
  return opened ? rep_->users.end(user) : rep_->users.begin(user);
}
schema::Event EventLog::event(uint64_t row) const {
  const ShardReader& shard = rep_->Locate(row);
  return shard.event(row);
}
schema::EventType EventLog::type(uint64_t row) const {
  const ShardReader& shard = rep_->Locate(row);
  return shard.type(row);
}
int64_t EventLog::time_ms(uint64_t row) const {
  const ShardReader& shard = rep_->Locate(row);
  return shard.times()[row];
}
uint32_t EventLog::item_of(uint64_t row) const {
  const ShardReader& shard = rep_->Locate(row);
  return shard.item(row);
}
uint64_t EventLog::event_id(uint64_t row) const {
  const ShardReader& shard = rep_->Locate(row);
  return shard.id(row);
}
void EventLog::RequestAttributes(uint64_t row, std::vector<schema::AttributeValue>* values) const {
  values->clear();
  if (rep_->schema.declared(schema::Entity::kRequest).empty()) return;
  const ShardReader& shard = rep_->Locate(row);
  for (const AttributeView& view : shard.attributes()) values->push_back(view.Value(row));
}
const AttributeView& EventLog::attribute(schema::Entity entity, uint32_t attribute) const {
  return rep_->Of(entity)[attribute];
}
schema::AttributeValue EventLog::Value(schema::Entity entity, uint32_t attribute,
                                       uint32_t id) const {
  return rep_->Of(entity)[attribute].Value(id);
}
std::span<const uint32_t> EventLog::Categories(schema::Entity entity, uint32_t attribute,
                                               uint32_t id) const {
  return rep_->Of(entity)[attribute].Categories(id);
}
std::string_view EventLog::Text(schema::Entity entity, uint32_t attribute, uint32_t id) const {
  return rep_->Of(entity)[attribute].text(id);
}
std::span<const float> EventLog::Vector(schema::Entity entity, uint32_t attribute,
                                        uint32_t id) const {
  return rep_->Of(entity)[attribute].vector(id);
}
void EventLog::Attributes(schema::Entity entity, uint32_t id,
                          std::vector<schema::AttributeCell>* cells) const {
  cells->clear();
  for (const AttributeView& view : rep_->Of(entity)) cells->push_back(view.Cell(id));
}
schema::Item EventLog::item(uint32_t item) const {
  return item == schema::kNone ? schema::Item{} : rep_->items.item(item);
}
schema::User EventLog::user(uint32_t user) const { return rep_->users.user(user); }
const LogStats& EventLog::stats() const { return rep_->stats; }
std::span<const LogStats> EventLog::segments() const { return rep_->segments; }
const PostedMark& EventLog::posted() const { return rep_->meta.posted; }
int64_t EventLog::same_event_ms() const { return rep_->meta.same_event_ms; }
uint32_t EventLog::shards() const { return rep_->meta.shards; }
std::optional<uint32_t> EventLog::shard() const { return rep_->only; }
uint64_t EventLog::digest() const { return rep_->lineage.back(); }
std::span<const uint64_t> EventLog::lineage() const { return rep_->lineage; }
uint64_t EventLog::content_digest() const { return rep_->meta.digest; }
std::span<const uint64_t> EventLog::file_digests() const { return rep_->meta.digests; }
const fs::path& EventLog::directory() const { return rep_->directory; }

}  // namespace upnext::log
