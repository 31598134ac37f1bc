// The order of ranked candidates, from whose best arrange_slate.h makes the slate. The list of re-rankers is in
// re_ranker.cc; they run one after the other.
//
//   for (const ReRankerEntry& entry : BuiltInReRankers()) entry.make()->ReRank(request, &candidates);
//
// Immutable: any number of threads.
#ifndef UPNEXT_SERVING_RE_RANKER_H_
#define UPNEXT_SERVING_RE_RANKER_H_

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "serving/pool.h"
#include "serving/request_context.h"

namespace upnext::serving {

class ReRanker {
 public:
  virtual ~ReRanker() = default;
  virtual void ReRank(const RequestContext& request,
                      std::vector<PooledCandidate>* candidates) const = 0;
};

struct ReRankerEntry {
  std::string_view name;
  std::unique_ptr<const ReRanker> (*make)();
};
using ReRankerRegistry = std::span<const ReRankerEntry>;

ReRankerRegistry BuiltInReRankers();

}  // namespace upnext::serving

#endif  // UPNEXT_SERVING_RE_RANKER_H_
