// What each feature is worth to a ranker: the rise of its loss, and the fall of its AUCs, when the
// values of this feature alone are permuted among held-out impressions (of a request: among
// requests), so that they say nothing of the example and are as likely as before. Features that say
// the same share their importance: the ranker has the others.
//
//   const auto sample = SampleImpressions(subject, part, 20'000, seed, pool);       expert_use.h
//   UPNEXT_ASSIGN_OR_RETURN(Importance importance,
//                           ImportanceOf(ranker, plan, sample, seed, pool, progress));
//
// Same seed and sample: same result, whatever the number of threads. One call at a time per pool.
#ifndef UPNEXT_EVALUATION_IMPORTANCE_H_
#define UPNEXT_EVALUATION_IMPORTANCE_H_

#include <cstdint>
#include <span>

#include "base/progress.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "evaluation/ranker_report.h"
#include "examples/ranking_stream.h"
#include "features/feature_plan.h"
#include "ranking/ranker.h"

namespace upnext::evaluation {

// Of each feature: how often it is permuted.
inline constexpr int kPermutations = 3;

// Of every feature of the ranker's plan that is not dropped. kCancelled on request.
Result<Importance> ImportanceOf(const ranking::Ranker& ranker, const features::FeaturePlan& plan,
                                std::span<const examples::RankingBatch> sample, uint64_t seed,
                                base::ThreadPool& pool, base::Progress& progress);

}  // namespace upnext::evaluation

#endif  // UPNEXT_EVALUATION_IMPORTANCE_H_
