// Proposes items that are described as the user's newest watches or the item being watched are: by
// topics, channel and the words of the title. The likeness of two items is the cosine of their
// vectors of tokens, each with the weight ln(items / items with the token). Items without a watch
// have neighbours too, so a new item is found by its description (CG-24).
// [generators.similar-content] neighbours = 50. One of the generators of generator_registry.cc.
// Immutable: any number of threads.
#ifndef UPNEXT_RETRIEVAL_CONTENT_GENERATOR_H_
#define UPNEXT_RETRIEVAL_CONTENT_GENERATOR_H_

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/config.h"
#include "base/thread_pool.h"
#include "catalogue/catalogue.h"
#include "retrieval/generator_registry.h"
#include "retrieval/scored_lists.h"

namespace upnext::retrieval {

inline constexpr size_t kContentWatches = 10;  // newest ones whose neighbours are proposed

// By item of the log: its `neighbours` most alike items that are not removed, best first. A token of
// more items than max(1000, 10,000,000 / items) is left out: it tells little, and costs the square.
LearnedLists ContentNeighbours(const catalogue::Catalogue& catalogue, size_t neighbours,
                               base::ThreadPool& pool);

class ContentGenerator : public Generator {
 public:
  static GeneratorLearner Learner(const base::ConfigTable& options);
  static Result<std::unique_ptr<const Generator>> Load(LoadInput input);

  // Scores are cosines, that of the watch an item is most alike to, which is `from`.
  Status Propose(const ProposeRequest& request, size_t n, const ItemFilter& filter,
                 std::vector<Candidate>* out) const override;
  std::string Reason(const ProposeRequest& request, const Candidate& candidate) const override;
  std::vector<ItemsLike> Like(const LikeRequest& request) const override;

 private:
  ContentGenerator(base::SectionFile file, ScoredLists lists)
      : file_(std::move(file)), lists_(lists) {}
  const base::SectionFile file_;  // what lists_ views
  const ScoredLists lists_;       // by item
};

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_CONTENT_GENERATOR_H_
