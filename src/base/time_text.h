// Points in time as a project file writes them.
//
//   std::optional<int64_t> ms = ParseTime("2022-04-19T00:00:00+08:00");    1650297600000
#ifndef UPNEXT_EXAMPLES_TIME_TEXT_H_
#define UPNEXT_EXAMPLES_TIME_TEXT_H_

#include <cstdint>
#include <optional>
#include <string_view>

namespace upnext::examples {

// Milliseconds since the epoch of an ISO-8601 date or date and time: YYYY-MM-DD[THH:MM[:SS[.fff]]]
// followed by Z or an offset (+08:00). The offset is needed, since a date without one is another
// moment in every time zone. nullopt for anything else, days that no calendar has included.
std::optional<int64_t> ParseTime(std::string_view text);

}  // namespace upnext::examples

#endif  // UPNEXT_EXAMPLES_TIME_TEXT_H_
