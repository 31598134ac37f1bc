#include "log/log_reader.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "log/log_format.h"

namespace upnext::log {
namespace {

using base::SectionFile;

uint64_t Count(const IdCounts& ids, schema::IdSpace space) {
  return ids[static_cast<size_t>(space)];
}

// A column that may be left out of the file: then the span is empty.
template <typename T>
Result<std::span<const T>> Optional(const SectionFile& file, std::string_view name, uint64_t rows) {
  if (!file.Has(name)) return std::span<const T>();
  return file.Get<T>(name, rows);
}

template <typename T>
T ValueOr(std::span<const T> column, uint64_t row, T fallback) {
  return column.empty() ? fallback : column[row];
}

// Flags are stored as 0 or 1.
Result<std::span<const uint8_t>> OptionalFlags(const SectionFile& file, std::string_view name,
                                               uint64_t rows) {
  UPNEXT_ASSIGN_OR_RETURN(std::span<const uint8_t> flags, Optional<uint8_t>(file, name, rows));
  if (std::ranges::any_of(flags, [](uint8_t flag) { return flag > 1; })) {
    return DataLoss("{}: {} should be 0 or 1 everywhere", file.path().string(), name);
  }
  return flags;
}

// The numbers of items or users that are gone, of `size`.
Result<std::span<const uint32_t>> ReadGone(const SectionFile& file, uint64_t size) {
  if (!file.Has(format::kGone)) return std::span<const uint32_t>();
  UPNEXT_ASSIGN_OR_RETURN(const auto gone, file.Get<uint32_t>(format::kGone));
  if (gone.empty() || gone.back() >= size ||
      std::ranges::adjacent_find(gone, std::greater_equal()) != gone.end()) {
    return DataLoss("{}: {} should be numbers below {} in ascending order", file.path().string(),
                    format::kGone, size);
  }
  return gone;
}

}  // namespace

Result<LogMeta> ReadMeta(const std::filesystem::path& path) {
  UPNEXT_ASSIGN_OR_RETURN(const SectionFile file,
                          SectionFile::Open(path, format::kMetaKind, format::kVersion,
                                            "the log is of another version of upnext: run "
                                            "`upnext import`, if there is no newer log yet, and "
                                            "then `upnext train`"));
  UPNEXT_ASSIGN_OR_RETURN(const auto counts, file.Get<uint64_t>(format::kCounts, 3));
  UPNEXT_ASSIGN_OR_RETURN(const auto rows, file.Get<uint64_t>(format::kRows));
  UPNEXT_ASSIGN_OR_RETURN(const auto by_type, file.Get<uint64_t>(format::kByType));
  UPNEXT_ASSIGN_OR_RETURN(const auto span, file.Get<int64_t>(format::kSpan, 2));
  UPNEXT_ASSIGN_OR_RETURN(const auto digests, file.Get<uint64_t>(format::kDigests));
  UPNEXT_ASSIGN_OR_RETURN(const auto posted, file.Get<uint64_t>(format::kPosted, 6));
  UPNEXT_ASSIGN_OR_RETURN(const auto segments, Optional<uint64_t>(file, format::kSegments, 1));
  LogMeta meta;
  const uint64_t parts = segments.empty() ? 1 : segments[0];
  uint64_t total = 0;
  bool overflow = false;
  for (const uint64_t n : rows) overflow |= __builtin_add_overflow(total, n, &total);
  if (counts[0] >= schema::kNone || counts[1] >= schema::kNone || rows.empty() || parts < 1 ||
      parts > format::kMaxSegments || rows.size() % parts != 0 ||
      rows.size() / parts > format::kMaxShards || overflow || total != counts[2] ||
      digests.size() != 3 + rows.size() + (parts > 1 ? 1 : 0) ||
      by_type.size() > meta.stats.by_type.size() ||
      (posted[0] == 0 && (posted[1] != 0 || posted[5] != 0)) ||
      posted[2] > static_cast<uint64_t>(kMaxSameEventMs)) {
    return DataLoss("{}: its counts contradict each other", path.string());
  }
  meta.segments = static_cast<uint32_t>(parts);
  meta.shards = static_cast<uint32_t>(rows.size() / parts);
  meta.digest = file.digest();
  if (file.Has(format::kAncestors)) {
    UPNEXT_ASSIGN_OR_RETURN(const auto ancestors, file.Get<uint64_t>(format::kAncestors));
    meta.ancestors.assign(ancestors.begin(), ancestors.end());
  }
  meta.posted = {.store = posted[0], .through = posted[1], .forgotten = posted[5]};
  meta.same_event_ms = static_cast<int64_t>(posted[2]);
  meta.stats.posted = posted[3];
  meta.stats.with_id = posted[4];
  meta.users = static_cast<uint32_t>(counts[0]);
  meta.items = static_cast<uint32_t>(counts[1]);
  meta.stats.events = total;
  std::ranges::copy(by_type, meta.stats.by_type.begin());
  meta.stats.first_ms = span[0];
  meta.stats.last_ms = span[1];
  meta.rows.assign(rows.begin(), rows.end());
  meta.digests.assign(digests.begin(), digests.end());
  return meta;
}

Result<uint32_t> CountGone(const std::filesystem::path& directory, schema::Entity entity,
                           std::span<const uint32_t> before) {
  const bool items = entity == schema::Entity::kItem;
  UPNEXT_ASSIGN_OR_RETURN(
      const SectionFile file,
      SectionFile::Open(directory / (items ? format::kItemsFile : format::kUsersFile),
                        items ? format::kItemsKind : format::kUsersKind, format::kVersion));
  UPNEXT_ASSIGN_OR_RETURN(const auto gone, ReadGone(file, schema::kNone));
  return static_cast<uint32_t>(std::ranges::count_if(
      gone, [&](uint32_t id) { return !std::ranges::binary_search(before, id); }));
}

Result<schema::Schema> ReadSchema(const SectionFile& dictionaries) {
  if (!dictionaries.Has(format::kSchema)) return schema::Schema();
  UPNEXT_ASSIGN_OR_RETURN(const std::string_view text, dictionaries.GetText(format::kSchema));
  Result<schema::Schema> schema = schema::Schema::Parse(text);
  if (schema) return schema;
  return DataLoss("{}: section {}: {}", dictionaries.path().string(), format::kSchema,
                  schema.error().message);
}

Result<ItemReader> ItemReader::Open(FilePtr file, const schema::Schema& schema,
                                    const IdCounts& ids) {
  ItemReader reader;
  reader.size_ = static_cast<uint32_t>(Count(ids, schema::IdSpace::kItem));
  UPNEXT_ASSIGN_OR_RETURN(reader.attributes_,
                          OpenAttributes(*file, schema, schema::Entity::kItem, ids, reader.size_));
  using namespace schema::item_attribute;
  reader.created_ms_ = reader.attributes_[kCreated].times();
  reader.duration_s_ = reader.attributes_[kDuration].numbers();
  reader.channel_ = reader.attributes_[kChannel].ids();
  reader.language_ = reader.attributes_[kLanguage].ids();
  reader.removed_ = reader.attributes_[kRemoved].flags();
  reader.topics_ = reader.attributes_[kTopics];
  reader.titles_ = reader.attributes_[kTitle];
  UPNEXT_ASSIGN_OR_RETURN(reader.gone_, ReadGone(*file, reader.size_));
  for (const uint32_t item : reader.gone_) {
    if (reader.removed_ != nullptr && reader.removed_[item] == 1) continue;
    return DataLoss("{}: item {} is gone, so it should be removed", file->path().string(), item);
  }
  reader.file_ = std::move(file);
  return reader;
}

schema::Item ItemReader::item(uint32_t item) const {
  schema::Item result;
  if (created_ms_ != nullptr) result.created_ms = created_ms_[item];
  if (duration_s_ != nullptr) result.duration_s = duration_s_[item];
  if (channel_ != nullptr) result.channel = channel_[item];
  if (language_ != nullptr) result.language = language_[item];
  if (removed_ != nullptr) result.removed = removed_[item] != 0;
  result.topics = topics_.categories(item);
  result.title = titles_.text(item);
  return result;
}

Result<UserReader> UserReader::Open(FilePtr file, const schema::Schema& schema,
                                    const IdCounts& ids) {
  UserReader reader;
  const uint64_t n = Count(ids, schema::IdSpace::kUser);
  reader.size_ = static_cast<uint32_t>(n);
  UPNEXT_ASSIGN_OR_RETURN(reader.attributes_,
                          OpenAttributes(*file, schema, schema::Entity::kUser, ids, n));
  using namespace schema::user_attribute;
  reader.region_ = reader.attributes_[kRegion].ids();
  reader.language_ = reader.attributes_[kLanguage].ids();
  reader.age_ = reader.attributes_[kAge].numbers();
  reader.gender_ = reader.attributes_[kGender].numbers();
  reader.logged_in_ = reader.attributes_[kLoggedIn].numbers();
  UPNEXT_ASSIGN_OR_RETURN(reader.row_begin_, file->Get<uint64_t>("row_begin", n));
  UPNEXT_ASSIGN_OR_RETURN(reader.row_count_, file->Get<uint32_t>("row_count", n));
  UPNEXT_ASSIGN_OR_RETURN(reader.gone_, ReadGone(*file, n));
  for (const uint32_t user : reader.gone_) {
    if (reader.row_count_[user] == 0) continue;
    return DataLoss("{}: user {} is gone, so it should have no events", file->path().string(),
                    user);
  }
  reader.file_ = std::move(file);
  return reader;
}

schema::User UserReader::user(uint32_t user) const {
  schema::User result;
  if (region_ != nullptr) result.region = region_[user];
  if (language_ != nullptr) result.language = language_[user];
  if (age_ != nullptr) result.age = age_[user];
  if (gender_ != nullptr) result.gender = gender_[user];
  if (logged_in_ != nullptr) result.logged_in = logged_in_[user];
  return result;
}

Result<ShardReader> ShardReader::Open(FilePtr file, const schema::Schema& schema,
                                      const IdCounts& ids, uint64_t rows, LogStats& stats) {
  ShardReader reader;
  const auto id_column = [&](std::string_view name, schema::IdSpace space) {
    return IdView::Get(*file, name, Count(ids, space), rows, /*narrow=*/true);
  };
  UPNEXT_ASSIGN_OR_RETURN(reader.time_ms_, file->Get<int64_t>("time_ms", rows));
  UPNEXT_ASSIGN_OR_RETURN(reader.type_, file->Get<uint8_t>("type", rows));
  UPNEXT_ASSIGN_OR_RETURN(reader.item_, id_column("item", schema::IdSpace::kItem));
  UPNEXT_ASSIGN_OR_RETURN(reader.value_, Optional<float>(*file, "value", rows));
  UPNEXT_ASSIGN_OR_RETURN(reader.query_, id_column("query", schema::IdSpace::kQuery));
  UPNEXT_ASSIGN_OR_RETURN(reader.request_, Optional<uint64_t>(*file, "request", rows));
  UPNEXT_ASSIGN_OR_RETURN(reader.position_, Optional<uint16_t>(*file, "position", rows));
  UPNEXT_ASSIGN_OR_RETURN(reader.source_, id_column("source", schema::IdSpace::kSource));
  UPNEXT_ASSIGN_OR_RETURN(reader.source_score_, Optional<float>(*file, "source_score", rows));
  UPNEXT_ASSIGN_OR_RETURN(reader.propensity_, Optional<float>(*file, "propensity", rows));
  UPNEXT_ASSIGN_OR_RETURN(reader.device_, id_column("device", schema::IdSpace::kDevice));
  UPNEXT_ASSIGN_OR_RETURN(reader.region_, id_column("region", schema::IdSpace::kRegion));
  UPNEXT_ASSIGN_OR_RETURN(reader.current_item_, id_column("current_item", schema::IdSpace::kItem));
  UPNEXT_ASSIGN_OR_RETURN(reader.off_site_, OptionalFlags(*file, "off_site", rows));
  UPNEXT_ASSIGN_OR_RETURN(reader.posted_, OptionalFlags(*file, "posted", rows));
  UPNEXT_ASSIGN_OR_RETURN(reader.id_, Optional<uint64_t>(*file, "id", rows));
  UPNEXT_ASSIGN_OR_RETURN(reader.attributes_,
                          OpenAttributes(*file, schema, schema::Entity::kRequest, ids, rows));
  for (uint64_t row = 0; row < rows; ++row) {
    const schema::Event event = reader.event(row);
    if (const std::string_view why = schema.WhyNotAnEvent(event); !why.empty()) {
      return DataLoss("{}: row {} is no event: {}", file->path().string(), row, why);
    }
    stats.Count(event);
  }
  reader.file_ = std::move(file);
  return reader;
}

schema::Event ShardReader::event(uint64_t row) const {
  schema::Event event;
  event.time_ms = time_ms_[row];
  event.type = static_cast<schema::EventType>(type_[row]);
  event.item = item_[row];
  event.value = ValueOr(value_, row, schema::kAbsent);
  event.query = query_[row];
  event.request = ValueOr<uint64_t>(request_, row, 0);
  event.position = ValueOr<uint16_t>(position_, row, 0);
  event.source = source_[row];
  event.source_score = ValueOr(source_score_, row, schema::kAbsent);
  event.propensity = ValueOr(propensity_, row, schema::kAbsent);
  event.device = device_[row];
  event.region = region_[row];
  event.current_item = current_item_[row];
  event.off_site = ValueOr<uint8_t>(off_site_, row, 0) != 0;
  event.posted = ValueOr<uint8_t>(posted_, row, 0) != 0;
  event.id = id(row);
  return event;
}

}  // namespace upnext::log
