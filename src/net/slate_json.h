// Slates as JSON, the same over HTTP and from the command line.
//
//   nlohmann::json body = SlateJson(slate, engine.objective_names(), "u7", /*explain=*/true);
//
// Pure functions: any number of threads.
#ifndef UPNEXT_NET_SLATE_JSON_H_
#define UPNEXT_NET_SLATE_JSON_H_

#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include "serving/engine.h"

namespace upnext::net {

// `objectives`: names of the predictions.
// {"user", "request", "bundle_version", "log_version", "items", "notes", "degraded", "missing"}; with `explain` also
// "counts", "stages", "generators", "exponents" and "dropped", and how each item got its score and its place.
nlohmann::json SlateJson(const serving::Slate& slate, std::span<const std::string> objectives,
                         const std::string& user, bool explain);
// [{"item", "score", "reason", "title" where it is known}]
nlohmann::json ItemsJson(std::span<const serving::Recommendation> items,
                         std::span<const std::string> objectives, bool explain);

}  // namespace upnext::net

#endif  // UPNEXT_NET_SLATE_JSON_H_
