// What a log or a bundle has, as `upnext inspect` prints it. Both are verified.
#ifndef UPNEXT_API_INSPECT_H_
#define UPNEXT_API_INSPECT_H_

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/status.h"
#include "project/project.h"

namespace upnext::api {

Result<nlohmann::ordered_json> InspectFolder(const std::filesystem::path& path);
// The current log, and the current bundle if there is one: an array.
Result<nlohmann::ordered_json> InspectProject(const project::Project& project);

}  // namespace upnext::api

#endif  // UPNEXT_API_INSPECT_H_
