#include "store/rocks_slates.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "base/checksum.h"
#include "store/codec_bytes.h"
#include "store/rocks_keys.h"

namespace upnext::store {
namespace {

constexpr size_t kDroppedTogether = 1000;  // in one write

std::string RequestKey(uint64_t request) { return TagPrefix('q', request); }

std::string SlateKey(std::string_view user, uint64_t sequence) {
  return TagPrefix('r', base::Fingerprint(user)) + BigEndian(~sequence);
}

std::string OrderKey(uint64_t sequence) { return TagPrefix('t', sequence); }

void PutOrder(uint64_t sequence, uint64_t request, int64_t time_ms, rocksdb::WriteBatch* out) {
  std::string value;
  Put(value, request);
  Put(value, time_ms);
  out->Put(OrderKey(sequence), value);
}

struct Dropped {
  size_t slates = 0;
  std::optional<uint64_t> first_kept = {};  // the number of the oldest that stays, if it was met
};
// Deletes some of the oldest slates of before that time.
Result<Dropped> DropOldest(RocksDb& db, int64_t time_ms) {
  rocksdb::WriteBatch out;
  Dropped dropped;
  const Status visited =
      db.VisitPrefix("t", "t", [&](std::string_view key, std::string_view value) -> Status {
        const auto sequence = TakeBigEndian(key.substr(1));
        uint64_t request = 0;
        int64_t slate_ms = 0;
        if (!sequence || !Take(value, &request) || !Take(value, &slate_ms)) {
          return DataLoss("store: the order of slates has no number, request or time");
        }
        if (slate_ms >= time_ms) dropped.first_kept = *sequence;
        if (dropped.first_kept || dropped.slates == kDroppedTogether) {
          return Cancelled("enough slates were visited");
        }
        const std::string place_key = RequestKey(request);
        UPNEXT_ASSIGN_OR_RETURN(const auto found, db.Get(place_key));
        if (found) {
          UPNEXT_ASSIGN_OR_RETURN(const SlatePlace place, ParseSlatePlace(place_key, *found));
          out.Delete(place.key);
          out.Delete(place_key);
        }
        out.Delete(std::string(key));
        ++dropped.slates;
        return Ok();
      });
  if (!visited && visited.error().code != Code::kCancelled) {
    return std::unexpected(visited.error());
  }
  if (dropped.slates > 0) UPNEXT_RETURN_IF_ERROR(db.Write(&out, /*waits=*/false));
  return dropped;
}

// Those that ended before the slate with that number, which is the oldest.
Status DropEarlierValues(ReopeningDb& db, uint64_t first_kept) {
  std::vector<std::string> dropped;
  const auto drop = [&]() -> Status {
    if (dropped.empty()) return Ok();
    rocksdb::WriteBatch out;
    for (const std::string& key : dropped) out.Delete(key);
    dropped.clear();
    return db.Change([&](RocksDb& opened) { return opened.Write(&out, /*waits=*/false); });
  };
  const auto reader = db.get();
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
  if (slate.merged != 0) Put(place, slate.merged);
  out->Put(RequestKey(slate.request), place);
  PutOrder(sequence, slate.request, slate.time_ms, out);
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
  if (!request || !inverted || (value.size() != 24 && value.size() != 32)) {
    return DataLoss("store: where a slate is has {} bytes, expected 24 or 32", value.size());
  }
  place.request = *request;
  place.sequence = ~*inverted;
  place.key = 'r' + std::string(value.substr(0, 16));
  value.remove_prefix(16);
  Take(value, &place.time_ms);
  Take(value, &place.merged);  // which is not always there
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
  slate.merged = place.merged;
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
                         out->Delete(OrderKey(slate.sequence));
                         return true;
                       });
}

Result<bool> MoveSlates(const RocksDb& db, std::string_view from, std::string_view to,
                        uint64_t merge, rocksdb::WriteBatch* out) {
  bool any = false;
  UPNEXT_RETURN_IF_ERROR(
      VisitSlatesOf(db, from, std::numeric_limits<uint64_t>::max(), [&](const StoredSlate& slate) {
        any = true;
        out->Delete(SlateKey(from, slate.sequence));
        StoredSlate moved = slate;
        moved.user = to;
        moved.merged = merge;
        PutSlate(moved, slate.sequence, out);
        return true;
      }));
  return any;
}

Status OrderSlates(RocksDb& db) {
  rocksdb::WriteBatch out;
  const Status visited =
      db.VisitPrefix("q", "q", [&](std::string_view key, std::string_view value) -> Status {
        UPNEXT_ASSIGN_OR_RETURN(const SlatePlace place, ParseSlatePlace(key, value));
        PutOrder(place.sequence, place.request, place.time_ms, &out);
        if (out.Count() < kDroppedTogether) return Ok();
        UPNEXT_RETURN_IF_ERROR(db.Write(&out));
        out.Clear();
        return Ok();
      });
  UPNEXT_RETURN_IF_ERROR(visited);
  return db.Write(&out);
}

Status DropSlatesBefore(ReopeningDb& db, int64_t time_ms, uint64_t last) {
  Dropped some;
  bool any = false;
  const auto drop = [&](RocksDb& opened) -> Status {
    UPNEXT_ASSIGN_OR_RETURN(some, DropOldest(opened, time_ms));
    return Ok();
  };
  do {
    UPNEXT_RETURN_IF_ERROR(db.Change(drop));
    any |= some.slates > 0;
  } while (some.slates == kDroppedTogether && !some.first_kept);
  // No value rests on less than before while the oldest slate is the same.
  if (some.first_kept && !any) return Ok();
  return DropEarlierValues(db, some.first_kept.value_or(last));
}

}  // namespace upnext::store
