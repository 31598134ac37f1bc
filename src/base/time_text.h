// Points in time as text, for people and for project files.
//
//   FormatTime(1'650'297'600'000)                      "2022-04-18T16:00:00.000Z"
//   ParseTime("2022-04-19T00:00:00+08:00")             1'650'297'600'000
#ifndef UPNEXT_BASE_TIME_TEXT_H_
#define UPNEXT_BASE_TIME_TEXT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace upnext::base {

// ISO-8601 in UTC, "2024-05-06T07:08:09.123Z". Times outside the years 0 to 9999, which only
// damaged data holds, come back as a count: "99999999999999999 ms since 1970".
std::string FormatTime(int64_t ms);

// Milliseconds since the epoch of an ISO-8601 date or date and time: YYYY-MM-DD[THH:MM[:SS[.fff]]]
// followed by Z or an offset (+08:00). The offset is needed, since a date without one is another
// moment in every time zone. nullopt for anything else, days that no calendar has included.
std::optional<int64_t> ParseTime(std::string_view text);

}  // namespace upnext::base

#endif  // UPNEXT_BASE_TIME_TEXT_H_
