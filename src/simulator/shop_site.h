// The simulated shop site (site.h). Only this room includes it.
#ifndef UPNEXT_SIMULATOR_SHOP_SITE_H_
#define UPNEXT_SIMULATOR_SHOP_SITE_H_

#include <memory>

#include "simulator/site.h"

namespace upnext::simulator {

std::unique_ptr<const SimulatedSite> MakeShopSite(const SiteOptions& options);

}  // namespace upnext::simulator

#endif  // UPNEXT_SIMULATOR_SHOP_SITE_H_
