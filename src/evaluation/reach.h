// What a ranker can choose from: the share of a held-out user's targets that each generator
// proposes, and that all of them propose together, with as many candidates as when serving.
// And what it makes of them: the feeds from end to end.
//
//   UPNEXT_ASSIGN_OR_RETURN(const Reach reach, MeasureReach(subject, options, cases, pool, progress));
//   reach.rows.back().metrics.at("recall").value                   of all generators together
//
// One at a time per pool. Same figures whatever the number of threads.
#ifndef UPNEXT_EVALUATION_REACH_H_
#define UPNEXT_EVALUATION_REACH_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/progress.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "evaluation/case_ranks.h"
#include "evaluation/evaluate.h"
#include "evaluation/order_choice.h"
#include "evaluation/report.h"
#include "evaluation/retrieval_models.h"
#include "examples/holdout.h"

namespace upnext::evaluation {

inline constexpr char kAllGenerators[] = "all together";
inline constexpr size_t kBestOfAll = 20;
inline constexpr size_t kReachScores = 500'000'000;  // cases x items, at most

struct Reach {
  // Of the generators that propose something, in their order, then of kAllGenerators: means over users
  // of "recall", the share of targets, "candidates", their number, and of each generator "recall@k",
  // recall of its first k, and "adds", the share of targets that no other generator proposes. With a
  // ranker, that of kAllGenerators has "lost@20" (SY-01): the share of the ranker's kBestOfAll best
  // of all items that are not among the candidates, on a sample of users. Each item is scored as the
  // candidate of the first generator that proposes it when all may propose every item.
  std::vector<ModelMetrics> rows;
  size_t fully_ranked = 0;  // users of that sample
  // Of the feeds in the ranker's order (ranked_feed.h), by case; empty without a ranker.
  std::vector<CaseRanks> ranked;
};
// Keeps as many of the cases as are measured, kOrderUsers at most, spread evenly over them.
template <typename T>
void KeepReached(uint32_t items, std::vector<T>* of_cases) {
  KeepEvenly(std::min<size_t>(kOrderUsers, 1 + kReachScores / std::max(1u, items)), of_cases);
}
// The generators learn from the training part, in files of options.reach.scratch, which is made and
// removed; the vectors of items are searched exactly. subject.candidate is not null. There is a case.
Result<Reach> MeasureReach(const Subject& subject, const EvaluateOptions& options,
                           std::span<const examples::HoldoutCase> cases, base::ThreadPool& pool,
                           base::Progress& progress);

}  // namespace upnext::evaluation

#endif  // UPNEXT_EVALUATION_REACH_H_
