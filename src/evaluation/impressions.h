// The impressions of a part as columns, with their outcomes and, when a ranker is given, its
// predictions.
//
//   UPNEXT_ASSIGN_OR_RETURN(Impressions test, ScoreImpressions(subject, options, pool, progress));
//   Impressions train = CollectImpressions(source, Part::kTrain, pool);      // no predictions
//
// Ordered by user, then by time, for any number of threads. Used by this room, studies/ and cli/.
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
  std::vector<float> duration_s;  // of the item, NaN: unknown
  std::vector<int64_t> time_ms;
  std::vector<uint64_t> request;
  std::vector<uint16_t> position;  // from 1; 0: unknown
  std::vector<uint32_t> device;    // of the request, or schema::kNone
  std::vector<examples::Labels> labels;
  std::vector<float> predictions;  // [size(), objectives], or empty
  std::vector<double> score;       // combined, or empty
  size_t size() const { return user.size(); }
  void Add(uint32_t of_user, uint64_t of_request, uint32_t of_device,
           const examples::Impression& impression, float of_duration_s);
  void Append(const Impressions& other);
};

Impressions CollectImpressions(const examples::ReplaySource& source, examples::SplitPart part,
                               base::ThreadPool& pool);
// With the state before each request, or, with options.frozen_state, at the start of the part.
Result<Impressions> ScoreImpressions(const Subject& subject, const EvaluateOptions& options,
                                     base::ThreadPool& pool, base::Progress& progress);

// Labels of an objective, as in training.
ranking::Targets TargetsOf(const ranking::Objective& objective, const Impressions& impressions);

}  // namespace upnext::evaluation

#endif  // UPNEXT_EVALUATION_IMPRESSIONS_H_
