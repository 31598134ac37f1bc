// Slates that were served, as the store keeps them: bytes that it does not read (serving/slate_record.h), found by
// user, newest first, and by request.
//
// Plain values.
#ifndef UPNEXT_STORE_SLATES_H_
#define UPNEXT_STORE_SLATES_H_

#include <cstdint>
#include <functional>
#include <string>

namespace upnext::store {

struct StoredSlate {
  uint64_t request = 0;  // the number that the request's id writes in hexadecimal
  int64_t time_ms = 0;
  std::string user = {}, bytes = {};
  // Set by the store: the number among those of events, and that of the merge that made it the user's; 0: he was
  // served it himself, or it was found by its user.
  uint64_t sequence = 0, merged = 0;
};
// False ends the visit.
using SlateVisitor = std::function<bool(const StoredSlate&)>;

}  // namespace upnext::store

#endif  // UPNEXT_STORE_SLATES_H_
