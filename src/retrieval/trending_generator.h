// Proposes what is chosen most now: the items with the largest live counts (features/live_counts.h), in
// the region of the request most, whether or not the models know them. Where there are none, the
// items with the most complete watches in the last days of the training part. One of the generators of generator_registry.cc.
// Immutable: any number of threads.
#ifndef UPNEXT_RETRIEVAL_TRENDING_GENERATOR_H_
#define UPNEXT_RETRIEVAL_TRENDING_GENERATOR_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/config.h"
#include "retrieval/generator_registry.h"

namespace upnext::retrieval {

class TrendingGenerator : public Generator {
 public:
  static GeneratorLearner Learner(const base::ConfigTable& options);
  static Result<std::unique_ptr<const Generator>> Load(LoadInput input);

  // Scores are decayed counts, or numbers of watches in these days.
  Status Propose(const ProposeRequest& request, size_t n, const ItemFilter& filter,
                 std::vector<Candidate>* out) const override;
  // With what `request.live` lists alone, which is not null.
  static void ProposeLive(const ProposeRequest& request, size_t n, const ItemFilter& filter,
                          std::vector<Candidate>* out);
  std::string Reason(const ProposeRequest& request, const Candidate& candidate) const override;
  bool IsLive() const override { return true; }

 private:
  explicit TrendingGenerator(std::vector<ScoredItem> items) : items_(std::move(items)) {}
  const std::vector<ScoredItem> items_;  // best first
};

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_TRENDING_GENERATOR_H_
