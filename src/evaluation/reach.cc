#include "evaluation/reach.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_set>
#include <utility>

#include "base/file.h"
#include "base/rng.h"
#include "catalogue/catalogue.h"
#include "evaluation/ranked_feed.h"
#include "evaluation/retrieval_models.h"
#include "examples/hidden_items.h"
#include "examples/holdout.h"
#include "features/trend_counts.h"
#include "ranking/score_candidates.h"
#include "retrieval/choices.h"
#include "retrieval/feed_order.h"
#include "retrieval/generator_registry.h"
#include "retrieval/learned_generators.h"
#include "retrieval/trend_replay.h"
#include "schema/event.h"

namespace upnext::evaluation {
namespace {

constexpr size_t kReachChunk = 32;    // cases that a thread takes at once
constexpr size_t kReachBlock = 1024;  // cases between two progress updates

// Removed at the end, whatever happened.
struct ReachFolder {
  std::filesystem::path path;
  ~ReachFolder() { (void)base::RemoveAll(path); }
};

struct AskedGenerator {
  std::string name;
  uint32_t budget;
  uint32_t source;  // id of IdSpace::kSource
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
                                       const ServedOptions& served,
                                       const catalogue::Catalogue& catalogue) {
  std::vector<AskedGenerator> asked;
  for (const retrieval::LoadedGenerator& one : learned.generators) {
    const uint32_t budget = CandidatesOf(one, served);
    if (budget == 0) continue;
    asked.push_back({std::string(one.name), budget,
                     catalogue.Find(schema::IdSpace::kSource, one.name), *one.generator});
  }
  return asked;
}

// What came of one case: by generator, the last of all together.
struct Reached {
  std::vector<double> recall, candidates;
};

// `pool`: receives the candidates, each once, in the order of first mention.
Reached ReachOf(std::span<const AskedGenerator> generators,
                const retrieval::ProposeRequest& request, const std::vector<uint32_t>& hidden,
                std::span<const uint32_t> targets, std::vector<features::Candidate>* pool) {
  Reached reached;
  auto admits = [&](uint32_t item) { return !std::ranges::binary_search(hidden, item); };
  const auto add = [&](const auto& candidates) {
    const auto found = std::ranges::count_if(targets, [&](uint32_t target) {
      return std::ranges::any_of(candidates,
                                 [&](const auto& candidate) { return candidate.item == target; });
    });
    reached.recall.push_back(static_cast<double>(found) / static_cast<double>(targets.size()));
    reached.candidates.push_back(static_cast<double>(candidates.size()));
  };
  std::vector<retrieval::Candidate> proposed;
  std::unordered_set<uint32_t> pooled;
  pool->clear();
  for (const AskedGenerator& one : generators) {
    proposed.clear();
    one.generator.Propose(request, one.budget, retrieval::ItemFilter(admits), &proposed);
    add(proposed);
    for (const retrieval::Candidate& candidate : proposed) {
      if (pooled.insert(candidate.item).second)
        pool->push_back({candidate.item, one.source, candidate.score});
    }
  }
  add(*pool);
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

// Measures cases in order of time.
class ReachRun {
 public:
  ReachRun(const Subject& subject, const EvaluateOptions& options,
           std::span<const examples::HoldoutCase> cases, std::vector<AskedGenerator> generators)
      : subject_(subject),
        seed_(options.seed),
        cases_(cases),
        generators_(std::move(generators)),
        hidden_(subject.source, options.feed),
        trend_(subject.source.catalogue, subject.source.rule,
               options.served.live.OrHalfLife(options.served.order.HalfLifeHours()),
               std::ranges::min(cases, {}, TimeOf).context.time_ms,
               std::ranges::max(cases, {}, TimeOf).context.time_ms),
        reached_(cases.size()) {
    if (subject.ranker == nullptr) return;
    feed_.emplace(subject, options.feed);
    ranked_.resize(cases.size());
  }

  // `places`: of cases, by time, none earlier than before.
  Status Measure(std::span<const uint32_t> places, base::ThreadPool& pool) {
    trend_.MoveTo(cases_[places.front()].context.time_ms);
    std::vector<Status> statuses(places.size());
    pool.ParallelFor(places.size(), kReachChunk, [&](size_t begin, size_t end) {
      retrieval::TrendReplay trend = trend_;
      ranking::CandidateScratch scratch;
      for (size_t i = begin; i < end; ++i) statuses[i] = MeasureCase(places[i], trend, scratch);
    });
    for (Status& status : statuses) UPNEXT_RETURN_IF_ERROR(std::move(status));
    return Ok();
  }

  Reach Take() && { return {RowsOf(generators_, reached_, seed_), std::move(ranked_)}; }

 private:
  static int64_t TimeOf(const examples::HoldoutCase& held_out) { return held_out.context.time_ms; }

  Status MeasureCase(uint32_t place, retrieval::TrendReplay& trend,
                     ranking::CandidateScratch& scratch) {
    const examples::HoldoutCase& held_out = cases_[place];
    const CaseInput input = InputOf(subject_, held_out, hidden_);
    const catalogue::Catalogue& catalogue = subject_.source.catalogue;
    trend.MoveTo(held_out.context.time_ms);
    const features::LiveLists live =
        trend.ListsOf(retrieval::RegionOf(catalogue, held_out.context.region, held_out.user));
    std::vector<features::Candidate> candidates;
    reached_[place] = ReachOf(generators_,
                              {.catalogue = catalogue,
                               .state = input.state,
                               .user = input.user,
                               .context = input.context,
                               .live = &live},
                              input.hidden, held_out.targets, &candidates);
    if (!feed_) return Ok();
    UPNEXT_ASSIGN_OR_RETURN(const std::vector<uint32_t> list,
                            feed_->InOrder(input, candidates, scratch));
    ranked_[place] = RanksInList(list, held_out.targets);
    return Ok();
  }

  const Subject& subject_;
  const uint64_t seed_;
  const std::span<const examples::HoldoutCase> cases_;
  const std::vector<AskedGenerator> generators_;
  const examples::HiddenItems hidden_;
  retrieval::TrendReplay trend_;
  std::vector<Reached> reached_;  // by case
  std::optional<RankedFeed> feed_;
  std::vector<CaseRanks> ranked_;  // by case, where there is a ranker
};

}  // namespace

Result<Reach> MeasureReach(const Subject& subject, const EvaluateOptions& options,
                           std::span<const examples::HoldoutCase> cases, base::ThreadPool& pool,
                           base::Progress& progress) {
  const std::vector<uint32_t> by_time = ByTime(cases);
  const ReachFolder folder{options.reach.scratch};
  UPNEXT_RETURN_IF_ERROR(base::MakeDirectories(folder.path));
  UPNEXT_ASSIGN_OR_RETURN(
      const retrieval::LearnedGenerators learned,
      retrieval::LearnGenerators({subject.source, pool}, options.reach.learners, subject.tables,
                                 *subject.candidate, folder.path, progress));
  ReachRun run(subject, options, cases,
               ThoseAsked(learned, options.served, subject.source.catalogue));
  base::ProgressStage stage(progress, "measure the candidates", "users", cases.size());
  for (size_t done = 0; done < cases.size();) {
    if (progress.stop_requested()) return Cancelled("evaluation stopped on request");
    const size_t block = std::min(cases.size() - done, kReachBlock);
    UPNEXT_RETURN_IF_ERROR(run.Measure(std::span(by_time).subspan(done, block), pool));
    done += block;
    stage.Update(done);
  }
  return std::move(run).Take();
}

}  // namespace upnext::evaluation
