// The split of a log whose held-out parts have enough users to say something. Days are counted back
// from the last event; a single late one would otherwise be the whole test part, and nothing would
// be measured and no training stopped early.
//
//   UPNEXT_ASSIGN_OR_RETURN(WideSplit made, MakeWideSplit(options.split, log, rule));
//   if (!made.note.empty()) progress.Note(made.note);
//
// Functions of their arguments: any thread.
#ifndef UPNEXT_TRAINING_WIDE_SPLIT_H_
#define UPNEXT_TRAINING_WIDE_SPLIT_H_

#include <cstddef>
#include <string>

#include "base/status.h"
#include "examples/split.h"
#include "features/positive_rule.h"
#include "log/event_log.h"

namespace upnext::training {

struct WideSplit {
  examples::Split split;
  std::string note;  // what was widened and why; empty: it is as the options say
};

// As Split::Make. Where a part that is counted in days has positive events of fewer users than
// NeededUsers, it begins earlier, when it has as many; unless nothing would be left to train on.
Result<WideSplit> MakeWideSplit(const examples::SplitOptions& options, const log::EventLog& log,
                                const features::PositiveRule& rule);

// A tenth of the users who have a positive event, at most 30: from then on figures have an interval.
size_t NeededUsers(size_t users);

// The users with a positive event in that part, or in the whole log.
size_t UsersWithPositives(const examples::Split& split, const log::EventLog& log,
                          const features::PositiveRule& rule, examples::SplitPart part);
size_t UsersWithPositives(const log::EventLog& log, const features::PositiveRule& rule);

}  // namespace upnext::training

#endif  // UPNEXT_TRAINING_WIDE_SPLIT_H_
