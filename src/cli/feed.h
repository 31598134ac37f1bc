// Slates as text for people. net/slate_json.h writes them for programs.
#ifndef UPNEXT_CLI_FEED_H_
#define UPNEXT_CLI_FEED_H_

#include <span>
#include <string>
#include <vector>

#include "serving/engine.h"

namespace upnext::cli {

// `offset`: of the request, so that a second page goes on counting.
std::string SlateTable(const serving::Slate& slate, std::span<const std::string> objectives,
                       const std::string& user, bool explain, size_t offset = 0);
// "ranker: late", "generators, candidate-model: failed: ..."
std::string DegradationText(const serving::Degradation& one);
// Items that do not belong to a request: `upnext similar`.
std::string ItemsTable(std::span<const serving::Recommendation> items,
                       std::span<const std::string> objectives, bool explain, size_t offset = 0);

}  // namespace upnext::cli

#endif  // UPNEXT_CLI_FEED_H_
