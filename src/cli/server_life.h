// What happens at a simulated site beside its feeds: visitors without history have sessions until they sign in, a few users
// are forgotten each day, and the items of the last day are published.
//
//   UPNEXT_ASSIGN_OR_RETURN(auto life, ServerLife::Connect(world, server.get(), {.url = url, .admin_key = key}));
//   life->Begin(site, log_days);                          after the days of the log
//   UPNEXT_RETURN_IF_ERROR(life->BeforeDay(day));
//
// None of it depends on what users click, so that it does not choose among answers. One thread.
#ifndef UPNEXT_CLI_SERVER_LIFE_H_
#define UPNEXT_CLI_SERVER_LIFE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "cli/server_recommender.h"
#include "net/http_client.h"
#include "simulator/live.h"
#include "simulator/world.h"

namespace upnext::cli {

struct ServerLifeOptions {
  std::string url;
  std::string admin_key = {};  // with the role admin; "" for none
  double forgotten = 0.01;     // share of the users who are forgotten on a day
};

class ServerLife {
 public:
  // The world and the recommender outlive it.
  static Result<std::unique_ptr<ServerLife>> Connect(const simulator::World& world,
                                                     ServerRecommender* server,
                                                     const ServerLifeOptions& options);
  // Users who never visited `site` begin sessions; `first_day` is the first one of the server.
  void Begin(const simulator::LiveSite& site, int first_day);
  // Publishes the items that were made on the day before, and forgets users, who then do not visit any more.
  Status BeforeDay(int day);
  bool HasLeft(uint32_t user) const { return left_[user] != 0; }

  uint64_t published() const { return published_; }
  uint64_t forgotten() const { return forgotten_; }

 private:
  ServerLife(const simulator::World& world, ServerRecommender* server,
             const ServerLifeOptions& options);
  Status Publish(int64_t from_ms, int64_t until_ms);
  Status Forget(uint32_t user);

  const simulator::World& world_;
  ServerRecommender& server_;
  const ServerLifeOptions options_;
  std::unique_ptr<net::HttpClient> client_;
  std::vector<uint8_t> left_;  // by user
  int first_day_ = 0;
  uint64_t published_ = 0, forgotten_ = 0;
};

}  // namespace upnext::cli

#endif  // UPNEXT_CLI_SERVER_LIFE_H_
