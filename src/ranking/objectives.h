// The ranker's objectives: one output ("head") per objective, listed in the project file, so that
// objectives can be added without changing the model.
//
//   [[ranking.objective]]
//   name = "watch"   label = "watch_seconds"  loss = "weighted_logistic"  score_weight = 1.0
//   [[ranking.objective]]
//   name = "click"   label = "click"          loss = "logistic"
//
// Labels: an event type ("click", "like", "complete" ...) as yes or no; "watch_seconds" capped at
// `cap`; "completion": the share of the item's duration that was watched, at most 1, of items with a
// duration; "rating"; "unwanted": whether the user disliked the item, in any way that the log has
// (features/low_rating.h). `observed = ["like", "dislike"]` limits the loss to impressions that have
// one of these events. `score_weight` is the exponent in the score (score.h).
#ifndef UPNEXT_RANKING_OBJECTIVES_H_
#define UPNEXT_RANKING_OBJECTIVES_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/config.h"
#include "examples/ranking_stream.h"
#include "nn/losses.h"
#include "schema/event.h"
#include "schema/schema.h"

namespace upnext::ranking {

struct Objective {
  enum class Label : uint8_t { kEvent, kWatchSeconds, kRating, kUnwanted, kCompletion };
  enum class Loss : uint8_t { kLogistic, kWeightedLogistic, kSquared, kHuber };
  std::string name;
  Label label = Label::kEvent;
  schema::EventType event = schema::EventType::kClick;  // of Label::kEvent
  Loss loss = Loss::kLogistic;
  nn::WatchTimeForm form =
      nn::WatchTimeForm::kExact;       // form = "paper" | "exact" of weighted_logistic
  float cap = 300.0f;                  // of watch seconds
  float delta = 1.0f;                  // of kHuber, in the label's unit
  schema::EventTypeSet observed = {};  // required event types; none: every impression counts
  // Of Label::kUnwanted, from the log: events of these types, and ratings up to this one. Ratings
  // are not negative.
  schema::EventTypeSet against = {};
  float low_rating = -1.0f;
  float loss_weight = 1.0f;
  float score_weight = 0.0f;
  // Engagement depends on the position, satisfaction less so: whether the tower of [ranking.bias]
  // adds to this logit (Zhao 2019, section 5.3).
  bool position_bias = false;

  bool is_yes_or_no() const { return label == Label::kEvent || label == Label::kUnwanted; }
};

// [[ranking.objective]]; without any: watch (weighted logistic, score weight 1) and click
// (logistic). Labels are event types of the schema.
std::vector<Objective> ObjectivesFromConfig(const base::ConfigTable& ranking,
                                            const schema::Schema& schema);

// The two keys of an objective that serving reads too (score.h).
inline constexpr double kMaxScoreWeight = 100;  // and not less than minus this
std::string NameOfObjective(const base::ConfigTable& objective);
float ScoreWeightOf(const base::ConfigTable& objective);

// Labels of a batch for one objective: target in its unit, mask (0: not observed).
struct Targets {
  std::vector<float> value;
  std::vector<uint8_t> mask;
};
// labels [n]; duration_s [n] of the items, NaN: unknown, or empty: all are.
void MakeTargets(const Objective& objective, std::span<const examples::Labels> labels,
                 std::span<const float> duration_s, Targets* targets);
inline void MakeTargets(const Objective& objective, const examples::RankingBatch& batch,
                        Targets* targets) {
  MakeTargets(objective, batch.labels, batch.impressions.duration_s, targets);
}

// The constant logit with the lowest loss on these targets: the starting point of training, and the
// baseline of a model. 0 when no example is observed.
float BestConstant(const Objective& objective, const Targets& targets);

// Loss of one head; overwrites d_logits [n].
nn::LossValue ObjectiveLoss(const Objective& objective, std::span<const float> logits,
                            const Targets& targets, float* d_logits);
// The head's output in the unit of the objective: probability, share, expected seconds, stars. Logits of
// probabilities and of expected seconds are clipped to [-kMaxLogit, kMaxLogit].
inline constexpr float kMaxLogit = 15;
float Predict(const Objective& objective, float logit);

}  // namespace upnext::ranking

#endif  // UPNEXT_RANKING_OBJECTIVES_H_
