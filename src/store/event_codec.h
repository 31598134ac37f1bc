// Stored events as bytes: a version, fixed fields, then the strings, each with its length. The type
// and the declared attributes are stored by name, so that a store may be read under another schema
// than it was written under. Part of the store's format (docs/formats/store.md).
#ifndef UPNEXT_STORE_EVENT_CODEC_H_
#define UPNEXT_STORE_EVENT_CODEC_H_

#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "schema/raw_event.h"
#include "schema/schema.h"

namespace upnext::store {

// `event` has a type and attributes of the schema; `id` is its client's, "" when it gave none.
std::string EncodeEvent(const schema::Schema& schema, const schema::RawEvent& event,
                        std::string_view id);
// kDataLoss for bytes that EncodeEvent could not have written. No event when the schema does not
// declare its type (any more); attributes that it does not declare, or with values that do not fit
// their kind, are left out.
Result<std::optional<schema::RawEvent>> DecodeEvent(const schema::Schema& schema,
                                                    std::string_view bytes);

// The same event as one of another user, also of a type that no schema declares any more; `id`: its
// client's. kDataLoss as above.
Result<std::string> EncodedFor(std::string_view user, std::string_view bytes, std::string* id);

}  // namespace upnext::store

#endif  // UPNEXT_STORE_EVENT_CODEC_H_
