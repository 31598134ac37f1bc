// A request with its names looked up: what generators, filters and re-rankers read. Belongs to one
// request; views into what it was made from.
#ifndef UPNEXT_SERVING_REQUEST_CONTEXT_H_
#define UPNEXT_SERVING_REQUEST_CONTEXT_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "catalogue/catalogue.h"
#include "expression/bound_expression.h"
#include "features/request_context.h"
#include "features/trend_counts.h"
#include "features/user_state.h"
#include "retrieval/generator.h"
#include "retrieval/lowered.h"
#include "schema/event.h"
#include "serving/scenario.h"
#include "serving/site_expressions.h"
#include "serving/slate.h"

namespace upnext::serving {

// What of the options a request needs.
struct RequestRules {
  const retrieval::SiteVerb& verb = retrieval::DefaultVerb();
  std::optional<float> low_rating = {};  // the highest that is a dislike; none: they change nothing
  const features::LiveLists* live = nullptr;           // see retrieval::ProposeRequest
  const retrieval::NewItemIndex* new_items = nullptr;  // likewise
  const retrieval::NewItemLists* posted = nullptr;     // likewise
  const Scenario* scenario = nullptr;                  // null: one without rules
  uint32_t live_every = 0;  // one place in so many has an item with a live place; 0: none
};

struct RequestContext {
  RequestContext(const catalogue::Catalogue& names, const features::UserState& user_state,
                 const Request& asked, const RequestRules& by = {});

  retrieval::ProposeRequest ToPropose() const {
    return {catalogue, state, user, context, rules.verb, rules.live, rules.new_items, rules.posted};
  }

  expression::RequestFacts Facts() const {
    return {.catalogue = catalogue,
            .now_ms = context.time_ms,
            .user = user,
            .device = context.device,
            .region = context.region,
            .current_item = context.current_item,
            .attributes = context.attributes};
  }

  // Whether it was proposed because of the item being watched.
  bool IsFromCurrent(const retrieval::Candidate& candidate) const {
    return candidate.from != schema::kNone && candidate.from == context.current_item;
  }

  const Request& request;
  const catalogue::Catalogue& catalogue;
  const features::UserState& state;
  uint32_t user;  // id of the catalogue, or kNone
  features::Context context;
  RequestRules rules;
  retrieval::Lowered lowered;
  std::vector<std::string>
      unknown_excluded;                   // names of the request that the catalogue does not have
  std::unordered_set<uint32_t> excluded;  // by the request, with the item being watched
  const Scenario& scenario;
  // Whether the list is more than the best by score.
  bool Arranges() const { return request.stage == Stage::kRanking && scenario.Arranges(); }
  // By item the place, from 0, by the scenario at this time.
  std::map<uint32_t, uint32_t> pinned;
  std::unordered_set<uint32_t> hidden;  // by the scenario, at this time
  // What the score of an item that the user was served a short time ago is multiplied by.
  double Rotated(uint32_t item) const {
    const auto found = rotated.find(item);
    return found == rotated.end() ? 1 : found->second;
  }
  std::unordered_map<uint32_t, double> rotated;
  RequestExpressions expressions = {};
};

}  // namespace upnext::serving

#endif  // UPNEXT_SERVING_REQUEST_CONTEXT_H_
