// The graph index next to the exact scan: time of a search for the best 100, with recall@100 of the
// graph as a counter (SV-01). BuildIndex chooses the graph's effort by other queries than those
// that are searched for.
#include <benchmark/benchmark.h>

#include <map>
#include <memory>
#include <span>
#include <unordered_set>
#include <utility>
#include <vector>

#include "ann/index.h"
#include "base/rng.h"

namespace upnext::ann {
namespace {

constexpr uint32_t kDim = 64, kTopics = 200, kQueries = 250;
constexpr size_t kBest = 100;

// Items around topics, popular ones longer, as trained vectors are; queries lean to two topics.
class World {
 public:
  static const World& Of(int64_t items, int64_t degree = IndexOptions().graph_degree) {
    static std::map<std::pair<int64_t, int64_t>, World> worlds;
    return worlds
        .try_emplace({items, degree}, static_cast<uint32_t>(items), static_cast<uint32_t>(degree))
        .first->second;
  }
  World(uint32_t items, uint32_t degree) {
    std::vector<std::vector<float>> topics(kTopics);
    for (std::vector<float>& topic : topics) topic = Normal(1.0f);
    for (uint32_t item = 0; item < items; ++item) {
      ids_.push_back(item);
      const std::vector<float> vector = Normal(0.7f);
      const std::vector<float>& topic = topics[rng_.Below(kTopics)];
      const auto length = static_cast<float>(0.5 + rng_.Uniform());
      for (size_t d = 0; d < kDim; ++d) values_.push_back(length * (vector[d] + topic[d]));
    }
    for (uint32_t q = 0; q < 2 * kQueries; ++q) {
      std::vector<float>& queries = q < kQueries ? queries_ : measured_on_;
      const size_t begin = queries.size();
      for (const float x : Normal(0.5f)) queries.push_back(x);
      for (int k = 0; k < 2; ++k) {
        const std::vector<float>& topic = topics[rng_.Below(kTopics)];
        for (size_t d = 0; d < kDim; ++d) queries[begin + d] += topic[d];
      }
    }
    base::ThreadPool pool(1);
    const Vectors vectors{values_.data(), items, kDim, ids_};
    exact_ =
        *BuildIndex({.kind = IndexOptions::Kind::kExact}, vectors, {}, pool, base::NoProgress());
    graph_ = *BuildIndex({.kind = IndexOptions::Kind::kGraph, .graph_degree = degree}, vectors,
                         measured_on_, pool, base::NoProgress());
  }
  const Index& exact() const { return *exact_; }
  const Index& graph() const { return *graph_; }
  std::span<const float> query(size_t i) const {
    return std::span(queries_).subspan(i % kQueries * kDim, kDim);
  }

  double Recall() const {
    double found = 0;
    std::vector<Hit> truth, hits;
    for (size_t q = 0; q < kQueries; ++q) {
      exact_->Search(query(q), kBest, {}, &truth);
      graph_->Search(query(q), kBest, {}, &hits);
      std::unordered_set<uint32_t> ids;
      for (const Hit& hit : hits) ids.insert(hit.id);
      for (const Hit& hit : truth) found += ids.contains(hit.id) ? 1 : 0;
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
  std::vector<uint32_t> ids_;
  std::vector<float> values_;  // [ids, kDim]
  // Searched for, and, others, what the graph's effort is chosen by: [kQueries, kDim].
  std::vector<float> queries_, measured_on_;
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

void BM_ExactSearch(benchmark::State& state) {
  const World& world = World::Of(state.range(0));
  Search(state, world, world.exact());
}
void BM_GraphSearch(benchmark::State& state) {
  const World& world = World::Of(state.range(0), state.range(1));
  Search(state, world, world.graph());
  state.counters["recall@100"] = world.Recall();
  state.SetLabel(world.graph().Describe());
}
BENCHMARK(BM_ExactSearch)->ArgName("items")->Arg(10'000)->Arg(50'000)->Arg(200'000);
BENCHMARK(BM_GraphSearch)
    ->ArgNames({"items", "degree"})
    ->ArgsProduct({{10'000, 50'000, 200'000}, {16, 32}});

}  // namespace
}  // namespace upnext::ann
