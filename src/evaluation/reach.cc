#include "evaluation/reach.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <memory>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
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
#include "retrieval/new_item_index.h"
#include "retrieval/trend_replay.h"
#include "schema/event.h"

namespace upnext::evaluation {
namespace {

constexpr size_t kReachChunk = 32;    // cases that a thread takes at once
constexpr size_t kReachBlock = 1024;  // cases between two progress updates
constexpr size_t kReachedAt[] = {10, 50, 100};
constexpr size_t kFullRankings = 300;      // cases whose items are all ranked, at most
constexpr size_t kFullScores = 2'000'000;  // cases x items of these, at most
constexpr size_t kItemsAtOnce = 4096;      // that are scored in one piece

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

// What all of them propose for a request.
struct Proposed {
  std::vector<std::vector<uint32_t>> lists;   // by generator, best first
  std::vector<features::Candidate> together;  // each once, in the order of first mention
};

// As many as their budgets, but at least `least` each.
Result<Proposed> ProposalsOf(std::span<const AskedGenerator> generators,
                             const retrieval::ProposeRequest& request,
                             const std::vector<uint32_t>& hidden, uint32_t least) {
  Proposed result;
  auto admits = [&](uint32_t item) { return !std::ranges::binary_search(hidden, item); };
  std::vector<retrieval::Candidate> proposed;
  std::unordered_set<uint32_t> pooled;
  for (const AskedGenerator& one : generators) {
    proposed.clear();
    UPNEXT_RETURN_IF_ERROR(one.generator.Propose(request, std::max(one.budget, least),
                                                 retrieval::ItemFilter(admits), &proposed));
    std::vector<uint32_t>& list = result.lists.emplace_back();
    for (const retrieval::Candidate& candidate : proposed) {
      list.push_back(candidate.item);
      if (pooled.insert(candidate.item).second) {
        result.together.push_back({candidate.item, one.source, candidate.score});
      }
    }
  }
  return result;
}

// What came of one case for a generator, or for all together.
struct Reached {
  double recall = 0, candidates = 0, adds = 0;
  std::array<double, std::size(kReachedAt)> at = {};
};

// By generator, the last of all together.
std::vector<Reached> ReachOf(const Proposed& proposed, std::span<const uint32_t> targets) {
  const auto share = [&](size_t found) {
    return static_cast<double>(found) / static_cast<double>(targets.size());
  };
  std::vector<CaseRanks> ranks;
  std::unordered_map<uint32_t, uint32_t> proposers;  // of the targets that have one
  for (const std::vector<uint32_t>& list : proposed.lists) {
    for (const uint32_t target : ranks.emplace_back(RanksInList(list, targets)).found) {
      ++proposers[target];
    }
  }
  std::vector<Reached> reached;
  for (size_t g = 0; g < ranks.size(); ++g) {
    Reached& one = reached.emplace_back();
    one.recall = share(ranks[g].found.size());
    one.candidates = static_cast<double>(proposed.lists[g].size());
    one.adds = share(static_cast<size_t>(std::ranges::count_if(
        ranks[g].found, [&](uint32_t target) { return proposers[target] == 1; })));
    for (size_t k = 0; k < std::size(kReachedAt); ++k) {
      one.at[k] = Recall(ranks[g].ranks, targets.size(), kReachedAt[k]);
    }
  }
  reached.push_back({.recall = share(proposers.size()),
                     .candidates = static_cast<double>(proposed.together.size())});
  return reached;
}

Metric MeanOver(const std::vector<double>& values, uint64_t seed) {
  base::Rng rng(seed);
  double sum = 0;
  for (const double value : values) sum += value;
  return {sum / static_cast<double>(values.size()),
          values.size() < kFewestUsers ? kNoInterval : BootstrapMeans(values, 1, rng).front()};
}

// `cases`: of ReachOf. `lost`: of users of the sample.
std::vector<ModelMetrics> RowsOf(std::span<const AskedGenerator> generators,
                                 std::span<const std::vector<Reached>> cases,
                                 const std::vector<double>& lost, uint64_t seed) {
  std::vector<ModelMetrics> rows;
  for (size_t g = 0; g <= generators.size(); ++g) {
    const bool all = g == generators.size();
    const auto mean = [&](const auto& figure) {
      std::vector<double> values;
      for (const std::vector<Reached>& one : cases) values.push_back(figure(one[g]));
      return MeanOver(values, seed);
    };
    Metrics metrics;
    metrics["recall"] = mean([](const Reached& one) { return one.recall; });
    const double candidates = mean([](const Reached& one) { return one.candidates; }).value;
    metrics["candidates"] = {candidates, kNoInterval};
    if (candidates == 0 && !all) continue;  // no item was being watched, say
    if (all) {
      if (!lost.empty()) metrics["lost@20"] = MeanOver(lost, seed);
    } else {
      metrics["adds"] = mean([](const Reached& one) { return one.adds; });
      for (size_t k = 0; k < std::size(kReachedAt); ++k) {
        metrics[fmt::format("recall@{}", kReachedAt[k])] =
            mean([&](const Reached& one) { return one.at[k]; });
      }
    }
    rows.push_back({all ? kAllGenerators : generators[g].name, std::move(metrics)});
  }
  return rows;
}

// Measures cases in order of time.
class ReachRun {
 public:
  ReachRun(const Subject& subject, const EvaluateOptions& options,
           std::span<const examples::HoldoutCase> cases, std::vector<AskedGenerator> generators,
           base::ThreadPool& pool)
      : subject_(subject),
        seed_(options.seed),
        cases_(cases),
        generators_(std::move(generators)),
        new_items_(retrieval::NewItemIndex::Make(*subject.candidate, subject.tables,
                                                 subject.source.catalogue, &pool)),
        hidden_(subject.source, options.feed),
        trend_(subject.source.catalogue, subject.source.rule,
               options.served.live.OrHalfLife(options.served.order.HalfLifeHours()),
               std::ranges::min(cases, {}, TimeOf).context.time_ms,
               std::ranges::max(cases, {}, TimeOf).context.time_ms),
        reached_(cases.size()) {
    if (subject.ranker == nullptr) return;
    feed_.emplace(subject, options.feed);
    ranked_.resize(cases.size());
    lost_.resize(cases.size(), std::nan(""));
    std::vector<uint32_t> sample(cases.size());
    std::iota(sample.begin(), sample.end(), 0u);
    KeepEvenly(std::min(kFullRankings, 1 + kFullScores / std::max(1u, subject.source.log.items())),
               &sample);
    for (const uint32_t place : sample) lost_[place] = 0;
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

  Reach Take() && {
    std::erase_if(lost_, [](double lost) { return std::isnan(lost); });
    return {.rows = RowsOf(generators_, reached_, lost_, seed_),
            .fully_ranked = lost_.size(),
            .ranked = std::move(ranked_)};
  }

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
    const retrieval::ProposeRequest request{.catalogue = catalogue,
                                            .state = input.state,
                                            .user = input.user,
                                            .context = input.context,
                                            .live = &live,
                                            .new_items = new_items_.get()};
    UPNEXT_ASSIGN_OR_RETURN(const Proposed proposed,
                            ProposalsOf(generators_, request, input.hidden, /*least=*/0));
    reached_[place] = ReachOf(proposed, held_out.targets);
    if (!feed_) return Ok();
    UPNEXT_ASSIGN_OR_RETURN(const std::vector<uint32_t> list,
                            feed_->InOrder(input, proposed.together, scratch));
    ranked_[place] = RanksInList(list, held_out.targets);
    if (std::isnan(lost_[place])) return Ok();
    UPNEXT_ASSIGN_OR_RETURN(const std::vector<uint32_t> best, BestOfAll(request, input, scratch));
    const auto lost = std::ranges::count_if(
        best, [&](uint32_t item) { return std::ranges::find(list, item) == list.end(); });
    lost_[place] =
        static_cast<double>(lost) / static_cast<double>(std::max<size_t>(1, best.size()));
    return Ok();
  }

  // The ranker's kBestOfAll best of all items that the feed may have.
  Result<std::vector<uint32_t>> BestOfAll(const retrieval::ProposeRequest& request,
                                          const CaseInput& input,
                                          ranking::CandidateScratch& scratch) const {
    const uint32_t items = subject_.source.log.items();
    UPNEXT_ASSIGN_OR_RETURN(Proposed proposed,
                            ProposalsOf(generators_, request, input.hidden, items));
    std::vector<features::Candidate> rest = std::move(proposed.together);
    std::unordered_set<uint32_t> known(input.hidden.begin(), input.hidden.end());
    for (const features::Candidate& one : rest) known.insert(one.item);
    for (uint32_t item = 0; item < items; ++item) {
      if (!known.contains(item)) rest.push_back({.item = item});
    }
    // The best of each piece, and at last of what is left of all pieces.
    while (true) {
      std::vector<features::Candidate> best;
      for (size_t begin = 0; begin < rest.size(); begin += kItemsAtOnce) {
        const auto piece =
            std::span(rest).subspan(begin, std::min(kItemsAtOnce, rest.size() - begin));
        UPNEXT_ASSIGN_OR_RETURN(std::vector<uint32_t> order, feed_->InOrder(input, piece, scratch));
        order.resize(std::min(order.size(), kBestOfAll));
        if (piece.size() == rest.size()) return order;
        for (const uint32_t item : order) {
          best.push_back(*std::ranges::find(piece, item, &features::Candidate::item));
        }
      }
      if (best.empty()) return std::vector<uint32_t>();
      rest = std::move(best);
    }
  }

  const Subject& subject_;
  const uint64_t seed_;
  const std::span<const examples::HoldoutCase> cases_;
  const std::vector<AskedGenerator> generators_;
  const std::unique_ptr<const retrieval::NewItemIndex> new_items_;  // null: none, as when serving
  const examples::HiddenItems hidden_;
  retrieval::TrendReplay trend_;
  std::vector<std::vector<Reached>> reached_;  // by case, as ReachOf
  std::optional<RankedFeed> feed_;
  std::vector<CaseRanks> ranked_;  // by case, where there is a ranker
  std::vector<double> lost_;       // the same; NaN for cases outside the sample
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
               ThoseAsked(learned, options.served, subject.source.catalogue), pool);
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
