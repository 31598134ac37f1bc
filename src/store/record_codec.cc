#include "store/record_codec.h"

#include <cstdint>

#include "store/codec_bytes.h"

namespace upnext::store {
namespace {

constexpr uint8_t kRecordVersion = 1;

}  // namespace

std::string EncodeRecord(const schema::Schema& schema, schema::Entity entity,
                         const RecordBody& record) {
  std::string out;
  Put(out, kRecordVersion);
  Put(out, static_cast<uint8_t>(record.deleted));
  PutAttributes(out, schema, entity, record.attributes);
  return out;
}

Result<RecordBody> DecodeRecord(const schema::Schema& schema, schema::Entity entity,
                                std::string_view bytes) {
  RecordBody record;
  uint8_t version = 0, deleted = 0;
  const bool ok = Take(bytes, &version) && version == kRecordVersion && Take(bytes, &deleted) &&
                  deleted <= 1 && TakeAttributes(bytes, schema, entity, 0, &record.attributes) &&
                  bytes.empty();
  record.deleted = deleted == 1;
  if (ok && !(record.deleted && !record.attributes.empty())) return record;
  return DataLoss(
      "a stored {} is not what this version of upnext writes: the store is damaged or newer than "
      "this binary",
      entity == schema::Entity::kItem ? "item" : "user");
}

}  // namespace upnext::store
