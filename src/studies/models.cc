#include "studies/models.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace upnext::studies {
namespace {

constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();

struct Moments {
  double xx = 0, xy = 0, yy = 0;  // sums of products of deviations
};

Moments MomentsOf(std::span<const double> x, std::span<const double> y) {
  const auto n = static_cast<double>(x.size());
  const double mean_x = std::accumulate(x.begin(), x.end(), 0.0) / n;
  const double mean_y = std::accumulate(y.begin(), y.end(), 0.0) / n;
  Moments m;
  for (size_t i = 0; i < x.size(); ++i) {
    m.xx += (x[i] - mean_x) * (x[i] - mean_x);
    m.xy += (x[i] - mean_x) * (y[i] - mean_y);
    m.yy += (y[i] - mean_y) * (y[i] - mean_y);
  }
  return m;
}

}  // namespace

ranking::Objective WatchObjective() {
  ranking::Objective watch;
  watch.name = "watch";
  watch.label = ranking::Objective::Label::kWatchSeconds;
  watch.loss = ranking::Objective::Loss::kWeightedLogistic;
  watch.cap = 900;
  watch.score_weight = 1;
  return watch;
}

training::Options TrainingOf(Scale scale, uint64_t seed) {
  const bool tiny = scale == Scale::kTiny;
  training::Options options;
  training::TrainOptions& train = options.train;
  train.candidate.dim = train.candidate.embedding_dim = tiny ? 16 : 64;
  train.candidate.depth = tiny ? 1 : 2;
  train.candidate_train.negatives = 0;
  train.candidate_train.epochs = tiny ? 3 : 20;
  train.candidate_train.table_learning_rate = 0.1f;
  train.candidate_train.dropout = 0.2f;
  train.ranker.architecture.widths = tiny ? std::vector<size_t>{16} : std::vector<size_t>{128, 64};
  train.ranker_train.epochs = tiny ? 2 : 8;
  train.objectives = {WatchObjective(), ranking::Objective()};
  train.objectives[1].name = "click";
  options.evaluate.baselines = options.evaluate.details = false;
  options.SetSeed(seed);
  return options;
}

Result<Trained> TrainOn(const log::EventLog& log, const training::Options& options,
                        base::ThreadPool& pool, base::Progress& progress) {
  Trained trained;
  UPNEXT_ASSIGN_OR_RETURN(trained.dataset,
                          training::Dataset::Prepare(log, options.dataset, pool, progress));
  UPNEXT_ASSIGN_OR_RETURN(trained.models,
                          training::Train(*trained.dataset, options.train, pool, progress));
  return trained;
}

Result<evaluation::Metrics> RetrievalMetrics(const Trained& trained,
                                             const evaluation::EvaluateOptions& options,
                                             base::ThreadPool& pool, base::Progress& progress) {
  UPNEXT_ASSIGN_OR_RETURN(
      evaluation::Report report,
      training::Evaluate(*trained.dataset, trained.models.models(), options, pool, progress));
  if (!report.retrieval || report.retrieval->users == 0) {
    return FailedPrecondition("the test day contains no new complete watch to evaluate");
  }
  return std::move(report.retrieval->model.metrics);
}

Settings WorldSettings(const simulator::WorldOptions& world) {
  return {{"users", fmt::format("{}", world.users)},
          {"items", fmt::format("{}", world.items)},
          {"days", fmt::format("{}", world.days)}};
}

double Correlation(std::span<const double> x, std::span<const double> y) {
  const Moments m = MomentsOf(x, y);
  return m.xx > 0 && m.yy > 0 ? m.xy / std::sqrt(m.xx * m.yy) : kUndefined;
}

double Slope(std::span<const double> x, std::span<const double> y) {
  const Moments m = MomentsOf(x, y);
  return m.xx > 0 ? m.xy / m.xx : kUndefined;
}

double ExpectedAuc(std::span<const double> scores, std::span<const double> targets) {
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, [&](size_t a, size_t b) { return scores[a] < scores[b]; });
  double ordered = 0, negatives_below = 0;        // of strictly smaller scores
  double positives = 0, negatives = 0, self = 0;  // sums of t, 1 - t and t (1 - t)
  for (size_t begin = 0; begin < order.size();) {
    size_t end = begin;
    double t = 0, f = 0, own = 0;  // the same sums over one value of the score
    for (; end < order.size() && scores[order[end]] == scores[order[begin]]; ++end) {
      const double target = targets[order[end]];
      t += target;
      f += 1 - target;
      own += target * (1 - target);
    }
    ordered += t * negatives_below + (t * f - own) / 2;
    negatives_below += f;
    positives += t;
    negatives += f;
    self += own;
    begin = end;
  }
  const double pairs = positives * negatives - self;
  return pairs > 0 ? ordered / pairs : kUndefined;
}

}  // namespace upnext::studies
