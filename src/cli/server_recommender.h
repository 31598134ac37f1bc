// A running `upnext serve` as a recommender of the simulated site: slates come from
// GET /v1/recommendations, and what users do goes to POST /v1/events.
//
//   UPNEXT_ASSIGN_OR_RETURN(auto server,
//                           ServerRecommender::Connect(world, {.url = "http://127.0.0.1:8080"}));
//   site.RunDay(day, pool, [&](uint32_t) { return server.get(); }, take);
//
// As Recommender: many threads, one call per user at a time. The world outlives it.
#ifndef UPNEXT_CLI_SERVER_RECOMMENDER_H_
#define UPNEXT_CLI_SERVER_RECOMMENDER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "net/http_client.h"
#include "simulator/names.h"
#include "simulator/recommender.h"
#include "simulator/world.h"

namespace upnext::cli {

struct ServerRecommenderOptions {
  std::string url;
  std::string key = {};                       // "" for none
  char user_prefix = 'u', item_prefix = 'v';  // of ids, as the simulator's log has them
};

class ServerRecommender : public simulator::Recommender {
 public:
  // kInvalidArgument for no address, kUnavailable when nobody is ready there.
  static Result<std::unique_ptr<ServerRecommender>> Connect(
      const simulator::World& world, const ServerRecommenderOptions& options);

  // kInternal when the server answers with an error, or with items that the world does not have: it
  // serves another log.
  Status Recommend(const simulator::SlateRequest& request, base::Rng& rng,
                   std::vector<simulator::ShownItem>& slate) override;
  Status Observe(const simulator::UserRows& rows) override;

  uint64_t slates() const { return slates_; }
  uint64_t events() const { return events_; }

 private:
  struct User {
    std::vector<std::string> requests;  // the server's names of requests 1, 2, ...
    uint32_t first_request = 0;         // number of the first; 0: none yet
    uint32_t events = 0;                // sent so far
  };
  ServerRecommender(const simulator::World& world, const ServerRecommenderOptions& options);
  const std::string& ServersName(const User& user, uint32_t request) const;

  const ServerRecommenderOptions options_;
  const simulator::IdName user_name_,
      item_name_;          // copied for each use: they write into themselves
  const std::string run_;  // part of the events' ids, so that what is sent twice counts once
  std::unique_ptr<net::HttpClient> client_;
  std::vector<User> users_;
  std::atomic<uint64_t> slates_ = 0, events_ = 0;
};

}  // namespace upnext::cli

#endif  // UPNEXT_CLI_SERVER_RECOMMENDER_H_
