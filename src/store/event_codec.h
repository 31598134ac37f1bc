// Stored events as bytes: a version, fixed fields, then the strings, each with its length. Part of
// the store's format (docs/formats/store.md).
#ifndef UPNEXT_STORE_EVENT_CODEC_H_
#define UPNEXT_STORE_EVENT_CODEC_H_

#include <string>
#include <string_view>

#include "base/status.h"
#include "log/event_log.h"
#include "schema/raw_event.h"

namespace upnext::store {

std::string EncodeEvent(const schema::RawEvent& event);
// kDataLoss for bytes that EncodeEvent could not have written.
Result<schema::RawEvent> DecodeEvent(std::string_view bytes);

}  // namespace upnext::store

#endif  // UPNEXT_STORE_EVENT_CODEC_H_
