// The union of what the generators of a request propose, each item once with everyone who proposed
// it (SY-02), and the funnel's counts of it (SY-01).
//
//   CandidatePool pool(filters, request, &counts);
//   auto admits = [&](uint32_t item) { return pool.Admits(item); };
//   generator.Propose(request.ToPropose(), n, retrieval::ItemFilter(admits), &proposed);
//   pool.Add(generator_number, proposed);
//   std::vector<PooledCandidate> candidates = pool.Take();          in the order of first mention
//
// Belongs to one request.
#ifndef UPNEXT_SERVING_POOL_H_
#define UPNEXT_SERVING_POOL_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "retrieval/generator.h"
#include "retrieval/live_slots.h"
#include "serving/arrange.h"
#include "serving/filter.h"
#include "serving/request_context.h"
#include "serving/slate.h"

namespace upnext::serving {

// A candidate on its way through the stages.
struct PooledCandidate {
  struct Source {
    size_t generator;  // its number
    retrieval::Candidate candidate;
    size_t place;  // in what the generator proposed, from 0
  };
  uint32_t item;
  std::vector<Source> sources;            // in the order of the generators; never empty
  double score = 0;                       // of the last stage that ran
  std::vector<float> predictions = {};    // by objective; empty before ranking
  double boost = 1;                       // what its score is multiplied by
  std::optional<double> propensity = {};  // of its place, where the scenario explores
  uint32_t place_by_score = 0;            // before the scenario's rules, from 0
  PlacedBy by = PlacedBy::kScore;         // what gave it its place
  // In the list of what is chosen now, of an item that neither the candidate model knows nor a list of
  // the order has.
  size_t live_place = retrieval::kNoLivePlace;
};

// What a filter left out.
struct LeftOut {
  uint32_t item;
  size_t filter;  // its number
};

class CandidatePool {
 public:
  // `filters` by registry entry, null for those not in use; counts->filtered has one of each.
  CandidatePool(std::span<const std::unique_ptr<const Filter>> filters,
                const RequestContext& request, StageCounts* counts)
      : filters_(filters), request_(request), counts_(*counts) {}

  // Whether a generator may propose this item. If a filter leaves it out, that is counted.
  bool Admits(uint32_t item);
  // The same of an item that the filter with this number leaves out.
  void LeaveOut(uint32_t item, size_t filter);
  void Add(size_t generator, std::span<const retrieval::Candidate> candidates);
  std::vector<PooledCandidate> Take() { return std::move(items_); }
  // In the order of first mention; of explained requests alone.
  std::vector<LeftOut> TakeLeftOut() { return std::move(left_out_); }

 private:
  static constexpr size_t kLeftOut = SIZE_MAX;
  bool Mention(uint32_t item, size_t place);  // true the first time

  std::span<const std::unique_ptr<const Filter>> filters_;
  const RequestContext& request_;
  StageCounts& counts_;
  std::vector<PooledCandidate> items_;
  std::vector<LeftOut> left_out_;
  std::unordered_map<uint32_t, size_t> index_;  // place in items_, or kLeftOut
};

}  // namespace upnext::serving

#endif  // UPNEXT_SERVING_POOL_H_
