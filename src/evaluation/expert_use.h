// How much each task of a ranker relies on each expert: the mean weight of its gate (MT-06).
//
//   const auto sample = SampleImpressions(subject, part, 20'000, seed, pool);
//   const ExpertUse use = ExpertUseOf(ranker, sample, pool);
//
// Pure functions: same sample, same result, whatever the number of threads.
#ifndef UPNEXT_EVALUATION_EXPERT_USE_H_
#define UPNEXT_EVALUATION_EXPERT_USE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "evaluation/evaluate.h"
#include "evaluation/ranker_report.h"
#include "examples/ranking_stream.h"
#include "ranking/ranker.h"

namespace upnext::evaluation {

// Requests of a part in random order, until there are this many impressions or a few more, as batches
// of about 512. User states are those before each request, as when serving.
std::vector<examples::RankingBatch> SampleImpressions(const Subject& subject,
                                                      examples::SplitPart part, size_t impressions,
                                                      uint64_t seed, base::ThreadPool& pool);

// Of the last level of gates. Without tasks for an architecture that has none.
ExpertUse ExpertUseOf(const ranking::Ranker& ranker, std::span<const examples::RankingBatch> sample,
                      base::ThreadPool& pool);

}  // namespace upnext::evaluation

#endif  // UPNEXT_EVALUATION_EXPERT_USE_H_
