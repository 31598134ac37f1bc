#include "evaluation/reach.h"

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>

#include "base/file.h"
#include "base/rng.h"
#include "evaluation/order_choice.h"
#include "evaluation/retrieval_models.h"
#include "examples/hidden_items.h"
#include "examples/holdout.h"
#include "features/trend_counts.h"
#include "retrieval/choices.h"
#include "retrieval/feed_order.h"
#include "retrieval/generator_registry.h"
#include "retrieval/learned_generators.h"
#include "retrieval/trend_replay.h"

namespace upnext::evaluation {
namespace {

constexpr size_t kReachChunk = 32;            // cases that a thread takes at once
constexpr size_t kReachBlock = 1024;          // cases between two progress updates
constexpr size_t kReachScores = 500'000'000;  // cases x items, at most

// Removed at the end, whatever happened.
struct ReachFolder {
  std::filesystem::path path;
  ~ReachFolder() { (void)base::RemoveAll(path); }
};

struct AskedGenerator {
  std::string name;
  uint32_t budget;
  const retrieval::Generator& generator;
};

// As serving/engine.cc asks it.
uint32_t CandidatesOf(const retrieval::LoadedGenerator& one, const ServedOptions& served) {
  const auto set = served.budgets.find(one.name);
  if (set != served.budgets.end()) return set->second;
  return served.order.WeightOf(one.name) > 0 ? std::max(one.candidates, retrieval::kOrderCandidates)
                                             : one.candidates;
}

// Those that propose something.
std::vector<AskedGenerator> ThoseAsked(const retrieval::LearnedGenerators& learned,
                                       const ServedOptions& served) {
  std::vector<AskedGenerator> asked;
  for (const retrieval::LoadedGenerator& one : learned.generators) {
    const uint32_t budget = CandidatesOf(one, served);
    if (budget > 0) asked.push_back({std::string(one.name), budget, *one.generator});
  }
  return asked;
}

// What came of one case: by generator, the last of all together.
struct Reached {
  std::vector<double> recall, candidates;
};

Reached ReachOf(std::span<const AskedGenerator> generators,
                const retrieval::ProposeRequest& request, const std::vector<uint32_t>& hidden,
                std::span<const uint32_t> targets) {
  Reached reached;
  auto admits = [&](uint32_t item) { return !std::ranges::binary_search(hidden, item); };
  std::vector<uint32_t> all;
  const auto add = [&](std::span<const uint32_t> items) {
    const auto found = std::ranges::count_if(
        targets, [&](uint32_t target) { return std::ranges::find(items, target) != items.end(); });
    reached.recall.push_back(static_cast<double>(found) / static_cast<double>(targets.size()));
    reached.candidates.push_back(static_cast<double>(items.size()));
  };
  std::vector<retrieval::Candidate> proposed;
  for (const AskedGenerator& one : generators) {
    proposed.clear();
    one.generator.Propose(request, one.budget, retrieval::ItemFilter(admits), &proposed);
    const size_t before = all.size();
    for (const retrieval::Candidate& candidate : proposed) all.push_back(candidate.item);
    add(std::span(all).subspan(before));
  }
  std::ranges::sort(all);
  all.erase(std::unique(all.begin(), all.end()), all.end());
  add(all);
  return reached;
}

std::vector<ModelMetrics> RowsOf(std::span<const AskedGenerator> generators,
                                 std::span<const Reached> cases, uint64_t seed) {
  std::vector<ModelMetrics> rows;
  for (size_t g = 0; g <= generators.size(); ++g) {
    std::vector<double> recalls;
    double recall = 0, candidates = 0;
    for (const Reached& one : cases) {
      recalls.push_back(one.recall[g]);
      recall += one.recall[g];
      candidates += one.candidates[g];
    }
    base::Rng rng(seed);
    const auto n = static_cast<double>(cases.size());
    const Interval interval =
        cases.size() < kFewestUsers ? kNoInterval : BootstrapMeans(recalls, 1, rng).front();
    if (candidates == 0 && g < generators.size()) continue;  // no item was being watched, say
    rows.push_back(
        {g < generators.size() ? generators[g].name : kAllGenerators,
         {{"recall", {recall / n, interval}}, {"candidates", {candidates / n, kNoInterval}}}});
  }
  return rows;
}

}  // namespace

Result<std::vector<ModelMetrics>> MeasureReach(const Subject& subject,
                                               const EvaluateOptions& options,
                                               base::ThreadPool& pool, base::Progress& progress) {
  std::vector<examples::HoldoutCase> cases =
      examples::HoldoutCases(subject.source, options.part, pool);
  KeepEvenly(std::min<size_t>(kOrderUsers, kReachScores / std::max(1u, subject.source.log.items())),
             &cases);
  if (cases.empty()) return std::vector<ModelMetrics>();
  const std::vector<uint32_t> by_time = ByTime(cases);
  const ReachFolder folder{options.reach.scratch};
  UPNEXT_RETURN_IF_ERROR(base::MakeDirectories(folder.path));
  UPNEXT_ASSIGN_OR_RETURN(
      const retrieval::LearnedGenerators learned,
      retrieval::LearnGenerators({subject.source, pool}, options.reach.learners, subject.tables,
                                 *subject.candidate, folder.path, progress));
  const std::vector<AskedGenerator> generators = ThoseAsked(learned, options.served);
  retrieval::TrendReplay start(subject.source.catalogue, subject.source.rule,
                               options.served.live.OrHalfLife(options.served.order.HalfLifeHours()),
                               cases[by_time.front()].context.time_ms,
                               cases[by_time.back()].context.time_ms);
  const examples::HiddenItems hidden(subject.source, options.feed);
  std::vector<Reached> reached(cases.size());
  base::ProgressStage stage(progress, "measure the candidates", "users", cases.size());
  const auto measure = [&](size_t begin, size_t end) {
    retrieval::TrendReplay trend = start;
    for (size_t i = begin; i < end; ++i) {
      const examples::HoldoutCase& held_out = cases[by_time[i]];
      const CaseInput input = InputOf(subject, held_out, hidden);
      trend.MoveTo(held_out.context.time_ms);
      const features::LiveLists live = trend.ListsOf(
          retrieval::RegionOf(subject.source.catalogue, held_out.context.region, held_out.user));
      reached[by_time[i]] = ReachOf(generators,
                                    {.catalogue = subject.source.catalogue,
                                     .state = input.state,
                                     .user = input.user,
                                     .context = input.context,
                                     .live = &live},
                                    input.hidden, held_out.targets);
    }
  };
  for (size_t done = 0; done < cases.size();) {
    if (progress.stop_requested()) return Cancelled("evaluation stopped on request");
    const size_t block = std::min(cases.size() - done, kReachBlock);
    start.MoveTo(cases[by_time[done]].context.time_ms);
    pool.ParallelFor(block, kReachChunk,
                     [&](size_t begin, size_t end) { measure(done + begin, done + end); });
    done += block;
    stage.Update(done);
  }
  return RowsOf(generators, reached, options.seed);
}

}  // namespace upnext::evaluation
