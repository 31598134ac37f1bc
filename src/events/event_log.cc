#include "events/event_log.h"

#include <algorithm>
#include <cmath>

#include "base/file.h"
#include "events/log_format.h"
#include "events/log_reader.h"

namespace upnext::events {
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
  LogStats stats;
  std::array<Dictionary, kIdSpaces> dictionaries;
  uint64_t digest = 0;
  ItemReader items;
  UserReader users;
  std::vector<ShardReader> shards;
  std::vector<uint64_t> bases;  // first row of each shard, and one past the last row

  // The shard that holds the row, and the row's place in it.
  const ShardReader& Locate(uint64_t& row) const {
    size_t shard = 0;
    if (shards.size() > 1) {
      shard = static_cast<size_t>(std::ranges::upper_bound(bases, row) - bases.begin()) - 1;
    }
    row -= bases[shard];
    return shards[shard];
  }
  Status CheckUsers() const;
};

// Every user's rows lie in the user's shard, one user after another, in time order.
Status EventLog::Rep::CheckUsers() const {
  const uint32_t count = static_cast<uint32_t>(shards.size());
  std::vector<uint64_t> cursor(bases.begin(), bases.end() - 1);
  for (uint32_t user = 0; user < users.size(); ++user) {
    const uint32_t shard = format::ShardOf(user, count);
    const uint64_t begin = users.begin(user), end = users.end(user);
    if (begin != cursor[shard] || end < begin || end > bases[shard + 1]) {
      return DataLoss("{}: the rows [{}, {}) of user {} are out of place", users.path(), begin, end,
                      user);
    }
    cursor[shard] = end;
    const int64_t* times = shards[shard].times();
    for (uint64_t row = begin + 1; row < end; ++row) {
      if (times[row - bases[shard]] < times[row - 1 - bases[shard]]) {
        return DataLoss("{}: row {} of user {} is earlier than the row before it",
                        shards[shard].path(), row, user);
      }
    }
  }
  for (uint32_t shard = 0; shard < count; ++shard) {
    if (cursor[shard] != bases[shard + 1]) {
      return DataLoss("{}: rows from {} on belong to no user", shards[shard].path(), cursor[shard]);
    }
  }
  return Ok();
}

Result<EventLog> EventLog::Open(const fs::path& directory) {
  auto rep = std::make_shared<Rep>();
  rep->directory = directory;
  UPNEXT_RETURN_IF_ERROR(CheckIsLog(directory));
  UPNEXT_ASSIGN_OR_RETURN(const LogMeta meta, ReadMeta(directory / format::kMetaFile));
  rep->stats = meta.stats;
  const auto open = [&](std::string_view name, std::string_view kind,
                        size_t place) -> Result<std::shared_ptr<const base::SectionFile>> {
    auto file = base::SectionFile::Open(directory / name, kind, format::kVersion);
    if (!file) {
      if (file.error().code != Code::kNotFound) return std::unexpected(std::move(file).error());
      return DataLoss("{}: missing from the log", (directory / name).string());
    }
    if (file->digest() != meta.digests[place]) {
      return DataLoss("{}: belongs to another log than {}", (directory / name).string(),
                      format::kMetaFile);
    }
    for (const auto& section : file->sections()) rep->stats.bytes += section.size;
    return std::make_shared<const base::SectionFile>(*std::move(file));
  };

  UPNEXT_ASSIGN_OR_RETURN(auto names, open(format::kDictionaryFile, format::kDictionaryKind, 0));
  rep->digest = names->digest();
  IdCounts ids{};
  for (size_t i = 0; i < kIdSpaces; ++i) {
    UPNEXT_ASSIGN_OR_RETURN(rep->dictionaries[i], Dictionary::Load(names, static_cast<IdSpace>(i)));
    ids[i] = rep->dictionaries[i].size();
  }
  if (ids[static_cast<size_t>(IdSpace::kUser)] != meta.users ||
      ids[static_cast<size_t>(IdSpace::kItem)] != meta.items) {
    return DataLoss("{}: its dictionaries have other sizes than {} says", names->path().string(),
                    format::kMetaFile);
  }
  UPNEXT_ASSIGN_OR_RETURN(auto items, open(format::kItemsFile, format::kItemsKind, 1));
  UPNEXT_ASSIGN_OR_RETURN(rep->items, ItemReader::Open(std::move(items), ids));
  UPNEXT_ASSIGN_OR_RETURN(auto users, open(format::kUsersFile, format::kUsersKind, 2));
  UPNEXT_ASSIGN_OR_RETURN(rep->users, UserReader::Open(std::move(users), ids));

  LogStats counted;
  rep->bases.push_back(0);
  for (size_t shard = 0; shard < meta.rows.size(); ++shard) {
    UPNEXT_ASSIGN_OR_RETURN(auto file, open(format::ShardFile(static_cast<uint32_t>(shard)),
                                            format::kShardKind, 3 + shard));
    UPNEXT_ASSIGN_OR_RETURN(ShardReader reader,
                            ShardReader::Open(std::move(file), ids, meta.rows[shard], counted));
    rep->shards.push_back(std::move(reader));
    rep->bases.push_back(rep->bases.back() + meta.rows[shard]);
  }
  UPNEXT_RETURN_IF_ERROR(rep->CheckUsers());
  if (!std::ranges::equal(counted.by_type, meta.stats.by_type) ||
      counted.first_ms != meta.stats.first_ms || counted.last_ms != meta.stats.last_ms) {
    return DataLoss("{}: its statistics are not those of the shards",
                    (directory / format::kMetaFile).string());
  }
  EventLog log;
  log.rep_ = std::move(rep);
  return log;
}

uint32_t EventLog::users() const { return rep_->users.size(); }
uint32_t EventLog::items() const { return rep_->items.size(); }
uint64_t EventLog::events() const { return rep_->stats.events; }
const Dictionary& EventLog::dictionary(IdSpace space) const {
  return rep_->dictionaries[static_cast<size_t>(space)];
}
uint64_t EventLog::begin(uint32_t user) const { return rep_->users.begin(user); }
uint64_t EventLog::end(uint32_t user) const { return rep_->users.end(user); }
Event EventLog::event(uint64_t row) const {
  const ShardReader& shard = rep_->Locate(row);
  return shard.event(row);
}
EventType EventLog::type(uint64_t row) const {
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
Item EventLog::item(uint32_t item) const { return rep_->items.item(item); }
User EventLog::user(uint32_t user) const { return rep_->users.user(user); }
const LogStats& EventLog::stats() const { return rep_->stats; }
uint64_t EventLog::digest() const { return rep_->digest; }
const fs::path& EventLog::directory() const { return rep_->directory; }

}  // namespace upnext::events
