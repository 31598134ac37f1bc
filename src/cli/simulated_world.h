// The world of a --world file.
#ifndef UPNEXT_CLI_SIMULATED_WORLD_H_
#define UPNEXT_CLI_SIMULATED_WORLD_H_

#include <string>

#include "base/status.h"
#include "simulator/world.h"

namespace upnext::cli {

// Fails as base::Config::Load and Check, and World::Create.
Result<simulator::World> LoadWorld(const std::string& file);

}  // namespace upnext::cli

#endif  // UPNEXT_CLI_SIMULATED_WORLD_H_
