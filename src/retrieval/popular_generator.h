// Proposes the items with the most complete watches of the training part, the same for everyone.
// [generators.popular] days = 7 counts its last 7 days alone; 0, the default, all. One of the generators of generator_registry.cc. Immutable: any number of threads.
#ifndef UPNEXT_RETRIEVAL_POPULAR_GENERATOR_H_
#define UPNEXT_RETRIEVAL_POPULAR_GENERATOR_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/config.h"
#include "retrieval/generator_registry.h"

namespace upnext::retrieval {

class PopularGenerator : public Generator {
 public:
  static GeneratorLearner Learner(const base::ConfigTable& options);
  static Result<std::unique_ptr<const Generator>> Load(LoadInput input);

  // Scores are numbers of watches.
  Status Propose(const ProposeRequest& request, size_t n, const ItemFilter& filter,
                 std::vector<Candidate>* out) const override;
  std::string Reason(const ProposeRequest& request, const Candidate& candidate) const override;
  std::vector<ItemsLike> Like(const LikeRequest& request) const override;
  bool FillsSlate() const override { return true; }

 private:
  explicit PopularGenerator(std::vector<ScoredItem> items) : items_(std::move(items)) {}
  const std::vector<ScoredItem> items_;  // best first
};

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_POPULAR_GENERATOR_H_
