#include "store/rocks_watches.h"

#include "store/event_codec.h"
#include "store/rocks_keys.h"

namespace upnext::store {
namespace {

constexpr size_t kClosedTogether = 10'000;

// Null when the schema does not declare its type any more.
Result<std::optional<schema::RawEvent>> ParseOpenWatch(const schema::Schema& schema,
                                                       std::string_view value, uint64_t* sequence) {
  const auto number = TakeBigEndian(value);
  if (!number) return DataLoss("store: a watch that goes on has no number");
  *sequence = *number;
  return DecodeEvent(schema, value.substr(8));
}

}  // namespace

std::string OpenWatchKey(std::string_view user, std::string_view id) {
  return UserPrefix('w', user).append(id);
}

Result<bool> OpenWatches::Put(const schema::RawEvent& event, std::string_view id,
                              const std::string& bytes, uint64_t* next, rocksdb::WriteBatch* out) {
  const std::string key = OpenWatchKey(event.user, id);
  auto known = pending_.find(key);
  if (known == pending_.end()) {
    std::optional<Progress> before;
    UPNEXT_ASSIGN_OR_RETURN(const auto value, db_.Get(key));
    if (value) {
      uint64_t sequence = 0;
      UPNEXT_ASSIGN_OR_RETURN(const auto stored, ParseOpenWatch(schema_, *value, &sequence));
      if (stored) before = Progress{stored->time_ms, stored->value};
    }
    known = pending_.emplace(key, before).first;
  }
  const std::optional<Progress>& before = known->second;
  if (before && (event.time_ms < before->time_ms ||
                 (event.time_ms == before->time_ms && event.value <= before->value))) {
    return false;
  }
  known->second = Progress{event.time_ms, event.value};
  out->Put(key, BigEndian((*next)++) + bytes);
  return true;
}

void OpenWatches::End(std::string_view user, std::string_view id, rocksdb::WriteBatch* out) {
  const std::string key = OpenWatchKey(user, id);
  pending_[key] = std::nullopt;
  out->Delete(key);
}

Status VisitOpenWatches(const RocksDb& db, const schema::Schema& schema, std::string_view user,
                        uint64_t last,
                        const std::function<Status(const schema::RawEvent&)>& visit) {
  const std::string prefix = UserPrefix('w', user);
  return db.VisitPrefix(prefix, prefix, [&](std::string_view, std::string_view value) -> Status {
    uint64_t sequence = 0;
    UPNEXT_ASSIGN_OR_RETURN(const auto event, ParseOpenWatch(schema, value, &sequence));
    return event && sequence <= last ? visit(*event) : Ok();
  });
}

Status EndRested(const RocksDb& db, const schema::Schema& schema, int64_t before_ms, uint64_t* next,
                 rocksdb::WriteBatch* out, std::vector<schema::RawEvent>* closed) {
  return db.VisitPrefix("w", "w", [&](std::string_view key, std::string_view value) -> Status {
    uint64_t sequence = 0;
    UPNEXT_ASSIGN_OR_RETURN(const auto event, ParseOpenWatch(schema, value, &sequence));
    if (!event || event->time_ms >= before_ms || closed->size() == kClosedTogether) return Ok();
    out->Delete(std::string(key));
    const std::string seen = UserPrefix('d', event->user).append(event->id);
    UPNEXT_ASSIGN_OR_RETURN(const auto ended, db.Get(seen));
    if (ended) return Ok();  // by an event with this id
    out->Put(seen, "");
    out->Put(UserPrefix('e', event->user) + BigEndian((*next)++), value.substr(8));
    closed->push_back(*event);
    return Ok();
  });
}

}  // namespace upnext::store
