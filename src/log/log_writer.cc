#include "log/log_writer.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "base/file.h"
#include "base/section_file.h"
#include "log/dictionary.h"
#include "log/dictionary_writer.h"
#include "log/duplicates.h"
#include "log/log_columns.h"
#include "log/log_format.h"
#include "log/log_order.h"

namespace upnext::log {
namespace {

namespace fs = std::filesystem;
using base::ElementType;
using base::SectionWriter;

// A file of a published log in another folder too: they never change, so they can be one and the
// same.
Status LinkFile(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::create_hard_link(from, to, error);
  if (error) fs::copy_file(from, to, error);
  if (error) return base::OsError(error.value(), to, "link or copy the file");
  return Ok();
}

}  // namespace

struct LogWriter::Rep {
  fs::path folder;
  uint32_t shards = 1;
  const EventLog* base = nullptr;
  bool keep_events = false;  // those of the base
  std::vector<std::vector<bool>> forgotten;
  PostedMark posted;
  int64_t same_event_ms = kSameEventMs;
  LogMeta meta;  // of the files that are there already, at first those of the base
  schema::Schema schema;
  std::vector<uint64_t> ids;  // by id space
  // Of dictionaries, items and users; of the event files.
  std::array<uint64_t, 3> digests{};
  std::vector<uint64_t> file_digests;

  std::optional<SectionWriter> dictionaries;
  std::optional<DictionaryWriter> open;
  size_t next_space = 0;
  std::optional<RowColumns> items, users;

  std::optional<DuplicateFilter> filter;
  std::optional<ShardColumns> columns;  // of shard `shard`
  uint32_t shard = 0;
  std::vector<uint32_t> row_count;  // [users], of what is added
  uint64_t shard_rows = 0;          // of shard `shard`
  uint32_t last_user = schema::kNone;
  int64_t last_time = schema::kNoTime;
  LogStats added;
  uint64_t duplicates = 0, late = 0;

  uint64_t size(schema::IdSpace space) const { return ids[static_cast<size_t>(space)]; }
  bool Fits(uint32_t id, schema::IdSpace space) const {
    return id == schema::kNone || id < size(space);
  }
  // Events of the base that this log keeps.
  uint64_t Kept(uint32_t user) const {
    return keep_events && user < base->users() ? base->end(user) - base->begin(user) : 0;
  }
  Status LinkSegments();
  Result<uint64_t> DigestOf(std::string_view file, std::string_view kind) const;
  Status CloseDictionary();
  Status CloseDictionaries();
  Status CloseItems();
  Status CloseUsers();
  Status CloseShard();
  Status CloseEvents();
  Status NextUser(uint32_t user);
  Status WriteMeta();
};

LogWriter::LogWriter() : rep_(std::make_unique<Rep>()) {}
LogWriter::LogWriter(LogWriter&&) noexcept = default;
LogWriter::~LogWriter() = default;
uint64_t LogWriter::events() const { return rep_->added.events; }
uint64_t LogWriter::duplicates() const { return rep_->duplicates; }
uint64_t LogWriter::late() const { return rep_->late; }

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
  Rep& rep = *writer.rep_;
  rep.schema = options.base == nullptr ? options.schema : options.base->schema();
  rep.ids.resize(rep.schema.id_spaces().size());
  rep.folder = directory;
  rep.shards = options.shards;
  rep.base = options.base;
  rep.forgotten = options.forgotten;
  rep.keep_events = options.base != nullptr && options.keep_events;
  if (options.base != nullptr) {
    rep.posted = options.base->posted();
    rep.same_event_ms = options.base->same_event_ms();
  }
  rep.posted = options.posted.value_or(rep.posted);
  rep.same_event_ms = options.same_event_ms.value_or(rep.same_event_ms);
  rep.filter.emplace(rep.keep_events ? options.base : nullptr, rep.same_event_ms,
                     options.adds_posted);
  if (rep.keep_events) {
    UPNEXT_RETURN_IF_ERROR(rep.LinkSegments());
  } else {
    rep.meta.shards = options.shards;
    rep.meta.segments = 0;
  }
  UPNEXT_ASSIGN_OR_RETURN(SectionWriter file,
                          SectionWriter::Create(directory / format::kDictionaryFile,
                                                format::kDictionaryKind, format::kVersion));
  rep.dictionaries.emplace(std::move(file));
  return writer;
}

// The base's event files, which were verified when it was opened.
Status LogWriter::Rep::LinkSegments() {
  UPNEXT_ASSIGN_OR_RETURN(meta, ReadMeta(base->directory() / format::kMetaFile));
  if (shards != meta.shards) {
    return InvalidArgument("{}: has {} shards, so what is added needs as many, not {}",
                           base->directory().string(), meta.shards, shards);
  }
  file_digests.assign(meta.digests.begin() + 3,
                      meta.digests.begin() + 3 + static_cast<std::ptrdiff_t>(meta.rows.size()));
  for (uint32_t segment = 0; segment < meta.segments; ++segment) {
    for (uint32_t s = 0; s < shards; ++s) {
      const std::string name = format::ShardFile(s, segment);
      UPNEXT_RETURN_IF_ERROR(LinkFile(base->directory() / name, folder / name));
    }
  }
  return Ok();
}

// The digest of a file that was committed, for the meta file.
Result<uint64_t> LogWriter::Rep::DigestOf(std::string_view file, std::string_view kind) const {
  return base::SectionFile::WrittenDigest(folder / file, kind, format::kVersion);
}

Status LogWriter::BeginDictionary(schema::IdSpace space, uint64_t names) {
  UPNEXT_RETURN_IF_ERROR(rep_->CloseDictionary());
  const size_t index = static_cast<size_t>(space);
  if (index != rep_->next_space || index >= rep_->ids.size() || !rep_->dictionaries) {
    return Internal("dictionary {} comes out of order", index);
  }
  const std::string_view label = rep_->schema.name(space);
  const Dictionary old = rep_->base != nullptr ? rep_->base->dictionary(space) : Dictionary();
  if (names >= schema::kNone - old.size()) {
    return InvalidArgument("{} distinct {}: a log holds fewer than 2^32 - 1", old.size() + names,
                           label);
  }
  rep_->ids[index] = old.size() + names;
  ++rep_->next_space;
  static const std::vector<bool> kNobody;
  const std::vector<bool>& forgotten = rep_->forgotten.empty() ? kNobody : rep_->forgotten[index];
  return rep_->open.emplace(rep_->folder).Begin(label, old, names, forgotten);
}

Status LogWriter::AddName(std::string_view name) {
  if (rep_->base != nullptr &&
      rep_->base->dictionary(static_cast<schema::IdSpace>(rep_->next_space - 1)).Find(name) !=
          schema::kNone) {
    return Internal("name '{}' is in the log's dictionary already", name);
  }
  return rep_->open->Add(name);
}

Status LogWriter::Rep::CloseDictionary() {
  if (!open) return Ok();
  UPNEXT_RETURN_IF_ERROR(open->WriteTo(*dictionaries));
  open.reset();
  return Ok();
}

Status LogWriter::Rep::CloseDictionaries() {
  if (!dictionaries) return Ok();
  UPNEXT_RETURN_IF_ERROR(CloseDictionary());
  if (next_space != ids.size()) return Internal("only {} dictionaries were written", next_space);
  if (const std::string& text = schema.Declarations(); !text.empty()) {
    UPNEXT_RETURN_IF_ERROR(dictionaries->AddText(format::kSchema, text));
  }
  UPNEXT_RETURN_IF_ERROR(dictionaries->Commit());
  dictionaries.reset();
  items.emplace(folder, schema, schema::Entity::kItem, ids);
  UPNEXT_ASSIGN_OR_RETURN(digests[0], DigestOf(format::kDictionaryFile, format::kDictionaryKind));
  return Ok();
}

Status LogWriter::AddItem(std::span<const schema::AttributeCell> cells) {
  UPNEXT_RETURN_IF_ERROR(rep_->CloseDictionaries());
  if (!rep_->items || rep_->items->attributes.rows() == rep_->size(schema::IdSpace::kItem)) {
    return Internal("an item row is out of order or bounds");
  }
  return rep_->items->attributes.Add(cells);
}

Status LogWriter::Rep::CloseItems() {
  UPNEXT_RETURN_IF_ERROR(CloseDictionaries());
  if (!items) return Ok();
  if (items->attributes.rows() != size(schema::IdSpace::kItem)) {
    return Internal("{} items were expected, {} written", size(schema::IdSpace::kItem),
                    items->attributes.rows());
  }
  UPNEXT_ASSIGN_OR_RETURN(
      SectionWriter file,
      SectionWriter::Create(folder / format::kItemsFile, format::kItemsKind, format::kVersion));
  UPNEXT_RETURN_IF_ERROR(items->WriteTo(file));
  UPNEXT_RETURN_IF_ERROR(file.Commit());
  items.reset();
  users.emplace(folder, schema, schema::Entity::kUser, ids);
  UPNEXT_ASSIGN_OR_RETURN(digests[1], DigestOf(format::kItemsFile, format::kItemsKind));
  return Ok();
}

Status LogWriter::AddUser(std::span<const schema::AttributeCell> cells) {
  UPNEXT_RETURN_IF_ERROR(rep_->CloseItems());
  if (!rep_->users || rep_->users->attributes.rows() == rep_->size(schema::IdSpace::kUser)) {
    return Internal("a user row is out of order or bounds");
  }
  return rep_->users->attributes.Add(cells);
}

Status LogWriter::AddGone(schema::Entity entity) {
  std::vector<schema::AttributeCell> cells(rep_->schema.attributes(entity).size());
  const bool item = entity == schema::Entity::kItem;
  if (item) cells[schema::item_attribute::kRemoved].value.number = 1;
  UPNEXT_RETURN_IF_ERROR(item ? AddItem(cells) : AddUser(cells));
  RowColumns& rows = item ? *rep_->items : *rep_->users;
  rows.gone.push_back(static_cast<uint32_t>(rows.attributes.rows() - 1));
  return Ok();
}

// Moves on to `user`, closing shards on the way.
Status LogWriter::Rep::NextUser(uint32_t user) {
  if (row_count.empty()) {
    UPNEXT_RETURN_IF_ERROR(CloseItems());
    row_count.assign(size(schema::IdSpace::kUser), 0);
  }
  if (user >= size(schema::IdSpace::kUser)) return Internal("user {} is out of bounds", user);
  const uint32_t wanted = format::ShardOf(user, shards);
  if (wanted < shard || (wanted == shard && last_user != schema::kNone && user < last_user)) {
    return Internal("events of user {} come out of order", user);
  }
  while (shard < wanted) UPNEXT_RETURN_IF_ERROR(CloseShard());
  last_user = user;
  last_time = schema::kNoTime;
  return Ok();
}

Status LogWriter::AddEvent(uint32_t user, const schema::Event& event,
                           std::span<const schema::AttributeValue> attributes) {
  if (user != rep_->last_user) UPNEXT_RETURN_IF_ERROR(rep_->NextUser(user));
  Rep& rep = *rep_;
  if (event.time_ms < rep.last_time || !rep.Fits(event.item, schema::IdSpace::kItem) ||
      !rep.Fits(event.query, schema::IdSpace::kQuery) ||
      !rep.Fits(event.source, schema::IdSpace::kSource) ||
      !rep.Fits(event.device, schema::IdSpace::kDevice) ||
      !rep.Fits(event.region, schema::IdSpace::kRegion) ||
      !rep.Fits(event.current_item, schema::IdSpace::kItem) ||
      rep.Kept(user) + rep.row_count[user] >= schema::kNone) {
    return Internal("an event of user {} is out of order or bounds", user);
  }
  if (const std::string_view why = rep.schema.WhyNotAnEvent(event); !why.empty()) {
    return InvalidArgument("an event of user {} does not fit: {}", user, why);
  }
  rep.last_time = event.time_ms;
  if (rep.filter->Seen(user, event, attributes)) {
    ++rep.duplicates;
    return Ok();
  }
  rep.late += rep.filter->late() ? 1 : 0;
  if (!rep.columns) rep.columns.emplace(rep.folder, rep.schema, rep.ids);
  UPNEXT_RETURN_IF_ERROR(rep.columns->Add(event, attributes));
  ++rep.row_count[user];
  ++rep.shard_rows;
  rep.added.Count(event);
  return Ok();
}

Status LogWriter::Rep::CloseShard() {
  if (meta.segments == format::kMaxSegments) {
    return ResourceExhausted("{}: has {} segments already; run `upnext import --compact` first",
                             base->directory().string(), meta.segments);
  }
  if (!columns) columns.emplace(folder, schema, ids);
  const std::string name = format::ShardFile(shard, meta.segments);
  UPNEXT_ASSIGN_OR_RETURN(
      SectionWriter file,
      SectionWriter::Create(folder / name, format::kShardKind, format::kVersion));
  UPNEXT_RETURN_IF_ERROR(columns->WriteTo(file));
  UPNEXT_RETURN_IF_ERROR(file.Commit());
  columns.reset();
  meta.rows.push_back(shard_rows);
  shard_rows = 0;
  ++shard;
  last_user = schema::kNone;
  UPNEXT_ASSIGN_OR_RETURN(const uint64_t digest, DigestOf(name, format::kShardKind));
  file_digests.push_back(digest);
  return Ok();
}

// The rest of the segment, and the order of several. Nothing added to what is kept is no segment.
Status LogWriter::Rep::CloseEvents() {
  row_count.resize(size(schema::IdSpace::kUser));
  if (!keep_events || added.events > 0) {
    while (shard < shards) UPNEXT_RETURN_IF_ERROR(CloseShard());
    ++meta.segments;
    meta.stats += added;
    if (keep_events) UPNEXT_RETURN_IF_ERROR(WriteOrder(folder, *base, meta, row_count));
  } else if (meta.has_order()) {
    UPNEXT_RETURN_IF_ERROR(
        LinkFile(base->directory() / format::kOrderFile, folder / format::kOrderFile));
  }
  if (meta.has_order()) {
    UPNEXT_ASSIGN_OR_RETURN(const uint64_t digest,
                            DigestOf(format::kOrderFile, format::kOrderKind));
    file_digests.push_back(digest);
  }
  return Ok();
}

// The users file comes after the events, since it says where each user's rows are.
Status LogWriter::Rep::CloseUsers() {
  if (users->attributes.rows() != size(schema::IdSpace::kUser)) {
    return Internal("{} users were expected, {} written", size(schema::IdSpace::kUser),
                    users->attributes.rows());
  }
  std::vector<uint64_t> row_begin(size(schema::IdSpace::kUser));
  for (uint32_t user = 0; user < row_count.size(); ++user) {
    row_count[user] += static_cast<uint32_t>(Kept(user));
  }
  std::vector<uint64_t> cursor(shards + size_t{1}, 0);
  for (size_t i = 0; i < meta.rows.size(); ++i) cursor[i % shards + 1] += meta.rows[i];
  for (uint32_t s = 1; s < shards; ++s) cursor[s] += cursor[s - 1];
  for (uint32_t user = 0; user < row_begin.size(); ++user) {
    uint64_t& next = cursor[format::ShardOf(user, shards)];
    row_begin[user] = next;  // users without events get an empty range at their place
    next += row_count[user];
  }
  UPNEXT_ASSIGN_OR_RETURN(
      SectionWriter file,
      SectionWriter::Create(folder / format::kUsersFile, format::kUsersKind, format::kVersion));
  UPNEXT_RETURN_IF_ERROR(users->WriteTo(file));
  UPNEXT_RETURN_IF_ERROR(file.Add("row_begin", row_begin));
  UPNEXT_RETURN_IF_ERROR(file.Add("row_count", row_count));
  UPNEXT_RETURN_IF_ERROR(file.Commit());
  UPNEXT_ASSIGN_OR_RETURN(digests[2], DigestOf(format::kUsersFile, format::kUsersKind));
  return Ok();
}

Status LogWriter::Rep::WriteMeta() {
  UPNEXT_ASSIGN_OR_RETURN(
      SectionWriter file,
      SectionWriter::Create(folder / format::kMetaFile, format::kMetaKind, format::kVersion));
  const LogStats& stats = meta.stats;
  const std::vector<uint64_t> counts = {size(schema::IdSpace::kUser), size(schema::IdSpace::kItem),
                                        stats.events};
  const auto types = static_cast<std::ptrdiff_t>(schema.event_types().size());
  const std::vector<uint64_t> by_type(stats.by_type.begin(), stats.by_type.begin() + types + 1);
  const std::vector<int64_t> span = {stats.first_ms, stats.last_ms};
  std::vector<uint64_t> all_digests(digests.begin(), digests.end());
  all_digests.insert(all_digests.end(), file_digests.begin(), file_digests.end());
  std::vector<uint64_t> ancestors;
  if (base != nullptr) ancestors.assign(base->lineage().begin(), base->lineage().end());
  // Names that stayed the same are the same dictionaries.
  if (!ancestors.empty() && ancestors.back() == digests[0]) ancestors.pop_back();
  UPNEXT_RETURN_IF_ERROR(file.Add(format::kCounts, counts));
  UPNEXT_RETURN_IF_ERROR(file.Add(format::kRows, meta.rows));
  UPNEXT_RETURN_IF_ERROR(file.Add(format::kByType, by_type));
  UPNEXT_RETURN_IF_ERROR(file.Add(format::kSpan, span));
  UPNEXT_RETURN_IF_ERROR(file.Add(format::kDigests, all_digests));
  if (meta.segments > 1) {
    UPNEXT_RETURN_IF_ERROR(file.Add(format::kSegments, std::vector<uint64_t>{meta.segments}));
  }
  if (!ancestors.empty()) UPNEXT_RETURN_IF_ERROR(file.Add(format::kAncestors, ancestors));
  UPNEXT_RETURN_IF_ERROR(file.Add(
      format::kPosted,
      std::vector<uint64_t>{posted.store, posted.through, static_cast<uint64_t>(same_event_ms),
                            stats.posted, stats.with_id, posted.forgotten}));
  return file.Commit();
}

Status LogWriter::Finish() {
  Rep& rep = *rep_;
  UPNEXT_RETURN_IF_ERROR(rep.CloseItems());
  UPNEXT_RETURN_IF_ERROR(rep.CloseEvents());
  UPNEXT_RETURN_IF_ERROR(rep.CloseUsers());
  return rep.WriteMeta();
}

}  // namespace upnext::log
