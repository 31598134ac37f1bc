#include "events/log_writer.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "base/checksum.h"
#include "base/file.h"
#include "base/section_file.h"
#include "events/column.h"
#include "events/log_columns.h"
#include "events/log_format.h"

namespace upnext::events {
namespace {

namespace fs = std::filesystem;
using base::ElementType;
using base::SectionWriter;

// The dictionary that is being written.
struct OpenDictionary {
  explicit OpenDictionary(const fs::path& folder) : ends(folder, "", 0, true), bytes(folder) {}
  std::string label;
  uint64_t expected = 0, names = 0, size = 0;
  Column<uint64_t> ends;
  Spool bytes;
  std::vector<uint32_t> slots;
  std::string previous;
};

}  // namespace

std::string_view WhyNotAnEvent(const Event& event) {
  const auto type = static_cast<size_t>(event.type);
  if (type == 0 || type >= kEventTypes) return "type is unknown";
  if (event.time_ms == kNoTime) return "time is missing";
  if (event.type == EventType::kSearch) {
    if (event.item != kNone) return "a search has no item";
    if (event.query == kNone) return "a search needs a query";
  } else if (event.item == kNone) {
    return "item is missing";
  }
  if (std::isinf(event.value)) return "value should be finite";
  if (event.type == EventType::kWatch && event.value < 0) return "watched seconds are negative";
  if (event.propensity <= 0 || event.propensity > 1) return "propensity should be in (0, 1]";
  return "";
}

struct LogWriter::Rep {
  fs::path folder;
  uint32_t shards = 1;
  std::array<uint64_t, kIdSpaces> ids{};
  std::vector<uint64_t> digests;

  std::optional<SectionWriter> dictionaries;
  std::optional<OpenDictionary> open;
  size_t next_space = 0;
  std::optional<ItemColumns> items;
  std::optional<UserColumns> users;

  std::optional<ShardColumns> columns;  // of shard `shard`
  uint32_t shard = 0;
  std::vector<uint32_t> row_count;  // [users]
  std::vector<uint64_t> shard_rows;
  uint32_t last_user = kNone;
  int64_t last_time = kNoTime;
  LogStats stats;

  uint64_t size(IdSpace space) const { return ids[static_cast<size_t>(space)]; }
  bool Fits(uint32_t id, IdSpace space) const { return id == kNone || id < size(space); }
  Status Committed(std::string_view file, std::string_view kind);
  Status CloseDictionary();
  Status CloseDictionaries();
  Status CloseItems();
  Status CloseUsers();
  Status CloseShard();
  Status NextUser(uint32_t user);
  Status WriteMeta();
};

LogWriter::LogWriter() : rep_(std::make_unique<Rep>()) {}
LogWriter::LogWriter(LogWriter&&) noexcept = default;
LogWriter::~LogWriter() = default;
uint64_t LogWriter::events() const { return rep_->stats.events; }

Result<LogWriter> LogWriter::Create(const fs::path& directory, const LogWriterOptions& options) {
  if (options.shards < 1 || options.shards > format::kMaxShards) {
    return InvalidArgument("shards should be in [1, {}], is {}", format::kMaxShards,
                           options.shards);
  }
  std::error_code error;
  if (!fs::is_directory(directory, error)) {
    return NotFound("{}: an existing folder was expected", directory.string());
  }
  if (!fs::is_empty(directory, error)) {
    return AlreadyExists("{}: an empty folder was expected; a log is never written over",
                         directory.string());
  }
  LogWriter writer;
  writer.rep_->folder = directory;
  writer.rep_->shards = options.shards;
  UPNEXT_ASSIGN_OR_RETURN(SectionWriter file,
                          SectionWriter::Create(directory / format::kDictionaryFile,
                                                format::kDictionaryKind, format::kVersion));
  writer.rep_->dictionaries.emplace(std::move(file));
  return writer;
}

// Notes the digest of a file that was committed, for the meta file.
Status LogWriter::Rep::Committed(std::string_view file, std::string_view kind) {
  UPNEXT_ASSIGN_OR_RETURN(const uint64_t digest,
                          base::SectionFile::WrittenDigest(folder / file, kind, format::kVersion));
  digests.push_back(digest);
  return Ok();
}

Status LogWriter::BeginDictionary(IdSpace space, uint64_t names) {
  UPNEXT_RETURN_IF_ERROR(rep_->CloseDictionary());
  if (static_cast<size_t>(space) != rep_->next_space || !rep_->dictionaries) {
    return Internal("dictionary {} comes out of order", IdSpaceName(space));
  }
  if (names >= kNone) {
    return InvalidArgument("{} distinct {}: a log holds fewer than 2^32 - 1", names,
                           IdSpaceName(space));
  }
  OpenDictionary& open = rep_->open.emplace(rep_->folder);
  open.label = IdSpaceName(space);
  open.expected = names;
  open.slots.assign(format::SlotsFor(names), kNone);
  rep_->ids[static_cast<size_t>(space)] = names;
  ++rep_->next_space;
  return open.ends.Add(0);
}

Status LogWriter::AddName(std::string_view name) {
  OpenDictionary& open = *rep_->open;
  const bool ascending = name.size() != open.previous.size() ? name.size() > open.previous.size()
                                                             : name > open.previous;
  if (!ascending || open.names == open.expected) {
    return Internal("name '{}' of dictionary {} comes out of order", name, open.label);
  }
  const size_t mask = open.slots.size() - 1;
  size_t i = base::Fingerprint(name) & mask;
  while (open.slots[i] != kNone) i = (i + 1) & mask;
  open.slots[i] = static_cast<uint32_t>(open.names++);
  open.previous = name;
  open.size += name.size();
  UPNEXT_RETURN_IF_ERROR(open.bytes.Append(name.data(), name.size()));
  return open.ends.Add(open.size);
}

Status LogWriter::Rep::CloseDictionary() {
  if (!open) return Ok();
  if (open->names != open->expected) {
    return Internal("dictionary {} should get {} names, got {}", open->label, open->expected,
                    open->names);
  }
  UPNEXT_RETURN_IF_ERROR(open->ends.WriteTo(*dictionaries, open->label + ".offsets"));
  UPNEXT_RETURN_IF_ERROR(
      open->bytes.WriteTo(*dictionaries, open->label + ".bytes", ElementType::kU8));
  UPNEXT_RETURN_IF_ERROR(dictionaries->Add(open->label + ".slots", open->slots));
  open.reset();
  return Ok();
}

Status LogWriter::Rep::CloseDictionaries() {
  if (!dictionaries) return Ok();
  UPNEXT_RETURN_IF_ERROR(CloseDictionary());
  if (next_space != kIdSpaces) return Internal("only {} dictionaries were written", next_space);
  UPNEXT_RETURN_IF_ERROR(dictionaries->Commit());
  dictionaries.reset();
  items.emplace(folder);
  UPNEXT_RETURN_IF_ERROR(items->topic_ends.Add(0));
  UPNEXT_RETURN_IF_ERROR(items->title_ends.Add(0));
  return Committed(format::kDictionaryFile, format::kDictionaryKind);
}

Status LogWriter::AddItem(const Item& item) {
  UPNEXT_RETURN_IF_ERROR(rep_->CloseDictionaries());
  if (!rep_->items || ++rep_->items->rows > rep_->size(IdSpace::kItem) ||
      !rep_->Fits(item.channel, IdSpace::kChannel) ||
      !rep_->Fits(item.language, IdSpace::kLanguage)) {
    return Internal("an item row is out of order or bounds");
  }
  ItemColumns& items = *rep_->items;
  UPNEXT_RETURN_IF_ERROR(items.created_ms.Add(item.created_ms));
  UPNEXT_RETURN_IF_ERROR(
      items.duration_s.Add(std::isnan(item.duration_s) ? kAbsent : item.duration_s));
  UPNEXT_RETURN_IF_ERROR(items.channel.Add(item.channel));
  UPNEXT_RETURN_IF_ERROR(items.language.Add(item.language));
  UPNEXT_RETURN_IF_ERROR(items.removed.Add(item.removed ? 1 : 0));
  for (const uint32_t topic : item.topics) {
    if (topic >= rep_->size(IdSpace::kTopic)) return Internal("a topic is out of bounds");
    UPNEXT_RETURN_IF_ERROR(items.topics.Add(topic));
  }
  UPNEXT_RETURN_IF_ERROR(items.topic_ends.Add(items.topic_count += item.topics.size()));
  UPNEXT_RETURN_IF_ERROR(items.titles.Append(item.title.data(), item.title.size()));
  return items.title_ends.Add(items.title_bytes += item.title.size());
}

Status LogWriter::Rep::CloseItems() {
  UPNEXT_RETURN_IF_ERROR(CloseDictionaries());
  if (!items) return Ok();
  if (items->rows != size(IdSpace::kItem)) {
    return Internal("{} items were expected, {} written", size(IdSpace::kItem), items->rows);
  }
  UPNEXT_ASSIGN_OR_RETURN(
      SectionWriter file,
      SectionWriter::Create(folder / format::kItemsFile, format::kItemsKind, format::kVersion));
  UPNEXT_RETURN_IF_ERROR(items->created_ms.WriteTo(file));
  UPNEXT_RETURN_IF_ERROR(items->duration_s.WriteTo(file));
  UPNEXT_RETURN_IF_ERROR(items->channel.WriteTo(file));
  UPNEXT_RETURN_IF_ERROR(items->language.WriteTo(file));
  UPNEXT_RETURN_IF_ERROR(items->removed.WriteTo(file));
  if (items->topic_count > 0) {
    UPNEXT_RETURN_IF_ERROR(items->topic_ends.WriteTo(file));
    UPNEXT_RETURN_IF_ERROR(items->topics.WriteTo(file));
  }
  if (items->title_bytes > 0) {
    UPNEXT_RETURN_IF_ERROR(items->title_ends.WriteTo(file));
    UPNEXT_RETURN_IF_ERROR(items->titles.WriteTo(file, "title.bytes", ElementType::kU8));
  }
  UPNEXT_RETURN_IF_ERROR(file.Commit());
  items.reset();
  users.emplace(folder);
  return Committed(format::kItemsFile, format::kItemsKind);
}

Status LogWriter::AddUser(const User& user) {
  UPNEXT_RETURN_IF_ERROR(rep_->CloseItems());
  if (!rep_->users || ++rep_->users->rows > rep_->size(IdSpace::kUser) ||
      !rep_->Fits(user.region, IdSpace::kRegion) ||
      !rep_->Fits(user.language, IdSpace::kLanguage)) {
    return Internal("a user row is out of order or bounds");
  }
  UserColumns& users = *rep_->users;
  UPNEXT_RETURN_IF_ERROR(users.region.Add(user.region));
  UPNEXT_RETURN_IF_ERROR(users.language.Add(user.language));
  UPNEXT_RETURN_IF_ERROR(users.age.Add(std::isnan(user.age) ? kAbsent : user.age));
  UPNEXT_RETURN_IF_ERROR(users.gender.Add(std::isnan(user.gender) ? kAbsent : user.gender));
  return users.logged_in.Add(std::isnan(user.logged_in) ? kAbsent : user.logged_in);
}

// Moves on to `user`, closing shards on the way.
Status LogWriter::Rep::NextUser(uint32_t user) {
  if (row_count.empty()) {
    UPNEXT_RETURN_IF_ERROR(CloseItems());
    row_count.assign(size(IdSpace::kUser), 0);
  }
  if (user >= size(IdSpace::kUser)) return Internal("user {} is out of bounds", user);
  const uint32_t wanted = format::ShardOf(user, shards);
  if (wanted < shard || (wanted == shard && last_user != kNone && user < last_user)) {
    return Internal("events of user {} come out of order", user);
  }
  while (shard < wanted) UPNEXT_RETURN_IF_ERROR(CloseShard());
  last_user = user;
  last_time = kNoTime;
  return Ok();
}

Status LogWriter::AddEvent(uint32_t user, const Event& event) {
  if (user != rep_->last_user) UPNEXT_RETURN_IF_ERROR(rep_->NextUser(user));
  Rep& rep = *rep_;
  if (event.time_ms < rep.last_time || !rep.Fits(event.item, IdSpace::kItem) ||
      !rep.Fits(event.query, IdSpace::kQuery) || !rep.Fits(event.source, IdSpace::kSource) ||
      !rep.Fits(event.device, IdSpace::kDevice) || !rep.Fits(event.region, IdSpace::kRegion) ||
      !rep.Fits(event.seed, IdSpace::kItem) || rep.row_count[user] == kNone) {
    return Internal("an event of user {} is out of order or bounds", user);
  }
  if (const std::string_view why = WhyNotAnEvent(event); !why.empty()) {
    return InvalidArgument("an event of user {} does not fit: {}", user, why);
  }
  if (!rep.columns) rep.columns.emplace(rep.folder, rep.ids);
  UPNEXT_RETURN_IF_ERROR(rep.columns->Add(event));
  rep.last_time = event.time_ms;
  ++rep.row_count[user];
  LogStats& stats = rep.stats;
  stats.first_ms = stats.events == 0 ? event.time_ms : std::min(stats.first_ms, event.time_ms);
  stats.last_ms = stats.events == 0 ? event.time_ms : std::max(stats.last_ms, event.time_ms);
  ++stats.events;
  ++stats.by_type[static_cast<size_t>(event.type)];
  return Ok();
}

Status LogWriter::Rep::CloseShard() {
  if (!columns) columns.emplace(folder, ids);
  const std::string name = format::ShardFile(shard);
  UPNEXT_ASSIGN_OR_RETURN(
      SectionWriter file,
      SectionWriter::Create(folder / name, format::kShardKind, format::kVersion));
  UPNEXT_RETURN_IF_ERROR(columns->WriteTo(file));
  UPNEXT_RETURN_IF_ERROR(file.Commit());
  columns.reset();
  uint64_t before = 0;
  for (const uint64_t rows : shard_rows) before += rows;
  shard_rows.push_back(stats.events - before);
  ++shard;
  last_user = kNone;
  return Committed(name, format::kShardKind);
}

// The users file comes after the shards, since it says where each user's rows are; its digest still
// stands before theirs.
Status LogWriter::Rep::CloseUsers() {
  if (users->rows != size(IdSpace::kUser)) {
    return Internal("{} users were expected, {} written", size(IdSpace::kUser), users->rows);
  }
  std::vector<uint64_t> row_begin(size(IdSpace::kUser));
  row_count.resize(size(IdSpace::kUser));
  std::vector<uint64_t> cursor(shards, 0);
  for (uint32_t s = 1; s < shards; ++s) cursor[s] = cursor[s - 1] + shard_rows[s - 1];
  for (uint32_t user = 0; user < row_begin.size(); ++user) {
    uint64_t& next = cursor[format::ShardOf(user, shards)];
    row_begin[user] = next;  // users without events get an empty range at their place
    next += row_count[user];
  }
  UPNEXT_ASSIGN_OR_RETURN(
      SectionWriter file,
      SectionWriter::Create(folder / format::kUsersFile, format::kUsersKind, format::kVersion));
  UPNEXT_RETURN_IF_ERROR(users->region.WriteTo(file));
  UPNEXT_RETURN_IF_ERROR(users->language.WriteTo(file));
  UPNEXT_RETURN_IF_ERROR(users->age.WriteTo(file));
  UPNEXT_RETURN_IF_ERROR(users->gender.WriteTo(file));
  UPNEXT_RETURN_IF_ERROR(users->logged_in.WriteTo(file));
  UPNEXT_RETURN_IF_ERROR(file.Add("row_begin", row_begin));
  UPNEXT_RETURN_IF_ERROR(file.Add("row_count", row_count));
  UPNEXT_RETURN_IF_ERROR(file.Commit());
  UPNEXT_RETURN_IF_ERROR(Committed(format::kUsersFile, format::kUsersKind));
  std::rotate(digests.begin() + 2, digests.end() - 1, digests.end());
  return Ok();
}

Status LogWriter::Rep::WriteMeta() {
  UPNEXT_ASSIGN_OR_RETURN(
      SectionWriter file,
      SectionWriter::Create(folder / format::kMetaFile, format::kMetaKind, format::kVersion));
  const std::vector<uint64_t> counts = {size(IdSpace::kUser), size(IdSpace::kItem), stats.events};
  const std::vector<uint64_t> by_type(std::begin(stats.by_type), std::end(stats.by_type));
  const std::vector<int64_t> span = {stats.first_ms, stats.last_ms};
  UPNEXT_RETURN_IF_ERROR(file.Add(format::kCounts, counts));
  UPNEXT_RETURN_IF_ERROR(file.Add(format::kRows, shard_rows));
  UPNEXT_RETURN_IF_ERROR(file.Add(format::kByType, by_type));
  UPNEXT_RETURN_IF_ERROR(file.Add(format::kSpan, span));
  UPNEXT_RETURN_IF_ERROR(file.Add(format::kDigests, digests));
  return file.Commit();
}

Status LogWriter::Finish() {
  Rep& rep = *rep_;
  UPNEXT_RETURN_IF_ERROR(rep.CloseItems());
  while (rep.shard < rep.shards) UPNEXT_RETURN_IF_ERROR(rep.CloseShard());
  UPNEXT_RETURN_IF_ERROR(rep.CloseUsers());
  return rep.WriteMeta();
}

}  // namespace upnext::events
