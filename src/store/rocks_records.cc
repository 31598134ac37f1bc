#include "store/rocks_records.h"

#include <algorithm>
#include <utility>

#include "store/record_codec.h"
#include "store/rocks_keys.h"

namespace upnext::store {
namespace {

using Change = WriteBatch::NewRecord::Change;

// The attributes of `before` with those of the change in their place.
schema::RawAttributes Patched(const schema::RawAttributes& before,
                              const WriteBatch::NewRecord& record) {
  schema::RawAttributes after;
  for (const auto& one : before) {
    if (std::ranges::find(record.mentioned, one.first) == record.mentioned.end()) {
      after.push_back(one);
    }
  }
  after.insert(after.end(), record.row->attributes.begin(), record.row->attributes.end());
  std::ranges::stable_sort(after, {}, &std::pair<uint32_t, std::string>::first);
  return after;
}

// What the change makes of the record that the store has beyond the log, null when it has none;
// nullopt: there is nothing to change.
std::optional<RecordBody> Changed(const WriteBatch::NewRecord& record, const Record* current) {
  switch (record.change) {
    case Change::kPut: {
      RecordBody body{.attributes = record.row->attributes};
      std::ranges::stable_sort(body.attributes, {}, &std::pair<uint32_t, std::string>::first);
      return body;
    }
    case Change::kPatch:
      if (current != nullptr) {
        if (current->deleted) return std::nullopt;
        return RecordBody{.attributes = Patched(current->row.attributes, record)};
      }
      if (record.base == nullptr) return std::nullopt;
      return RecordBody{.attributes = Patched(*record.base, record)};
    case Change::kDelete:
      return RecordBody{.deleted = true};
  }
  return std::nullopt;
}

}  // namespace

std::string RecordKey(schema::Entity entity, std::string_view name) {
  return std::string(1, entity == schema::Entity::kItem ? 'i' : 'u').append(name);
}

std::pair<std::string, std::string> EarlierRange(schema::Entity entity, std::string_view name) {
  const std::string prefix = 'h' + RecordKey(entity, name);
  return {prefix + '\0', prefix + '\1'};  // ids have no control characters
}

Result<std::optional<Record>> RecordAsOf(const RocksDb& db, const schema::Schema& schema,
                                         schema::Entity entity, std::string_view name,
                                         uint64_t sequence) {
  const std::string key = RecordKey(entity, name);
  const std::string prefix = EarlierRange(entity, name).first;
  std::optional<std::string> value;
  UPNEXT_RETURN_IF_ERROR(db.VisitPrefix(prefix, prefix + BigEndian(sequence + 1),
                                        [&](std::string_view, std::string_view ended) {
                                          if (!value) value = ended;
                                          return Ok();
                                        }));
  if (!value) {
    UPNEXT_ASSIGN_OR_RETURN(value, db.Get(key));
  }
  if (!value) return std::optional<Record>();
  UPNEXT_ASSIGN_OR_RETURN(Record record, ParseRecord(schema, entity, key, *value));
  if (record.sequence > sequence) return std::optional<Record>();
  return std::optional(std::move(record));
}

Result<Record> ParseRecord(const schema::Schema& schema, schema::Entity entity,
                           std::string_view key, std::string_view value) {
  const auto sequence = TakeBigEndian(value);
  if (!sequence || key.size() < 2) return DataLoss("store: a posted row has no name or no number");
  UPNEXT_ASSIGN_OR_RETURN(RecordBody body, DecodeRecord(schema, entity, value.substr(8)));
  return Record{.sequence = *sequence,
                .deleted = body.deleted,
                .row = {std::string(key.substr(1)), std::move(body.attributes)}};
}

Result<std::optional<Record>> RecordChanges::Current(schema::Entity entity,
                                                     const std::string& key) const {
  if (const auto found = pending_.find(key); found != pending_.end()) return found->second;
  UPNEXT_ASSIGN_OR_RETURN(const auto value, db_.Get(key));
  if (!value) return std::optional<Record>();
  UPNEXT_ASSIGN_OR_RETURN(Record record, ParseRecord(schema_, entity, key, *value));
  return std::optional(std::move(record));
}

std::string RecordChanges::Bytes(schema::Entity entity, const Record& record) const {
  return BigEndian(record.sequence) +
         EncodeRecord(schema_, entity, {record.deleted, record.row.attributes});
}

Status RecordChanges::Add(std::span<const WriteBatch::NewRecord> records, uint64_t* next,
                          rocksdb::WriteBatch* out, std::vector<std::optional<Record>>* changed) {
  for (const WriteBatch::NewRecord& record : records) {
    const std::string key = RecordKey(record.entity, record.row->name);
    UPNEXT_ASSIGN_OR_RETURN(std::optional<Record> current, Current(record.entity, key));
    const std::optional<Record> earlier = current;
    if (current && current->sequence <= record.after) current.reset();  // the log has it
    std::optional<RecordBody> body = Changed(record, current ? &*current : nullptr);
    if (!body) {
      changed->emplace_back();
      continue;
    }
    if (current && current->deleted == body->deleted &&
        current->row.attributes == body->attributes) {
      changed->push_back(std::move(current));  // as it is already
      continue;
    }
    Record made{.sequence = (*next)++,
                .deleted = body->deleted,
                .row = {record.row->name, std::move(body->attributes)}};
    if (earlier) {
      out->Put(EarlierRange(record.entity, record.row->name).first + BigEndian(made.sequence),
               Bytes(record.entity, *earlier));
    }
    out->Put(key, Bytes(record.entity, made));
    pending_.insert_or_assign(key, made);
    changed->push_back(std::move(made));
  }
  return Ok();
}

Status VisitRecords(const RocksDb& db, const schema::Schema& schema, schema::Entity entity,
                    std::string_view after, const std::function<Status(const Record&)>& visit) {
  const std::string prefix = RecordKey(entity, "");
  std::string from = RecordKey(entity, after);
  if (!after.empty()) from.push_back('\0');
  return db.VisitPrefix(prefix, from, [&](std::string_view key, std::string_view value) -> Status {
    UPNEXT_ASSIGN_OR_RETURN(const Record record, ParseRecord(schema, entity, key, value));
    return visit(record);
  });
}

Result<std::optional<Record>> FindRecord(const RocksDb& db, const schema::Schema& schema,
                                         schema::Entity entity, std::string_view name) {
  const std::string key = RecordKey(entity, name);
  UPNEXT_ASSIGN_OR_RETURN(const auto value, db.Get(key));
  if (!value) return std::optional<Record>();
  UPNEXT_ASSIGN_OR_RETURN(Record record, ParseRecord(schema, entity, key, *value));
  return std::optional(std::move(record));
}

Status VisitDeletions(const RocksDb& db, const Store::DeletionVisitor& visit) {
  return db.VisitPrefix("f", "f", [&](std::string_view key, std::string_view value) -> Status {
    const auto user = TakeBigEndian(key.substr(1)), sequence = TakeBigEndian(value);
    if (!user || !sequence) return DataLoss("store: a deletion has no user or no number");
    visit(*user, *sequence);
    return Ok();
  });
}

}  // namespace upnext::store
