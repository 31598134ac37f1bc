// The body of POST /v1/events, parsed without trusting it.
#ifndef UPNEXT_NET_EVENT_JSON_H_
#define UPNEXT_NET_EVENT_JSON_H_

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "net/content_type.h"
#include "schema/raw_event.h"
#include "schema/schema.h"

namespace upnext::net {

struct EventBatch {
  std::vector<schema::RawEvent> events;  // time_ms is kNoTime where the client gave none
  std::vector<std::string> ids;          // the client's event ids, "" where it gave none
};
inline constexpr size_t kMaxEvents = 10'000;
using schema::kMaxIdBytes;

// {"events": [{"user": "u7", "item": "v3", "type": "watch", "value": 31.5, "time": 1700000000.25,
// ...}]}, or one such event alone; as kLines an event on each line. Keys are the columns of the
// events table, the attributes of requests that the schema declares, and "id". kInvalidArgument
// names the event or line and the key at fault; then nothing is taken.
Result<EventBatch> ParseEvents(const schema::Schema& schema, std::string_view body,
                               BodyFormat format = BodyFormat::kJson);

// What lets a key be taken that requests do not have: "; an attribute of requests is a line in the
// project file: [schema.requests] page = "category"".
std::string HowToDeclare(std::string_view name, std::string_view kind);

}  // namespace upnext::net

#endif  // UPNEXT_NET_EVENT_JSON_H_
