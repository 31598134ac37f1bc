#include "store/rocks_forget.h"

#include "base/checksum.h"
#include "schema/attribute.h"
#include "schema/event.h"
#include "store/rocks_keys.h"
#include "store/rocks_merge.h"
#include "store/rocks_records.h"
#include "store/rocks_slates.h"
#include "store/rocks_states.h"
#include "store/store.h"

namespace upnext::store {

std::string DeletionKey(std::string_view user) { return TagPrefix('f', base::Fingerprint(user)); }

Result<bool> DeletionTimes::After(uint64_t number, std::string_view user) {
  if (number == WriteBatch::kAnyTime) return false;
  auto known = known_.find(user);
  if (known == known_.end()) {
    UPNEXT_ASSIGN_OR_RETURN(const uint64_t deleted, db_.Number(DeletionKey(user)));
    known = known_.emplace(user, deleted).first;
  }
  return known->second > number;
}

Result<Forgetting> AddForget(const RocksDb& db, const RocksNames& names, std::string_view user,
                             const RocksNames::Queries& queries, uint64_t last,
                             rocksdb::WriteBatch* out) {
  Forgetting done{.sequence = last + 1};
  const auto take = [&](std::string begin, std::string end) {
    done.ranges.emplace_back(std::move(begin), std::move(end));
  };
  UPNEXT_ASSIGN_OR_RETURN(const uint64_t before, db.Number(DeletionKey(user)));
  if (before != 0) {  // may be unfinished
    take("n", "o");
    take("s", "t");
  }
  UPNEXT_ASSIGN_OR_RETURN(const MergedUsers merged, ReadMerged(db, user));
  out->DeleteRange(merged.ranges.front().first, merged.ranges.front().second);
  for (const auto& [begin, end] : merged.ranges) take(begin, end);
  for (const char kind : {'d', 'e', 'w'}) {
    const std::string prefix = UserPrefix(kind, user);
    out->DeleteRange(prefix, PrefixEnd(prefix));
    take(prefix, PrefixEnd(prefix));
  }
  const auto earlier = EarlierRange(schema::Entity::kUser, user);
  out->DeleteRange(earlier.first, earlier.second);
  take(earlier.first, earlier.second);
  UPNEXT_RETURN_IF_ERROR(DeleteSlatesOf(db, user, out));
  const auto slates = SlateRange(user);
  take(slates.first, slates.second);

  std::vector<std::string> keys;
  const std::string record = RecordKey(schema::Entity::kUser, user);
  out->Delete(record);
  keys.push_back(record);
  UPNEXT_ASSIGN_OR_RETURN(const std::vector<std::string> states, StateKeysOf(db, user));
  for (const std::string& key : states) {
    out->Delete(key);
    keys.push_back(key);
  }
  RocksNames::Queries texts = queries;
  UPNEXT_ASSIGN_OR_RETURN(const std::vector<std::string> ids,
                          names.KeysOf(db, schema::IdSpace::kUser, user));
  std::vector<std::string>& own = texts[std::string(user)];
  own.insert(own.end(), ids.begin(), ids.end());
  UPNEXT_ASSIGN_OR_RETURN(done.names, names.ForgetTexts(db, texts, out));
  for (const auto& [text, of_text] : texts) keys.insert(keys.end(), of_text.begin(), of_text.end());
  for (const std::string& key : keys) take(key, key);

  out->Put(DeletionKey(user), BigEndian(done.sequence));
  out->Put(kSequenceKey, BigEndian(done.sequence));
  return done;
}

}  // namespace upnext::store
