#include "api/simulated_log.h"

#include <algorithm>

#include "base/config.h"

namespace upnext::api {

Result<simulator::WorldOptions> WorldOf(const SimulateRequest& request) {
  simulator::WorldOptions options;
  if (!request.world.empty()) {
    UPNEXT_ASSIGN_OR_RETURN(const base::Config config, base::Config::Load(request.world));
    options = simulator::WorldOptions::FromConfig(config.root());
    UPNEXT_RETURN_IF_ERROR(config.Check());
  }
  if (request.users > 0) options.users = request.users;
  if (request.items > 0) options.items = request.items;
  if (request.days > 0) options.days = request.days;
  if (request.seed) options.seed = *request.seed;
  return options;
}

nlohmann::ordered_json VideoLogJson(const simulator::WorldOptions& options, int days,
                                    const simulator::LogReport& report) {
  return {{"events", report.events}, {"parts", report.parts}, {"users", options.users},
          {"items", options.items},  {"days", days},          {"seed", options.seed}};
}

Result<simulator::SiteReport> SimulateSite(const SimulateRequest& request,
                                           base::Progress& progress) {
  simulator::SiteOptions options;
  options.kind = static_cast<simulator::SiteOptions::Kind>(std::ranges::find(kSites, request.site) -
                                                           kSites.begin() - 1);
  options.users = request.users;
  options.items = request.items;
  options.days = request.days;
  if (request.seed) options.seed = *request.seed;
  return simulator::SimulateSite(options, request.out, progress);
}

nlohmann::ordered_json SiteLogJson(const std::string& site, const simulator::SiteReport& report) {
  return {{"site", site},
          {"events", report.events},
          {"users", report.options.users},
          {"items", report.options.items},
          {"days", report.options.days},
          {"seed", report.options.seed}};
}

}  // namespace upnext::api
