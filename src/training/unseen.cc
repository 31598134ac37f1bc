#include "training/unseen.h"

#include <algorithm>
#include <cstdint>
#include <limits>

#include "base/time_text.h"
#include "examples/split.h"
#include "log/event_log.h"
#include "schema/event.h"

namespace upnext::training {
namespace {

using Kind = examples::SplitOptions::Kind;

constexpr char kMayHaveLearned[] = "it may have learned from what would test it";

int64_t FirstTestMs(const Dataset& dataset) {
  int64_t first = std::numeric_limits<int64_t>::max();
  for (uint32_t user = 0; user < dataset.log().users(); ++user) {
    const auto rows = dataset.split().rows(dataset.log(), user, examples::SplitPart::kTest);
    if (rows.begin < rows.end) first = std::min(first, dataset.log().time_ms(rows.begin));
  }
  return first;
}

Status CheckTestWatches(const Dataset& dataset, const bundle::Manifest& manifest,
                        const base::VersionedRoot& logs) {
  const Result<log::EventLog> own = log::EventLog::Open(logs.Path(manifest.log_version));
  if (!own || std::ranges::count(own->lineage(), manifest.log_digest) == 0) {
    return FailedPrecondition("{}: the log of its training is no longer there", kMayHaveLearned);
  }
  UPNEXT_ASSIGN_OR_RETURN(
      const examples::Split before,
      examples::Split::Make({.kind = Kind::kLeaveOneOut}, *own, dataset.rule()));
  const log::EventLog& log = dataset.log();
  const log::Dictionary& names = log.dictionary(schema::IdSpace::kUser);
  for (uint32_t user = 0; user < log.users(); ++user) {
    const auto test = dataset.split().rows(log, user, examples::SplitPart::kTest);
    if (test.begin == test.end) continue;
    const uint32_t then = own->dictionary(schema::IdSpace::kUser).Find(names.name(user));
    if (then == schema::kNone || before.validation_end(then) == own->begin(then)) continue;
    if (log.time_ms(test.begin) < own->time_ms(before.validation_end(then) - 1)) {
      return FailedPrecondition(
          "{}: a user's last watch in this log lies before the last of those that trained it; events "
          "have left the log",
          kMayHaveLearned);
    }
  }
  return Ok();
}

}  // namespace

Status CheckUnseen(const Dataset& dataset, const bundle::Manifest& manifest,
                   const base::VersionedRoot& logs) {
  const Result<examples::SplitOptions> before = examples::SplitOptions::Parse(manifest.split);
  if (!before || before->kind != dataset.split().kind()) {
    return FailedPrecondition("{}: its own split was another ({})", kMayHaveLearned,
                              manifest.split);
  }
  if (before->kind == Kind::kLeaveOneOut) return CheckTestWatches(dataset, manifest, logs);
  const int64_t first_ms = FirstTestMs(dataset);
  if (first_ms >= before->validation_until_ms) return Ok();
  return FailedPrecondition(
      "{}: the test part begins at {}, and this bundle was trained and validated with all events "
      "before {}",
      kMayHaveLearned, base::FormatTime(first_ms), base::FormatTime(before->validation_until_ms));
}

}  // namespace upnext::training
