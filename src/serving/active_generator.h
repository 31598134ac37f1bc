// A generator in use, and what a slate says of an item that generators proposed.
#ifndef UPNEXT_SERVING_ACTIVE_GENERATOR_H_
#define UPNEXT_SERVING_ACTIVE_GENERATOR_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "retrieval/generator.h"
#include "serving/pool.h"
#include "serving/request_context.h"
#include "serving/slate.h"

namespace upnext::serving {

// A generator in use.
struct ActiveGenerator {
  std::string_view name;
  uint32_t budget;
  const retrieval::Generator& generator;
  double weight;         // of its list in the bundle's order
  double budget_ms = 0;  // how long a request waits for it; 0: it runs in the request's thread
};

// Proposes nothing by itself: what the editors of the site pin, Propose adds under its name.
class Pinned : public retrieval::Generator {
 public:
  Status Propose(const retrieval::ProposeRequest&, size_t, const retrieval::ItemFilter&,
                 std::vector<retrieval::Candidate>*) const override {
    return Ok();
  }
  std::string Reason(const retrieval::ProposeRequest&, const retrieval::Candidate&) const override {
    return "chosen by the editors";
  }
};

// Proposes nothing by itself: the list of a request that gives one (given_items.h).
class Given : public retrieval::Generator {
 public:
  Status Propose(const retrieval::ProposeRequest&, size_t, const retrieval::ItemFilter&,
                 std::vector<retrieval::Candidate>*) const override {
    return Ok();
  }
  std::string Reason(const retrieval::ProposeRequest&, const retrieval::Candidate&) const override {
    return "in the list of the request";
  }
};

// `generators`: those that the sources of the candidate are numbers of.
Recommendation Describe(const RequestContext& context, std::span<const ActiveGenerator> generators,
                        PooledCandidate candidate);

}  // namespace upnext::serving

#endif  // UPNEXT_SERVING_ACTIVE_GENERATOR_H_
