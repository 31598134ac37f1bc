// What was posted of an item or a user, as bytes: a version, whether it was deleted, then the
// attributes by name, as in event_codec.h. Part of the store's format (docs/formats/store.md).
#ifndef UPNEXT_STORE_RECORD_CODEC_H_
#define UPNEXT_STORE_RECORD_CODEC_H_

#include <string>
#include <string_view>

#include "base/status.h"
#include "schema/attribute.h"
#include "schema/raw_event.h"
#include "schema/schema.h"

namespace upnext::store {

struct RecordBody {
  bool deleted = false;  // without attributes then
  schema::RawAttributes attributes = {};
};

// The attributes are some of the schema's.
std::string EncodeRecord(const schema::Schema& schema, schema::Entity entity,
                         const RecordBody& record);
// kDataLoss for bytes that EncodeRecord could not have written. Attributes that the schema does not
// declare (any more), or with values that do not fit their kind, are left out.
Result<RecordBody> DecodeRecord(const schema::Schema& schema, schema::Entity entity,
                                std::string_view bytes);

}  // namespace upnext::store

#endif  // UPNEXT_STORE_RECORD_CODEC_H_
