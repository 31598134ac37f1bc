// A request with all that it is answered from: a generator that is left behind when it is late keeps it
// and reads nothing that is gone. What else it reads outlives the engine, which waits for it when it ends.
//
//   auto owned = std::make_shared<OwnedRequest>(parts, request, state, lists, scenario);
//
// Changed before generators read it alone: any number of threads.
#ifndef UPNEXT_SERVING_OWNED_REQUEST_H_
#define UPNEXT_SERVING_OWNED_REQUEST_H_

#include <memory>
#include <utility>

#include "features/trend_counts.h"
#include "features/user_state.h"
#include "serving/engine_parts.h"
#include "serving/request_context.h"
#include "serving/scenario.h"
#include "serving/slate.h"

namespace upnext::serving {

struct OwnedRequest {
  OwnedRequest(const EngineParts& parts, std::shared_ptr<const Request> asked,
               std::shared_ptr<const features::UserState> user_state,
               std::shared_ptr<const features::LiveLists> live, const Scenario& scenario)
      : request(std::move(asked)),
        state(std::move(user_state)),
        lists(std::move(live)),
        context(parts.catalogue, *state, *request, parts.Rules(lists.get(), scenario)) {}

  const std::shared_ptr<const Request> request;
  const std::shared_ptr<const features::UserState> state;
  const std::shared_ptr<const features::LiveLists> lists;  // null: none
  // Whether time budgets count: not in evaluations, which give the same result on every machine.
  bool within_budget = false;
  RequestContext context;
};

}  // namespace upnext::serving

#endif  // UPNEXT_SERVING_OWNED_REQUEST_H_
