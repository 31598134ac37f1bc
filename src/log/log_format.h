// What the log's writer and reader must agree on: file names, kinds, versions, section names and
// the rule that assigns users to shards (docs/formats/event_log.md). Only this room includes it.
#ifndef UPNEXT_LOG_LOG_FORMAT_H_
#define UPNEXT_LOG_LOG_FORMAT_H_

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "schema/attribute.h"

namespace upnext::log::format {

inline constexpr uint32_t kVersion = 5;
inline constexpr uint32_t kMaxShards = 65536;
inline constexpr uint32_t kMaxSegments = 4096;

inline constexpr std::string_view kMetaFile = "meta.upn", kMetaKind = "event-log-meta";
inline constexpr std::string_view kDictionaryFile = "dictionaries.upn";
inline constexpr std::string_view kDictionaryKind = "event-log-dictionaries";
inline constexpr std::string_view kItemsFile = "items.upn", kItemsKind = "event-log-items";
inline constexpr std::string_view kUsersFile = "users.upn", kUsersKind = "event-log-users";
inline constexpr std::string_view kShardKind = "event-log-shard";
inline constexpr std::string_view kOrderFile = "order.upn", kOrderKind = "event-log-order";

// The events that one import added to one shard.
inline std::string ShardFile(uint32_t shard, uint32_t segment = 0) {
  return segment == 0 ? fmt::format("events-{:05}.upn", shard)
                      : fmt::format("events-{:05}-{:05}.upn", shard, segment);
}

// Sections of the meta file. `counts` is {users, items, events}; `rows` has one entry an event
// file, segment by segment; `digests` those of dictionaries, items, users, every event file and,
// with several segments, the order, in that order. `posted` is {store, through, same_event_ms,
// posted events, events with an id, forgotten}.
inline constexpr std::string_view kCounts = "counts", kRows = "rows", kByType = "by_type",
                                  kSpan = "span", kDigests = "digests", kSegments = "segments",
                                  kAncestors = "ancestors", kPosted = "posted";
// Section of the dictionaries file.
inline constexpr std::string_view kSchema = "schema";
// Section of the files of items and users.
inline constexpr std::string_view kGone = "gone";
// Sections of the order file.
inline constexpr std::string_view kRunRows = "run_rows", kRunPlaces = "run_places";

// Multiplicative hash of the dense id: the import computes it in SQL too.
inline constexpr uint64_t kShardMultiplier = 2654435761u;
inline uint32_t ShardOf(uint32_t user, uint32_t shards) {
  const uint64_t hash = (user * kShardMultiplier) & 0xffffffffu;
  return static_cast<uint32_t>((hash * shards) >> 32);
}

// Slots of a dictionary's hash section: a power of two at least twice the size, so probes are short
// and end at an empty slot.
inline size_t SlotsFor(size_t names) { return names == 0 ? 0 : std::bit_ceil(2 * names); }

// The section of an attribute's column, or of the first of its sections. Declared ones have a prefix,
// so that they cannot meet another section's name.
inline std::string AttributeSection(const schema::Attribute& attribute) {
  return attribute.built_in ? attribute.name : "own." + attribute.name;
}
// How a flag that is absent is stored. Of a built-in one, absent is false.
inline constexpr uint8_t kAbsentFlag = 0xff;
inline uint8_t AbsentFlag(const schema::Attribute& attribute) {
  return attribute.built_in ? 0 : kAbsentFlag;
}

// Bytes an id column needs: the value with all bits set means "none", so it must stay free.
inline int IdWidth(uint64_t ids) { return ids < 0xff ? 1 : ids < 0xffff ? 2 : 4; }

}  // namespace upnext::log::format

#endif  // UPNEXT_LOG_LOG_FORMAT_H_
