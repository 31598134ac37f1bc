#include "examples/split.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "base/time_text.h"

namespace upnext::examples {
namespace {

int64_t ReadTime(const base::ConfigTable& split, const char* key) {
  const std::string text = split.Text(key, "");
  if (text.empty()) return schema::kNoTime;
  const std::optional<int64_t> ms = base::ParseTime(text);
  if (!ms) {
    split.Fail(key, fmt::format("expected a time with its offset like "
                                "\"2022-04-19T00:00:00+08:00\", found \"{}\"",
                                text));
  }
  return ms.value_or(schema::kNoTime);
}

int64_t Milliseconds(double days) {
  return static_cast<int64_t>(days * static_cast<double>(base::kDayMs));
}

// First row of [begin, end) at or after `time_ms`; rows are in time order.
uint64_t FirstAtOrAfter(const log::EventLog& log, uint64_t begin, uint64_t end, int64_t time_ms) {
  while (begin < end) {
    const uint64_t middle = begin + (end - begin) / 2;
    if (log.time_ms(middle) < time_ms) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  return begin;
}

bool IsPositiveRow(const log::EventLog& log, const features::PositiveRule& rule, uint64_t row) {
  if (!rule.MayBePositive(log.type(row))) return false;
  const schema::Event event = log.event(row);
  return rule.IsPositive(event, log.item(event.item));
}

// The first of the rows that belong to the complete watch at `row`: what came of the same item
// directly before it, as far as that is no complete watch itself.
uint64_t FirstRowOfWatch(const log::EventLog& log, const features::PositiveRule& rule,
                         uint64_t begin, uint64_t row) {
  const uint32_t item = log.item_of(row);
  while (row > begin && log.item_of(row - 1) == item && !IsPositiveRow(log, rule, row - 1)) --row;
  return row;
}

// The rows of the user's last two complete watches, the very last first; fewer than three complete
// watches give nothing.
std::optional<std::array<uint64_t, 2>> LastTwoOfThree(const log::EventLog& log,
                                                      const features::PositiveRule& rule,
                                                      uint32_t user) {
  std::array<uint64_t, 2> last{};
  size_t found = 0;
  for (uint64_t row = log.end(user); row > log.begin(user);) {
    --row;
    if (!IsPositiveRow(log, rule, row)) continue;
    if (found == 2) return last;
    last[found++] = row;
  }
  return std::nullopt;
}

std::string DescribeSplit(const SplitOptions& options) {
  switch (options.kind) {
    case SplitOptions::Kind::kTime:
      return fmt::format("time: train < {} <= validation < {} <= test",
                         base::FormatTime(options.train_until_ms),
                         base::FormatTime(options.validation_until_ms));
    case SplitOptions::Kind::kLeaveOneOut:
      return "leave-one-out: each user's last complete watch tests, the one before it validates";
    case SplitOptions::Kind::kNone:
      return "none: every event trains";
  }
  std::unreachable();
}

Status CheckTimes(const SplitOptions& options, const log::EventLog& log) {
  if (options.train_until_ms > options.validation_until_ms) {
    return InvalidArgument(
        "[split]: train_until ({}) should not lie after validation_until ({}); exchange them",
        base::FormatTime(options.train_until_ms), base::FormatTime(options.validation_until_ms));
  }
  if (log.stats().first_ms >= options.train_until_ms) {
    return FailedPrecondition(
        "[split]: no event lies before the end of the training part, {}; the log spans {} to {}; "
        "for a log this short set kind = \"leave-one-out\" (the last watches of each user test), or "
        "choose a later train_until or fewer validation_days and test_days (0.25 is six hours)",
        base::FormatTime(options.train_until_ms), base::FormatTime(log.stats().first_ms),
        base::FormatTime(log.stats().last_ms));
  }
  return Ok();
}

}  // namespace

SplitOptions SplitOptions::FromConfig(const base::ConfigTable& split) {
  SplitOptions options;
  options.kind = static_cast<Kind>(split.Choice("kind", {"time", "leave-one-out", "none"}, 0));
  options.validation_days = split.Real("validation_days", 1, {.min = 0, .max = 36500});
  options.test_days = split.Real("test_days", 1, {.min = 0, .max = 36500});
  options.train_until_ms = ReadTime(split, "train_until");
  options.validation_until_ms = ReadTime(split, "validation_until");
  if (split.Has("train_until") != split.Has("validation_until")) {
    const char* given = split.Has("train_until") ? "train_until" : "validation_until";
    split.Fail(given,
               "expected train_until and validation_until together, found one; add the "
               "other (they may be equal)");
  }
  if (options.train_until_ms > options.validation_until_ms) {
    split.Fail("train_until",
               "expected train_until before validation_until, found it after; "
               "exchange them");
  }
  return options;
}

Result<SplitOptions> SplitOptions::Parse(std::string_view description) {
  SplitOptions options;
  const auto is = [&](Kind kind) {
    options.kind = kind;
    return DescribeSplit(options) == description;
  };
  if (is(Kind::kLeaveOneOut) || is(Kind::kNone)) return options;
  std::array<int64_t*, 2> bounds = {&options.train_until_ms, &options.validation_until_ms};
  size_t found = 0;
  for (std::string_view rest = description; !rest.empty() && found < bounds.size();) {
    const std::string_view word = rest.substr(0, rest.find(' '));
    if (const auto ms = base::ParseTime(word)) *bounds[found++] = *ms;
    rest.remove_prefix(std::min(rest.size(), word.size() + 1));
  }
  if (found == bounds.size() && is(Kind::kTime)) return options;
  return DataLoss("expected the description of a split, found \"{}\"", description);
}

Result<Split> Split::Make(const SplitOptions& options, const log::EventLog& log,
                          const features::PositiveRule& rule) {
  Split split;
  split.options_ = options;
  split.train_end_.resize(log.users());
  split.validation_end_.resize(log.users());
  for (uint32_t user = 0; user < log.users(); ++user) {
    split.train_end_[user] = split.validation_end_[user] = log.end(user);
  }
  if (log.events() == 0) return FailedPrecondition("[split]: the log holds no events; import some");
  if (options.kind == SplitOptions::Kind::kTime) {
    SplitOptions& bounds = split.options_;
    if (bounds.train_until_ms == schema::kNoTime || bounds.validation_until_ms == schema::kNoTime) {
      bounds.validation_until_ms = log.stats().last_ms + 1 - Milliseconds(options.test_days);
      bounds.train_until_ms = bounds.validation_until_ms - Milliseconds(options.validation_days);
    }
    UPNEXT_RETURN_IF_ERROR(CheckTimes(bounds, log));
    for (uint32_t user = 0; user < log.users(); ++user) {
      const uint64_t begin = log.begin(user), end = log.end(user);
      split.train_end_[user] = FirstAtOrAfter(log, begin, end, bounds.train_until_ms);
      split.validation_end_[user] =
          FirstAtOrAfter(log, split.train_end_[user], end, bounds.validation_until_ms);
    }
  } else if (options.kind == SplitOptions::Kind::kLeaveOneOut) {
    for (uint32_t user = 0; user < log.users(); ++user) {
      const auto last = LastTwoOfThree(log, rule, user);
      if (!last) continue;
      const auto [test, validation] = *last;
      split.validation_end_[user] = FirstRowOfWatch(log, rule, log.begin(user), test);
      split.train_end_[user] = FirstRowOfWatch(log, rule, log.begin(user), validation);
    }
  }
  return split;
}

RowRange Split::rows(const log::EventLog& log, uint32_t user, SplitPart part) const {
  switch (part) {
    case SplitPart::kTrain:
      return {log.begin(user), train_end_[user]};
    case SplitPart::kValidation:
      return {train_end_[user], validation_end_[user]};
    case SplitPart::kTest:
      return {validation_end_[user], log.end(user)};
  }
  std::unreachable();
}

std::string Split::Describe() const { return DescribeSplit(options_); }

}  // namespace upnext::examples
