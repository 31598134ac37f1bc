#include "training/time_information.h"

#include <fmt/format.h>

#include "base/clock.h"
#include "base/numbers.h"

namespace upnext::training {
namespace {

constexpr int64_t kFewDays = 14;
constexpr uint64_t kFewEvents = 100;  // fewer may have such times for other reasons

bool AreDates(const log::EventLog& log, int64_t first_ms) {
  for (uint32_t user = 0; user < log.users(); ++user) {  // rows of a shard need not begin at 0
    for (uint64_t row = log.begin(user); row < log.end(user); ++row) {
      if ((log.time_ms(row) - first_ms) % base::kDayMs != 0) return false;
    }
  }
  return true;
}

}  // namespace

std::string WhyTimesSayNothing(const log::EventLog& log) {
  const auto& stats = log.stats();
  if (log.events() < kFewEvents) return "";
  const int64_t span_ms = stats.last_ms - stats.first_ms;
  if (span_ms == 0) return "all events have the same time";
  for (const int64_t step_ms : {int64_t{1000}, int64_t{1}}) {
    if (span_ms % step_ms != 0 || static_cast<uint64_t>(span_ms / step_ms) + 1 != log.events()) {
      continue;
    }
    return fmt::format("the times of {} events are consecutive numbers, as of lines of a file",
                       base::WithThousands(log.events()));
  }
  if (span_ms < kFewDays * base::kDayMs && AreDates(log, stats.first_ms)) {
    return fmt::format("the times are dates, of fewer than {} days", kFewDays);
  }
  return "";
}

features::FeatureSpec WithoutUselessTimes(features::FeatureSpec spec, const log::EventLog& log) {
  if (!spec.Drops(kExampleAge) && !WhyTimesSayNothing(log).empty()) {
    spec.drop.emplace_back(kExampleAge);
  }
  return spec;
}

}  // namespace upnext::training
