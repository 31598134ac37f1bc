// upnext simulate --live: simulated users of a running server, compared with the same users under
// popularity and random slates.
#ifndef UPNEXT_CLI_SIMULATE_LIVE_H_
#define UPNEXT_CLI_SIMULATE_LIVE_H_

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/progress.h"
#include "base/status.h"
#include "cli/scenario_values.h"
#include "cli/server_life.h"
#include "simulator/recommender.h"
#include "simulator/value.h"
#include "simulator/world.h"

namespace upnext::cli {

struct LiveOptions {
  int log_days = 0;  // days of the window in the server's log; live days follow
  int threads = 0;
};

// One policy on all users of the world, for all live days.
struct LiveArm {
  std::string name;
  simulator::Recommender* recommender;
  std::vector<simulator::Value> days;  // of each live day
  simulator::UserValues users;
  // Of a server; null: none of it.
  ServerLife* life = nullptr;
  ScenarioValues* scenarios = nullptr;
};

// Simulates users for the first `log_days` under the world's logging policy, as in the log, and
// then under each arm's policy, with common random numbers. Returns the first error of a
// recommender.
Status RunLive(const simulator::World& world, const LiveOptions& options,
               std::vector<LiveArm>& arms, base::Progress& progress);

// Prints a table of days and scenarios, and the difference between the first arm and each other.
void PrintLive(const LiveOptions& options, const std::vector<LiveArm>& arms);
nlohmann::json LiveJson(const LiveOptions& options, const std::vector<LiveArm>& arms);

}  // namespace upnext::cli

#endif  // UPNEXT_CLI_SIMULATE_LIVE_H_
