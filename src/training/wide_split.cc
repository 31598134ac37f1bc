#include "training/wide_split.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <utility>
#include <vector>

#include "base/numbers.h"
#include "base/time_text.h"
#include "schema/event.h"

namespace upnext::training {
namespace {

using examples::SplitPart;

constexpr size_t kUsersForAnInterval = 30, kShareOfUsers = 10;

bool IsPositiveAt(const log::EventLog& log, const features::PositiveRule& rule, uint64_t row) {
  if (!rule.MayBePositive(log.type(row))) return false;
  const schema::Event event = log.event(row);
  return rule.IsPositive(event, log.item(event.item));
}

// The time of the last positive event before `until_ms` of every user who has one, newest first.
std::vector<int64_t> LastPositives(const log::EventLog& log, const features::PositiveRule& rule,
                                   int64_t until_ms) {
  std::vector<int64_t> times;
  for (uint32_t user = 0; user < log.users(); ++user) {
    for (uint64_t row = log.end(user); row > log.begin(user); --row) {
      const int64_t time_ms = log.time_ms(row - 1);
      if (time_ms >= until_ms || !IsPositiveAt(log, rule, row - 1)) continue;
      times.push_back(time_ms);
      break;
    }
  }
  std::ranges::sort(times, std::greater());
  return times;
}

// Where a part must begin so that `needed` of the users have their last positive event in it.
int64_t Widened(const std::vector<int64_t>& times, size_t needed, int64_t begin_ms) {
  return times.size() < needed || needed == 0 ? begin_ms : std::min(begin_ms, times[needed - 1]);
}

std::string Wider(const char* part, double days, int64_t begin_ms, size_t needed, size_t users) {
  return fmt::format(
      "the {0} part begins at {1}: with {0}_days = {2:g} fewer than {3} of {4} users have a positive "
      "event in it, too few to measure",
      part, base::FormatTime(begin_ms), days, needed, base::WithThousands(users));
}

bool HasEnough(const examples::Split& split, const log::EventLog& log,
               const features::PositiveRule& rule, SplitPart part, double days) {
  return days == 0 || UsersWithPositives(split, log, rule, part) >= kUsersForAnInterval;
}

}  // namespace

size_t NeededUsers(size_t users) { return std::min(kUsersForAnInterval, users / kShareOfUsers); }

size_t UsersWithPositives(const examples::Split& split, const log::EventLog& log,
                          const features::PositiveRule& rule, SplitPart part) {
  size_t found = 0;
  for (uint32_t user = 0; user < log.users(); ++user) {
    const examples::RowRange rows = split.rows(log, user, part);
    uint64_t row = rows.begin;
    while (row < rows.end && !IsPositiveAt(log, rule, row)) ++row;
    if (row < rows.end) ++found;
  }
  return found;
}

size_t UsersWithPositives(const log::EventLog& log, const features::PositiveRule& rule) {
  return LastPositives(log, rule, std::numeric_limits<int64_t>::max()).size();
}

Result<WideSplit> MakeWideSplit(const examples::SplitOptions& options, const log::EventLog& log,
                                const features::PositiveRule& rule) {
  UPNEXT_ASSIGN_OR_RETURN(examples::Split split, examples::Split::Make(options, log, rule));
  WideSplit made{std::move(split), ""};
  if (!options.by_days()) return made;
  if (HasEnough(made.split, log, rule, SplitPart::kTest, options.test_days) &&
      HasEnough(made.split, log, rule, SplitPart::kValidation, options.validation_days)) {
    return made;
  }
  examples::SplitOptions bounds = made.split.options();
  const examples::SplitOptions narrow = bounds;
  const std::vector<int64_t> newest = LastPositives(log, rule, std::numeric_limits<int64_t>::max());
  const size_t needed = NeededUsers(newest.size());
  std::vector<std::string> notes;
  if (options.test_days > 0) {
    bounds.validation_until_ms = Widened(newest, needed, narrow.validation_until_ms);
    const int64_t moved_ms = narrow.validation_until_ms - bounds.validation_until_ms;
    bounds.train_until_ms = narrow.train_until_ms - moved_ms;
    if (moved_ms > 0) {
      notes.push_back(
          Wider("test", options.test_days, bounds.validation_until_ms, needed, newest.size()));
    }
  }
  if (options.validation_days > 0) {
    const int64_t begin_ms = Widened(LastPositives(log, rule, bounds.validation_until_ms), needed,
                                     bounds.train_until_ms);
    if (begin_ms < bounds.train_until_ms) {
      notes.push_back(
          Wider("validation", options.validation_days, begin_ms, needed, newest.size()));
    }
    bounds.train_until_ms = begin_ms;
  }
  if (notes.empty() || log.stats().first_ms >= bounds.train_until_ms) return made;
  UPNEXT_ASSIGN_OR_RETURN(made.split, examples::Split::Make(bounds, log, rule));
  made.note = fmt::format("{}", fmt::join(notes, "; "));
  return made;
}

}  // namespace upnext::training
