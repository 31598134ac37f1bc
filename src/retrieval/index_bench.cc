// What the graph index saves over the exact scan, and what it misses for that: time of a search for
// the best 100, with recall@100 of the graph as a counter (SV-01).
#include <benchmark/benchmark.h>

#include <map>
#include <memory>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "retrieval/index.h"

namespace upnext::retrieval {
namespace {

constexpr uint32_t kDim = 64, kTopics = 200, kQueries = 100;
constexpr size_t kBest = 100;

// Items around topics, popular ones longer, as trained vectors are; queries lean to two topics.
class World {
 public:
  // The graph is searched with `effort`, IndexOptions::graph_search_effort.
  static const World& Of(int64_t items, int64_t effort) {
    static std::map<std::pair<int64_t, int64_t>, World> worlds;
    return worlds
        .try_emplace({items, effort}, static_cast<uint32_t>(items), static_cast<uint32_t>(effort))
        .first->second;
  }
  World(uint32_t items, uint32_t effort) : vectors_({.rows = items + 1, .dim = kDim}, rng_) {
    std::vector<std::vector<float>> topics(kTopics);
    for (std::vector<float>& topic : topics) topic = Normal(1.0f);
    for (uint32_t row = 1; row <= items; ++row) {
      std::vector<float> vector = Normal(0.7f);
      const std::vector<float>& topic = topics[rng_.Below(kTopics)];
      const auto length = static_cast<float>(0.5 + rng_.Uniform());
      for (size_t d = 0; d < kDim; ++d) vector[d] = length * (vector[d] + topic[d]);
      vectors_.SetRow(row, vector);
    }
    for (uint32_t q = 0; q < kQueries; ++q) {
      queries_.push_back(Normal(0.5f));
      for (int k = 0; k < 2; ++k) {
        const std::vector<float>& topic = topics[rng_.Below(kTopics)];
        for (size_t d = 0; d < kDim; ++d) queries_.back()[d] += topic[d];
      }
    }
    base::ThreadPool pool(1);
    exact_ = *BuildIndex({.kind = IndexOptions::Kind::kExact}, vectors_, pool, base::NoProgress());
    graph_ = *BuildIndex({.kind = IndexOptions::Kind::kGraph, .graph_search_effort = effort},
                         vectors_, pool, base::NoProgress());
  }
  const Index& exact() const { return *exact_; }
  const Index& graph() const { return *graph_; }
  const std::vector<float>& query(size_t i) const { return queries_[i % kQueries]; }

  double Recall() const {
    double found = 0;
    std::vector<Hit> truth, hits;
    for (size_t q = 0; q < kQueries; ++q) {
      exact_->Search(query(q), kBest, {}, &truth);
      graph_->Search(query(q), kBest, {}, &hits);
      std::unordered_set<uint32_t> rows;
      for (const Hit& hit : hits) rows.insert(hit.row);
      for (const Hit& hit : truth) found += rows.contains(hit.row) ? 1 : 0;
    }
    return found / (kQueries * kBest);
  }

 private:
  std::vector<float> Normal(float spread) {
    std::vector<float> vector(kDim);
    for (float& x : vector) x = spread * static_cast<float>(rng_.Normal());
    return vector;
  }
  base::Rng rng_{7};
  nn::EmbeddingTable vectors_;
  std::vector<std::vector<float>> queries_;
  std::unique_ptr<Index> exact_, graph_;
};

void Search(benchmark::State& state, const World& world, const Index& index) {
  std::vector<Hit> hits;
  size_t i = 0;
  for (auto _ : state) {
    index.Search(world.query(i++), kBest, {}, &hits);
    benchmark::DoNotOptimize(hits.data());
  }
  state.SetItemsProcessed(state.iterations());
}

constexpr int64_t kEffort = IndexOptions().graph_search_effort;

void BM_ExactSearch(benchmark::State& state) {
  const World& world = World::Of(state.range(0), kEffort);
  Search(state, world, world.exact());
}
void BM_GraphSearch(benchmark::State& state) {
  const World& world = World::Of(state.range(0), state.range(1));
  Search(state, world, world.graph());
  state.counters["recall@100"] = world.Recall();
}
BENCHMARK(BM_ExactSearch)->ArgName("items")->Arg(10'000)->Arg(50'000)->Arg(200'000);
BENCHMARK(BM_GraphSearch)
    ->ArgNames({"items", "effort"})
    ->Args({10'000, kEffort})
    ->Args({50'000, kEffort})
    ->Args({50'000, 2 * kEffort})
    ->Args({200'000, kEffort})
    ->Args({200'000, 2 * kEffort});

}  // namespace
}  // namespace upnext::retrieval
