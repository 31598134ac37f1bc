// Retrieval metrics: every model ranks every held-out case among all items.
#include <algorithm>
#include <array>
#include <iterator>
#include <memory>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/thread_pool.h"
#include "evaluation/baseline_losses.h"
#include "evaluation/evaluate.h"
#include "evaluation/item2vec_scores.h"
#include "evaluation/list_figures.h"
#include "evaluation/reach.h"
#include "evaluation/retrieval_models.h"
#include "evaluation/served_lists.h"
#include "evaluation/stages.h"
#include "examples/hidden_items.h"
#include "examples/holdout.h"
#include "features/feed_rule.h"
#include "log/event_log.h"
#include "retrieval/feed_order.h"
#include "retrieval/training_watches.h"
#include "schema/attribute.h"

namespace upnext::evaluation {
namespace {

constexpr size_t kBlock = 1024;                      // cases between two progress updates
constexpr size_t kMaxScores = 5'000'000'000;         // users x items that each model scores
constexpr size_t kScoresPerChunk = size_t{1} << 22;  // floats that a thread holds at once
constexpr size_t kMaxChunk = 32;                     // cases
constexpr char kRankedFeed[] = "ranked feed";

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

void Count(features::FeedFilter::Verdict verdict, TargetCounts* counts) {
  using enum features::FeedFilter::Verdict;
  ++counts->all;
  counts->seen += verdict == kSeen ? 1 : 0;
  counts->disliked += verdict == kDisliked ? 1 : 0;
  counts->removed += verdict == kRemoved ? 1 : 0;
}

void NoteHiddenTargets(const TargetCounts& targets, std::vector<std::string>* notes) {
  const auto add = [&](uint64_t hidden, const char* what) {
    if (hidden == 0) return;
    notes->push_back(fmt::format("retrieval: {} of {} targets were {}, so they are misses", hidden,
                                 targets.all, what));
  };
  add(targets.seen, "seen before the list was made; filter_seen hides them");
  add(targets.disliked, "disliked before the list was made; filter_disliked hides them");
  add(targets.removed, "removed from the site; no list has them");
}

// Whether it is what the row of the candidate model measures.
bool IsModels(const retrieval::FeedOrder& order) {
  return order.parts.empty() || order == retrieval::OrdersOf(retrieval::OrderRule::kModel).front();
}

// Whether two rows have the same first twenty items, as far as figures say.
bool HaveTheSamePages(const ModelMetrics& a, const ModelMetrics& b) {
  return std::ranges::all_of(
      std::array{"hr@20", "ndcg@10", "ndcg@20", "coverage@10"},
      [&](const char* name) { return a.metrics.at(name).value == b.metrics.at(name).value; });
}

std::shared_ptr<const ItemOrder> ItemsByCount(const Subject& subject) {
  return std::make_shared<const ItemOrder>(
      ItemOrder::ByCount(retrieval::CountWatches(subject.source)));
}

// values [case, width] -> [user, width], means over the lists of each user: users weigh equally.
std::vector<double> MeansByUser(std::span<const double> values,
                                std::span<const examples::HoldoutCase> cases) {
  const size_t width = cases.empty() ? 0 : values.size() / cases.size();
  std::unordered_map<uint32_t, size_t> place;
  std::vector<double> means;
  std::vector<size_t> lists;
  for (size_t i = 0; i < cases.size(); ++i) {
    const auto [user, is_new] = place.try_emplace(cases[i].user, lists.size());
    if (is_new) {
      lists.push_back(0);
      means.resize(means.size() + width, 0);
    }
    ++lists[user->second];
    for (size_t k = 0; k < width; ++k) means[user->second * width + k] += values[i * width + k];
  }
  for (size_t i = 0; i < means.size(); ++i) means[i] /= static_cast<double>(lists[i / width]);
  return means;
}

// A row of the table; ranks by case.
ModelMetrics MetricsOf(std::string name, std::span<const CaseRanks> ranks,
                       std::span<const examples::HoldoutCase> cases, const ListFigures& figures,
                       uint64_t seed) {
  std::vector<std::string> names;
  std::vector<double> values;  // [case, metric]
  for (size_t i = 0; i < cases.size(); ++i) {
    for (auto& [metric, value] : FiguresOf(ranks[i].ranks, cases[i].targets.size())) {
      if (i == 0) names.push_back(std::move(metric));
      values.push_back(value);
    }
  }
  values = MeansByUser(values, cases);
  const size_t users = names.empty() ? 0 : values.size() / names.size();
  // One stream for all models, so that they are compared on the same draws of users.
  base::Rng rng(seed);
  const std::vector<Interval> intervals = users < kFewestUsers
                                              ? std::vector<Interval>(names.size(), kNoInterval)
                                              : BootstrapMeans(values, names.size(), rng);
  ModelMetrics result{std::move(name), {}};
  for (size_t f = 0; f < names.size(); ++f) {
    double sum = 0;
    for (size_t i = 0; i < users; ++i) sum += values[i * names.size() + f];
    result.metrics[names[f]] = {sum / static_cast<double>(users), intervals[f]};
  }
  figures.AddTo(ranks, &result.metrics);
  return result;
}

// NDCG@10 by case, and its name.
struct CaseNdcgs {
  std::string name;
  std::vector<double> values;
};
CaseNdcgs NdcgsOf(std::string name, std::span<const CaseRanks> ranks,
                  std::span<const examples::HoldoutCase> cases) {
  CaseNdcgs result{std::move(name), {}};
  for (size_t i = 0; i < cases.size(); ++i) {
    result.values.push_back(Ndcg(ranks[i].ranks, cases[i].targets.size(), kTop));
  }
  return result;
}
NamedFigure ByUser(const CaseNdcgs& of, std::span<const examples::HoldoutCase> cases) {
  NamedFigure named{of.name,
                    {.metric = "ndcg@10",
                     .of = "",
                     .less_is_better = false,
                     .root = false,
                     .of_pairs = false,
                     .users = {}}};
  named.figure.users.numerators = MeansByUser(of.values, cases);
  named.figure.users.denominators.assign(named.figure.users.numerators.size(), 1.0);
  return named;
}

class RetrievalRun {
 public:
  RetrievalRun(const Subject& subject, const EvaluateOptions& options,
               std::vector<examples::HoldoutCase> cases,
               std::vector<std::unique_ptr<RetrievalModel>> models)
      : subject_(subject),
        source_(subject.source),
        options_(options),
        hidden_(source_, options.feed),
        cases_(std::move(cases)),
        targets_(cases_.size()),
        by_time_(ByTime(cases_)),
        figures_(source_, cases_, options.seed),
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
      for (const auto& model : models_) model->MoveTo(cases_[by_time_[done]].context.time_ms);
      std::vector<Status> ranked(block);  // at the first of each chunk
      pool.ParallelFor(block, chunk_, [&](size_t begin, size_t end) {
        ranked[begin] = RankChunk(done + begin, done + end);
      });
      for (Status& one : ranked) UPNEXT_RETURN_IF_ERROR(std::move(one));
      done += block;
      stage.Update(done);
    }
    return Ok();
  }

  ModelMetrics Metrics(size_t model) const {
    return MetricsOf(models_[model]->name(), ranks_[model], cases_, figures_, options_.seed);
  }
  CaseNdcgs Ndcgs(size_t model) const {
    return NdcgsOf(models_[model]->name(), ranks_[model], cases_);
  }

  std::vector<RetrievalSlice> Slices() const {
    std::vector<std::string> names;
    for (const auto& model : models_) names.push_back(model->name());
    return figures_.Slices(names, ranks_);
  }

  TargetCounts Targets() const {
    TargetCounts sum;
    for (const TargetCounts& one : targets_) {
      sum.all += one.all;
      sum.seen += one.seen;
      sum.disliked += one.disliked;
      sum.removed += one.removed;
    }
    return sum;
  }

  size_t models() const { return models_.size(); }
  uint64_t users() const {
    std::unordered_set<uint32_t> users;
    for (const examples::HoldoutCase& one : cases_) users.insert(one.user);
    return users.size();
  }

 private:
  // Of the cases at these places of by_time_.
  Status RankChunk(size_t begin, size_t end) {
    std::vector<CaseInput> inputs;
    for (const uint32_t i : std::span(by_time_).subspan(begin, end - begin)) {
      const examples::HoldoutCase& held_out = cases_[i];
      CaseInput& input =
          inputs.emplace_back(held_out.user, StateBefore(subject_, held_out), held_out.context);
      input.hidden = hidden_.Of(held_out, input.state);
      for (const uint32_t target : held_out.targets) {
        Count(hidden_.filter().Of(input.state, target), &targets_[i]);
      }
    }
    std::vector<float> scores;
    for (size_t m = 0; m < models_.size(); ++m) {
      const ItemOrder& order = models_[m]->order();
      UPNEXT_RETURN_IF_ERROR(models_[m]->Score(inputs, &scores));
      for (size_t i = 0; i < inputs.size(); ++i) {
        const uint32_t place = by_time_[begin + i];
        ranks_[m][place] =
            RankCase(order, std::span(scores).subspan(i * order.size(), order.size()),
                     inputs[i].hidden, cases_[place].targets);
      }
    }
    return Ok();
  }

  const Subject& subject_;
  const examples::ReplaySource& source_;
  const EvaluateOptions& options_;
  const examples::HiddenItems hidden_;
  const std::vector<examples::HoldoutCase> cases_;
  std::vector<TargetCounts> targets_;    // by case
  const std::vector<uint32_t> by_time_;  // cases; they are ranked in this order
  const ListFigures figures_;
  const std::vector<std::unique_ptr<RetrievalModel>> models_;
  size_t chunk_;
  std::vector<std::vector<CaseRanks>> ranks_;  // [model][case]
};

// Adds what the generators reach to the report and, with a ranker, the feeds from end to end, which then
// come first among `rows`: all of them are of the same users.
Status AddReach(const Subject& subject, const EvaluateOptions& options, base::ThreadPool& pool,
                base::Progress& progress, std::vector<examples::HoldoutCase>* cases,
                RetrievalReport* report, std::vector<CaseNdcgs>* rows,
                std::vector<std::string>* notes) {
  const uint32_t items = subject.source.log.items();
  const size_t all = cases->size();
  KeepReached(items, cases);
  UPNEXT_ASSIGN_OR_RETURN(Reach reach, MeasureReach(subject, options, *cases, pool, progress));
  report->reach = std::move(reach.rows);
  if (subject.ranker == nullptr) return Ok();
  if (cases->size() < all) {
    notes->push_back(
        fmt::format("retrieval: the row {} is of {} of the {} users, spread evenly over them",
                    kRankedFeed, cases->size(), all));
  }
  for (CaseNdcgs& row : *rows) KeepReached(items, &row.values);
  if (reach.fully_ranked < all) {
    notes->push_back(
        fmt::format("retrieval: lost@20 is of {} of the {} users, spread evenly over them",
                    reach.fully_ranked, all));
  }
  const ListFigures figures(subject.source, *cases, options.seed);
  report->ranked = MetricsOf(kRankedFeed, reach.ranked, *cases, figures, options.seed);
  report->ranked_users = cases->size();
  rows->insert(rows->begin(), NdcgsOf(kRankedFeed, reach.ranked, *cases));
  return Ok();
}

// `rows[ours]` is what is served, what comes after it the rows that it is compared with.
void AddLosses(const Subject& subject, const EvaluateOptions& options,
               std::span<const NamedFigure> rows, size_t ours, RetrievalReport* report,
               std::vector<std::string>* notes) {
  report->losses = FindLosses("retrieval", rows[ours], rows.subspan(ours + 1), options.seed);
  if (report->losses.empty()) return;
  std::optional<RankerGoal> goal;
  if (subject.ranker != nullptr) {
    goal = GoalOf(subject.ranker->objectives(), subject.source.rule, subject.source.log.schema());
  }
  notes->push_back(
      LossText(report->losses.front(), goal ? &*goal : nullptr, options.served.order_is_auto));
}

}  // namespace

Result<RetrievalReport> EvaluateRetrieval(const Subject& subject, const EvaluateOptions& options,
                                          base::ThreadPool& pool, base::Progress& progress,
                                          std::vector<std::string>* notes,
                                          std::vector<DecidingFigure>* deciding) {
  std::vector<examples::HoldoutCase> cases =
      examples::HoldoutCases(subject.source, options.part, pool, options.targets);
  const size_t all = cases.size(), items = std::max(1u, subject.source.log.items());
  const size_t most = options.max_users > 0 ? options.max_users : kMaxScores / items;
  if (all > most) {
    KeepEvenly(most, &cases);
    notes->push_back(fmt::format(
        "retrieval: {} of the {} {}, spread evenly over them; coverage is over {} lists", most, all,
        options.targets == examples::HoldoutTargets::kSuccessive ? "lists" : "users with cases",
        options.targets == examples::HoldoutTargets::kSuccessive ? "these" : "their"));
  }
  RetrievalReport report;
  if (cases.empty()) return report;
  auto models = RetrievalModels(subject, options.baselines, cases, pool, progress);
  const retrieval::FeedOrder& order = options.served.order;
  const bool of_served = !IsModels(order) || options.served.live.every > 0;
  const bool of_item2vec = options.baselines && options.item2vec;
  const auto by_count = of_served || of_item2vec ? ItemsByCount(subject) : nullptr;
  if (of_item2vec) models.push_back(Item2vecScores(subject, by_count, options.seed));
  std::optional<ListMaker> maker;
  if (of_served) {
    maker.emplace(subject, options, std::span(&order, 1), cases, pool);
    models.insert(models.begin() + 1, ServedScores(*maker, order, by_count));
  }
  RetrievalRun run(subject, options, cases, std::move(models));
  UPNEXT_RETURN_IF_ERROR(run.Rank(pool, progress));
  std::vector<ModelMetrics> metrics(run.models());
  pool.ParallelFor(metrics.size(), 1, [&](size_t begin, size_t end) {
    for (size_t m = begin; m < end; ++m) metrics[m] = run.Metrics(m);
  });
  const size_t first_baseline = maker ? 2 : 1;
  const bool differs = maker && !(IsModels(order) && HaveTheSamePages(metrics[0], metrics[1]));
  std::vector<CaseNdcgs> rows;
  for (size_t m = 0; m < run.models(); ++m) {
    if (m == 0 || m >= first_baseline || differs) rows.push_back(run.Ndcgs(m));
  }
  deciding->push_back(ByUser(rows.front(), cases).figure);
  if (!options.reach.scratch.empty()) {
    UPNEXT_RETURN_IF_ERROR(
        AddReach(subject, options, pool, progress, &cases, &report, &rows, notes));
  }
  if (report.ranked || subject.ranker == nullptr) {
    std::vector<NamedFigure> figures;
    for (const CaseNdcgs& row : rows) figures.push_back(ByUser(row, cases));
    AddLosses(subject, options, figures, differs && !report.ranked ? 1 : 0, &report, notes);
  }
  report.model = std::move(metrics.front());
  if (differs) report.served = std::move(metrics[1]);
  report.baselines.assign(
      std::make_move_iterator(metrics.begin() + static_cast<std::ptrdiff_t>(first_baseline)),
      std::make_move_iterator(metrics.end()));
  report.users = run.users();
  report.network = subject.candidate->NetworkName();
  report.slices = run.Slices();
  report.targets = run.Targets();
  NoteHiddenTargets(report.targets, notes);
  report.items = subject.source.log.present(schema::Entity::kItem);
  return report;
}

}  // namespace upnext::evaluation
