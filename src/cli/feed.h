// Slates for people. For programs there is net/slate_json.h.
#ifndef UPNEXT_CLI_FEED_H_
#define UPNEXT_CLI_FEED_H_

#include <span>
#include <string>
#include <vector>

#include "serving/engine.h"

namespace upnext::cli {

std::string SlateTable(const serving::Slate& slate, std::span<const std::string> objectives,
                       const std::string& user, bool explain);
// Items without a request around them: `upnext similar`.
std::string ItemsTable(std::span<const serving::Recommendation> items,
                       std::span<const std::string> objectives, bool explain);

}  // namespace upnext::cli

#endif  // UPNEXT_CLI_FEED_H_
