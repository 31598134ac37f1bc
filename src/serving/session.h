// Sessions: visitors who are not known as a user yet. The session S is the user "session:S" everywhere
// inside: in the store, in the log and in states. A user's id does not begin so where ids come from
// outside (CheckUser), so that no session is somebody else's history.
//
//   UPNEXT_ASSIGN_OR_RETURN(const std::string user, UserOfSession("s1"));        "session:s1"
//
// Pure functions.
#ifndef UPNEXT_SERVING_SESSION_H_
#define UPNEXT_SERVING_SESSION_H_

#include <string>
#include <string_view>

#include "base/status.h"
#include "schema/values.h"

namespace upnext::serving {

inline constexpr std::string_view kSessionPrefix = "session:";

inline bool IsSession(std::string_view user) { return user.starts_with(kSessionPrefix); }

// kInvalidArgument for an id that is empty, too long or has control characters.
inline Result<std::string> UserOfSession(std::string_view session) {
  if (session.empty()) return InvalidArgument("session: expected an id, found none");
  std::string user = std::string(kSessionPrefix).append(session);
  if (Status valid = schema::CheckId(user); !valid) {
    return WithContext(std::move(valid).error(), "session");
  }
  return user;
}

// Of an id that a client gives for a user. The error names no key.
inline Status CheckUser(std::string_view user) {
  UPNEXT_RETURN_IF_ERROR(schema::CheckId(user));
  if (!IsSession(user)) return Ok();
  return InvalidArgument(
      "expected the id of a user, found '{}', the name of a session; give '{}' as the session",
      user, user.substr(kSessionPrefix.size()));
}

}  // namespace upnext::serving

#endif  // UPNEXT_SERVING_SESSION_H_
