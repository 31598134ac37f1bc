#include "store/rocks_names.h"

#include <algorithm>
#include <limits>

#include "schema/event.h"
#include "store/rocks_keys.h"

namespace upnext::store {
namespace {

constexpr size_t kNamePrefixBytes = 1 + 8 + 1;  // n LOG SPACE
constexpr char kNamed = 'n', kNameless = 'x';

std::string NameKey(uint64_t log, schema::IdSpace space, std::string_view name) {
  std::string key = TagPrefix('n', log);
  key.push_back(static_cast<char>(space));
  return key.append(name);
}

schema::IdSpace SpaceOf(std::string_view key) {
  return static_cast<schema::IdSpace>(key[kNamePrefixBytes - 1]);
}

// In place of a text that was deleted: ids follow one another without a gap. Of a kind of its own, since
// a query may be any bytes.
std::string NamelessKey(std::string_view key, uint32_t id) {
  return kNameless + std::string(key.substr(1, kNamePrefixBytes - 1)) + BigEndian(id, 4);
}

Status VisitStored(const RocksDb& db, const Numbering& numbering, char kind,
                   const RocksNames::Visitor& visit) {
  const std::string prefix = TagPrefix(kind, numbering.log);
  return db.VisitPrefix(
      prefix, prefix, [&](std::string_view key, std::string_view value) -> Status {
        const bool has_space = key.size() >= kNamePrefixBytes &&
                               static_cast<size_t>(SpaceOf(key)) < numbering.first.size();
        const auto id = TakeBigEndian(value, 4);
        if (!has_space || !id || value.size() != 4 ||
            *id < numbering.first[static_cast<size_t>(SpaceOf(key))]) {
          return DataLoss("store: a stored name has no id space, or no id after those of the log");
        }
        visit(SpaceOf(key), key.substr(kNamePrefixBytes), static_cast<uint32_t>(*id));
        return Ok();
      });
}

}  // namespace

Status RocksNames::Visit(const RocksDb& db, const Numbering& numbering,
                         const Visitor& visit) const {
  base::MutexLock lock(mutex_);
  UPNEXT_RETURN_IF_ERROR(VisitStored(db, numbering, kNamed, visit));
  const std::string prefix = TagPrefix('n', numbering.log);
  for (auto it = waiting_.lower_bound(prefix);
       it != waiting_.end() && it->first.starts_with(prefix); ++it) {
    visit(SpaceOf(it->first), std::string_view(it->first).substr(kNamePrefixBytes), it->second);
  }
  return Ok();
}

// Ids of a space follow one another without a gap, so counting the stored ones gives the next.
Result<RocksNames::Counts*> RocksNames::CountsOf(const RocksDb& db, const Numbering& numbering) {
  if (const auto known = counts_.find(numbering.log); known != counts_.end()) {
    return &known->second;
  }
  Counts counts{.next = numbering.first, .names = 0};
  uint64_t end = 0, ids = 0;
  for (const char kind : {kNamed, kNameless}) {
    UPNEXT_RETURN_IF_ERROR(
        VisitStored(db, numbering, kind, [&](schema::IdSpace space, std::string_view, uint32_t id) {
          uint32_t& next = counts.next[static_cast<size_t>(space)];
          next = std::max(next, id + 1);
          ++counts.names;
        }));
  }
  for (const uint32_t next : counts.next) end += next;
  for (const uint32_t first : numbering.first) ids += first;
  if (end - ids != counts.names) {
    return DataLoss("store: expected ids of added names without a gap, found {} names for {} ids",
                    counts.names, end - ids);
  }
  return &counts_.emplace(numbering.log, std::move(counts)).first->second;
}

Result<uint32_t> RocksNames::Find(const RocksDb& db, const std::string& key) const {
  if (const auto at = waiting_.find(key); at != waiting_.end()) return at->second;
  UPNEXT_ASSIGN_OR_RETURN(const auto value, db.Get(key));
  if (!value) return schema::kNone;
  const auto id = TakeBigEndian(*value, 4);
  if (!id) return DataLoss("store: a stored name has no id");
  return static_cast<uint32_t>(*id);
}

Result<std::vector<uint32_t>> RocksNames::Intern(const RocksDb& db, const Numbering& numbering,
                                                 schema::IdSpace space,
                                                 std::span<const std::string_view> names) {
  if (static_cast<size_t>(space) >= numbering.first.size()) {
    return Internal("a numbering of {} id spaces has no space {}", numbering.first.size(),
                    static_cast<int>(space));
  }
  base::MutexLock lock(mutex_);
  UPNEXT_ASSIGN_OR_RETURN(Counts* const counts, CountsOf(db, numbering));
  uint32_t next = counts->next[static_cast<size_t>(space)];
  std::vector<uint32_t> ids;
  Waiting fresh;
  for (const std::string_view name : names) {
    std::string key = NameKey(numbering.log, space, name);
    UPNEXT_ASSIGN_OR_RETURN(uint32_t id, Find(db, key));
    if (const auto given = fresh.find(key); given != fresh.end()) {
      id = given->second;
    } else if (id == schema::kNone && counts->names + fresh.size() < numbering.most) {
      id = fresh.emplace(std::move(key), next++).first->second;
    }
    ids.push_back(id);
  }
  counts->next[static_cast<size_t>(space)] = next;
  counts->names += fresh.size();
  waiting_.merge(fresh);
  return ids;
}

RocksNames::Waiting RocksNames::waiting() const {
  base::MutexLock lock(mutex_);
  return waiting_;
}

void RocksNames::SetWritten(const Waiting& written) {
  base::MutexLock lock(mutex_);
  for (const auto& [key, id] : written) waiting_.erase(key);
}

Result<RocksNames::Queries> RocksNames::QueryTexts(const RocksDb& db) const {
  base::MutexLock lock(mutex_);
  Queries queries;
  const auto add = [&](std::string_view key) {
    if (key.size() < kNamePrefixBytes || SpaceOf(key) != schema::IdSpace::kQuery) return;
    queries[std::string(key.substr(kNamePrefixBytes))].emplace_back(key);
  };
  UPNEXT_RETURN_IF_ERROR(db.VisitPrefix("n", "n", [&](std::string_view key, std::string_view) {
    add(key);
    return Ok();
  }));
  for (const auto& [key, id] : waiting_) add(key);
  return queries;
}

Result<std::vector<std::string>> RocksNames::KeysOf(const RocksDb& db, schema::IdSpace space,
                                                    std::string_view name) const {
  base::MutexLock lock(mutex_);
  std::vector<std::string> keys;
  for (const auto& [key, id] : waiting_) {
    if (SpaceOf(key) == space && std::string_view(key).substr(kNamePrefixBytes) == name) {
      keys.push_back(key);
    }
  }
  for (std::string from(1, kNamed);;) {
    UPNEXT_ASSIGN_OR_RETURN(const auto found, db.FirstKey(std::string(1, kNamed), from));
    if (!found) return keys;
    const auto log = TakeBigEndian(std::string_view(*found).substr(1));
    if (!log) return DataLoss("store: a stored name has no log");
    std::string key = NameKey(*log, space, name);
    UPNEXT_ASSIGN_OR_RETURN(const auto id, db.Get(key));
    if (id) keys.push_back(std::move(key));
    if (*log == std::numeric_limits<uint64_t>::max()) return keys;
    from = TagPrefix(kNamed, *log + 1);
  }
}

Result<RocksNames::Waiting> RocksNames::ForgetTexts(const RocksDb& db, const Queries& queries,
                                                    rocksdb::WriteBatch* out) const {
  base::MutexLock lock(mutex_);
  Waiting others = waiting_;
  for (const auto& [text, keys] : queries) {
    for (const std::string& key : keys) {
      UPNEXT_ASSIGN_OR_RETURN(const uint32_t id, Find(db, key));
      if (id == schema::kNone) continue;
      others.erase(key);
      out->Delete(key);
      out->Put(NamelessKey(key, id), BigEndian(id, 4));
    }
  }
  for (const auto& [key, id] : others) out->Put(key, BigEndian(id, 4));
  return waiting_;
}

void RocksNames::KeepOnly(uint64_t log) {
  base::MutexLock lock(mutex_);
  std::erase_if(counts_, [&](const auto& counts) { return counts.first != log; });
  std::erase_if(waiting_, [&, prefix = TagPrefix('n', log)](const auto& name) {
    return !name.first.starts_with(prefix);
  });
}

Result<uint64_t> RocksNames::Count(const RocksDb& db, uint64_t log) {
  uint64_t ids = 0;
  for (const char kind : {'n', 'x'}) {
    const std::string prefix = TagPrefix(kind, log);
    UPNEXT_RETURN_IF_ERROR(db.VisitPrefix(prefix, prefix, [&](std::string_view, std::string_view) {
      ++ids;
      return Ok();
    }));
  }
  return ids;
}

}  // namespace upnext::store
