// Proposes what was watched by the same people as the user's newest watches and the item being
// watched (co_watch.h). [generators.co-watch] neighbours = 100, max_history = 200. One of the
// generators of generator_registry.cc. Immutable: any number of threads.
#ifndef UPNEXT_RETRIEVAL_CO_WATCH_GENERATOR_H_
#define UPNEXT_RETRIEVAL_CO_WATCH_GENERATOR_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/config.h"
#include "retrieval/co_watch.h"
#include "retrieval/generator_registry.h"

namespace upnext::retrieval {

class CoWatchGenerator : public Generator {
 public:
  static GeneratorLearner Learner(const base::ConfigTable& options);
  static Result<std::unique_ptr<const Generator>> Load(LoadInput input);

  // Scores are sums of the similarities to these items; `from` is the item being watched if the
  // candidate is similar to that, else the most similar of them.
  Status Propose(const ProposeRequest& request, size_t n, const ItemFilter& filter,
                 std::vector<Candidate>* out) const override;
  std::string Reason(const ProposeRequest& request, const Candidate& candidate) const override;
  std::vector<ItemsLike> Like(const LikeRequest& request) const override;

 private:
  CoWatchGenerator(base::SectionFile file, CoWatch co_watch)
      : file_(std::move(file)), co_watch_(std::move(co_watch)) {}
  const base::SectionFile file_;  // what co_watch_ views
  const CoWatch co_watch_;
};

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_CO_WATCH_GENERATOR_H_
