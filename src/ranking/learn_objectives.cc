#include "ranking/learn_objectives.h"

#include <algorithm>
#include <utility>

#include "base/rng.h"
#include "examples/join.h"

namespace upnext::ranking {
namespace {

constexpr size_t kUsersAtOnce = 256;

// Outcomes of impressions with the durations of their items.
struct Outcomes {
  std::vector<examples::Labels> labels;
  std::vector<float> duration_s;
};

// Whether an impression is in the sample: depends on its row alone.
bool IsSampled(uint64_t row, double share) {
  uint64_t state = row;
  return static_cast<double>(base::SplitMix64(state) >> 11) * 0x1.0p-53 < share;
}

Outcomes SampleOutcomes(const examples::ReplaySource& source, base::ThreadPool& pool) {
  const size_t users = source.log.users();
  uint64_t rows = 0;  // impressions and others; a smaller sample does no harm
  for (uint32_t user = 0; user < users; ++user) {
    rows += source.split.train_end(user) - source.log.begin(user);
  }
  const double share =
      rows <= kLabelSample ? 1.0 : static_cast<double>(kLabelSample) / static_cast<double>(rows);
  std::vector<Outcomes> parts((users + kUsersAtOnce - 1) / kUsersAtOnce);
  pool.ParallelFor(users, kUsersAtOnce, [&](size_t begin, size_t end) {
    examples::JoinedImpressions joined;
    Outcomes& part = parts[begin / kUsersAtOnce];
    for (size_t u = begin; u < end; ++u) {
      const auto user = static_cast<uint32_t>(u);
      examples::JoinImpressions(source, user, source.split.train_end(user), &joined);
      for (const examples::Impression& impression : joined.impressions) {
        if (!IsSampled(impression.row, share)) continue;
        part.labels.push_back(impression.labels);
        part.duration_s.push_back(source.catalogue.item(impression.item).duration_s);
      }
    }
  });
  Outcomes all;
  for (const Outcomes& part : parts) {
    all.labels.insert(all.labels.end(), part.labels.begin(), part.labels.end());
    all.duration_s.insert(all.duration_s.end(), part.duration_s.begin(), part.duration_s.end());
  }
  return all;
}

Status Learn(const Outcomes& outcomes, Objective& objective) {
  Targets targets;
  MakeTargets(objective, outcomes.labels, outcomes.duration_s, &targets);
  std::vector<WatchQuantiles::Watch> watches;
  std::vector<float> seconds;
  for (size_t i = 0; i < targets.value.size(); ++i) {
    if (targets.mask[i] == 0) continue;
    watches.push_back({outcomes.duration_s[i], targets.value[i]});
    seconds.push_back(targets.value[i]);
  }
  const auto [least, most] = std::ranges::minmax_element(seconds);
  if (least == seconds.end() || *least == *most) {
    return FailedPrecondition(
        "the objective '{}' learns from watch times that differ, but in the training part {}; "
        "leave it out or import watches",
        objective.name, seconds.empty() ? "it has none" : "all are the same");
  }
  if (objective.loss == Objective::Loss::kQuantile) {
    const size_t most_buckets = std::max<size_t>(1, watches.size() / kLeastInBucket);
    objective.quantiles = WatchQuantiles::Learn(std::move(watches),
                                                std::min<size_t>(objective.buckets, most_buckets));
  } else {
    objective.levels = WatchLevels::Learn(std::move(seconds), objective.buckets);
  }
  return Ok();
}

}  // namespace

Result<std::vector<Objective>> LearnObjectives(const examples::ReplaySource& source,
                                               std::vector<Objective> objectives,
                                               base::ThreadPool& pool) {
  if (std::ranges::none_of(objectives, &Objective::learns)) return objectives;
  const Outcomes outcomes = SampleOutcomes(source, pool);
  for (Objective& objective : objectives) {
    if (!objective.learns()) continue;
    UPNEXT_RETURN_IF_ERROR(Learn(outcomes, objective));
  }
  return objectives;
}

}  // namespace upnext::ranking
