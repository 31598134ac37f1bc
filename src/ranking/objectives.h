// What the ranker predicts: one head per objective. A list in the project file, so that an
// objective is added beside the others, not inside the model.
//
//   [[ranking.objective]]
//   name = "watch"   label = "watch_seconds"  loss = "weighted_logistic"  score_weight = 1.0
//   [[ranking.objective]]
//   name = "click"   label = "click"          loss = "logistic"
//
// labels: an event type ("click", "like", "complete" ...) as yes or no; "watch_seconds" capped at
// `cap`; "rating". `observed = ["like",
// "dislike"]` masks the loss to impressions that have one of these events. Final score = product
// over objectives of prediction ^ score_weight (Zhao 2019, 4.2; weights need no retraining).
#ifndef UPNEXT_RANKING_OBJECTIVES_H_
#define UPNEXT_RANKING_OBJECTIVES_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/config.h"
#include "examples/streams.h"
#include "nn/losses.h"
#include "schema/event.h"

namespace upnext::ranking {

struct Objective {
  enum class Label : uint8_t { kEvent, kWatchSeconds, kRating };
  enum class Loss : uint8_t { kLogistic, kWeightedLogistic, kSquared };
  std::string name;
  Label label = Label::kEvent;
  schema::EventType event = schema::EventType::kClick;  // of Label::kEvent
  Loss loss = Loss::kLogistic;
  nn::WatchTimeForm form =
      nn::WatchTimeForm::kExact;  // form = "paper" | "exact" of weighted_logistic
  float cap = 300.0f;             // of watch seconds
  uint16_t observed = 0;          // event bits that unmask; 0: every impression counts
  float loss_weight = 1.0f;
  float score_weight = 0.0f;
};

// [[ranking.objective]]; without any: watch (weighted logistic, score weight 1) and click
// (logistic).
std::vector<Objective> ObjectivesFromConfig(const base::ConfigTable& ranking);

// Labels of a batch for one objective: target, mask (0: not observed).
struct Targets {
  std::vector<float> value;
  std::vector<uint8_t> mask;
};
void MakeTargets(const Objective& objective, const examples::RankingBatch& batch, Targets* targets);

// The one logit that is best for all examples of the targets: where training starts, and what a
// model has to beat. 0 when no example is observed.
float BestConstant(const Objective& objective, const Targets& targets);

// Loss of one head; adds nothing, writes d_logits [n].
nn::LossValue ObjectiveLoss(const Objective& objective, std::span<const float> logits,
                            const Targets& targets, float* d_logits);
// The head's output in its own unit: probability, expected seconds, stars.
float Predict(const Objective& objective, float logit);
// Product of predictions ^ score_weight; predictions [objectives].
double CombinedScore(std::span<const Objective> objectives, std::span<const float> predictions);

}  // namespace upnext::ranking

#endif  // UPNEXT_RANKING_OBJECTIVES_H_
