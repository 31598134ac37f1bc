// The click-through join: which interactions belong to which impression of a user, and which
// impressions were one page. Knows rows and times only; states are ReplayImpressions' business.
//
//   JoinedImpressions joined;                              reused from user to user
//   JoinImpressions(source, user, end_row, &joined);
//   for (const JoinedGroup& group : joined.groups)
//     for (const Impression& impression : joined.of(group)) ...
//
// Pure function of the log: any number of threads, each with its own result.
#ifndef UPNEXT_EXAMPLES_JOIN_H_
#define UPNEXT_EXAMPLES_JOIN_H_

#include <cstdint>
#include <span>
#include <vector>

#include "examples/replay.h"
#include "features/extract.h"

namespace upnext::examples {

struct JoinedGroup {
  uint64_t request;
  uint64_t state_row;  // rows before it are what is known when the page is made
  features::Context context;
  uint32_t begin, end;  // into JoinedImpressions::impressions
};

struct JoinedImpressions {
  std::vector<Impression> impressions;  // group by group, in row order within each
  std::vector<JoinedGroup> groups;      // by state_row
  std::span<const Impression> of(const JoinedGroup& group) const {
    return std::span(impressions).subspan(group.begin, group.end - group.begin);
  }
};

// Joins the user's rows before `end_row`.
void JoinImpressions(const ReplaySource& source, uint32_t user, uint64_t end_row,
                     JoinedImpressions* joined);

}  // namespace upnext::examples

#endif  // UPNEXT_EXAMPLES_JOIN_H_
