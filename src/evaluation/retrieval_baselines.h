// The baselines of a retrieval table. Ties, also of all items that a baseline gives no score, are
// ordered by popularity, then by the smaller id.
//
//   popularity            complete watches of the training part
//   popularity, 7 days    complete watches of all users within the 7 days before the moment of the
//   popularity, 1 day     case; within the 24 hours; within the 6 hours. They know the held-out part
//   popularity, 6 h       up to that moment, as a counter does when serving
//   recently viewed       the items that the user looked at and did not yet meet positively
//                         (UserState::viewed), the newest first
//   same topic            of the items that share a topic with one of the user's newest kTopicWatches
//                         items: the sum of 2^-(age / 7 days) over the complete watches of the
//                         training part
//   markov                how often the item directly followed the user's newest item in the
//                         training part
//   item-knn              the sum of the co-watch similarities to the user's newest kCoWatchItems
//                         items (retrieval/co_watch.h)
//
// With EvaluateOptions::item2vec there is a row of it too (item2vec_scores.h).
// "recently viewed" and "same topic" are left out where nothing was viewed, or no item has a topic.
//
// Only this room includes it.
#ifndef UPNEXT_EVALUATION_RETRIEVAL_BASELINES_H_
#define UPNEXT_EVALUATION_RETRIEVAL_BASELINES_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/progress.h"
#include "base/thread_pool.h"
#include "evaluation/evaluate.h"
#include "evaluation/retrieval_models.h"
#include "examples/holdout.h"

namespace upnext::evaluation {

// What the states of the cases have.
struct Histories {
  std::vector<uint8_t> items;  // by item, 1 for those whose neighbours the cases ask for
  bool any_viewed = false;
};
Histories HistoriesOf(const Subject& subject, std::span<const examples::HoldoutCase> cases,
                      base::ThreadPool& pool);

// Learns and appends them. Neighbours of item-knn are computed only for items that the cases' users
// have: those of all items could take as much memory as the model.
void AddBaselines(const Subject& subject, std::span<const examples::HoldoutCase> cases,
                  base::ThreadPool& pool, base::Progress& progress,
                  std::vector<std::unique_ptr<RetrievalModel>>* models);

}  // namespace upnext::evaluation

#endif  // UPNEXT_EVALUATION_RETRIEVAL_BASELINES_H_
