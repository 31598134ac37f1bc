// How fast features are made: the fold of a replay, and extraction for both models, on one thread.
#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/rng.h"
#include "catalogue/catalogue.h"
#include "features/feature_extractor.h"
#include "features/user_state.h"
#include "log/event_log.h"
#include "schema/event.h"

namespace upnext::features {
namespace {

constexpr uint32_t kItems = 100'000, kQueries = 20'000;

// A catalogue of kItems items, on disk for as long as the program runs.
class World {
 public:
  static const World& Get() {
    static const World world({});
    return world;
  }
  // Whose ranker also compares titles with the words of this many searches.
  static const World& WithWordsOf50Searches() {
    static const World world(
        {.ranking = {
             {"words", "overlap(tokens(item.title), tokens(history(search, query, 50)))", ""}}});
    return world;
  }
  catalogue::Catalogue& catalogue() const { return *catalogue_; }
  const FeatureStatistics& tables() const { return tables_; }

  static std::vector<schema::Event> RandomEvents(size_t n, uint64_t seed) {
    base::Rng rng(seed);
    std::vector<schema::Event> events(n);
    for (size_t i = 0; i < n; ++i) {
      schema::Event& event = events[i];
      event.time_ms = static_cast<int64_t>(i) * 60'000;
      event.item = static_cast<uint32_t>(rng.Below(kItems));
      const uint64_t kind = rng.Below(10);
      if (kind < 3) {
        event.type = schema::EventType::kWatch;
        event.value = static_cast<float>(rng.Below(120));
      } else if (kind < 4) {
        event.type = schema::EventType::kSearch;
        event.item = schema::kNone;
        event.query = static_cast<uint32_t>(rng.Below(kQueries));
      }
    }
    return events;
  }
  UserState Fold(size_t n) const {
    UserState state(tables_.plan.state());
    for (const schema::Event& event : RandomEvents(n, 3)) state.Apply(event, *catalogue_, {});
    return state;
  }

 private:
  explicit World(const FeatureSpec& spec) {
    folder_ = std::filesystem::temp_directory_path() / "upnext-bench-XXXXXX";
    if (mkdtemp(folder_.data()) == nullptr) std::abort();
    std::vector<schema::RawItem> items(kItems);
    for (uint32_t i = 0; i < kItems; ++i) {
      items[i].item = fmt::format("i{}", i);
      items[i].duration_s = static_cast<float>(20 + i % 200);
      items[i].title = fmt::format("The word{} of word{} and others", i % 999, i % 777);
      items[i].channel = fmt::format("c{}", i % 5'000);
      items[i].topics.push_back(fmt::format("t{}", i % 100));
      items[i].topics.push_back(fmt::format("t{}", i % 37));
    }
    std::vector<schema::RawEvent> searches(kQueries);
    for (uint32_t q = 0; q < kQueries; ++q) {
      searches[q].user.assign(1, 'u');
      searches[q].time_ms = q;
      searches[q].type = schema::EventType::kSearch;
      searches[q].query = fmt::format("word{} word{}", q % 999, q);
    }
    const Status written = log::WriteEventLog(folder_, searches, items, {});
    Result<log::EventLog> log = log::EventLog::Open(folder_);
    if (!written || !log) std::abort();
    catalogue_ = std::make_unique<catalogue::Catalogue>(*std::move(log));
    std::filesystem::remove_all(folder_);  // stays mapped
    Learn(spec);
  }
  void Learn(const FeatureSpec& spec) {
    Result<FeaturePlan> plan = FeaturePlan::Compile(spec, catalogue_->schema());
    if (!plan) std::abort();
    tables_ = FeatureStatistics(spec, *std::move(plan));
    base::Rng rng(1);
    const std::vector<uint64_t> item_counts(kItems, 1), query_counts(kQueries, 1);
    for (const std::string_view name : {kItemVocabulary, kRankedItemVocabulary,
                                        std::string_view("channel"), std::string_view("topic")}) {
      tables_.vocabularies[tables_.plan.FindVocabulary(name)] =
          Vocabulary::Learn(item_counts, kItems);
    }
    tables_.tokens = QueryTokens::Learn(*catalogue_, query_counts, 1'000'000);
    EventCounts::Builder builder(tables_.plan.everybody());
    for (const schema::Event& event : RandomEvents(1'000'000, 2)) {
      builder.Add(event, true, true, *catalogue_);
    }
    tables_.counts = builder.Build();
    const size_t fields = tables_.plan.side(Model::kRanking, Side::kQuery).raw_width +
                          tables_.plan.side(Model::kRanking, Side::kImpression).raw_width;
    for (size_t i = 0; i < fields; ++i) {
      std::vector<float> sample(10'000);
      for (float& x : sample) x = static_cast<float>(std::exp(8 * rng.Uniform()));
      tables_.quantiles.push_back(Quantiles::Learn(std::move(sample)));
    }
    tables_.train_end_ms = 1'000'000'000;
  }

  std::string folder_;
  std::unique_ptr<catalogue::Catalogue> catalogue_;
  FeatureStatistics tables_;
};

void FoldEvents(benchmark::State& bench, const StateSpec& keeps) {
  const World& world = World::Get();
  const std::vector<schema::Event> events = World::RandomEvents(1'000, 4);
  for (auto _ : bench) {
    UserState state(keeps);
    for (const schema::Event& event : events) state.Apply(event, world.catalogue(), {});
    benchmark::DoNotOptimize(state);
  }
  bench.SetItemsProcessed(bench.iterations() * static_cast<int64_t>(events.size()));
}
BENCHMARK_CAPTURE(FoldEvents, Retrieval, FeaturePlan().retrieval_state());
BENCHMARK_CAPTURE(FoldEvents, All, FeaturePlan().state());

// 50 watches and `bench.range(0)` searches of 3 tokens each.
void ExtractCandidateExample(benchmark::State& bench) {
  const World& world = World::Get();
  UserState state(world.tables().plan.retrieval_state());
  size_t searches = 0;
  for (const schema::Event& event : World::RandomEvents(2'000, 5)) {
    const bool search = event.type == schema::EventType::kSearch;
    const size_t wanted = static_cast<size_t>(bench.range(0));
    if (search && ++searches > wanted) continue;
    state.Apply(event, world.catalogue(), {});
  }
  const FeatureExtractor extractor(world.tables(), world.catalogue(), Model::kRetrieval);
  FeatureBlock batch;
  for (auto _ : bench) {
    if (batch.rows == 1'024) batch.Clear();
    extractor.AppendQuery(state, 0, {.example_age_ms = 1'000}, &batch);
  }
  bench.SetItemsProcessed(bench.iterations());
}
BENCHMARK(ExtractCandidateExample)->Arg(0)->Arg(10)->Arg(50);

void ExtractQuery(benchmark::State& bench) {
  const World& world = World::Get();
  const UserState state = world.Fold(2'000);
  const FeatureExtractor extractor(world.tables(), world.catalogue(), Model::kRanking);
  FeatureBlock block;
  for (auto _ : bench) {
    if (block.rows == 256) block.Clear();
    extractor.AppendQuery(state, 0, {.time_ms = 200'000'000}, &block);
  }
  bench.SetItemsProcessed(bench.iterations());
}
BENCHMARK(ExtractQuery);

// 500 candidates a request.
void ExtractImpression(benchmark::State& bench, const World& (*make)()) {
  const World& world = make();
  const UserState state = world.Fold(2'000);
  const FeatureExtractor extractor(world.tables(), world.catalogue(), Model::kRanking);
  FeatureBlock block;
  uint32_t item = 0;
  const Context context{.time_ms = 200'000'000};
  for (auto _ : bench) {
    block.Clear();
    const auto request = extractor.For(state, 0, context);
    for (int i = 0; i < 500; ++i) {
      item = (item + 7'919) % kItems;
      request.AppendImpression({.item = item}, &block);
    }
  }
  bench.SetItemsProcessed(bench.iterations() * 500);
}
BENCHMARK_CAPTURE(ExtractImpression, Default, World::Get);
BENCHMARK_CAPTURE(ExtractImpression, WordsOf50Searches, World::WithWordsOf50Searches);

void SerializeAndParse(benchmark::State& bench) {
  const UserState state = World::Get().Fold(static_cast<size_t>(bench.range(0)));
  size_t bytes = 0;
  for (auto _ : bench) {
    const std::string saved = state.Serialize();
    bytes = saved.size();
    benchmark::DoNotOptimize(UserState::Parse(saved, state.spec()));
  }
  bench.counters["bytes"] = static_cast<double>(bytes);
}
BENCHMARK(SerializeAndParse)->Arg(100)->Arg(2'000);

}  // namespace
}  // namespace upnext::features
