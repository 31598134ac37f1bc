#include "log/log_reader.h"

#include <algorithm>
#include <cmath>

#include "log/log_format.h"
#include "log/log_writer.h"

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

// As Optional, for ids: each below `bound` or kNone.
Result<std::span<const uint32_t>> OptionalIds(const SectionFile& file, std::string_view name,
                                              uint64_t rows, uint64_t bound) {
  UPNEXT_ASSIGN_OR_RETURN(std::span<const uint32_t> ids, Optional<uint32_t>(file, name, rows));
  for (size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] >= bound && ids[i] != schema::kNone) {
      return DataLoss("{}: {} of row {} is {}, there are {}", file.path().string(), name, i, ids[i],
                      bound);
    }
  }
  return ids;
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

}  // namespace

Result<LogMeta> ReadMeta(const std::filesystem::path& path) {
  UPNEXT_ASSIGN_OR_RETURN(const SectionFile file,
                          SectionFile::Open(path, format::kMetaKind, format::kVersion));
  UPNEXT_ASSIGN_OR_RETURN(const auto counts, file.Get<uint64_t>(format::kCounts, 3));
  UPNEXT_ASSIGN_OR_RETURN(const auto rows, file.Get<uint64_t>(format::kRows));
  UPNEXT_ASSIGN_OR_RETURN(const auto by_type, file.Get<uint64_t>(format::kByType));
  UPNEXT_ASSIGN_OR_RETURN(const auto span, file.Get<int64_t>(format::kSpan, 2));
  UPNEXT_ASSIGN_OR_RETURN(const auto digests, file.Get<uint64_t>(format::kDigests));
  UPNEXT_ASSIGN_OR_RETURN(const auto segments, Optional<uint64_t>(file, format::kSegments, 1));
  const uint64_t parts = segments.empty() ? 1 : segments[0];
  uint64_t total = 0;
  bool overflow = false;
  for (const uint64_t n : rows) overflow |= __builtin_add_overflow(total, n, &total);
  if (counts[0] >= schema::kNone || counts[1] >= schema::kNone || rows.empty() || parts < 1 ||
      parts > format::kMaxSegments || rows.size() % parts != 0 ||
      rows.size() / parts > format::kMaxShards || overflow || total != counts[2] ||
      digests.size() != 3 + rows.size() + (parts > 1 ? 1 : 0) ||
      by_type.size() > schema::kEventTypes) {
    return DataLoss("{}: its counts contradict each other", path.string());
  }
  LogMeta meta;
  meta.segments = static_cast<uint32_t>(parts);
  meta.shards = static_cast<uint32_t>(rows.size() / parts);
  meta.digest = file.digest();
  if (file.Has(format::kAncestors)) {
    UPNEXT_ASSIGN_OR_RETURN(const auto ancestors, file.Get<uint64_t>(format::kAncestors));
    meta.ancestors.assign(ancestors.begin(), ancestors.end());
  }
  meta.users = static_cast<uint32_t>(counts[0]);
  meta.items = static_cast<uint32_t>(counts[1]);
  meta.stats.events = total;
  std::ranges::copy(by_type, meta.stats.by_type);
  meta.stats.first_ms = span[0];
  meta.stats.last_ms = span[1];
  meta.rows.assign(rows.begin(), rows.end());
  meta.digests.assign(digests.begin(), digests.end());
  return meta;
}

Result<IdView> IdView::Get(const SectionFile& file, std::string_view name, uint64_t ids,
                           uint64_t rows) {
  IdView view;
  const auto section = std::ranges::find(file.sections(), name, &SectionFile::Section::name);
  if (section == file.sections().end()) return view;
  if (section->type == base::ElementType::kU8) {
    UPNEXT_ASSIGN_OR_RETURN(const auto column, file.Get<uint8_t>(name, rows));
    view.narrow_ = column.data();
  } else if (section->type == base::ElementType::kU16) {
    UPNEXT_ASSIGN_OR_RETURN(const auto column, file.Get<uint16_t>(name, rows));
    view.middle_ = column.data();
  } else {
    UPNEXT_ASSIGN_OR_RETURN(const auto column, file.Get<uint32_t>(name, rows));
    view.wide_ = column.data();
  }
  for (uint64_t row = 0; row < rows; ++row) {
    if (const uint32_t id = view[row]; id >= ids && id != schema::kNone) {
      return DataLoss("{}: {} of row {} is {}, there are {}", file.path().string(), name, row, id,
                      ids);
    }
  }
  return view;
}

Result<ItemReader> ItemReader::Open(FilePtr file, const IdCounts& ids) {
  ItemReader reader;
  const uint64_t n = Count(ids, schema::IdSpace::kItem);
  reader.size_ = static_cast<uint32_t>(n);
  UPNEXT_ASSIGN_OR_RETURN(reader.created_ms_, Optional<int64_t>(*file, "created_ms", n));
  UPNEXT_ASSIGN_OR_RETURN(reader.duration_s_, Optional<float>(*file, "duration_s", n));
  if (std::ranges::any_of(reader.duration_s_, [](float d) { return d < 0 || std::isinf(d); })) {
    return DataLoss("{}: a duration is negative or infinite", file->path().string());
  }
  UPNEXT_ASSIGN_OR_RETURN(reader.channel_,
                          OptionalIds(*file, "channel", n, Count(ids, schema::IdSpace::kChannel)));
  UPNEXT_ASSIGN_OR_RETURN(
      reader.language_, OptionalIds(*file, "language", n, Count(ids, schema::IdSpace::kLanguage)));
  UPNEXT_ASSIGN_OR_RETURN(reader.removed_, OptionalFlags(*file, "removed", n));
  UPNEXT_ASSIGN_OR_RETURN(reader.topic_offsets_,
                          Optional<uint64_t>(*file, "topics.offsets", n + 1));
  if (!reader.topic_offsets_.empty()) {
    UPNEXT_ASSIGN_OR_RETURN(reader.topics_, file->Get<uint32_t>("topics"));
    const uint64_t topics = Count(ids, schema::IdSpace::kTopic);
    if (reader.topic_offsets_.front() != 0 ||
        reader.topic_offsets_.back() != reader.topics_.size() ||
        !std::ranges::is_sorted(reader.topic_offsets_) ||
        std::ranges::any_of(reader.topics_, [&](uint32_t topic) { return topic >= topics; })) {
      return DataLoss("{}: the lists of topics are out of bounds", file->path().string());
    }
  }
  if (file->Has("title.offsets")) {
    UPNEXT_ASSIGN_OR_RETURN(reader.titles_, base::StringTable::Get(*file, "title"));
    if (reader.titles_.size() != n) {
      return DataLoss("{}: {} titles for {} items", file->path().string(), reader.titles_.size(),
                      n);
    }
  }
  reader.file_ = std::move(file);
  return reader;
}

schema::Item ItemReader::item(uint32_t item) const {
  schema::Item result;
  result.created_ms = ValueOr(created_ms_, item, schema::kNoTime);
  result.duration_s = ValueOr(duration_s_, item, schema::kAbsent);
  result.channel = ValueOr(channel_, item, schema::kNone);
  result.language = ValueOr(language_, item, schema::kNone);
  result.removed = ValueOr<uint8_t>(removed_, item, 0) != 0;
  if (!topic_offsets_.empty()) {
    result.topics =
        topics_.subspan(topic_offsets_[item], topic_offsets_[item + 1] - topic_offsets_[item]);
  }
  if (titles_.size() > 0) result.title = titles_[item];
  return result;
}

Result<UserReader> UserReader::Open(FilePtr file, const IdCounts& ids) {
  UserReader reader;
  const uint64_t n = Count(ids, schema::IdSpace::kUser);
  reader.size_ = static_cast<uint32_t>(n);
  UPNEXT_ASSIGN_OR_RETURN(reader.region_,
                          OptionalIds(*file, "region", n, Count(ids, schema::IdSpace::kRegion)));
  UPNEXT_ASSIGN_OR_RETURN(
      reader.language_, OptionalIds(*file, "language", n, Count(ids, schema::IdSpace::kLanguage)));
  UPNEXT_ASSIGN_OR_RETURN(reader.age_, Optional<float>(*file, "age", n));
  UPNEXT_ASSIGN_OR_RETURN(reader.gender_, Optional<float>(*file, "gender", n));
  UPNEXT_ASSIGN_OR_RETURN(reader.logged_in_, Optional<float>(*file, "logged_in", n));
  const auto outside = [](std::span<const float> column, float bound) {
    return std::ranges::any_of(column, [&](float v) { return v < 0 || v > bound; });
  };
  if (outside(reader.age_, format::kMaxAge) || outside(reader.gender_, 1) ||
      outside(reader.logged_in_, 1)) {
    return DataLoss("{}: an age, gender or login is out of range", file->path().string());
  }
  UPNEXT_ASSIGN_OR_RETURN(reader.row_begin_, file->Get<uint64_t>("row_begin", n));
  UPNEXT_ASSIGN_OR_RETURN(reader.row_count_, file->Get<uint32_t>("row_count", n));
  reader.file_ = std::move(file);
  return reader;
}

schema::User UserReader::user(uint32_t user) const {
  schema::User result;
  result.region = ValueOr(region_, user, schema::kNone);
  result.language = ValueOr(language_, user, schema::kNone);
  result.age = ValueOr(age_, user, schema::kAbsent);
  result.gender = ValueOr(gender_, user, schema::kAbsent);
  result.logged_in = ValueOr(logged_in_, user, schema::kAbsent);
  return result;
}

Result<ShardReader> ShardReader::Open(FilePtr file, const IdCounts& ids, uint64_t rows,
                                      LogStats& stats) {
  ShardReader reader;
  const auto id_column = [&](std::string_view name, schema::IdSpace space) {
    return IdView::Get(*file, name, Count(ids, space), rows);
  };
  UPNEXT_ASSIGN_OR_RETURN(reader.time_ms_, file->Get<int64_t>("time_ms", rows));
  UPNEXT_ASSIGN_OR_RETURN(reader.type_, file->Get<uint8_t>("type", rows));
  UPNEXT_ASSIGN_OR_RETURN(reader.item_, id_column("item", schema::IdSpace::kItem));
  UPNEXT_ASSIGN_OR_RETURN(reader.value_, Optional<float>(*file, "value", rows));
  UPNEXT_ASSIGN_OR_RETURN(reader.query_, id_column("query", schema::IdSpace::kQuery));
  UPNEXT_ASSIGN_OR_RETURN(reader.request_, Optional<uint64_t>(*file, "request", rows));
  UPNEXT_ASSIGN_OR_RETURN(reader.position_, Optional<uint16_t>(*file, "position", rows));
  UPNEXT_ASSIGN_OR_RETURN(reader.source_, id_column("source", schema::IdSpace::kSource));
  UPNEXT_ASSIGN_OR_RETURN(reader.propensity_, Optional<float>(*file, "propensity", rows));
  UPNEXT_ASSIGN_OR_RETURN(reader.device_, id_column("device", schema::IdSpace::kDevice));
  UPNEXT_ASSIGN_OR_RETURN(reader.region_, id_column("region", schema::IdSpace::kRegion));
  UPNEXT_ASSIGN_OR_RETURN(reader.current_item_, id_column("current_item", schema::IdSpace::kItem));
  UPNEXT_ASSIGN_OR_RETURN(reader.off_site_, OptionalFlags(*file, "off_site", rows));
  for (uint64_t row = 0; row < rows; ++row) {
    const schema::Event event = reader.event(row);
    if (const std::string_view why = schema::WhyNotAnEvent(event); !why.empty()) {
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
  event.propensity = ValueOr(propensity_, row, schema::kAbsent);
  event.device = device_[row];
  event.region = region_[row];
  event.current_item = current_item_[row];
  event.off_site = ValueOr<uint8_t>(off_site_, row, 0) != 0;
  return event;
}

}  // namespace upnext::log
