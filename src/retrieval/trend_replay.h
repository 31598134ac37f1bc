// What is chosen most at moments of the past, as a server would have known it then: for lists of
// held-out users.
//
//   TrendReplay replay(catalogue, rule, options, cases.front().time_ms, cases.back().time_ms);
//   replay.MoveTo(c.time_ms);
//   const features::LiveLists lists = replay.ListsOf(region);
//
// One thread. A value: a copy goes on by itself from where this is. Catalogue and log are read when
// it is made.
#ifndef UPNEXT_RETRIEVAL_TREND_REPLAY_H_
#define UPNEXT_RETRIEVAL_TREND_REPLAY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "catalogue/catalogue.h"
#include "features/positive_rule.h"
#include "features/trend_counts.h"

namespace upnext::retrieval {

class TrendReplay {
 public:
  // That of a server which starts at `first_ms`, on the newest options.days of the log before, and is
  // asked for the last time at `last_ms`.
  TrendReplay(const catalogue::Catalogue& catalogue, const features::PositiveRule& rule,
              const features::LiveOptions& options, int64_t first_ms, int64_t last_ms);
  // Of the same events, at its beginning.
  TrendReplay WithHalfLife(double hours) const;

  void MoveTo(int64_t time_ms);  // counts all events before this time; never back
  features::LiveLists ListsOf(uint32_t region) const { return counts_.ListsOf(region); }

 private:
  features::LiveOptions options_;
  std::shared_ptr<const std::vector<features::Choice>> choices_;  // by time
  size_t done_ = 0;                                               // of them
  features::TrendCounts counts_;
};

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_TREND_REPLAY_H_
