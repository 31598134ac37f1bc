#include "store/rocks_merge.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "schema/attribute.h"
#include "schema/event.h"
#include "store/event_codec.h"
#include "store/rocks_forget.h"
#include "store/rocks_keys.h"
#include "store/rocks_records.h"
#include "store/rocks_slates.h"
#include "store/rocks_states.h"

namespace upnext::store {
namespace {

constexpr char kDeletedUser =
    '\0';  // begins what stands for a name; ids have no control characters

// Adds the events; returns how many.
Result<uint64_t> CopyEvents(const RocksDb& db, std::string_view from, std::string_view to,
                            uint64_t last, rocksdb::WriteBatch* out) {
  uint64_t events = 0;
  std::unordered_set<std::string> ids;  // of events that are in `out`
  const std::string prefix = UserPrefix('e', from);
  UPNEXT_RETURN_IF_ERROR(
      db.VisitPrefix(prefix, prefix, [&](std::string_view, std::string_view value) -> Status {
        std::string id;
        UPNEXT_ASSIGN_OR_RETURN(const std::string bytes, EncodedFor(to, value, &id));
        if (!id.empty()) {
          const std::string key = UserPrefix('d', to).append(id);
          UPNEXT_ASSIGN_OR_RETURN(const auto seen, db.Get(key));
          if (seen || !ids.insert(id).second) return Ok();
          out->Put(key, "");
        }
        out->Put(UserPrefix('e', to) + BigEndian(last + ++events), bytes);
        return Ok();
      }));
  return events;
}

// Watches that go on do so as those of `to`; of two with one id the newer one, by its number. Whether there were any.
Result<bool> MoveWatches(const RocksDb& db, std::string_view from, std::string_view to,
                         rocksdb::WriteBatch* out) {
  bool any = false;
  const std::string prefix = UserPrefix('w', from);
  UPNEXT_RETURN_IF_ERROR(
      db.VisitPrefix(prefix, prefix, [&](std::string_view key, std::string_view value) -> Status {
        any = true;
        const auto number = TakeBigEndian(value);
        if (!number) return DataLoss("store: a watch that goes on has no number");
        std::string id;
        UPNEXT_ASSIGN_OR_RETURN(const std::string bytes, EncodedFor(to, value.substr(8), &id));
        const std::string own = UserPrefix('w', to).append(key.substr(prefix.size()));
        UPNEXT_ASSIGN_OR_RETURN(const auto other, db.Get(own));
        if (other && TakeBigEndian(*other).value_or(0) > *number) return Ok();
        out->Put(own, BigEndian(*number) + bytes);
        return Ok();
      }));
  return any;
}

}  // namespace

Result<Merge> AddMerge(const RocksDb& db, const RocksNames& names, std::string_view from,
                       std::string_view to, uint64_t last, rocksdb::WriteBatch* out) {
  Merge merge{.last = last};
  UPNEXT_ASSIGN_OR_RETURN(merge.events, CopyEvents(db, from, to, last, out));
  UPNEXT_ASSIGN_OR_RETURN(const auto first,
                          db.FirstKey(UserPrefix('e', from), UserPrefix('e', from)));
  UPNEXT_ASSIGN_OR_RETURN(const bool watches, MoveWatches(db, from, to, out));
  const bool any = first || watches;
  merge.last += merge.events;
  const uint64_t number = merge.last + 1;  // of the deletion
  UPNEXT_ASSIGN_OR_RETURN(const bool slates, MoveSlates(db, from, to, number, out));
  merge.last = number;
  // Also of a session that has nothing yet: of an answer that is under way nothing is to be kept.
  out->Put(DeletionKey(from), BigEndian(number));
  out->Put(kSequenceKey, BigEndian(number));
  if (!any && !slates) return merge;
  out->Put(UserPrefix('g', to).append(from), BigEndian(any ? number - 1 : 0));
  for (const char kind : {'d', 'e', 'w'}) {
    const std::string prefix = UserPrefix(kind, from);
    out->DeleteRange(prefix, PrefixEnd(prefix));
  }
  out->Delete(RecordKey(schema::Entity::kUser, from));
  const auto earlier = EarlierRange(schema::Entity::kUser, from);
  out->DeleteRange(earlier.first, earlier.second);
  UPNEXT_ASSIGN_OR_RETURN(std::vector<std::string> ids,
                          names.KeysOf(db, schema::IdSpace::kUser, from));
  UPNEXT_ASSIGN_OR_RETURN(merge.names,
                          names.ForgetTexts(db, {{std::string(from), std::move(ids)}}, out));
  for (const std::string_view user : {from, to}) {
    if (user == to && !any) continue;  // whose history is the same
    UPNEXT_ASSIGN_OR_RETURN(const std::vector<std::string> states, StateKeysOf(db, user));
    for (const std::string& key : states) out->Delete(key);
  }
  return merge;
}

Result<MergedUsers> ReadMerged(const RocksDb& db, std::string_view to, uint64_t through) {
  const std::string prefix = UserPrefix('g', to);
  MergedUsers merged;
  UPNEXT_RETURN_IF_ERROR(
      db.VisitPrefix(prefix, prefix, [&](std::string_view key, std::string_view value) -> Status {
        const auto number = TakeBigEndian(value);
        if (!number) return DataLoss("store: a merge has no number");
        const std::string_view user = key.substr(prefix.size());
        if (!user.starts_with(kDeletedUser)) merged.users.emplace_back(user);
        if (*number <= through) merged.last = std::max(merged.last, *number);
        return Ok();
      }));
  return merged;
}

Status ForgetMerges(const RocksDb& db, std::string_view from, uint64_t number,
                    std::vector<std::string>* keys, rocksdb::WriteBatch* out) {
  return db.VisitPrefix("g", "g", [&](std::string_view key, std::string_view value) -> Status {
    const auto size = TakeBigEndian(key.substr(1), 4);
    if (!size || key.size() < 5 + *size) return DataLoss("store: a merge has no user");
    if (key.substr(5 + *size) != from) return Ok();
    keys->emplace_back(key);
    out->Delete(keys->back());
    std::string nameless(key.substr(0, 5 + *size));
    out->Put((nameless + kDeletedUser).append(BigEndian(number)),
             rocksdb::Slice(value.data(), value.size()));
    return Ok();
  });
}

}  // namespace upnext::store
