// A way into feeds for items that nobody watched in the training part: proposes the newest of those
// that share a topic or the channel with the item being watched and the user's newest watches, in
// turn; for users without a watch the newest of all. What is created after the request is left out. One of the generators of generator_registry.cc.
// Immutable: any number of threads.
#ifndef UPNEXT_RETRIEVAL_NEW_ITEMS_GENERATOR_H_
#define UPNEXT_RETRIEVAL_NEW_ITEMS_GENERATOR_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/config.h"
#include "retrieval/generator_registry.h"
#include "retrieval/scored_lists.h"

namespace upnext::retrieval {

class NewItemsGenerator : public Generator {
 public:
  static GeneratorLearner Learner(const base::ConfigTable& options);
  static Result<std::unique_ptr<const Generator>> Load(LoadInput input);

  // Scores are days from 1970 to the creation of the item, 0 when that is not known; `from` is the
  // item whose topic or channel it shares.
  Status Propose(const ProposeRequest& request, size_t n, const ItemFilter& filter,
                 std::vector<Candidate>* out) const override;
  std::string Reason(const ProposeRequest& request, const Candidate& candidate) const override;
  std::vector<ItemsLike> Like(const LikeRequest& request) const override;

 private:
  NewItemsGenerator(base::SectionFile file, ScoredLists topics, ScoredLists channels,
                    ScoredLists all)
      : file_(std::move(file)), topics_(topics), channels_(channels), all_(all) {}
  const base::SectionFile file_;  // what the lists view
  const ScoredLists topics_, channels_, all_;
};

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_NEW_ITEMS_GENERATOR_H_
