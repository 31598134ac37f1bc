// Proposes the next of a series: for the item being watched and each of the user's newest watches, the
// first item after it that the user may be shown. The order is declared, where items have attributes
// `series` (a category) and `episode` (a number or a time). Else it is learned: an item that at least
// half of the watches after another are of, and at least five, follows it. One of the generators of
// generator_registry.cc. Immutable: any number of threads.
#ifndef UPNEXT_RETRIEVAL_SERIES_GENERATOR_H_
#define UPNEXT_RETRIEVAL_SERIES_GENERATOR_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/config.h"
#include "retrieval/generator_registry.h"
#include "retrieval/scored_lists.h"

namespace upnext::retrieval {

class SeriesGenerator : public Generator {
 public:
  static GeneratorLearner Learner(const base::ConfigTable& options);
  static Result<std::unique_ptr<const Generator>> Load(LoadInput input);

  // Scores are 0, -1, -2 ... from the newest watch; `from` is the watch that the item follows.
  Status Propose(const ProposeRequest& request, size_t n, const ItemFilter& filter,
                 std::vector<Candidate>* out) const override;
  std::string Reason(const ProposeRequest& request, const Candidate& candidate) const override;

 private:
  SeriesGenerator(base::SectionFile file, ScoredLists next) : file_(std::move(file)), next_(next) {}
  const base::SectionFile file_;  // what next_ views
  const ScoredLists next_;        // by item: the one that follows it, if any
};

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_SERIES_GENERATOR_H_
