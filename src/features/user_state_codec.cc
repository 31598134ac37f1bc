// UserState to bytes and back; the format is docs/formats/user_state.md.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/checksum.h"
#include "features/user_state.h"
#include "schema/event.h"

namespace upnext::features {

namespace {

constexpr std::string_view kMagic = "UNUS";
constexpr uint8_t kVersion = 1;
constexpr size_t kChecksumBytes = sizeof(uint64_t);
enum Flag : uint8_t { kHasWatch = 1, kHasImpression = 2, kDisliked = 4 };

uint64_t ChecksumOf(std::string_view bytes) {
  return base::Checksum(std::as_bytes(std::span(bytes.data(), bytes.size())));
}

class Writer {
 public:
  void Byte(uint8_t byte) { bytes_.push_back(static_cast<char>(byte)); }
  void Varint(uint64_t x) {
    for (; x >= 0x80; x >>= 7) Byte(static_cast<uint8_t>(x | 0x80));
    Byte(static_cast<uint8_t>(x));
  }
  // A time as its distance from `base_ms`; differences wrap, so every time has one.
  void Time(int64_t time_ms, int64_t base_ms) {
    const uint64_t before = static_cast<uint64_t>(base_ms) - static_cast<uint64_t>(time_ms);
    Varint((before << 1) ^ (before >> 63 ? ~uint64_t{0} : 0));
  }
  template <typename T>
  void Fixed(T x) {  // little-endian
    for (size_t i = 0; i < sizeof(T); ++i) Byte(static_cast<uint8_t>(x >> (8 * i)));
  }
  void Real(float x) { Fixed(std::bit_cast<uint32_t>(x)); }
  void Real(double x) { Fixed(std::bit_cast<uint64_t>(x)); }
  std::string& bytes() { return bytes_; }

 private:
  std::string bytes_;
};

// Every getter returns false once something did not fit; the values are then meaningless.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  bool Byte(uint8_t* byte) {
    if (at_ >= bytes_.size()) return false;
    *byte = static_cast<uint8_t>(bytes_[at_++]);
    return true;
  }
  bool Varint(uint64_t* x) {
    *x = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      uint8_t byte;
      if (!Byte(&byte)) return false;
      if (shift == 63 && byte > 1) return false;  // more than 64 bits
      if (shift > 0 && byte == 0) return false;   // a shorter form exists
      *x |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return true;
    }
    return false;
  }
  bool Varint(uint32_t* x) {
    uint64_t wide;
    if (!Varint(&wide) || wide > std::numeric_limits<uint32_t>::max()) return false;
    *x = static_cast<uint32_t>(wide);
    return true;
  }
  bool Time(int64_t* time_ms, int64_t base_ms) {
    uint64_t zigzag;
    if (!Varint(&zigzag)) return false;
    const uint64_t before = (zigzag >> 1) ^ (zigzag & 1 ? ~uint64_t{0} : 0);
    *time_ms = static_cast<int64_t>(static_cast<uint64_t>(base_ms) - before);
    return *time_ms != schema::kNoTime;
  }
  template <typename T>
  bool Fixed(T* x) {
    *x = 0;
    for (size_t i = 0; i < sizeof(T); ++i) {
      uint8_t byte;
      if (!Byte(&byte)) return false;
      *x |= static_cast<T>(T{byte} << (8 * i));
    }
    return true;
  }
  template <typename T, typename Bits>
  bool Sum(T* x) {  // finite and not negative
    Bits bits;
    if (!Fixed(&bits)) return false;
    *x = std::bit_cast<T>(bits);
    return std::isfinite(*x) && !std::signbit(*x);
  }
  bool Sum(float* x) { return Sum<float, uint32_t>(x); }
  bool Sum(double* x) { return Sum<double, uint64_t>(x); }
  bool done() const { return at_ == bytes_.size(); }

 private:
  std::string_view bytes_;
  size_t at_ = 0;
};

void WriteTotals(const UserState::Totals& totals, Writer& out) {
  for (const uint64_t count :
       {totals.events, totals.impressions, totals.clicks, totals.watches, totals.complete,
        totals.likes, totals.dislikes, totals.searches, totals.share_watches}) {
    out.Varint(count);
  }
  out.Real(totals.watch_s);
  out.Real(totals.watch_share);
  out.Fixed(static_cast<uint64_t>(totals.first_ms));
  out.Fixed(static_cast<uint64_t>(totals.last_ms));
}

bool ReadTotals(Reader& in, UserState::Totals* totals) {
  for (uint64_t* count :
       {&totals->events, &totals->impressions, &totals->clicks, &totals->watches, &totals->complete,
        &totals->likes, &totals->dislikes, &totals->searches, &totals->share_watches}) {
    if (!in.Varint(count)) return false;
  }
  uint64_t first, last;
  if (!in.Sum(&totals->watch_s) || !in.Sum(&totals->watch_share) || !in.Fixed(&first) ||
      !in.Fixed(&last)) {
    return false;
  }
  totals->first_ms = static_cast<int64_t>(first);
  totals->last_ms = static_cast<int64_t>(last);
  const bool any = totals->events > 0;
  return (totals->first_ms != schema::kNoTime) == any &&
         (totals->last_ms != schema::kNoTime) == any && totals->first_ms <= totals->last_ms;
}

void WriteHistory(const AffinityHistory& history, int64_t base_ms, Writer& out) {
  const bool has_watch = history.last_watch_ms != schema::kNoTime;
  out.Byte(has_watch ? kHasWatch : 0);
  for (const uint32_t count :
       {history.watches, history.complete, history.impressions, history.clicks}) {
    out.Varint(count);
  }
  out.Real(history.watch_s);
  out.Time(history.last_ms, base_ms);
  if (has_watch) out.Time(history.last_watch_ms, base_ms);
}

bool ReadHistory(Reader& in, int64_t base_ms, AffinityHistory* history) {
  uint8_t flags;
  return in.Byte(&flags) && flags <= kHasWatch && in.Varint(&history->watches) &&
         in.Varint(&history->complete) && in.Varint(&history->impressions) &&
         in.Varint(&history->clicks) && in.Sum(&history->watch_s) &&
         in.Time(&history->last_ms, base_ms) &&
         (flags == 0 || in.Time(&history->last_watch_ms, base_ms));
}

void WriteHistory(const ItemHistory& history, int64_t base_ms, Writer& out) {
  const bool has_watch = history.last_watch_ms != schema::kNoTime;
  const bool has_impression = history.last_impression_ms != schema::kNoTime;
  out.Byte(static_cast<uint8_t>((has_watch ? kHasWatch : 0) |
                                (has_impression ? kHasImpression : 0) |
                                (history.disliked ? kDisliked : 0)));
  for (const uint32_t count : {history.impressions, history.watches, history.complete}) {
    out.Varint(count);
  }
  out.Time(history.last_ms, base_ms);
  if (has_watch) out.Time(history.last_watch_ms, base_ms);
  if (has_impression) out.Time(history.last_impression_ms, base_ms);
}

bool ReadHistory(Reader& in, int64_t base_ms, ItemHistory* history) {
  uint8_t flags;
  if (!in.Byte(&flags) || flags > (kHasWatch | kHasImpression | kDisliked)) return false;
  history->disliked = (flags & kDisliked) != 0;
  return in.Varint(&history->impressions) && in.Varint(&history->watches) &&
         in.Varint(&history->complete) && in.Time(&history->last_ms, base_ms) &&
         (!(flags & kHasWatch) || in.Time(&history->last_watch_ms, base_ms)) &&
         (!(flags & kHasImpression) || in.Time(&history->last_impression_ms, base_ms));
}

// Ids rise; each is written as its distance from the one before, less 1.
template <typename Map>
void WriteHistories(const Map& histories, int64_t base_ms, Writer& out) {
  std::vector<uint32_t> ids;
  ids.reserve(histories.size());
  for (const auto& entry : histories) ids.push_back(entry.first);
  std::sort(ids.begin(), ids.end());
  out.Varint(ids.size());
  uint32_t next = 0;
  for (const uint32_t id : ids) {
    out.Varint(id - next);
    next = id + 1;
    WriteHistory(histories.find(id)->second, base_ms, out);
  }
}

template <typename Map>
bool ReadHistories(Reader& in, int64_t base_ms, size_t cap, Map* histories) {
  uint64_t n;
  if (!in.Varint(&n) || n > cap) return false;
  histories->reserve(n);
  uint64_t next = 0;
  for (uint64_t i = 0; i < n; ++i) {
    uint32_t gap;
    if (!in.Varint(&gap) || next + gap >= schema::kNone) return false;
    const uint32_t id = static_cast<uint32_t>(next + gap);
    next = uint64_t{id} + 1;
    typename Map::mapped_type history{id};
    if (!ReadHistory(in, base_ms, &history)) return false;
    histories->emplace(id, history);
  }
  return true;
}

void WriteBag(std::span<const TimedId> bag, int64_t base_ms, Writer& out) {
  out.Varint(bag.size());
  for (const TimedId& entry : bag) {
    out.Varint(entry.id);
    out.Time(entry.time_ms, base_ms);
  }
}

}  // namespace

std::string UserState::Serialize() const {
  Writer out;
  out.bytes().reserve(256 + 16 * items_.size());
  out.bytes().append(kMagic);
  out.Byte(kVersion);
  out.Byte(static_cast<uint8_t>(parts_));
  WriteTotals(totals_, out);
  const int64_t base_ms = totals_.last_ms;
  for (const Bag* bag : {&watches_, &searches_, &likes_}) WriteBag(bag->view(), base_ms, out);
  WriteHistories(channels_, base_ms, out);
  WriteHistories(topics_, base_ms, out);
  WriteHistories(items_, base_ms, out);
  out.Fixed(ChecksumOf(out.bytes()));
  return std::move(out.bytes());
}

Result<UserState> UserState::Parse(std::string_view bytes) {
  const auto damaged = [&](std::string_view what) {
    return DataLoss(
        "user state of {} bytes: {}; restore it from a backup, or rebuild it from the "
        "event log",
        bytes.size(), what);
  };
  if (bytes.size() < kMagic.size() + 2 + kChecksumBytes || !bytes.starts_with(kMagic)) {
    return damaged("does not begin as one");
  }
  const uint8_t version = static_cast<uint8_t>(bytes[kMagic.size()]);
  if (version != kVersion) {
    return damaged(fmt::format("expected version {}, found {}", kVersion, version));
  }
  const std::string_view body = bytes.substr(0, bytes.size() - kChecksumBytes);
  uint64_t checksum;
  Reader(bytes.substr(body.size())).Fixed(&checksum);
  if (checksum != ChecksumOf(body)) return damaged("its checksum differs");

  Reader in(body.substr(kMagic.size() + 1));
  uint8_t parts;
  if (!in.Byte(&parts) || parts > static_cast<uint8_t>(Parts::kAll)) {
    return damaged("names no known parts");
  }
  UserState state(static_cast<Parts>(parts));
  if (!ReadTotals(in, &state.totals_)) return damaged("its totals do not fit");
  const int64_t base_ms = state.totals_.last_ms;
  for (Bag* bag : {&state.watches_, &state.searches_, &state.likes_}) {
    uint64_t n;
    if (!in.Varint(&n) || n > kBagLimit) return damaged("a bag does not fit");
    for (uint64_t i = 0; i < n; ++i) {
      TimedId entry;
      if (!in.Varint(&entry.id) || !in.Time(&entry.time_ms, base_ms) || entry.id == schema::kNone) {
        return damaged("an entry of a bag does not fit");
      }
      bag->Push(entry);
    }
  }
  const bool all = state.parts_ == Parts::kAll;
  if (!ReadHistories(in, base_ms, all ? kMaxChannels : 0, &state.channels_) ||
      !ReadHistories(in, base_ms, all ? kMaxTopics : 0, &state.topics_) ||
      !ReadHistories(in, base_ms, all ? kMaxItems : 0, &state.items_)) {
    return damaged("a history does not fit");
  }
  if (!in.done()) return damaged("goes on after its end");
  return state;
}

}  // namespace upnext::features
