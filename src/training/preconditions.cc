#include "training/preconditions.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <tuple>
#include <utility>

#include "base/clock.h"
#include "base/numbers.h"
#include "base/time_text.h"
#include "examples/join.h"
#include "features/low_rating.h"
#include "features/positive_rule.h"
#include "features/signal_options.h"
#include "log/event_log.h"
#include "ranking/learn_objectives.h"
#include "schema/event.h"
#include "schema/schema.h"
#include "training/wide_split.h"

namespace upnext::training {
namespace {

using examples::SplitOptions;
using examples::SplitPart;
using ranking::Objective;

constexpr size_t kUsersPerTask = 256;

// The labels of one objective.
struct LabelRange {
  uint64_t observed = 0, positive = 0;
  float least = std::numeric_limits<float>::infinity(),
        most = -std::numeric_limits<float>::infinity();
  void Add(const ranking::Targets& targets) {
    for (size_t i = 0; i < targets.value.size(); ++i) {
      if (targets.mask[i] == 0) continue;
      ++observed;
      positive += targets.value[i] > 0 ? 1 : 0;
      least = std::min(least, targets.value[i]);
      most = std::max(most, targets.value[i]);
    }
  }
  void Add(const LabelRange& other) {
    observed += other.observed;
    positive += other.positive;
    least = std::min(least, other.least);
    most = std::max(most, other.most);
  }
};

// What the impressions of the training part say.
struct LabelCounts {
  uint64_t impressions = 0, watched = 0, with_share = 0;  // watched, of items with a duration
  std::array<uint64_t, 256> happened = {};                // by the number of the event type
  std::vector<LabelRange> objectives;

  void Add(const std::vector<Objective>& of, size_t types,
           std::span<const examples::Labels> all_labels, std::span<const float> duration_s) {
    impressions += all_labels.size();
    for (size_t i = 0; i < all_labels.size(); ++i) {
      const examples::Labels& labels = all_labels[i];
      watched += labels.watch_s > 0 ? 1 : 0;
      with_share += labels.watch_s > 0 && duration_s[i] > 0 ? 1 : 0;
      for (size_t type = 1; type <= types; ++type) {
        happened[type] += labels.Has(static_cast<schema::EventType>(type)) ? 1 : 0;
      }
    }
    ranking::Targets targets;
    for (size_t k = 0; k < of.size(); ++k) {
      ranking::MakeTargets(of[k], all_labels, duration_s, &targets);
      objectives[k].Add(targets);
    }
  }
  void Add(const LabelCounts& other) {
    impressions += other.impressions;
    watched += other.watched;
    with_share += other.with_share;
    for (size_t type = 0; type < happened.size(); ++type) happened[type] += other.happened[type];
    for (size_t k = 0; k < objectives.size(); ++k) objectives[k].Add(other.objectives[k]);
  }
};

LabelCounts CountLabels(const Dataset& dataset, const std::vector<Objective>& objectives,
                        base::ThreadPool& pool) {
  const examples::ReplaySource& source = dataset.source();
  const size_t types = source.log.schema().event_types().size();
  LabelCounts none;
  none.objectives.resize(objectives.size());
  const size_t users = source.log.users();
  std::vector<LabelCounts> parts((users + kUsersPerTask - 1) / kUsersPerTask, none);
  pool.ParallelFor(users, kUsersPerTask, [&](size_t begin, size_t end) {
    examples::JoinedImpressions joined;
    std::vector<examples::Labels> labels;
    std::vector<float> duration_s;
    for (size_t u = begin; u < end; ++u) {
      const auto user = static_cast<uint32_t>(u);
      examples::JoinImpressions(source, user, source.split.train_end(user), &joined);
      for (const examples::Impression& impression : joined.impressions) {
        labels.push_back(impression.labels);
        duration_s.push_back(source.catalogue.item(impression.item).duration_s);
      }
    }
    parts[begin / kUsersPerTask].Add(objectives, types, labels, duration_s);
  });
  for (const LabelCounts& part : parts) none.Add(part);
  return none;
}

// "click 1,234, like 12, watch_seconds 900".
std::string Found(const LabelCounts& counts, const schema::Schema& schema) {
  std::string text;
  const auto add = [&](std::string_view name, uint64_t n) {
    if (n == 0) return;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, base::WithThousands(n));
  };
  size_t type = 0;
  for (const schema::EventTypeInfo& info : schema.event_types()) {
    ++type;
    if (info.role == schema::Role::kImpression || info.role == schema::Role::kSearch) continue;
    add(info.name, counts.happened[type]);
  }
  add("watch_seconds", counts.watched);
  add("completion", counts.with_share);
  return text.empty() ? "none" : text;
}

std::string LabelName(const Objective& objective, const schema::Schema& schema) {
  switch (objective.label) {
    case Objective::Label::kWatchSeconds:
      return "watch_seconds";
    case Objective::Label::kUnwanted:
      return "unwanted";
    case Objective::Label::kCompletion:
      return "completion";
    default:
      return schema
          .info(objective.label == Objective::Label::kRating ? schema::EventType::kRating
                                                             : objective.event)
          .name;
  }
}

// One objective for each positive type that impressions led to, with its weight, and clicks. The
// strongest orders the feed: the one of the largest weight, of equal ones the rarest.
std::vector<Objective> ObjectivesWithoutSeconds(const features::PositiveRule& rule,
                                                const schema::Schema& schema,
                                                const LabelCounts& counts) {
  std::vector<Objective> objectives;
  const auto add = [&](size_t type, float weight) {
    if (counts.happened[type] == 0) return;
    Objective objective{.name = schema.info(static_cast<schema::EventType>(type)).name,
                        .event = static_cast<schema::EventType>(type)};
    objective.loss_weight = weight;
    objectives.push_back(std::move(objective));
  };
  constexpr auto kClick = static_cast<size_t>(schema::EventType::kClick);
  for (size_t type = 1; type <= schema.event_types().size(); ++type) {
    const float weight = rule.positive(static_cast<schema::EventType>(type));
    if (weight > 0 && type != kClick) add(type, weight);
  }
  const float click = rule.positive(schema::EventType::kClick);
  add(kClick, click > 0 ? click : 1.0f);
  if (objectives.empty()) objectives.push_back({.name = "click"});
  const auto strength = [&](const Objective& objective) {
    const bool positive = rule.MayBePositive(objective.event);
    return std::tuple(positive ? objective.loss_weight : 0.0f,
                      -static_cast<double>(counts.happened[static_cast<size_t>(objective.event)]));
  };
  std::ranges::max_element(objectives, {}, strength)->score_weight = 1;
  return objectives;
}

// What users did not want, learned so that the feed has less of what they would not want.
Objective UnwantedObjective() {
  return {.name = "unwanted", .label = Objective::Label::kUnwanted, .score_weight = -0.5f};
}

void SetUnwanted(const log::EventLog& log, const features::FeedRule& feed, Objective& objective) {
  if (objective.label != Objective::Label::kUnwanted) return;
  objective.against = features::TypesAgainst(log.schema());
  const float low = feed.low_rating ? *feed.low_rating : features::LowRatingOf(log);
  if (!std::isnan(low)) objective.low_rating = low;
}

// "12 dislike, 40 rating up to 2".
std::string UnwantedBy(const Objective& objective, const LabelCounts& counts,
                       const schema::Schema& schema) {
  std::string text;
  for (size_t number = 1; number <= schema.event_types().size(); ++number) {
    const auto type = static_cast<schema::EventType>(number);
    const bool low = type == schema::EventType::kRating && objective.low_rating >= 0;
    if (counts.happened[number] == 0 || !(low || objective.against.Has(type))) continue;
    text += fmt::format("{}{}", text.empty() ? "" : ", ", schema.info(type).name);
    if (low) text += fmt::format(" up to {:.3g}", objective.low_rating);
  }
  return text;
}

// Adds the objective of unwanted items to the defaults if the training part has enough of them.
void AddUnwanted(const Dataset& dataset, const features::FeedRule& feed, const LabelCounts& before,
                 base::ThreadPool& pool, base::Progress& progress,
                 std::vector<Objective>& objectives) {
  Objective unwanted = UnwantedObjective();
  SetUnwanted(dataset.log(), feed, unwanted);
  const std::string by = UnwantedBy(unwanted, before, dataset.log().schema());
  if (by.empty() || !feed.filter_disliked) return;
  const LabelCounts counts = CountLabels(dataset, {unwanted}, pool);
  const uint64_t found = counts.objectives.front().positive;
  const std::string what =
      fmt::format("{} of {} impressions were unwanted ({})", base::WithThousands(found),
                  base::WithThousands(counts.impressions), by);
  if (found < features::kEnoughEvents) {
    progress.Note(fmt::format("{}: fewer than {}, too few for the ranker to learn from", what,
                              features::kEnoughEvents));
    return;
  }
  progress.Note(
      fmt::format("{}: the objective '{}' lowers the score of what is likely to be "
                  "unwanted (score_weight = {:g})",
                  what, unwanted.name, unwanted.score_weight));
  objectives.push_back(std::move(unwanted));
}

// "" when the labels differ, else what they are.
std::string WhyUseless(const LabelRange& labels, const std::string& name) {
  if (labels.observed == 0) return fmt::format("no impression has a label ({})", name);
  if (labels.least < labels.most) return "";
  if (labels.most == 0) {
    return fmt::format("none of {} impressions has its label ({})",
                       base::WithThousands(labels.observed), name);
  }
  return fmt::format("all {} impressions have the same label ({} = {:g})",
                     base::WithThousands(labels.observed), name, labels.most);
}

}  // namespace

Status CheckTestPart(const Dataset& dataset, const SplitOptions& options) {
  if (options.kind == SplitOptions::Kind::kNone) return Ok();
  if (options.by_days() && options.test_days == 0) return Ok();
  const log::EventLog& log = dataset.log();
  const bool has_events = dataset.has_events(SplitPart::kTest);
  const size_t users = UsersWithPositives(dataset.split(), log, dataset.rule(), SplitPart::kTest);
  if (has_events && users >= 2) return Ok();
  // A log of few users is a first try; it may be tested on one of them.
  const size_t all = UsersWithPositives(log, dataset.rule());
  if (has_events && NeededUsers(all) < 2) return Ok();
  if (options.kind == SplitOptions::Kind::kLeaveOneOut) {
    return FailedPrecondition(
        "[split] kind = \"leave-one-out\" tests on the last positive event of each user with at "
        "least three, and {} of {} users have three; check [labels], import more, or set kind = "
        "\"none\" to publish models that nothing has measured",
        users, all);
  }
  return FailedPrecondition(
      "[split]: in the test part {} of {} users have a positive event ({}), and nothing is measured "
      "by one user; choose an earlier validation_until or other [labels], or set kind = \"none\" to "
      "publish models that nothing has measured",
      users, all, dataset.split().Describe());
}

std::string WhyNothingStopsEarly(const Dataset& dataset) {
  if (UsersWithPositives(dataset.split(), dataset.log(), dataset.rule(), SplitPart::kValidation) >
      0) {
    return "";
  }
  return "the validation part has no positive event: no training stops early, all epochs are run "
         "([split] validation_days)";
}

std::string WhyStateHasNoUse(const Options& options) {
  const bool leaves_one = options.dataset.split.kind == SplitOptions::Kind::kLeaveOneOut;
  if (!leaves_one || !options.train.candidate_train.keep_state) return "";
  return "the bundle keeps the state of the candidate model's training ([retrieval] keep_state), but "
         "no training continues with [split] kind = \"leave-one-out\"; that needs \"time\" or \"none\"";
}

std::string WhyTargetsAreTheSame(const Options& options) {
  const bool leaves_one = options.dataset.split.kind == SplitOptions::Kind::kLeaveOneOut;
  if (!leaves_one || options.evaluate.targets == examples::HoldoutTargets::kAll) return "";
  return "[evaluation] targets changes nothing: with [split] kind = \"leave-one-out\" each user is "
         "tested on one positive event";
}

Result<std::vector<Objective>> TrainableObjectives(const Dataset& dataset,
                                                   const std::vector<Objective>& given,
                                                   const ObjectiveRules& rules,
                                                   base::ThreadPool& pool,
                                                   base::Progress& progress) {
  std::vector<Objective> objectives = given;
  for (Objective& objective : objectives) SetUnwanted(dataset.log(), rules.feed, objective);
  LabelCounts counts = CountLabels(dataset, objectives, pool);
  if (counts.impressions == 0) return objectives;
  const schema::Schema& schema = dataset.log().schema();
  if (rules.are_defaults) {
    const size_t before = objectives.size();
    if (counts.watched == 0) {
      objectives = ObjectivesWithoutSeconds(dataset.rule(), schema, counts);
    }
    AddUnwanted(dataset, rules.feed, counts, pool, progress, objectives);
    if (counts.watched == 0 || objectives.size() != before) {
      counts = CountLabels(dataset, objectives, pool);
    }
  }
  std::vector<Objective> trainable;
  for (size_t k = 0; k < objectives.size(); ++k) {
    const Objective& objective = objectives[k];
    const std::string why = WhyUseless(counts.objectives[k], LabelName(objective, schema));
    if (why.empty()) {
      trainable.push_back(objective);
      continue;
    }
    if (objective.score_weight != 0) {
      return FailedPrecondition(
          "the objective '{}' orders the feed (score_weight = {:g}), but in the training part {}, "
          "so it would order nothing. Labels of its {} impressions: {}. Give one of these a "
          "[[ranking.objective]] with a score_weight, or train with --only retrieval",
          objective.name, objective.score_weight, why, base::WithThousands(counts.impressions),
          Found(counts, schema));
    }
    progress.Note(fmt::format("the objective '{}' is left out: in the training part {}",
                              objective.name, why));
  }
  return trainable;
}

Status CheckRanker(const Dataset& dataset, const ranking::RankerOptions& options,
                   const std::vector<Objective>& objectives, base::ThreadPool& pool) {
  UPNEXT_ASSIGN_OR_RETURN(std::vector<Objective> learned,
                          ranking::LearnObjectives(dataset.source(), objectives, pool));
  return ranking::Ranker::Check(options, std::move(learned),
                                ranking::ShapeOf(dataset.statistics()));
}

std::string WhatWasSeen(const Dataset& dataset, bool fitted_on_all) {
  const int64_t seen_ms = dataset.statistics().train_end_ms,
                last_ms = dataset.log().stats().last_ms;
  if (fitted_on_all) {
    return fmt::format(
        "the figures are of models that were fitted on the training part; those published were "
        "fitted again and have seen all events up to {}",
        base::FormatTime(seen_ms));
  }
  if (dataset.split().kind() == examples::SplitOptions::Kind::kLeaveOneOut) {
    return "the published models have not seen the last two complete watches of each user; [train] "
           "final_fit = true fits them on the whole log";
  }
  if (seen_ms < last_ms) {
    return fmt::format(
        "the published models have not seen the last {:.1f} days ({} to {}); [train] final_fit = "
        "true fits them on the whole log",
        static_cast<double>(last_ms - seen_ms) / static_cast<double>(base::kDayMs),
        base::FormatTime(seen_ms), base::FormatTime(last_ms));
  }
  return fmt::format("the published models have seen all events up to {}",
                     base::FormatTime(seen_ms));
}

}  // namespace upnext::training
