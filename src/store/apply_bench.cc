// Events acknowledged per second when every call posts one event and waits for the disk:
// BM_ApplyOne/threads:N has N concurrent writers, each for users of its own. `history` is the
// number of watches that the log holds of each user. The folder is under $TMPDIR.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <optional>

#include "catalogue/catalogue.h"
#include "features/feature_plan.h"
#include "log/event_log.h"
#include "schema/raw_event.h"
#include "store/store.h"
#include "store/user_states.h"

namespace upnext::store {
namespace {

constexpr int kUsersPerThread = 64;

std::string UserOf(int thread, int number) { return fmt::format("user {} {}", thread, number); }

schema::RawEvent WatchOf(const std::string& user, int item, int64_t time_ms) {
  schema::RawEvent event;
  event.user = user;
  event.item = fmt::format("item {}", item);
  event.time_ms = time_ms;
  event.type = schema::EventType::kWatch;
  event.value = 30;
  return event;
}

struct World {
  World(int threads, int history) {
    std::vector<schema::RawEvent> events = {WatchOf("somebody", 1, 1)};
    for (int t = 0; t < threads; ++t) {
      for (int u = 0; u < kUsersPerThread; ++u) {
        for (int i = 0; i < history; ++i) events.push_back(WatchOf(UserOf(t, u), i, 1'000 + i));
      }
    }
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder / "log");
    if (!log::WriteEventLog(folder / "log", events, {}, {})) std::abort();
    catalogue.emplace(*log::EventLog::Open(folder / "log"));
    store = *OpenRocksStore(folder / "store");
    states = *UserStates::Attach(store.get(), *catalogue, {}, features::FeaturePlan().state());
  }
  ~World() {
    states.reset();
    store.reset();
    std::filesystem::remove_all(folder);
  }
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / fmt::format("upnext-apply-bench-{}", getpid());
  std::optional<catalogue::Catalogue> catalogue;
  std::unique_ptr<Store> store;
  std::unique_ptr<UserStates> states;
};

std::unique_ptr<World> world;

void BM_ApplyOne(benchmark::State& state) {
  int number = 0;
  for (auto _ : state) {
    const std::vector<schema::RawEvent> event = {WatchOf(
        UserOf(state.thread_index(), number % kUsersPerThread), number, 1'000'000 + number)};
    ++number;
    if (!world->states->Apply(event, {})) state.SkipWithError("an event was refused");
  }
  state.SetItemsProcessed(state.iterations());
}

BENCHMARK(BM_ApplyOne)
    ->ArgName("history")
    ->Arg(0)
    ->Arg(2'000)
    ->Threads(1)
    ->Threads(8)
    ->Threads(32)
    ->UseRealTime()
    ->Setup([](const benchmark::State& state) {
      world = std::make_unique<World>(state.threads(), static_cast<int>(state.range(0)));
    })
    ->Teardown([](const benchmark::State&) { world.reset(); });

}  // namespace
}  // namespace upnext::store
