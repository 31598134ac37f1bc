// Logs of simulated sites, as `upnext simulate --out` writes them.
//
//   UPNEXT_ASSIGN_OR_RETURN(const auto json, SimulateSite({.site = "shop", .out = "shop/data"}, progress));
//
// Functions without state.
#ifndef UPNEXT_API_SIMULATED_LOG_H_
#define UPNEXT_API_SIMULATED_LOG_H_

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/progress.h"
#include "base/status.h"
#include "simulator/log_writer.h"
#include "simulator/site.h"
#include "simulator/world_options.h"

namespace upnext::api {

// The world of videos, then those of simulator::SiteOptions::Kind.
inline constexpr std::array<std::string_view, 4> kSites = {"video", "shop", "news", "music"};

struct SimulateRequest {
  std::string site = "video";     // one of kSites
  std::string out = {};           // folder of the files
  std::string world = {};         // of videos: a file with the parameters of the world
  uint32_t users = 0, items = 0;  // 0: the site's own
  int days = 0;
  std::optional<uint64_t> seed = {};
};

Result<simulator::WorldOptions> WorldOf(const SimulateRequest& request);
// `days`: that the log has.
nlohmann::ordered_json VideoLogJson(const simulator::WorldOptions& options, int days,
                                    const simulator::LogReport& report);

Result<simulator::SiteReport> SimulateSite(const SimulateRequest& request,
                                           base::Progress& progress);
nlohmann::ordered_json SiteLogJson(const std::string& site, const simulator::SiteReport& report);

}  // namespace upnext::api

#endif  // UPNEXT_API_SIMULATED_LOG_H_
