// Held-out cases of a split for measuring retrieval: whose list, made when, should have held what.
//
//   for (const HoldoutCase& c : HoldoutCases(source, SplitPart::kTest, pool)) {
//     features::UserState state = StateAt(source, c.user, c.end_row);
//     ... list for (state, c.context); relevant: c.targets
//   }
//
// leave-one-out: one case per user with the part, its target the item of the part's watch.
// time: by default one case per user with a complete watch in the part; the items of these, each once,
// are the targets, and the list is the one the user would have received at his first event of the part.
// Else the list before the last of these watches, or one before each of them, with this watch as its
// target: the state then has the earlier ones.
// none: no cases. Targets that the user had watched before are among them: whether a feed hides
// those is a rule of the site (features/feed_rule.h).
#ifndef UPNEXT_EXAMPLES_HOLDOUT_H_
#define UPNEXT_EXAMPLES_HOLDOUT_H_

#include <cstdint>
#include <vector>

#include "base/thread_pool.h"
#include "examples/replay.h"
#include "features/request_context.h"

namespace upnext::examples {

struct HoldoutCase {
  uint32_t user = 0;
  uint64_t end_row = 0;           // what is known: the rows before it
  int64_t time_ms = 0;            // when the list is made: the time of row `end_row`
  features::Context context;      // time, device and region of that row
  std::vector<uint32_t> targets;  // items of the log, in the order of their watches; never empty
};

// Of a split by time.
enum class HoldoutTargets : uint8_t { kAll, kLast, kSuccessive };

// By user; independent of the number of threads. `part` is kValidation or kTest.
std::vector<HoldoutCase> HoldoutCases(const ReplaySource& source, SplitPart part,
                                      base::ThreadPool& pool,
                                      HoldoutTargets targets = HoldoutTargets::kAll);

}  // namespace upnext::examples

#endif  // UPNEXT_EXAMPLES_HOLDOUT_H_
