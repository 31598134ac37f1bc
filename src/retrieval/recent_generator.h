// Proposes items that the user looked at and did not yet meet positively, the newest first. `recent`:
// all of them, in a shop what was viewed and not bought; off unless [retrieval] order chooses it, or
// [generators.recent] candidates says otherwise. `continue`: what the user began to watch, or opened
// again, and has not finished since; such items are in feeds only with [serving] filter_started =
// false, which [generators.continue] candidates needs. Learn nothing. Two of the generators of
// generator_registry.cc. Immutable: any number of threads.
#ifndef UPNEXT_RETRIEVAL_RECENT_GENERATOR_H_
#define UPNEXT_RETRIEVAL_RECENT_GENERATOR_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "retrieval/generator_registry.h"

namespace upnext::retrieval {

class RecentGenerator : public Generator {
 public:
  enum class Of : uint8_t { kViewed, kStarted };
  explicit RecentGenerator(Of of) : of_(of) {}
  template <Of of>
  static Result<std::unique_ptr<const Generator>> Load(LoadInput) {
    return std::make_unique<RecentGenerator>(of);
  }

  // Scores are 0, -1, -2 ... from the newest.
  Status Propose(const ProposeRequest& request, size_t n, const ItemFilter& filter,
                 std::vector<Candidate>* out) const override;
  std::string Reason(const ProposeRequest& request, const Candidate& candidate) const override;

 private:
  const Of of_;
};

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_RECENT_GENERATOR_H_
