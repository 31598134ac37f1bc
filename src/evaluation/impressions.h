// The impressions of a part as flat columns, with what became of them and, when a ranker is given,
// what it predicted.
//
//   UPNEXT_ASSIGN_OR_RETURN(Impressions test, ScoreImpressions(subject, options, pool, progress));
//   Impressions train = CollectImpressions(source, Part::kTrain, pool);        no predictions
//
// Users in order, each user's impressions in time order, whatever the number of threads. This
// room and studies/ include it.
#ifndef UPNEXT_EVALUATION_IMPRESSIONS_H_
#define UPNEXT_EVALUATION_IMPRESSIONS_H_

#include <cstdint>
#include <vector>

#include "base/progress.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "evaluation/evaluate.h"
#include "examples/replay.h"
#include "ranking/objectives.h"

namespace upnext::evaluation {

struct Impressions {
  std::vector<uint32_t> user, item;
  std::vector<int64_t> time_ms;
  std::vector<uint64_t> request;
  std::vector<examples::Labels> labels;
  std::vector<float> predictions;  // [size(), objectives], or empty
  std::vector<double> score;       // combined, or empty
  size_t size() const { return user.size(); }
  void Add(uint32_t of_user, uint64_t of_request, const examples::Impression& impression);
  void Append(const Impressions& other);
};

Impressions CollectImpressions(const examples::ReplaySource& source, examples::SplitPart part,
                               base::ThreadPool& pool);
// With the state before each request, or, with options.frozen_state, as the part began.
Result<Impressions> ScoreImpressions(const Subject& subject, const EvaluateOptions& options,
                                     base::ThreadPool& pool, base::Progress& progress);

// Labels of an objective, as training sees them.
ranking::Targets TargetsOf(const ranking::Objective& objective, const Impressions& impressions);

}  // namespace upnext::evaluation

#endif  // UPNEXT_EVALUATION_IMPRESSIONS_H_
