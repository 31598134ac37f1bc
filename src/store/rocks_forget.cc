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
namespace {

// Adds where the files have what is kept of a user: ranges in which all is the user's, which are returned, and what
// lies elsewhere.
KeyRanges TakeUser(std::string_view user, KeyRanges* ranges) {
  KeyRanges own = {EarlierRange(schema::Entity::kUser, user)};
  for (const char kind : {'d', 'e', 'g', 'w'}) {
    const std::string prefix = UserPrefix(kind, user);
    own.emplace_back(prefix, PrefixEnd(prefix));
  }
  ranges->insert(ranges->end(), own.begin(), own.end());
  ranges->push_back(SlateRange(user));  // also of users with the same fingerprint
  const std::string record = RecordKey(schema::Entity::kUser, user);
  ranges->emplace_back(record, record);
  return own;
}

}  // namespace

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
  std::vector<std::string> keys;
  UPNEXT_ASSIGN_OR_RETURN(const uint64_t before, db.Number(DeletionKey(user)));
  if (before != 0) {  // may be unfinished, or was merged into another
    take("n", "o");
    take("s", "t");
    UPNEXT_RETURN_IF_ERROR(ForgetMerges(db, user, done.sequence, &keys, out));
  }
  UPNEXT_ASSIGN_OR_RETURN(const MergedUsers merged, ReadMerged(db, user));
  for (const std::string& one : merged.users) {
    TakeUser(one, &done.ranges);
    UPNEXT_ASSIGN_OR_RETURN(const std::vector<std::string> states, StateKeysOf(db, one));
    keys.insert(keys.end(), states.begin(), states.end());
  }
  if (!merged.users.empty()) take("n", "o");
  const KeyRanges own_ranges = TakeUser(user, &done.ranges);
  for (const auto& [begin, end] : own_ranges) out->DeleteRange(begin, end);
  UPNEXT_RETURN_IF_ERROR(DeleteSlatesOf(db, user, out));
  take("q", "r");  // the requests of the slates are anywhere there

  out->Delete(RecordKey(schema::Entity::kUser, user));
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
