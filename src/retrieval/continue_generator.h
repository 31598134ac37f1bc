// Proposes what the user began to watch, or opened again, and has not finished since, the newest first.
// Such items are in feeds only with [serving] filter_started = false, which [generators.continue] candidates needs. Learns
// nothing. One of the generators of generator_registry.cc. Immutable: any number of threads.
#ifndef UPNEXT_RETRIEVAL_CONTINUE_GENERATOR_H_
#define UPNEXT_RETRIEVAL_CONTINUE_GENERATOR_H_

#include <memory>
#include <string>
#include <vector>

#include "retrieval/generator_registry.h"

namespace upnext::retrieval {

class ContinueGenerator : public Generator {
 public:
  static Result<std::unique_ptr<const Generator>> Load(LoadInput input);

  // Scores are 0, -1, -2 ... from the newest.
  void Propose(const ProposeRequest& request, size_t n, const ItemFilter& filter,
               std::vector<Candidate>* out) const override;
  std::string Reason(const ProposeRequest& request, const Candidate& candidate) const override;
};

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_CONTINUE_GENERATOR_H_
