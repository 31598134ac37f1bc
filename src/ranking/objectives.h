// The ranker's objectives: one head per objective, listed in the project file, so that objectives can
// be added without changing the model. A head has one output, or several (ordinal).
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
#include "base/status.h"
#include "examples/ranking_stream.h"
#include "nn/graph.h"
#include "nn/losses.h"
#include "ranking/watch_levels.h"
#include "ranking/watch_quantiles.h"
#include "schema/event.h"
#include "schema/schema.h"

namespace upnext::ranking {

struct Objective {
  enum class Label : uint8_t { kEvent, kWatchSeconds, kRating, kUnwanted, kCompletion };
  enum class Loss : uint8_t { kLogistic, kWeightedLogistic, kSquared, kHuber, kQuantile, kOrdinal };
  std::string name;
  Label label = Label::kEvent;
  schema::EventType event = schema::EventType::kClick;  // of Label::kEvent
  Loss loss = Loss::kLogistic;
  nn::WatchTimeForm form =
      nn::WatchTimeForm::kExact;       // form = "paper" | "exact" of weighted_logistic
  float cap = 300.0f;                  // of watch seconds
  float delta = 1.0f;                  // of kHuber, in the label's unit
  uint32_t buckets = 30;               // of kQuantile by duration, of kOrdinal by watch time
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
  // Of kQuantile and of kOrdinal, from the labels of the training part (learn_objectives.h). Without
  // it there is no ranker of such an objective.
  WatchQuantiles quantiles = {};
  WatchLevels levels = {};

  bool learns() const { return loss == Loss::kQuantile || loss == Loss::kOrdinal; }
  size_t outputs() const { return loss == Loss::kOrdinal ? levels.outputs() : 1; }
  bool is_yes_or_no() const { return label == Label::kEvent || label == Label::kUnwanted; }
};

// Where the outputs of each objective stand in a row of logits.
struct HeadColumns {
  size_t first, outputs;
};
struct HeadLayout {
  std::vector<HeadColumns> heads;  // by objective
  size_t width = 0;                // outputs of all
};
// kInvalidArgument for an objective that has not learned its targets.
Result<HeadLayout> ColumnsOf(std::span<const Objective> objectives);

// [[ranking.objective]]; without any: watch (weighted logistic, score weight 1) and click
// (logistic). Labels are event types of the schema.
std::vector<Objective> ObjectivesFromConfig(const base::ConfigTable& ranking,
                                            const schema::Schema& schema);

// Their labels, as they are written.
std::vector<std::string> LabelsFromConfig(const base::ConfigTable& ranking);

// The two keys of an objective that serving reads too (score.h).
inline constexpr double kMaxScoreWeight = 100;  // and not less than minus this
std::string NameOfObjective(const base::ConfigTable& objective);
float ScoreWeightOf(const base::ConfigTable& objective);

// Labels of a batch for one objective: target in its unit, mask (0: not observed).
struct Targets {
  std::vector<float> value = {};
  std::vector<uint8_t> mask = {};
  std::vector<float> quantile = {};  // of kQuantile: what the loss compares with
};
// labels [n]; duration_s [n] of the items, NaN: unknown, or empty: all are.
void MakeTargets(const Objective& objective, std::span<const examples::Labels> labels,
                 std::span<const float> duration_s, Targets* targets);
inline void MakeTargets(const Objective& objective, const examples::RankingBatch& batch,
                        Targets* targets) {
  MakeTargets(objective, batch.labels, batch.impressions.duration_s, targets);
}

// The constant logits [outputs] with the lowest loss on these targets: the starting point of
// training, and the baseline of a model. 0 when no example is observed.
std::vector<float> BestConstants(const Objective& objective, const Targets& targets);

// Loss of one head with logits [n, outputs]; overwrites d_logits [n, outputs].
nn::LossValue ObjectiveLoss(const Objective& objective, std::span<const float> logits,
                            const Targets& targets, float* d_logits);
// The head's output in the unit of the objective: probability, share, expected seconds, stars. Logits of
// probabilities and of expected seconds are clipped to [-kMaxLogit, kMaxLogit].
inline constexpr float kMaxLogit = 15;
// logits [outputs]; duration_s of the item, NaN: unknown.
float Predict(const Objective& objective, std::span<const float> logits, float duration_s);

// Predict as operations: logits [rows, outputs] of a head of this objective, duration_s [rows] or
// empty if ReadsDuration says no -> [rows].
bool ReadsDuration(const Objective& objective);
nn::Graph::Value AppendPrediction(nn::Graph& graph, const Objective& objective,
                                  const nn::Graph::Value& logits,
                                  const nn::Graph::Value& duration_s);

}  // namespace upnext::ranking

#endif  // UPNEXT_RANKING_OBJECTIVES_H_
