// Which events train, which validate, which test.
//
//   [split]
//   kind = "time"                     or "leave-one-out", "none" (everything trains)
//   validation_days = 1, test_days = 0.25           counted back from the last event, or, exactly:
//   train_until = "2022-04-19T00:00:00+08:00", validation_until = "..."          both exclusive
//
// time: max(train time) < min(validation time) < min(test time) (TR-03). leave-one-out: a user's
// last complete watch is the test, the one before it validates, what lies before that trains; users
// with fewer than three complete watches train only. The impression, click and partial watch of the
// same item directly before such a watch go with it, so that no state before it knows the answer.
// Immutable: any number of threads.
#ifndef UPNEXT_EXAMPLES_SPLIT_H_
#define UPNEXT_EXAMPLES_SPLIT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.h"
#include "base/status.h"
#include "features/user_state.h"
#include "log/event_log.h"
#include "schema/event.h"

namespace upnext::examples {

enum class SplitPart : uint8_t { kTrain, kValidation, kTest };

struct SplitOptions {
  enum class Kind : uint8_t { kTime, kLeaveOneOut, kNone } kind = Kind::kTime;
  double validation_days = 1, test_days = 1;
  // Both or neither; they win over the days.
  int64_t train_until_ms = schema::kNoTime, validation_until_ms = schema::kNoTime;
  static SplitOptions FromConfig(const base::ConfigTable& split);
  // Those of the split that Split::Describe wrote, a split by time with both bounds; kDataLoss for
  // anything else.
  static Result<SplitOptions> Parse(std::string_view description);
  bool by_days() const { return kind == Kind::kTime && validation_until_ms == schema::kNoTime; }
};

// Rows [begin, end) of one user.
struct RowRange {
  uint64_t begin = 0, end = 0;
  friend bool operator==(const RowRange&, const RowRange&) = default;
};

class Split {
 public:
  // kInvalidArgument when the bounds contradict each other, kFailedPrecondition when they leave no
  // event to train on.
  static Result<Split> Make(const SplitOptions& options, const log::EventLog& log,
                            const features::PositiveRule& rule);
  SplitPart part(uint32_t user, uint64_t row) const {
    return row < train_end_[user]        ? SplitPart::kTrain
           : row < validation_end_[user] ? SplitPart::kValidation
                                         : SplitPart::kTest;
  }
  // First row of the user that is not training (== log.end(user) when all are).
  uint64_t train_end(uint32_t user) const { return train_end_[user]; }
  uint64_t validation_end(uint32_t user) const { return validation_end_[user]; }  // first test row
  // The user's rows of one part.
  RowRange rows(const log::EventLog& log, uint32_t user, SplitPart part) const;
  const SplitOptions& options() const { return options_; }  // kTime: with both bounds
  SplitOptions::Kind kind() const { return options_.kind; }
  std::string Describe() const;  // "time: train < 2022-04-18T16:00:00Z <= validation < ..."

 private:
  SplitOptions options_;
  std::vector<uint64_t> train_end_, validation_end_;  // by user
};

}  // namespace upnext::examples

#endif  // UPNEXT_EXAMPLES_SPLIT_H_
