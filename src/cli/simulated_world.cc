#include "cli/simulated_world.h"

#include "base/config.h"
#include "simulator/world_options.h"

namespace upnext::cli {

Result<simulator::World> LoadWorld(const std::string& file) {
  UPNEXT_ASSIGN_OR_RETURN(const base::Config config, base::Config::Load(file));
  const simulator::WorldOptions options = simulator::WorldOptions::FromConfig(config.root());
  UPNEXT_RETURN_IF_ERROR(config.Check());
  return simulator::World::Create(options);
}

}  // namespace upnext::cli
