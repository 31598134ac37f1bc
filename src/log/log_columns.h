// The columns that a LogWriter fills, one struct a kind of file. Only log_writer.cc includes it.
#ifndef UPNEXT_LOG_LOG_COLUMNS_H_
#define UPNEXT_LOG_LOG_COLUMNS_H_

#include <array>
#include <cmath>
#include <cstdint>
#include <filesystem>

#include "base/section_file.h"
#include "base/status.h"
#include "log/column.h"
#include "log/log_format.h"
#include "schema/event.h"

namespace upnext::log {

// The columns of one shard.
struct ShardColumns {
  ShardColumns(const std::filesystem::path& folder,
               const std::array<uint64_t, schema::kIdSpaces>& ids)
      : time_ms(folder, "time_ms", 0, true),
        type(folder, "type", 0, true),
        item(folder, "item", Width(ids, schema::IdSpace::kItem)),
        value(folder, "value", schema::kAbsent),
        query(folder, "query", Width(ids, schema::IdSpace::kQuery)),
        request(folder, "request", 0),
        position(folder, "position", 0),
        source(folder, "source", Width(ids, schema::IdSpace::kSource)),
        propensity(folder, "propensity", schema::kAbsent),
        device(folder, "device", Width(ids, schema::IdSpace::kDevice)),
        region(folder, "region", Width(ids, schema::IdSpace::kRegion)),
        current_item(folder, "current_item", Width(ids, schema::IdSpace::kItem)),
        off_site(folder, "off_site", 0) {}

  Status Add(const schema::Event& event) {
    UPNEXT_RETURN_IF_ERROR(time_ms.Add(event.time_ms));
    UPNEXT_RETURN_IF_ERROR(type.Add(static_cast<uint8_t>(event.type)));
    UPNEXT_RETURN_IF_ERROR(item.Add(event.item));
    UPNEXT_RETURN_IF_ERROR(value.Add(std::isnan(event.value) ? schema::kAbsent : event.value));
    UPNEXT_RETURN_IF_ERROR(query.Add(event.query));
    UPNEXT_RETURN_IF_ERROR(request.Add(event.request));
    UPNEXT_RETURN_IF_ERROR(position.Add(event.position));
    UPNEXT_RETURN_IF_ERROR(source.Add(event.source));
    UPNEXT_RETURN_IF_ERROR(
        propensity.Add(std::isnan(event.propensity) ? schema::kAbsent : event.propensity));
    UPNEXT_RETURN_IF_ERROR(device.Add(event.device));
    UPNEXT_RETURN_IF_ERROR(region.Add(event.region));
    UPNEXT_RETURN_IF_ERROR(current_item.Add(event.current_item));
    return off_site.Add(event.off_site ? 1 : 0);
  }
  Status WriteTo(base::SectionWriter& writer) {
    UPNEXT_RETURN_IF_ERROR(time_ms.WriteTo(writer));
    UPNEXT_RETURN_IF_ERROR(type.WriteTo(writer));
    UPNEXT_RETURN_IF_ERROR(item.WriteTo(writer));
    UPNEXT_RETURN_IF_ERROR(value.WriteTo(writer));
    UPNEXT_RETURN_IF_ERROR(query.WriteTo(writer));
    UPNEXT_RETURN_IF_ERROR(request.WriteTo(writer));
    UPNEXT_RETURN_IF_ERROR(position.WriteTo(writer));
    UPNEXT_RETURN_IF_ERROR(source.WriteTo(writer));
    UPNEXT_RETURN_IF_ERROR(propensity.WriteTo(writer));
    UPNEXT_RETURN_IF_ERROR(device.WriteTo(writer));
    UPNEXT_RETURN_IF_ERROR(region.WriteTo(writer));
    UPNEXT_RETURN_IF_ERROR(current_item.WriteTo(writer));
    return off_site.WriteTo(writer);
  }

  static int Width(const std::array<uint64_t, schema::kIdSpaces>& ids, schema::IdSpace space) {
    return format::IdWidth(ids[static_cast<size_t>(space)]);
  }

  Column<int64_t> time_ms;
  Column<uint8_t> type;
  IdColumn item;
  Column<float> value;
  IdColumn query;
  Column<uint64_t> request;
  Column<uint16_t> position;
  IdColumn source;
  Column<float> propensity;
  IdColumn device, region, current_item;
  Column<uint8_t> off_site;
};

struct ItemColumns {
  explicit ItemColumns(const std::filesystem::path& folder)
      : created_ms(folder, "created_ms", schema::kNoTime),
        duration_s(folder, "duration_s", schema::kAbsent),
        channel(folder, "channel", schema::kNone),
        language(folder, "language", schema::kNone),
        removed(folder, "removed", 0),
        topic_ends(folder, "topics.offsets", 0, true),
        topics(folder, "topics", 0, true),
        title_ends(folder, "title.offsets", 0, true),
        titles(folder) {}
  Column<int64_t> created_ms;
  Column<float> duration_s;
  Column<uint32_t> channel, language;
  Column<uint8_t> removed;
  Column<uint64_t> topic_ends;
  Column<uint32_t> topics;
  Column<uint64_t> title_ends;
  Spool titles;
  uint64_t rows = 0, topic_count = 0, title_bytes = 0;
};

struct UserColumns {
  explicit UserColumns(const std::filesystem::path& folder)
      : region(folder, "region", schema::kNone),
        language(folder, "language", schema::kNone),
        age(folder, "age", schema::kAbsent),
        gender(folder, "gender", schema::kAbsent),
        logged_in(folder, "logged_in", schema::kAbsent) {}
  Column<uint32_t> region, language;
  Column<float> age, gender, logged_in;
  uint64_t rows = 0;
};

}  // namespace upnext::log

#endif  // UPNEXT_LOG_LOG_COLUMNS_H_
