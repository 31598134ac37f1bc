// Retrieval metrics: every model ranks every held-out case among all items.
#include <algorithm>
#include <iterator>
#include <utility>

#include "base/thread_pool.h"
#include "evaluation/evaluate.h"
#include "evaluation/retrieval_models.h"
#include "evaluation/stages.h"
#include "examples/holdout.h"
#include "schema/event.h"

namespace upnext::evaluation {
namespace {

constexpr size_t kBlock = 1024;                      // cases between two progress updates
constexpr size_t kMaxScores = 5'000'000'000;         // users x items that each model scores
constexpr size_t kScoresPerChunk = size_t{1} << 22;  // floats that a thread holds at once
constexpr size_t kMaxChunk = 32;                     // cases

using CaseFigures = std::vector<std::pair<std::string, double>>;

CaseFigures FiguresOf(std::span<const uint32_t> ranks, size_t relevant) {
  CaseFigures metrics;
  for (const size_t k : {10, 20}) {
    metrics.emplace_back(fmt::format("hr@{}", k), HitRate(ranks, k));
    metrics.emplace_back(fmt::format("ndcg@{}", k), Ndcg(ranks, relevant, k));
  }
  for (const size_t k : kRecallCurve) {
    metrics.emplace_back(fmt::format("recall@{}", k), Recall(ranks, relevant, k));
  }
  metrics.emplace_back("map", AveragePrecision(ranks, relevant));
  return metrics;
}

// Items that the user watched, fully or in part, before the case.
std::vector<uint32_t> SeenItems(const examples::ReplaySource& source,
                                const examples::HoldoutCase& held_out) {
  std::vector<uint32_t> seen;
  for (uint64_t row = source.log.begin(held_out.user); row < held_out.end_row; ++row) {
    const schema::EventType type = source.log.type(row);
    if (type == schema::EventType::kWatch || type == schema::EventType::kComplete) {
      seen.push_back(source.log.item_of(row));
    }
  }
  return seen;
}

// The same choice in every run on the same cases, so that two bundles are compared on the same
// users.
void KeepEvenly(size_t keep, std::vector<examples::HoldoutCase>* cases) {
  for (size_t i = 1; i < keep; ++i) std::swap((*cases)[i], (*cases)[i * cases->size() / keep]);
  cases->resize(keep);
}

class RetrievalRun {
 public:
  RetrievalRun(const Subject& subject, const EvaluateOptions& options,
               std::vector<examples::HoldoutCase> cases,
               std::vector<std::unique_ptr<RetrievalModel>> models)
      : subject_(subject),
        source_(subject.source),
        options_(options),
        cases_(std::move(cases)),
        models_(std::move(models)),
        ranks_(models_.size()) {
    size_t widest = 1;
    for (const auto& model : models_) widest = std::max(widest, model->order().size());
    chunk_ = std::clamp<size_t>(kScoresPerChunk / widest, 1, kMaxChunk);
    for (auto& ranks : ranks_) ranks.resize(cases_.size());
  }

  Status Rank(base::ThreadPool& pool, base::Progress& progress) {
    base::ProgressStage stage(progress, "evaluate retrieval", "users", cases_.size());
    for (size_t done = 0; done < cases_.size();) {
      if (progress.stop_requested()) return Cancelled("evaluation stopped on request");
      const size_t block = std::min(kBlock, cases_.size() - done);
      pool.ParallelFor(block, chunk_,
                       [&](size_t begin, size_t end) { RankChunk(done + begin, done + end); });
      done += block;
      stage.Update(done);
    }
    return Ok();
  }

  ModelMetrics Metrics(size_t model) const {
    const std::vector<CaseRanks>& ranks = ranks_[model];
    std::vector<std::string> names;
    std::vector<double> values;  // [case, metric]
    for (size_t i = 0; i < cases_.size(); ++i) {
      for (auto& [name, value] : FiguresOf(ranks[i].ranks, cases_[i].targets.size())) {
        if (i == 0) names.push_back(std::move(name));
        values.push_back(value);
      }
    }
    // One stream for all models, so that they are compared on the same draws of users.
    base::Rng rng(options_.seed);
    const std::vector<Interval> intervals = cases_.size() < kFewestUsers
                                                ? std::vector<Interval>(names.size(), kNoInterval)
                                                : BootstrapMeans(values, names.size(), rng);
    ModelMetrics result{models_[model]->name(), {}};
    for (size_t f = 0; f < names.size(); ++f) {
      double sum = 0;
      for (size_t i = 0; i < cases_.size(); ++i) sum += values[i * names.size() + f];
      result.metrics[names[f]] = {sum / static_cast<double>(cases_.size()), intervals[f]};
    }
    result.metrics["coverage@10"] = {Coverage(ranks), kNoInterval};
    return result;
  }

  // The candidate model's NDCG@10 by user.
  DecidingFigure Deciding() const {
    DecidingFigure figure{
        .metric = "ndcg@10", .of = "", .less_is_better = false, .root = false, .users = {}};
    for (size_t i = 0; i < cases_.size(); ++i) {
      figure.users.numerators.push_back(Ndcg(ranks_[0][i].ranks, cases_[i].targets.size(), kTop));
    }
    figure.users.denominators.assign(cases_.size(), 1.0);
    return figure;
  }

  size_t models() const { return models_.size(); }
  uint64_t users() const { return cases_.size(); }

 private:
  void RankChunk(size_t begin, size_t end) {
    std::vector<CaseInput> inputs(end - begin);
    std::vector<std::vector<uint32_t>> seen(end - begin);
    for (size_t i = begin; i < end; ++i) {
      const examples::HoldoutCase& held_out = cases_[i];
      inputs[i - begin] = {held_out.user, StateBefore(subject_, held_out), held_out.context};
      if (options_.filter_seen) seen[i - begin] = SeenItems(source_, held_out);
    }
    std::vector<float> scores;
    for (size_t m = 0; m < models_.size(); ++m) {
      const ItemOrder& order = models_[m]->order();
      models_[m]->Score(inputs, &scores);
      for (size_t i = begin; i < end; ++i) {
        ranks_[m][i] =
            RankCase(order, std::span(scores).subspan((i - begin) * order.size(), order.size()),
                     seen[i - begin], cases_[i].targets);
      }
    }
  }

  double Coverage(std::span<const CaseRanks> ranks) const {
    std::vector<uint8_t> shown(source_.log.items(), 0);
    for (const CaseRanks& of_case : ranks) {
      for (const uint32_t item : of_case.top) shown[item] = 1;
    }
    return static_cast<double>(std::ranges::count(shown, 1)) /
           static_cast<double>(source_.log.present(schema::Entity::kItem));
  }

  const Subject& subject_;
  const examples::ReplaySource& source_;
  const EvaluateOptions& options_;
  const std::vector<examples::HoldoutCase> cases_;
  const std::vector<std::unique_ptr<RetrievalModel>> models_;
  size_t chunk_;
  std::vector<std::vector<CaseRanks>> ranks_;  // [model][case]
};

}  // namespace

Result<RetrievalReport> EvaluateRetrieval(const Subject& subject, const EvaluateOptions& options,
                                          base::ThreadPool& pool, base::Progress& progress,
                                          std::vector<std::string>* notes,
                                          std::vector<DecidingFigure>* deciding) {
  std::vector<examples::HoldoutCase> cases =
      examples::HoldoutCases(subject.source, options.part, pool);
  const size_t all = cases.size(), items = std::max(1u, subject.source.log.items());
  const size_t most = options.max_users > 0 ? options.max_users : kMaxScores / items;
  if (all > most) {
    KeepEvenly(most, &cases);
    notes->push_back(
        fmt::format("retrieval: {} of the {} users with cases, spread evenly over them; "
                    "coverage is over their lists",
                    most, all));
  }
  RetrievalReport report;
  if (cases.empty()) return report;
  auto models = RetrievalModels(subject, options.baselines, cases, pool, progress);
  RetrievalRun run(subject, options, std::move(cases), std::move(models));
  UPNEXT_RETURN_IF_ERROR(run.Rank(pool, progress));
  std::vector<ModelMetrics> metrics(run.models());
  pool.ParallelFor(metrics.size(), 1, [&](size_t begin, size_t end) {
    for (size_t m = begin; m < end; ++m) metrics[m] = run.Metrics(m);
  });
  deciding->push_back(run.Deciding());
  report.model = std::move(metrics.front());
  report.baselines.assign(std::make_move_iterator(metrics.begin() + 1),
                          std::make_move_iterator(metrics.end()));
  report.users = run.users();
  report.items = subject.source.log.present(schema::Entity::kItem);
  return report;
}

}  // namespace upnext::evaluation
