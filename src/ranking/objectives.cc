#include "ranking/objectives.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <set>

namespace upnext::ranking {
namespace {

using schema::EventType;

constexpr char kDefaultLabel[] = "watch_seconds";

std::vector<std::string> LabelNames(const schema::Schema& schema) {
  std::vector<std::string> names = {kDefaultLabel, "unwanted", "completion"};
  for (const schema::EventTypeInfo& type : schema.event_types()) {
    if (type.role == schema::Role::kImpression || type.role == schema::Role::kSearch) continue;
    names.push_back(type.name);
  }
  return names;
}

// As Objective::Loss.
std::vector<std::string> LossNames() {
  return {"logistic", "weighted_logistic", "squared", "huber", "quantile", "ordinal"};
}

bool IsOneOf(const base::ConfigTable& objective, const char* key,
             const std::vector<std::string>& choices) {
  const std::string text = objective.Text(key, choices.front());
  return std::ranges::find(choices, text) != choices.end();
}

void SetLabel(const std::string& name, const schema::Schema& schema, Objective* objective) {
  const std::optional<EventType> type = schema.FindEventType(name);
  if (!type) {
    objective->label = name == "unwanted"     ? Objective::Label::kUnwanted
                       : name == "completion" ? Objective::Label::kCompletion
                                              : Objective::Label::kWatchSeconds;
  } else if (*type == EventType::kRating) {
    objective->label = Objective::Label::kRating;
  } else {
    objective->label = Objective::Label::kEvent;
    objective->event = *type;
  }
}

// The label is a number from 0 to 1.
bool IsShare(const Objective& objective) {
  return objective.is_yes_or_no() || objective.label == Objective::Label::kCompletion;
}

// Checks that the loss fits the label: logistic for labels from 0 to 1 only.
void CheckLoss(const base::ConfigTable& table, const Objective& objective) {
  const bool share = IsShare(objective);
  const bool wants_share = objective.loss == Objective::Loss::kLogistic;
  if (share != wants_share) {
    table.Fail(
        "loss",
        share
            ? "expected \"logistic\", since the label is yes or no, or a share"
            : "expected \"weighted_logistic\", \"squared\", \"huber\", \"quantile\" or \"ordinal\", since "
              "the label is a number");
  }
  const bool of_watches =
      objective.loss == Objective::Loss::kWeightedLogistic || objective.learns();
  if (objective.label == Objective::Label::kRating && of_watches) {
    table.Fail("loss",
               "expected \"squared\" or \"huber\" for ratings; \"weighted_logistic\", \"quantile\" "
               "and \"ordinal\" are for watch time");
  }
}

// What a user does with what was seen, so that it depends on whether it was seen at all.
bool IsEngagement(const Objective& objective) {
  return objective.label == Objective::Label::kWatchSeconds ||
         objective.label == Objective::Label::kCompletion ||
         (objective.label == Objective::Label::kEvent &&
          (objective.event == EventType::kClick || objective.event == EventType::kComplete));
}

// Keys that some losses and labels have. With a loss and a label that are `known`, those of others are
// refused.
void ReadLossOptions(const base::ConfigTable& table, bool known, Objective* objective) {
  using enum Objective::Loss;
  const auto has = [&](const char* key, bool used, const char* whose) {
    if (!used && table.Has(key) && known) {
      table.Fail(key, fmt::format("only an objective with {} has it; leave it out", whose));
    }
    return used;
  };
  if (has("form", objective->loss == kWeightedLogistic, "loss = \"weighted_logistic\"")) {
    objective->form = table.Choice("form", {"exact", "paper"}, 0) == 0 ? nn::WatchTimeForm::kExact
                                                                       : nn::WatchTimeForm::kPaper;
  }
  if (has("cap", objective->label == Objective::Label::kWatchSeconds,
          "label = \"watch_seconds\"")) {
    objective->cap = static_cast<float>(table.Real("cap", 300, {.min = 1e-3, .max = 1e6}));
  }
  if (has("delta", objective->loss == kHuber, "loss = \"huber\"")) {
    const double delta = objective->label == Objective::Label::kRating ? 1 : 60;
    objective->delta = static_cast<float>(table.Real("delta", delta, {.min = 1e-3, .max = 1e6}));
  }
  if (has("buckets", objective->learns(), "loss = \"quantile\" or \"ordinal\"")) {
    const bool ordinal = objective->loss == kOrdinal;
    const size_t most = ordinal ? WatchLevels::kMaxBuckets : WatchQuantiles::kMaxBuckets;
    objective->buckets = static_cast<uint32_t>(
        table.Int("buckets", objective->buckets,
                  {.min = ordinal ? 2 : 1, .max = static_cast<int64_t>(most)}));
  }
}

Objective ObjectiveFromConfig(const base::ConfigTable& table, const schema::Schema& schema) {
  Objective objective;
  const std::vector<std::string> labels = LabelNames(schema);
  const std::string& label = labels[table.Choice("label", labels, 0)];
  SetLabel(label, schema, &objective);
  objective.name = NameOfObjective(table);
  const size_t usual = IsShare(objective)                                   ? 0
                       : objective.label == Objective::Label::kWatchSeconds ? 1
                                                                            : 2;
  objective.loss = static_cast<Objective::Loss>(table.Choice("loss", LossNames(), usual));
  ReadLossOptions(table, IsOneOf(table, "label", labels) && IsOneOf(table, "loss", LossNames()),
                  &objective);
  for (const std::string& name : table.Texts("observed", {})) {
    if (const std::optional<EventType> type = schema.FindEventType(name)) {
      objective.observed.Add(*type);
    } else {
      table.Fail("observed", schema.UnknownEventType(name));
    }
  }
  objective.loss_weight = static_cast<float>(table.Real("loss_weight", 1, {.min = 0, .max = 1e6}));
  objective.score_weight = ScoreWeightOf(table);
  objective.position_bias = table.Bool("position_bias", IsEngagement(objective));
  CheckLoss(table, objective);
  return objective;
}

std::vector<Objective> DefaultObjectives() {
  Objective watch{.name = "watch",
                  .label = Objective::Label::kWatchSeconds,
                  .loss = Objective::Loss::kWeightedLogistic,
                  .score_weight = 1.0f,
                  .position_bias = true};
  Objective click{.name = "click", .position_bias = true};
  return {watch, click};
}

// The loss is convex, so its gradient's sign says on which side of a constant the best one lies.
double BestHuberConstant(float delta, const Targets& targets) {
  const auto [least, most] = std::ranges::minmax(targets.value);
  double low = least, high = most;
  std::vector<float> constant(targets.value.size()), gradient(targets.value.size());
  for (int halving = 0; halving < 40; ++halving) {
    std::ranges::fill(constant, static_cast<float>((low + high) / 2));
    nn::HuberLoss(constant, targets.value, delta, {.mask = targets.mask}, gradient.data());
    const double slope = std::accumulate(gradient.begin(), gradient.end(), 0.0);
    (slope > 0 ? high : low) = (low + high) / 2;
  }
  return (low + high) / 2;
}

nn::WatchTimeOptions WatchTime(const Objective& objective) {
  return {.form = objective.form, .clip = kMaxLogit};
}

// `unreadable` stands for one that is refused.
double ReadScoreWeight(const base::ConfigTable& objective, double unreadable) {
  if (!objective.Has("score_weight")) return 0;
  return objective.Real("score_weight", unreadable,
                        {.min = -kMaxScoreWeight, .max = kMaxScoreWeight});
}

}  // namespace

std::string NameOfObjective(const base::ConfigTable& objective) {
  return objective.Text("name", objective.Text("label", kDefaultLabel));
}

std::vector<std::string> LabelsFromConfig(const base::ConfigTable& ranking) {
  std::vector<std::string> labels;
  for (const base::ConfigTable& table : ranking.Tables("objective")) {
    labels.push_back(table.Text("label", kDefaultLabel));
  }
  return labels;
}

float ScoreWeightOf(const base::ConfigTable& objective) {
  return static_cast<float>(ReadScoreWeight(objective, 0));
}

std::vector<Objective> ObjectivesFromConfig(const base::ConfigTable& ranking,
                                            const schema::Schema& schema) {
  const std::vector<base::ConfigTable> tables = ranking.Tables("objective");
  if (tables.empty()) return DefaultObjectives();
  std::vector<Objective> objectives;
  std::set<std::string> names;
  bool scored = false, known = true;
  for (const base::ConfigTable& table : tables) {
    objectives.push_back(ObjectiveFromConfig(table, schema));
    scored |= ReadScoreWeight(table, /*unreadable=*/1) != 0;
    known &= IsOneOf(table, "label", LabelNames(schema));
    if (!names.insert(objectives.back().name).second) {
      table.Fail("name", fmt::format("duplicate objective name \"{}\"", objectives.back().name));
    }
  }
  if (!scored && known) {  // a label that is none comes first
    tables.front().Fail("score_weight",
                        "expected an objective with a score_weight other than 0, found none: the "
                        "feed would have no order");
  }
  return objectives;
}

Result<HeadLayout> ColumnsOf(std::span<const Objective> objectives) {
  HeadLayout layout;
  for (const Objective& objective : objectives) {
    const bool learned = objective.loss == Objective::Loss::kOrdinal ? !objective.levels.empty()
                                                                     : !objective.quantiles.empty();
    if (objective.learns() && !learned) {
      return InvalidArgument(
          "the objective '{}' has not learned its targets from the training part; use what "
          "LearnObjectives returns",
          objective.name);
    }
    layout.heads.push_back({layout.width, objective.outputs()});
    layout.width += objective.outputs();
  }
  return layout;
}

void MakeTargets(const Objective& objective, std::span<const examples::Labels> all_labels,
                 std::span<const float> duration_s, Targets* targets) {
  const size_t n = all_labels.size();
  targets->value.assign(n, 0.0f);
  targets->mask.assign(n, 1);
  const bool by_quantile = !objective.quantiles.empty();
  targets->quantile.assign(by_quantile ? n : 0, 0.0f);
  for (size_t i = 0; i < n; ++i) {
    const examples::Labels& labels = all_labels[i];
    if (!objective.observed.empty()) {
      targets->mask[i] = labels.happened.Meets(objective.observed) ? 1 : 0;
    }
    switch (objective.label) {
      case Objective::Label::kEvent:
        targets->value[i] = labels.Has(objective.event) ? 1.0f : 0.0f;
        break;
      case Objective::Label::kWatchSeconds:
        targets->value[i] = std::min(labels.watch_s, objective.cap);
        if (by_quantile) {
          targets->quantile[i] = objective.quantiles.Quantile(
              duration_s.empty() ? schema::kAbsent : duration_s[i], targets->value[i]);
        }
        break;
      case Objective::Label::kRating:
        targets->mask[i] = targets->mask[i] != 0 && !std::isnan(labels.rating);
        targets->value[i] = targets->mask[i] != 0 ? labels.rating : 0.0f;
        break;
      case Objective::Label::kUnwanted: {
        const bool is_low = labels.rating <= objective.low_rating;  // not if there is none
        targets->value[i] = is_low || labels.happened.Meets(objective.against) ? 1.0f : 0.0f;
        break;
      }
      case Objective::Label::kCompletion: {
        const bool known = !duration_s.empty() && duration_s[i] > 0;
        if (!known) targets->mask[i] = 0;
        if (known) targets->value[i] = std::clamp(labels.watch_s / duration_s[i], 0.0f, 1.0f);
        break;
      }
    }
  }
}

nn::LossValue ObjectiveLoss(const Objective& objective, std::span<const float> logits,
                            const Targets& targets, float* d_logits) {
  const nn::ExampleWeights examples{.mask = targets.mask, .gradient_scale = objective.loss_weight};
  switch (objective.loss) {
    case Objective::Loss::kLogistic:
      return nn::LogisticLoss(logits, targets.value, examples, d_logits);
    case Objective::Loss::kSquared:
      return nn::SquaredLoss(logits, targets.value, examples, d_logits);
    case Objective::Loss::kHuber:
      return nn::HuberLoss(logits, targets.value, objective.delta, examples, d_logits);
    case Objective::Loss::kQuantile:
      return nn::LogisticLoss(logits, targets.quantile, examples, d_logits);
    case Objective::Loss::kOrdinal:
      return nn::OrdinalLoss(logits, targets.value, objective.levels.thresholds(), examples,
                             d_logits);
    case Objective::Loss::kWeightedLogistic:
      break;
  }
  // A watch counts as a click: autoplay shows videos without a click, and their watch time counts.
  std::vector<float> watched(targets.value.size());
  for (size_t i = 0; i < watched.size(); ++i) watched[i] = targets.value[i] > 0 ? 1.0f : 0.0f;
  return nn::WatchTimeLoss(logits, watched, targets.value, WatchTime(objective), examples,
                           d_logits);
}

std::vector<float> BestConstants(const Objective& objective, const Targets& targets) {
  const std::vector<float>& values =
      objective.loss == Objective::Loss::kQuantile ? targets.quantile : targets.value;
  std::vector<float> best(objective.outputs(), 0.0f);
  double count = 0, sum = 0, positive = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    if (targets.mask[i] == 0) continue;
    count += 1;
    sum += static_cast<double>(values[i]);
    positive += values[i] > 0 ? 1 : 0;
  }
  if (count == 0) return best;
  // Adding half an example to each side keeps the logarithms finite.
  constexpr double kHalf = 0.5;
  const auto log_odds = [&](double of, double others) {
    return static_cast<float>(std::log((of + kHalf) / (others + kHalf)));
  };
  switch (objective.loss) {
    case Objective::Loss::kSquared:
      best[0] = static_cast<float>(sum / count);
      break;
    case Objective::Loss::kHuber:
      best[0] = static_cast<float>(BestHuberConstant(objective.delta, targets));
      break;
    case Objective::Loss::kLogistic:
    case Objective::Loss::kQuantile:
      best[0] = log_odds(sum, count - sum);
      break;
    case Objective::Loss::kWeightedLogistic: {
      const bool paper = objective.form == nn::WatchTimeForm::kPaper;
      best[0] = log_odds(sum, paper ? count - positive : count);
      break;
    }
    case Objective::Loss::kOrdinal:
      for (size_t k = 0; k < best.size(); ++k) {
        double above = 0;
        for (size_t i = 0; i < values.size(); ++i) {
          above += targets.mask[i] != 0 && values[i] > objective.levels.thresholds()[k] ? 1 : 0;
        }
        best[k] = log_odds(above, count - above);
      }
      break;
  }
  return best;
}

float Predict(const Objective& objective, std::span<const float> logits, float duration_s) {
  switch (objective.loss) {
    case Objective::Loss::kLogistic:
      return nn::Sigmoid(std::clamp(logits[0], -kMaxLogit, kMaxLogit));
    case Objective::Loss::kSquared:
    case Objective::Loss::kHuber:
      return logits[0];
    case Objective::Loss::kQuantile:
      return objective.quantiles.Seconds(duration_s, nn::Sigmoid(logits[0]));
    case Objective::Loss::kOrdinal:
      return objective.levels.Expectation(logits);
    case Objective::Loss::kWeightedLogistic:
      break;
  }
  return nn::ExpectedWatchTime(logits[0], WatchTime(objective));
}

bool ReadsDuration(const Objective& objective) {
  return objective.loss == Objective::Loss::kQuantile;
}

nn::Graph::Value AppendPrediction(nn::Graph& graph, const Objective& objective,
                                  const nn::Graph::Value& logits,
                                  const nn::Graph::Value& duration_s) {
  if (objective.loss == Objective::Loss::kOrdinal) {
    return objective.levels.AppendExpectation(graph, logits);
  }
  const nn::Graph::Value logit = graph.Op("Squeeze", {logits, graph.Ints({1})});
  const auto clipped = [&] {
    return graph.Op("Clip", {logit, graph.Float(-kMaxLogit), graph.Float(kMaxLogit)});
  };
  switch (objective.loss) {
    case Objective::Loss::kLogistic:
      return graph.Op("Sigmoid", {clipped()});
    case Objective::Loss::kSquared:
    case Objective::Loss::kHuber:
      return logit;
    case Objective::Loss::kQuantile:
      return objective.quantiles.AppendSeconds(graph, duration_s, graph.Op("Sigmoid", {logit}));
    case Objective::Loss::kOrdinal:
    case Objective::Loss::kWeightedLogistic:
      break;
  }
  return graph.Op("Exp", {clipped()});
}

}  // namespace upnext::ranking
