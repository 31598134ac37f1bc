#include "store/posted_records.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/checksum.h"
#include "base/numbers.h"
#include "catalogue/entity_attributes.h"
#include "log/event_log.h"
#include "store/numbering.h"

namespace upnext::store {

using schema::Entity;
using schema::IdSpace;
using schema::RawEntity;

namespace {

constexpr size_t kLoadedTogether = 1000;  // rows whose names are numbered in one call

IdSpace IdSpaceOf(Entity entity) {
  return entity == Entity::kItem ? IdSpace::kItem : IdSpace::kUser;
}

std::string_view WordFor(Entity entity) { return entity == Entity::kItem ? "item" : "user"; }

}  // namespace

PostedRecords::PostedRecords(Store& store, catalogue::Catalogue& catalogue, uint64_t max_names,
                             size_t most_bytes)
    : store_(store),
      catalogue_(catalogue),
      numbering_(NumberingOf(catalogue.log(), max_names)),
      most_bytes_(most_bytes),
      after_(catalogue.log().posted().store == store.id() ? catalogue.log().posted().through : 0) {}

Result<std::unique_ptr<PostedRecords>> PostedRecords::Attach(Store& store,
                                                             catalogue::Catalogue& catalogue,
                                                             uint64_t max_names,
                                                             size_t most_bytes) {
  std::unique_ptr<PostedRecords> posted(new PostedRecords(store, catalogue, max_names, most_bytes));
  UPNEXT_RETURN_IF_ERROR(posted->HideForgotten());
  for (const Entity entity : {Entity::kItem, Entity::kUser}) {
    std::vector<Record> waiting;
    const auto take = [&]() -> Status {
      std::vector<const RawEntity*> rows;
      for (const Record& record : waiting) rows.push_back(&record.row);
      UPNEXT_RETURN_IF_ERROR(posted->Number(entity, rows, [] { return true; }));
      for (const Record& record : waiting) UPNEXT_RETURN_IF_ERROR(posted->Set(entity, record));
      waiting.clear();
      return Ok();
    };
    UPNEXT_RETURN_IF_ERROR(store.Records(entity, "", [&](const Record& record) -> Status {
      if (!posted->IsBeyondLog(entity, record)) return Ok();
      waiting.push_back(record);
      return waiting.size() < kLoadedTogether ? Ok() : take();
    }));
    UPNEXT_RETURN_IF_ERROR(take());
  }
  return posted;
}

// What the log says of users who were forgotten, until it does not have them any more.
Status PostedRecords::HideForgotten() {
  const log::EventLog& log = catalogue_.log();
  const uint64_t done = log.posted().store == store_.id() ? log.posted().forgotten : 0;
  std::unordered_map<uint64_t, uint64_t> deletions;
  UPNEXT_RETURN_IF_ERROR(store_.Deletions([&](uint64_t user, uint64_t sequence) {
    if (sequence > done) deletions.emplace(user, sequence);
  }));
  if (deletions.empty()) return Ok();
  const schema::RawAttributes none;
  const log::Dictionary& names = log.dictionary(IdSpace::kUser);
  for (uint32_t user = 0; user < names.size(); ++user) {
    const auto deletion = deletions.find(base::Fingerprint(names.name(user)));
    if (deletion == deletions.end()) continue;
    catalogue_.Set(Entity::kUser, user,
                   {.sequence = deletion->second, .deleted = true, .attributes = none});
  }
  return Ok();
}

// Lets the store number the names that the catalogue does not have, as far as they may be added.
Status PostedRecords::Number(Entity entity, std::span<const RawEntity* const> rows,
                             const MayAdd& may_add) {
  std::map<IdSpace, std::vector<std::string_view>> fresh;  // in order of their first mention
  std::set<std::pair<IdSpace, std::string_view>> seen;
  const auto name = [&](IdSpace space, std::string_view text) {
    if (!text.empty() && catalogue_.Find(space, text) == schema::kNone &&
        seen.emplace(space, text).second && may_add()) {
      fresh[space].push_back(text);
    }
  };
  for (const RawEntity* row : rows) {
    name(IdSpaceOf(entity), row->name);
    for (const auto& [number, text] : row->attributes) {
      const schema::Attribute& attribute = catalogue_.schema().attributes(entity)[number];
      if (attribute.kind == schema::Kind::kCategory ||
          attribute.kind == schema::Kind::kCategories) {
        name(attribute.space, text);
      }
    }
  }
  for (const auto& [space, names] : fresh) {
    UPNEXT_ASSIGN_OR_RETURN(const std::vector<uint32_t> ids,
                            store_.Intern(numbering_, space, names));
    for (size_t i = 0; i < names.size(); ++i) catalogue_.Add(space, names[i], ids[i]);
  }
  return Ok();
}

bool PostedRecords::IsBeyondLog(Entity entity, const Record& record) const {
  if (record.sequence > after_) return true;
  if (entity != Entity::kItem || !record.deleted) return false;
  const uint32_t id = catalogue_.Find(IdSpace::kItem, record.row.name);
  return id != schema::kNone && catalogue_.item(id).removed;
}

Status PostedRecords::Set(Entity entity, const Record& record) {
  const uint32_t id = catalogue_.Find(IdSpaceOf(entity), record.row.name);
  if (id == schema::kNone) return Ok();  // beyond the limit of names
  catalogue_.Set(entity, id,
                 {.sequence = record.sequence,
                  .deleted = record.deleted,
                  .attributes = record.row.attributes});
  return Ok();
}

Result<std::vector<uint32_t>> PostedRecords::Apply(Entity entity,
                                                   std::span<const EntityChange> changes,
                                                   const MayAdd& may_add, Done* done) {
  using Change = WriteBatch::NewRecord::Change;
  if (catalogue_.posted_bytes() > most_bytes_) {
    return ResourceExhausted(
        "posted {}: expected at most {} bytes of them in memory, found {}; run `upnext import "
        "--from-store`, which moves them to the log, or start the server again, which drops what "
        "was replaced",
        schema::EntityName(entity), base::WithThousands(most_bytes_),
        base::WithThousands(catalogue_.posted_bytes()));
  }
  std::vector<const RawEntity*> rows;
  for (const EntityChange& change : changes) {
    if (change.change != Change::kPut) {
      UPNEXT_RETURN_IF_ERROR(catalogue::FindEntity(catalogue_, entity, change.row.name));
    }
    rows.push_back(&change.row);
  }
  UPNEXT_RETURN_IF_ERROR(Number(entity, rows, may_add));
  WriteBatch batch;
  std::vector<uint32_t> ids;
  std::vector<std::optional<schema::RawAttributes>> bases(changes.size());
  for (size_t i = 0; i < changes.size(); ++i) {
    const EntityChange& one = changes[i];
    const uint32_t id = ids.emplace_back(catalogue_.Find(IdSpaceOf(entity), one.row.name));
    if (id == schema::kNone) {
      return ResourceExhausted(
          "{} '{}' cannot have an id: as many new names have been added as [server] max_new_names "
          "and max_new_names_per_client allow; raise them, or run `upnext import --from-store`",
          WordFor(entity), one.row.name);
    }
    if (one.change == Change::kPatch) {
      bases[i] = catalogue::AttributesOf(catalogue_, entity, id);
    }
    batch.records.push_back({.entity = entity,
                             .change = one.change,
                             .row = &one.row,
                             .mentioned = one.mentioned,
                             .base = bases[i] ? &*bases[i] : nullptr,
                             .after = after_});
  }
  UPNEXT_ASSIGN_OR_RETURN(const Committed committed, store_.Commit(batch));
  for (size_t i = 0; i < changes.size(); ++i) {
    const std::optional<Record>& record = committed.records[i];
    if (!record) {  // deleted meanwhile
      return NotFound("there is no {} '{}'", WordFor(entity), changes[i].row.name);
    }
    UPNEXT_RETURN_IF_ERROR(Set(entity, *record));
    if (done == nullptr) continue;
    done->through = std::max(done->through, record->sequence);
    if (record->sequence >= committed.first) ++done->changed;
  }
  return ids;
}

Result<uint32_t> PostedRecords::Take(Entity entity, std::string_view name) {
  UPNEXT_ASSIGN_OR_RETURN(const std::optional<Record> record, store_.RecordOf(entity, name));
  if (!record && entity == Entity::kUser) Forget(name);  // what is not there was forgotten
  if (!record || !IsBeyondLog(entity, *record)) return schema::kNone;
  const RawEntity* const row = &record->row;
  UPNEXT_RETURN_IF_ERROR(Number(entity, {&row, 1}, [] { return true; }));
  UPNEXT_RETURN_IF_ERROR(Set(entity, *record));
  return catalogue_.Find(IdSpaceOf(entity), name);
}

void PostedRecords::Forget(std::string_view user) {
  const uint32_t id = catalogue_.Find(IdSpace::kUser, user);
  if (id == schema::kNone) return;
  const schema::RawAttributes none;
  catalogue_.Set(Entity::kUser, id,
                 {.sequence = store_.last_sequence(), .deleted = true, .attributes = none});
  catalogue_.Remove(IdSpace::kUser, user);
}

}  // namespace upnext::store
