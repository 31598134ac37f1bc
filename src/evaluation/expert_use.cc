#include "evaluation/expert_use.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

namespace upnext::evaluation {
namespace {

constexpr size_t kSampleBatch = 512;

// Sums of the weights of one gate over a batch.
struct GateSums {
  size_t task = 0;
  std::vector<std::string> experts;
  std::vector<double> sums;
};

std::vector<GateSums> SumGates(const ranking::Ranker& ranker, const examples::RankingBatch& batch) {
  ranking::Ranker::Scratch scratch;
  std::vector<float> predictions(batch.size() * ranker.objectives().size());
  ranker.Score(batch.queries, batch.impressions, batch.query_of, predictions.data(), scratch, {});
  std::vector<GateSums> gates;
  for (const ranking::GateWeights& gate : ranker.Gates(scratch)) {
    const size_t experts = gate.experts.size();
    GateSums& sums =
        gates.emplace_back(GateSums{gate.task, gate.experts, std::vector<double>(experts, 0.0)});
    for (size_t i = 0; i < batch.size() * experts; ++i) {
      sums.sums[i % experts] += static_cast<double>(gate.weights[i]);
    }
  }
  return gates;
}

}  // namespace

std::vector<examples::RankingBatch> SampleImpressions(const Subject& subject,
                                                      examples::SplitPart part, size_t impressions,
                                                      uint64_t seed, base::ThreadPool& pool) {
  examples::RankingStream stream(subject.source, subject.tables, {.part = part, .seed = seed},
                                 pool);
  stream.StartEpoch(0);
  std::vector<examples::RankingBatch> batches;
  examples::RankingBatch batch;
  for (size_t size = 0; size < impressions && stream.Next(kSampleBatch, &batch);) {
    size += batch.size();
    batches.push_back(std::exchange(batch, {}));
  }
  return batches;
}

ExpertUse ExpertUseOf(const ranking::Ranker& ranker, std::span<const examples::RankingBatch> sample,
                      base::ThreadPool& pool) {
  ExpertUse use;
  std::vector<std::vector<GateSums>> by_batch(sample.size());
  pool.ParallelFor(sample.size(), 1, [&](size_t begin, size_t end) {
    for (size_t b = begin; b < end; ++b) by_batch[b] = SumGates(ranker, sample[b]);
  });
  if (by_batch.empty() || by_batch.front().empty()) return use;
  for (const examples::RankingBatch& batch : sample) use.impressions += batch.size();
  for (const GateSums& gate : by_batch.front()) {
    for (const std::string& expert : gate.experts) {
      if (std::ranges::count(use.experts, expert) == 0) use.experts.push_back(expert);
    }
  }
  for (size_t g = 0; g < by_batch.front().size(); ++g) {
    const GateSums& gate = by_batch.front()[g];
    ExpertUse::Task& task = use.tasks.emplace_back(
        ExpertUse::Task{ranker.objectives()[gate.task].name,
                        std::vector<double>(use.experts.size(), std::nan(""))});
    for (size_t e = 0; e < gate.experts.size(); ++e) {
      double sum = 0;
      for (const std::vector<GateSums>& gates : by_batch) sum += gates[g].sums[e];
      const auto column = std::ranges::find(use.experts, gate.experts[e]) - use.experts.begin();
      task.weights[static_cast<size_t>(column)] = sum / static_cast<double>(use.impressions);
    }
  }
  return use;
}

}  // namespace upnext::evaluation
