#include "store/rocks_slates.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "base/checksum.h"
#include "store/codec_bytes.h"
#include "store/rocks_keys.h"

namespace upnext::store {
namespace {

constexpr size_t kDroppedTogether = 1000;

std::string RequestKey(uint64_t request) { return TagPrefix('q', request); }

std::string SlateKey(std::string_view user, uint64_t sequence) {
  return TagPrefix('r', base::Fingerprint(user)) + BigEndian(~sequence);
}

}  // namespace

void PutSlate(const StoredSlate& slate, uint64_t sequence, rocksdb::WriteBatch* out) {
  const std::string key = SlateKey(slate.user, sequence);
  std::string value;
  Put(value, slate.request);
  Put(value, slate.time_ms);
  PutString(value, slate.user);
  value += slate.bytes;
  out->Put(key, value);
  std::string place = key.substr(1);
  Put(place, slate.time_ms);
  out->Put(RequestKey(slate.request), place);
}

Result<StoredSlate> ParseSlate(std::string_view key, std::string_view value) {
  StoredSlate slate;
  const auto inverted = TakeBigEndian(key.substr(std::min<size_t>(9, key.size())));
  if (!inverted || !Take(value, &slate.request) || !Take(value, &slate.time_ms) ||
      !TakeString(value, &slate.user)) {
    return DataLoss("store: a slate has no number, request, time or user");
  }
  slate.sequence = ~*inverted;
  slate.bytes = value;
  return slate;
}

Result<SlatePlace> ParseSlatePlace(std::string_view key, std::string_view value) {
  SlatePlace place;
  const auto request = TakeBigEndian(key.substr(std::min<size_t>(1, key.size())));
  const auto inverted = TakeBigEndian(value.substr(std::min<size_t>(8, value.size())));
  if (!request || !inverted || value.size() != 24) {
    return DataLoss("store: where a slate is has {} bytes, expected 24", value.size());
  }
  place.request = *request;
  place.sequence = ~*inverted;
  place.key = 'r' + std::string(value.substr(0, 16));
  value.remove_prefix(16);
  Take(value, &place.time_ms);
  return place;
}

Result<std::optional<StoredSlate>> FindSlate(const RocksDb& db, uint64_t request) {
  const std::string key = RequestKey(request);
  UPNEXT_ASSIGN_OR_RETURN(const auto found, db.Get(key));
  if (!found) return std::optional<StoredSlate>();
  UPNEXT_ASSIGN_OR_RETURN(const SlatePlace place, ParseSlatePlace(key, *found));
  UPNEXT_ASSIGN_OR_RETURN(const auto value, db.Get(place.key));
  if (!value) return std::optional<StoredSlate>();
  UPNEXT_ASSIGN_OR_RETURN(StoredSlate slate, ParseSlate(place.key, *value));
  return std::optional(std::move(slate));
}

Status VisitSlatesOf(const RocksDb& db, std::string_view user, uint64_t last,
                     const SlateVisitor& visit) {
  const std::string prefix = TagPrefix('r', base::Fingerprint(user));
  bool goes_on = true;
  const Status visited =
      db.VisitPrefix(prefix, prefix + BigEndian(~last),
                     [&](std::string_view key, std::string_view value) -> Status {
                       UPNEXT_ASSIGN_OR_RETURN(const StoredSlate slate, ParseSlate(key, value));
                       if (slate.user != user) return Ok();  // of the same fingerprint
                       goes_on = visit(slate);
                       return goes_on ? Ok() : Cancelled("enough slates were visited");
                     });
  return goes_on ? visited : Ok();
}

std::pair<std::string, std::string> SlateRange(std::string_view user) {
  const std::string prefix = TagPrefix('r', base::Fingerprint(user));
  return {prefix, prefix + BigEndian(std::numeric_limits<uint64_t>::max())};
}

Status DeleteSlatesOf(const RocksDb& db, std::string_view user, rocksdb::WriteBatch* out) {
  return VisitSlatesOf(db, user, std::numeric_limits<uint64_t>::max(),
                       [&](const StoredSlate& slate) {
                         out->Delete(SlateKey(user, slate.sequence));
                         out->Delete(RequestKey(slate.request));
                         return true;
                       });
}

Status DropSlatesBefore(ReopeningDb& db, int64_t time_ms, uint64_t last) {
  std::vector<std::string> dropped;
  const auto drop = [&]() -> Status {
    if (dropped.empty()) return Ok();
    rocksdb::WriteBatch out;
    for (const std::string& key : dropped) out.Delete(key);
    dropped.clear();
    return db.Change([&](RocksDb& opened) { return opened.Write(&out, /*waits=*/false); });
  };
  uint64_t first_kept = last;
  const auto reader = db.get();
  UPNEXT_RETURN_IF_ERROR(
      reader->VisitPrefix("q", "q", [&](std::string_view key, std::string_view value) -> Status {
        UPNEXT_ASSIGN_OR_RETURN(const SlatePlace place, ParseSlatePlace(key, value));
        if (place.time_ms >= time_ms) {
          first_kept = std::min(first_kept, place.sequence);
          return Ok();
        }
        dropped.emplace_back(key);
        dropped.push_back(place.key);
        return dropped.size() < kDroppedTogether ? Ok() : drop();
      }));
  UPNEXT_RETURN_IF_ERROR(
      reader->VisitPrefix("h", "h", [&](std::string_view key, std::string_view) -> Status {
        const auto until = TakeBigEndian(key.substr(key.size() - std::min<size_t>(8, key.size())));
        if (!until) return DataLoss("store: an earlier item or user has no number");
        if (*until > first_kept) return Ok();
        dropped.emplace_back(key);
        return dropped.size() < kDroppedTogether ? Ok() : drop();
      }));
  return drop();
}

}  // namespace upnext::store
