// A running `upnext serve` as a recommender of the simulated site: slates come from
// GET /v1/recommendations, and what users do goes to POST /v1/events.
//
//   UPNEXT_ASSIGN_OR_RETURN(auto server,
//                           ServerRecommender::Connect(world, {.url = "http://127.0.0.1:8080"}));
//   site.RunDay(day, pool, [&](uint32_t) { return server.get(); }, take);
//
// Users are divided among scenarios, and some have a session until they sign in.
//
// As Recommender: many threads, one call per user at a time. The world outlives it.
#ifndef UPNEXT_CLI_SERVER_RECOMMENDER_H_
#define UPNEXT_CLI_SERVER_RECOMMENDER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "net/http_client.h"
#include "simulator/names.h"
#include "simulator/recommender.h"
#include "simulator/world.h"

namespace upnext::cli {

struct ServerRecommenderOptions {
  std::string url;
  std::string key = {};         // with the role recommend; "" for none
  std::string events_key = {};  // with the role events; "": `key`
  // Of slates of the home page, each of an equal share of the users, and of slates after a watch; "": the
  // server's own.
  std::vector<std::string> scenarios = {""};
  std::string next_scenario = {};
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

  // From now on this user is a visitor with a session, until the third slate of the home page: before it the user
  // signs in, and the session is merged. Not while requests of the user are made.
  void BeginSession(uint32_t user) { users_[user].in_session = true; }
  // LogRow::request of the first request after signing in; 0: the user has not begun a session and left it.
  uint32_t signed_in_at(uint32_t user) const { return users_[user].signed_in_at; }
  // The parameter that names a user now, "user" or "session", and its value.
  std::pair<std::string_view, std::string> WhoIs(uint32_t user) const;
  // Index into ServerRecommenderOptions::scenarios.
  size_t ScenarioOf(uint32_t user) const { return user % options_.scenarios.size(); }
  const ServerRecommenderOptions& options() const { return options_; }

  uint64_t slates() const { return slates_; }
  uint64_t events() const { return events_; }
  uint64_t merged() const { return merged_; }

 private:
  struct User {
    std::vector<std::string> requests;  // the server's names of requests 1, 2, ...
    uint32_t first_request = 0;         // number of the first; 0: none yet
    uint32_t events = 0;                // sent so far
    uint32_t home_slates = 0, signed_in_at = 0;
    bool in_session = false;
  };
  ServerRecommender(const simulator::World& world, const ServerRecommenderOptions& options);
  // Parameters that exclude what does not exist yet at a simulated time.
  std::string NotYetMade(int64_t time_ms) const;
  Status SignIn(const simulator::SlateRequest& request);
  const std::string& ServersName(const User& user, uint32_t request) const;

  const simulator::World& world_;
  const ServerRecommenderOptions options_;
  const simulator::IdName user_name_,
      item_name_;          // copied for each use: they write into themselves
  const std::string run_;  // part of the events' ids, so that what is sent twice counts once
  std::unique_ptr<net::HttpClient> client_, events_client_;
  std::vector<User> users_;
  std::atomic<uint64_t> slates_ = 0, events_ = 0, merged_ = 0;
};

}  // namespace upnext::cli

#endif  // UPNEXT_CLI_SERVER_RECOMMENDER_H_
