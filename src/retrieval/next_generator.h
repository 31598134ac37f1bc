// Proposes what followed the item being watched: `next`, what people watched next, from the order of
// their complete watches; `bought-together`, what was bought with it, from purchases of a user that
// lie at most half an hour apart. [generators.next] and [generators.bought-together] neighbours = 50.
// Two of the generators of generator_registry.cc; without an item being watched they propose
// nothing. Immutable: any number of threads.
#ifndef UPNEXT_RETRIEVAL_NEXT_GENERATOR_H_
#define UPNEXT_RETRIEVAL_NEXT_GENERATOR_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/config.h"
#include "retrieval/generator_registry.h"
#include "retrieval/scored_lists.h"

namespace upnext::retrieval {

class NextGenerator : public Generator {
 public:
  enum class Of : uint8_t { kWatches, kPurchases };
  template <Of of>
  static GeneratorLearner Learner(const base::ConfigTable& options) {
    return MakeLearner(of, options);
  }
  template <Of of>
  static Result<std::unique_ptr<const Generator>> Load(LoadInput input) {
    return LoadLists(of, std::move(input));
  }

  // Scores: `next`, the share of the watches after it; `bought-together`, the cosine of the sets of
  // purchases. `from` is the item being watched.
  Status Propose(const ProposeRequest& request, size_t n, const ItemFilter& filter,
                 std::vector<Candidate>* out) const override;
  std::string Reason(const ProposeRequest& request, const Candidate& candidate) const override;
  std::vector<ItemsLike> Like(const LikeRequest& request) const override;

 private:
  NextGenerator(Of of, base::SectionFile file, ScoredLists lists)
      : of_(of), file_(std::move(file)), lists_(lists) {}
  static GeneratorLearner MakeLearner(Of of, const base::ConfigTable& options);
  static Result<std::unique_ptr<const Generator>> LoadLists(Of of, LoadInput input);

  const Of of_;
  const base::SectionFile file_;  // what lists_ views
  const ScoredLists lists_;       // by item
};

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_NEXT_GENERATOR_H_
