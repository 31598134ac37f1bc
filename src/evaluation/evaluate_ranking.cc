// Ranking metrics: the ranker and simple averages score every held-out impression.
#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

#include "base/thread_pool.h"
#include "evaluation/baseline_losses.h"
#include "evaluation/bias_by_position.h"
#include "evaluation/calibration.h"
#include "evaluation/contributions.h"
#include "evaluation/evaluate.h"
#include "evaluation/expert_use.h"
#include "evaluation/importance.h"
#include "evaluation/impressions.h"
#include "evaluation/page_values.h"
#include "evaluation/pages.h"
#include "evaluation/predictors.h"
#include "evaluation/stages.h"
#include "examples/replay.h"
#include "ranking/objectives.h"
#include "ranking/score.h"

namespace upnext::evaluation {
namespace {

using ranking::Objective;

constexpr size_t kGateImpressions = 20'000;  // sampled for the use of experts

class RankingRun {
 public:
  RankingRun(const std::vector<Objective>& objectives, const EvaluateOptions& options,
             const Impressions& impressions)
      : objectives_(objectives),
        options_(options),
        pages_(MakePages(impressions)),
        users_(NumberUsers(impressions)),
        watch_(WatchObjective(objectives)),
        outcomes_(WatchOutcomesOf(objectives, impressions)) {
    for (const Objective& objective : objectives) {
      targets_.push_back(TargetsOf(objective, impressions));
    }
  }

  ModelMetrics Metrics(const Predictor& predictor, base::ThreadPool& pool) const {
    std::vector<std::pair<std::string, std::function<Metric(base::Rng&)>>> tasks;
    if (!predictor.score.empty()) {
      tasks.emplace_back("weighted_user_loss",
                         [&](base::Rng& rng) { return UserLoss(predictor.score, rng); });
    }
    for (size_t k = 0; k < objectives_.size(); ++k) {
      const std::vector<float>& predictions = predictor.predictions[k];
      if (predictions.empty()) continue;
      const auto error = [this, k, &predictions](bool squared) {
        return [this, k, &predictions, squared](base::Rng& rng) {
          return Error(k, predictions, squared, rng);
        };
      };
      const auto pairs = [this, k, &predictions](base::Rng& rng) {
        return OrderedPairs(k, predictions, rng);
      };
      const std::string& name = objectives_[k].name;
      if (k == watch_) {
        tasks.emplace_back("watch_mae_s", error(false));
        tasks.emplace_back("watch_rmse_s", error(true));
        tasks.emplace_back("watch_xauc", pairs);
      } else if (objectives_[k].is_yes_or_no()) {
        tasks.emplace_back("auc." + name, pairs);
      } else {
        tasks.emplace_back("mae." + name, error(false));
        tasks.emplace_back("rmse." + name, error(true));
        tasks.emplace_back("xauc." + name, pairs);
      }
    }
    std::vector<Metric> metrics(tasks.size());
    pool.ParallelFor(tasks.size(), 1, [&](size_t begin, size_t end) {
      for (size_t t = begin; t < end; ++t) {
        // The same draws of users for every metric and model, so that intervals are comparable.
        base::Rng rng(options_.seed, /*stream=*/1);
        metrics[t] = tasks[t].second(rng);
        if (users() < kFewestUsers) metrics[t].interval = kNoInterval;
      }
    });
    ModelMetrics result{predictor.name, {}};
    for (size_t t = 0; t < tasks.size(); ++t) {
      if (!std::isnan(metrics[t].value)) result.metrics[tasks[t].first] = metrics[t];
    }
    return result;
  }

  // The loss of order, and for each objective the error of numbers or the AUC: what is measured of the
  // predictor.
  std::vector<DecidingFigure> Figures(const Predictor& predictor) const {
    const std::string of = watch_ < objectives_.size()
                               ? fmt::format("watch seconds up to {}", objectives_[watch_].cap)
                               : "watch seconds";
    std::vector<DecidingFigure> figures;
    if (!predictor.score.empty()) {
      PageLoss all;
      figures.push_back({.metric = "weighted_user_loss",
                         .of = of,
                         .less_is_better = true,
                         .users = LossByUser(predictor.score, &all)});
    }
    for (size_t k = 0; k < objectives_.size(); ++k) {
      const Observed observed = ObservedOf(k, predictor.predictions[k]);
      if (observed.users.empty()) continue;
      const std::string& name = objectives_[k].name;
      if (k != watch_ && objectives_[k].is_yes_or_no()) {
        figures.push_back(
            {.metric = "auc." + name,
             .of = name,
             .of_pairs = true,
             .users = PairsByUser(observed, CountPairs(observed.predictions, observed.targets))});
      } else {
        figures.push_back({.metric = k == watch_ ? "watch_rmse_s" : "rmse." + name,
                           .of = k == watch_ ? of : name,
                           .less_is_better = true,
                           .root = true,
                           .users = ErrorsByUser(observed, /*squared=*/true)});
      }
    }
    return figures;
  }

  std::string PagesNote() const {
    return fmt::format("weighted per-user loss: pages are {}; positives are {}",
                       pages_.by_request
                           ? "requests"
                           : "the impressions of a user on one UTC day, since most requests have "
                             "a single "
                             "impression",
                       outcomes_.any_click ? "clicked impressions"
                                           : "watched impressions, since none was clicked");
  }
  uint32_t users() const { return users_.users; }

 private:
  UserSums NoSums() const {
    return {std::vector<double>(users(), 0), std::vector<double>(users(), 0)};
  }

  // Watch time of each user: in the wrong order, and all.
  UserSums LossByUser(const std::vector<double>& score, PageLoss* all) const {
    UserSums sums = NoSums();
    std::vector<double> scores;
    std::vector<float> watch_s;
    std::vector<uint8_t> clicked;
    for (const auto& [begin, end] : pages_.pages) {
      scores.clear();
      watch_s.clear();
      clicked.clear();
      for (uint32_t p = begin; p < end; ++p) {
        const uint32_t i = pages_.order[p];
        scores.push_back(score[i]);
        watch_s.push_back(outcomes_.watch_s[i]);
        clicked.push_back(outcomes_.clicked[i]);
      }
      const PageLoss page = WeightedPageLoss(scores, watch_s, clicked);
      const uint32_t user = users_.user[pages_.order[begin]];
      sums.numerators[user] += page.wrong;
      sums.denominators[user] += page.total;
      all->wrong += page.wrong;
      all->total += page.total;
    }
    return sums;
  }

  Metric UserLoss(const std::vector<double>& score, base::Rng& rng) const {
    PageLoss all;
    const UserSums sums = LossByUser(score, &all);
    return {all.loss(), BootstrapRatio(sums.numerators, sums.denominators, rng)};
  }

  // Predictions and targets of the impressions where an objective is observed, with their users.
  struct Observed {
    std::vector<float> predictions, targets;
    std::vector<uint32_t> users;
  };
  Observed ObservedOf(size_t k, const std::vector<float>& predictions) const {
    const ranking::Targets& targets = targets_[k];
    Observed observed;
    for (size_t i = 0; i < predictions.size(); ++i) {
      if (targets.mask[i] == 0) continue;
      observed.predictions.push_back(predictions[i]);
      observed.targets.push_back(targets.value[i]);
      observed.users.push_back(users_.user[i]);
    }
    return observed;
  }

  // Sums of absolute or squared errors, and numbers of them.
  UserSums ErrorsByUser(const Observed& observed, bool squared) const {
    UserSums sums = NoSums();
    for (size_t i = 0; i < observed.users.size(); ++i) {
      const double difference =
          static_cast<double>(observed.predictions[i]) - static_cast<double>(observed.targets[i]);
      sums.numerators[observed.users[i]] +=
          squared ? difference * difference : std::abs(difference);
      sums.denominators[observed.users[i]] += 1;
    }
    return sums;
  }

  // Pairs in the right order, and all.
  UserSums PairsByUser(const Observed& observed, const PairCounts& pairs) const {
    UserSums sums = NoSums();
    for (size_t i = 0; i < observed.users.size(); ++i) {
      sums.numerators[observed.users[i]] += pairs.ordered[i];
      sums.denominators[observed.users[i]] += pairs.compared[i];
    }
    return sums;
  }

  // Mean absolute or root mean squared error.
  Metric Error(size_t k, const std::vector<float>& predictions, bool squared,
               base::Rng& rng) const {
    const Observed observed = ObservedOf(k, predictions);
    if (observed.users.empty()) return {std::nan(""), kNoInterval};
    const UserSums sums = ErrorsByUser(observed, squared);
    const Interval interval = BootstrapRatio(sums.numerators, sums.denominators, rng);
    if (!squared) return {MeanAbsoluteError(observed.predictions, observed.targets), interval};
    return {RootMeanSquaredError(observed.predictions, observed.targets),
            {std::sqrt(interval.low), std::sqrt(interval.high)}};
  }

  // Share of pairs in the right order: XAUC, or AUC for yes-or-no targets.
  Metric OrderedPairs(size_t k, const std::vector<float>& predictions, base::Rng& rng) const {
    const Observed observed = ObservedOf(k, predictions);
    const PairCounts pairs = CountPairs(observed.predictions, observed.targets);
    const double share = PairShare(pairs);
    if (std::isnan(share)) return {share, kNoInterval};
    const UserSums sums = PairsByUser(observed, pairs);
    return {share, BootstrapPairs(sums.numerators, sums.denominators, rng)};
  }

  const std::vector<Objective>& objectives_;
  const EvaluateOptions& options_;
  const Pages pages_;
  const UsersOfImpressions users_;
  const size_t watch_;
  const WatchOutcomes outcomes_;
  std::vector<ranking::Targets> targets_;  // by objective
};

// The baselines that are clearly better than the ranker in one of its figures.
void AddRankerLosses(const RankingRun& run, bool reads_reference,
                     std::span<const DecidingFigure> figures, const Predictor& ranker,
                     std::span<const Predictor> baselines, uint64_t seed, RankingReport* report,
                     std::vector<std::string>* notes) {
  std::map<std::string, std::vector<NamedFigure>> rows;  // by metric
  for (const Predictor& baseline : baselines) {
    for (DecidingFigure& figure : run.Figures(baseline)) {
      rows[figure.metric].push_back({baseline.name, std::move(figure)});
    }
  }
  for (const DecidingFigure& figure : figures) {
    const std::vector<BaselineLoss> losses =
        FindLosses("ranking", {ranker.name, figure}, rows[figure.metric], seed);
    if (losses.empty()) continue;
    notes->push_back(RankerLossText(losses.front(), reads_reference));
    report->losses.insert(report->losses.end(), losses.begin(), losses.end());
  }
}

// What is said of the ranker beyond its metrics.
Status AddDetails(const Subject& subject, const EvaluateOptions& options,
                  const Impressions& held_out, base::ThreadPool& pool, base::Progress& progress,
                  RankingReport* report) {
  const std::vector<Objective>& objectives = subject.ranker->objectives();
  report->calibration = CalibrationByTask(objectives, held_out);
  report->contributions =
      ContributionsOf(objectives, UnwantedOf(objectives, subject.source.log.schema()),
                      ranking::ExponentsOf(objectives), held_out);
  report->bias = BiasByPositionOf(subject, held_out);
  const ranking::Ranker* const trained = subject.ranker->trained();
  const size_t most = trained == nullptr ? 0 : options.importance_impressions;
  const bool has_experts =
      trained != nullptr && ranking::HasExperts(trained->options().architecture);
  if (!has_experts && most == 0) return Ok();
  const std::vector<examples::RankingBatch> sample = SampleImpressions(
      subject, options.part, most > 0 ? most : kGateImpressions, options.seed, pool);
  report->experts = ExpertUseOf(*trained, sample, pool);
  if (most == 0) return Ok();
  UPNEXT_ASSIGN_OR_RETURN(report->importance, ImportanceOf(*trained, subject.tables.plan, sample,
                                                           options.seed, pool, progress));
  return Ok();
}

}  // namespace

Result<RankingReport> EvaluateRanking(const Subject& subject, const EvaluateOptions& options,
                                      base::ThreadPool& pool, base::Progress& progress,
                                      std::vector<std::string>* notes,
                                      std::vector<DecidingFigure>* deciding) {
  UPNEXT_ASSIGN_OR_RETURN(const Impressions held_out,
                          ScoreImpressions(subject, options, pool, progress));
  RankingReport report;
  if (held_out.size() == 0) return report;
  const std::vector<Objective>& objectives = subject.ranker->objectives();
  const RankingRun run(objectives, options, held_out);
  const Predictor ranker = RankerPredictor(objectives, held_out);
  std::vector<Predictor> baselines;
  if (options.baselines) baselines = RankingBaselines(subject, held_out, pool);
  base::ProgressStage stage(progress, "ranking metrics", "models", 1 + baselines.size());
  report.model = run.Metrics(ranker, pool);
  stage.Update(1);
  for (size_t b = 0; b < baselines.size(); ++b) {
    report.baselines.push_back(run.Metrics(baselines[b], pool));
    stage.Update(b + 2);
  }
  report.architecture = subject.ranker->Description();
  if (const ranking::Ranker* const trained = subject.ranker->trained()) {
    report.multiplications = trained->multiplications();
  } else if (options.importance_impressions > 0) {
    notes->push_back("the importance of features is measured of upnext's own ranker alone");
  }
  report.users = run.users();
  report.impressions = held_out.size();
  if (options.details) {
    UPNEXT_RETURN_IF_ERROR(AddDetails(subject, options, held_out, pool, progress, &report));
  }
  notes->push_back(run.PagesNote());
  std::vector<DecidingFigure> figures = run.Figures(ranker);
  AddRankerLosses(run, subject.tables.plan.reads_reference(), figures, ranker, baselines,
                  options.seed, &report, notes);
  std::erase_if(figures, [](const DecidingFigure& figure) {
    return figure.metric != "weighted_user_loss" && figure.metric != "watch_rmse_s";
  });
  *deciding = std::move(figures);
  return report;
}

}  // namespace upnext::evaluation
