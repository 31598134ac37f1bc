// The true value of a server's answers by scenario: of those that an estimate from its log is about. Answers to users who
// were forgotten are gone there, and those to a session that was merged cannot be made again.
//
//   ScenarioValues values(*server, world.options().users);
//   values.Take(rows);                                   of a user's day, after it
//   Print("{}", values.ToJson().dump());
//
// One thread at a time. Keeps a reference to the recommender.
#ifndef UPNEXT_CLI_SCENARIO_VALUES_H_
#define UPNEXT_CLI_SCENARIO_VALUES_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/server_recommender.h"
#include "simulator/value.h"

namespace upnext::cli {

class ScenarioValues {
 public:
  struct Of {
    std::string scenario;  // "": the server's own
    bool is_home = true;   // else: of slates after a watch
    simulator::UserValues values;
    simulator::UserValues first;  // of the first answer to each user alone
  };
  ScenarioValues(const ServerRecommender& server, uint32_t users);
  void Take(const simulator::UserRows& rows);
  void Drop(uint32_t user);
  // Scenarios of the home page in their order, then that of slates after a watch.
  const std::vector<Of>& all() const { return all_; }
  void Print() const;
  nlohmann::json ToJson() const;

 private:
  const ServerRecommender& server_;
  std::vector<Of> all_;
  std::vector<uint32_t>
      first_home_;  // by user: the request of the first answer on the home page; 0: none yet
  std::vector<uint8_t> left_session_;  // by user: what was before is dropped
};

}  // namespace upnext::cli

#endif  // UPNEXT_CLI_SCENARIO_VALUES_H_
