// The columns that a LogWriter fills, a struct for each kind of file. Only log_writer.cc includes it.
#ifndef UPNEXT_LOG_LOG_COLUMNS_H_
#define UPNEXT_LOG_LOG_COLUMNS_H_

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "base/section_file.h"
#include "base/status.h"
#include "log/attribute_writer.h"
#include "log/column.h"
#include "log/log_format.h"
#include "schema/event.h"

namespace upnext::log {

// The columns of one shard: those of every event, then the declared attributes of requests.
struct ShardColumns {
  ShardColumns(const std::filesystem::path& folder, const schema::Schema& schema,
               std::span<const uint64_t> ids)
      : spill(folder),
        time_ms(spill, "time_ms", 0, true),
        type(spill, "type", 0, true),
        item(spill, "item", Width(ids, schema::IdSpace::kItem)),
        value(spill, "value", schema::kAbsent),
        query(spill, "query", Width(ids, schema::IdSpace::kQuery)),
        request(spill, "request", 0),
        position(spill, "position", 0),
        source(spill, "source", Width(ids, schema::IdSpace::kSource)),
        source_score(spill, "source_score", schema::kAbsent),
        propensity(spill, "propensity", schema::kAbsent),
        device(spill, "device", Width(ids, schema::IdSpace::kDevice)),
        region(spill, "region", Width(ids, schema::IdSpace::kRegion)),
        current_item(spill, "current_item", Width(ids, schema::IdSpace::kItem)),
        off_site(spill, "off_site", 0),
        posted(spill, "posted", 0),
        id(spill, "id", 0),
        attributes(spill, schema, schema::Entity::kRequest, ids) {}

  Status Add(const schema::Event& event, std::span<const schema::AttributeValue> declared) {
    UPNEXT_RETURN_IF_ERROR(time_ms.Add(event.time_ms));
    UPNEXT_RETURN_IF_ERROR(type.Add(static_cast<uint8_t>(event.type)));
    UPNEXT_RETURN_IF_ERROR(item.Add(event.item));
    UPNEXT_RETURN_IF_ERROR(value.Add(std::isnan(event.value) ? schema::kAbsent : event.value));
    UPNEXT_RETURN_IF_ERROR(query.Add(event.query));
    UPNEXT_RETURN_IF_ERROR(request.Add(event.request));
    UPNEXT_RETURN_IF_ERROR(position.Add(event.position));
    UPNEXT_RETURN_IF_ERROR(source.Add(event.source));
    UPNEXT_RETURN_IF_ERROR(
        source_score.Add(std::isnan(event.source_score) ? schema::kAbsent : event.source_score));
    UPNEXT_RETURN_IF_ERROR(
        propensity.Add(std::isnan(event.propensity) ? schema::kAbsent : event.propensity));
    UPNEXT_RETURN_IF_ERROR(device.Add(event.device));
    UPNEXT_RETURN_IF_ERROR(region.Add(event.region));
    UPNEXT_RETURN_IF_ERROR(current_item.Add(event.current_item));
    UPNEXT_RETURN_IF_ERROR(off_site.Add(event.off_site ? 1 : 0));
    UPNEXT_RETURN_IF_ERROR(posted.Add(event.posted ? 1 : 0));
    UPNEXT_RETURN_IF_ERROR(id.Add(event.id));
    return attributes.Add(declared);
  }
  Status WriteTo(base::SectionWriter& writer) {
    return WriteAll(writer, time_ms, type, item, value, query, request, position, source,
                    source_score, propensity, device, region, current_item, off_site, posted, id,
                    attributes);
  }

  static int Width(std::span<const uint64_t> ids, schema::IdSpace space) {
    return format::IdWidth(ids[static_cast<size_t>(space)]);
  }
  template <typename... Columns>
  static Status WriteAll(base::SectionWriter& writer, Columns&... columns) {
    Status status;
    ((status = status ? columns.WriteTo(writer) : status), ...);
    return status;
  }

  SpoolFile spill;
  Column<int64_t> time_ms;
  Column<uint8_t> type;
  IdColumn item;
  Column<float> value;
  IdColumn query;
  Column<uint64_t> request;
  Column<uint16_t> position;
  IdColumn source;
  Column<float> source_score, propensity;
  IdColumn device, region, current_item;
  Column<uint8_t> off_site, posted;
  Column<uint64_t> id;
  AttributeWriter attributes;
};

// The attributes of items or users, and the numbers of those that are gone.
struct RowColumns {
  RowColumns(const std::filesystem::path& folder, const schema::Schema& schema,
             schema::Entity entity, std::span<const uint64_t> ids)
      : spill(folder), attributes(spill, schema, entity, ids) {}
  Status WriteTo(base::SectionWriter& writer) {
    UPNEXT_RETURN_IF_ERROR(attributes.WriteTo(writer));
    return gone.empty() ? Ok() : writer.Add(format::kGone, gone);
  }
  SpoolFile spill;
  AttributeWriter attributes;
  std::vector<uint32_t> gone;
};

}  // namespace upnext::log

#endif  // UPNEXT_LOG_LOG_COLUMNS_H_
