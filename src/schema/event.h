// The canonical data: what an event, an item and a user are inside upnext (design, section 3).
// Plain values; every string id has become a dense 32-bit integer of its IdSpace.
#ifndef UPNEXT_SCHEMA_EVENT_H_
#define UPNEXT_SCHEMA_EVENT_H_

#include <array>
#include <compare>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string_view>

namespace upnext::schema {

inline constexpr uint32_t kNone = 0xffffffffu;  // "no id" in every id column
inline constexpr float kAbsent =
    std::numeric_limits<float>::quiet_NaN();  // "no value"; test with isnan
inline constexpr int64_t kNoTime = std::numeric_limits<int64_t>::min();

// The id spaces that every log has, each with its own dictionary. Numbers are part of the format. A
// declared category gets a space of its own, or shares one: Schema::id_spaces() lists them all.
enum class IdSpace : uint8_t {
  kUser = 0,
  kItem = 1,
  kQuery = 2,
  kDevice = 3,
  kRegion = 4,
  kSource = 5,
  kChannel = 6,
  kTopic = 7,
  kLanguage = 8
};
inline constexpr size_t kIdSpaces = 9;  // built-in ones

// The event types that every log has. Numbers are part of the format. A site's own types follow in
// the order of their declaration: Schema::event_types() lists them all.
enum class EventType : uint8_t {
  kImpression = 1,
  kClick = 2,
  kWatch = 3,  // value: watched seconds
  kLike = 4,
  kDislike = 5,
  kDismiss = 6,
  kShare = 7,
  kRating = 8,     // value: stars
  kSearch = 9,     // query set, item absent
  kComplete = 10,  // the source itself says that the item was watched to the end (see PositiveRule)
  kFollow = 11,
  kComment = 12,
  kVisit = 13,  // looked at the item's channel or maker
  kPurchase = 14,
  kAddToCart = 15,
  kSave = 16,
  kSkip = 17,
  kSubscribe = 18,
};
inline constexpr size_t kEventTypes = 19;  // built-in types are 1 .. kEventTypes-1
// Of the built-in types; a Schema knows all.
std::string_view EventTypeName(EventType type);  // "watch"
std::optional<EventType> ParseEventType(std::string_view name);

// Any of the types, a bit each.
class EventTypeSet {
 public:
  constexpr void Add(EventType type) {
    bits_[static_cast<size_t>(type) / 64] |= uint64_t{1} << static_cast<size_t>(type) % 64;
  }
  constexpr bool Has(EventType type) const {
    return bits_[static_cast<size_t>(type) / 64] >> static_cast<size_t>(type) % 64 & 1;
  }
  constexpr bool empty() const { return *this == EventTypeSet(); }
  constexpr bool Meets(const EventTypeSet& other) const {
    uint64_t both = 0;
    for (size_t i = 0; i < bits_.size(); ++i) both |= bits_[i] & other.bits_[i];
    return both != 0;
  }
  friend constexpr auto operator<=>(const EventTypeSet&, const EventTypeSet&) = default;

 private:
  std::array<uint64_t, 4> bits_{};
};

// What an event from outside may hold. The import and POST /v1/events refuse the same things.
inline constexpr double kMaxValue = 1e9;          // value is finite and in [0, kMaxValue]
inline constexpr uint32_t kMaxPosition = 65535;   // position, where given, is in [1, kMaxPosition]
inline constexpr size_t kMaxIdBytes = 512;        // of every id, and of a query
inline constexpr size_t kMaxTitleBytes = 4096;    // of an item's title
inline constexpr size_t kMaxTextBytes = 1 << 20;  // of a declared text
inline constexpr double kMaxAge = 150;            // years
// 1900-01-01 and 2200-01-01 in milliseconds: times outside are taken for a wrong unit.
inline constexpr int64_t kEarliestMs = -2'208'988'800'000, kLatestMs = 7'258'118'400'000;

struct Event {
  int64_t time_ms = 0;  // milliseconds since the epoch, UTC
  EventType type = EventType::kImpression;
  uint32_t item = kNone;          // IdSpace::kItem
  float value = kAbsent;          // watched seconds, stars
  uint32_t query = kNone;         // IdSpace::kQuery, for searches
  uint64_t request = 0;           // fingerprint of the request id, 0 = none
  uint16_t position = 0;          // in the slate, from 1; 0 = unknown
  uint32_t source = kNone;        // IdSpace::kSource: who nominated the item
  float source_score = kAbsent;   // the score that `source` gave the item, in its own unit
  float propensity = kAbsent;     // probability with which the policy showed the item
  uint32_t device = kNone;        // IdSpace::kDevice
  uint32_t region = kNone;        // IdSpace::kRegion
  uint32_t current_item = kNone;  // IdSpace::kItem: the item being watched when this one was shown
  bool off_site = false;          // happened on an embed elsewhere
  bool posted = false;            // came through the server, not from a file
  uint64_t id = 0;                // fingerprint of the event's own id, 0 = none

  friend bool operator==(const Event&, const Event&) = default;  // note: NaN differs from NaN
};

struct Item {
  int64_t created_ms = kNoTime;
  float duration_s = kAbsent;
  uint32_t channel = kNone;
  uint32_t language = kNone;
  bool removed = false;
  std::span<const uint32_t> topics;  // into the log or the catalogue that handed the item out
  std::string_view title;            // likewise; "" when unknown
};

struct User {
  uint32_t region = kNone;
  uint32_t language = kNone;
  float age = kAbsent;        // years
  float gender = kAbsent;     // in [0, 1]
  float logged_in = kAbsent;  // 0, 1 or absent
};

}  // namespace upnext::schema

#endif  // UPNEXT_SCHEMA_EVENT_H_
