// Acknowledged events survive kill -9: a process that posts events is killed at random moments, and
// afterwards every acknowledged event must exist exactly once, and every watch that goes on once, as far as was
// acknowledged last.
//
// The posting process is this program, started again, since a forked copy would not have the
// threads of the store.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>
#include <span>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/rng.h"
#include "bundle/test_bundle.h"
#include "serving/service.h"

namespace upnext {
namespace {

constexpr char kPost[] = "--post-events";  // LOGS BUNDLES STORE ROUND START_MS
constexpr int kUsers = 4;
constexpr char kWatcher[] = "watcher";  // whose watches go on over batches
constexpr int kBatchesOfWatch = 8;

// UPNEXT_KILL_ROUNDS=100 makes it thorough.
int Rounds() {
  const char* const asked = std::getenv("UPNEXT_KILL_ROUNDS");
  return asked == nullptr ? 20 : std::atoi(asked);
}

std::string UserOf(int batch) { return fmt::format("w{}", batch % kUsers); }

// A run of the process that is killed. Its watches have times of the machine's clock, since those of long ago are closed.
struct Round {
  int number;
  int64_t start_ms;
};

struct Batch {
  std::vector<schema::RawEvent> events;  // the last one is the watcher's
  std::vector<std::string> ids;
};

std::string WatchOf(int round, int batch) {
  return fmt::format("{}-watch-{}", round, batch / kBatchesOfWatch);
}

// Batch `number` of a round: one to five events of two users, whose requests contain the event's id and the size of the
// batch, so that both can be read from the store; and how far the watcher is, or that he has ended.
Batch MakeBatch(const Round& of, int number) {
  Batch batch;
  const int round = of.number;
  const int size = 1 + (round + number) % 5;
  for (int i = 0; i < size; ++i) {
    const std::string id = fmt::format("{}-{}-{}", round, number, i);
    schema::RawEvent event = features::Watch(UserOf(number + i % 2), fmt::format("i{}", i),
                                             features::Minutes(30'000 + number), 50);
    event.request = fmt::format("{}/{}", id, size);
    batch.events.push_back(std::move(event));
    batch.ids.push_back(id);
  }
  schema::RawEvent watch = features::Watch(kWatcher, "i1", of.start_ms + number, 0);
  watch.value = static_cast<float>(number);
  watch.request = WatchOf(round, number);
  watch.progress = (number + 1) % kBatchesOfWatch != 0;
  batch.ids.push_back(watch.request);
  batch.events.push_back(std::move(watch));
  return batch;
}

// Without the watcher's.
std::span<const schema::RawEvent> PostsOf(const Batch& batch) {
  return std::span(batch.events).first(batch.events.size() - 1);
}

Result<std::unique_ptr<serving::Service>> StartService(const std::string& logs,
                                                       const std::string& bundles,
                                                       const std::string& folder) {
  UPNEXT_ASSIGN_OR_RETURN(std::shared_ptr<store::Store> store, store::OpenRocksStore(folder));
  serving::GenerationOptions options;
  options.engine.slates.impressions = true;
  return serving::Service::Start({.log_root = logs, .bundle_root = bundles, .generation = options},
                                 std::move(store));
}

// The process that is killed: posts for ever, and says on stdout which batch was acknowledged.
int PostForEver(const Result<std::unique_ptr<serving::Service>>& service, const Round& round) {
  if (!service) {
    std::fprintf(stderr, "%s\n", service.error().message.c_str());
    return 1;
  }
  // Feeds are served and logged meanwhile.
  const std::jthread reader([&](const std::stop_token& stop) {
    for (int number = 0; !stop.stop_requested(); ++number) {
      if (!(*service)->Recommend({.user = UserOf(number), .n = 5})) std::_Exit(1);
    }
  });
  for (int number = 0;; ++number) {
    const Batch batch = MakeBatch(round, number);
    const auto applied = (*service)->PostEvents(batch.events, batch.ids);
    if (!applied || applied->accepted != batch.events.size()) return 1;
    const std::string line = fmt::format("{}\n", number);
    if (write(STDOUT_FILENO, line.data(), line.size()) < 0) return 1;
  }
}

class KillTest : public testing::Test {
 protected:
  Result<std::unique_ptr<serving::Service>> Start() const {
    return StartService(project_.log_root(), project_.bundle_root(), project_.store());
  }

  // Waits until a poster has acknowledged at least one batch, kills it `delay` later, and returns
  // the number of acknowledged batches.
  int PostUntilKilled(const Round& round, std::chrono::microseconds delay) {
    int pipe_ends[2];
    EXPECT_EQ(pipe(pipe_ends), 0);
    const std::string logs = project_.log_root(), bundles = project_.bundle_root(),
                      store = project_.store(), number = std::to_string(round.number),
                      start = std::to_string(round.start_ms);
    const pid_t child = fork();
    if (child == 0) {
      dup2(pipe_ends[1], STDOUT_FILENO);
      close(pipe_ends[0]);
      close(pipe_ends[1]);
      execl("/proc/self/exe", "kill_test", kPost, logs.c_str(), bundles.c_str(), store.c_str(),
            number.c_str(), start.c_str(), nullptr);
      _exit(127);
    }
    close(pipe_ends[1]);
    std::string said;
    char byte;
    while (read(pipe_ends[0], &byte, 1) == 1) {
      said += byte;
      if (byte == '\n') break;
    }
    std::this_thread::sleep_for(delay);
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status)) << "the poster ended by itself";
    while (read(pipe_ends[0], &byte, 1) == 1) said += byte;
    close(pipe_ends[0]);
    return static_cast<int>(std::ranges::count(said, '\n'));
  }

  using Events = std::map<std::string, std::vector<std::string>>;
  // A slate that is there has its impressions, once, and no other has any.
  static void CheckSlates(const serving::Service& service, const Events& shown) {
    for (const auto& [user, requests] : shown) {
      const std::set<std::string> distinct(requests.begin(), requests.end());
      for (const std::string& request : distinct) {
        const auto slate = service.Served(request);
        ASSERT_TRUE(slate) << request << ": " << slate.error().message;
        ASSERT_EQ(std::ranges::count(requests, request), std::ssize(slate->items)) << request;
      }
    }
  }

  // The posted events in the store by user, but the watcher's, each by its request; the impressions that the server wrote
  // in `shown`.
  Events Stored(Events* shown = nullptr) const {
    Events stored;
    const auto store = store::OpenRocksStore(project_.store());
    EXPECT_TRUE(store) << store.error().message;
    if (!store) return stored;
    const Status read = (*store)->AllEvents([&](const schema::RawEvent& event) {
      if (event.user == kWatcher) return;
      const bool is_shown = event.type == schema::EventType::kImpression;
      if (!is_shown) stored[event.user].push_back(event.request);
      if (is_shown && shown != nullptr) (*shown)[event.user].push_back(event.request);
    });
    EXPECT_TRUE(read);
    return stored;
  }

  // The watcher's watches, those that go on and others, by request: how far they are, of each event that there is.
  using Watches = std::map<std::string, std::vector<float>>;
  Watches StoredWatches() const {
    Watches watches;
    const auto store = store::OpenRocksStore(project_.store());
    EXPECT_TRUE(store) << store.error().message;
    if (!store) return watches;
    EXPECT_TRUE((*store)->EventsOf(kWatcher, 0, [&](uint64_t, const schema::RawEvent& event) {
      watches[event.request].push_back(event.value);
      return Ok();
    }));
    EXPECT_TRUE((*store)->OpenWatchesOf(kWatcher, [&](const schema::RawEvent& event) {
      watches[event.request].push_back(event.value);
      return Ok();
    }));
    return watches;
  }
  // Each is there once, and as far as the last batch that is there.
  static void CheckWatches(const Watches& watches, const Round& round, int last) {
    for (int number = 0; number <= last; number += kBatchesOfWatch) {
      const std::string watch = WatchOf(round.number, number);
      const int until = std::min(number + kBatchesOfWatch - 1, last);
      ASSERT_TRUE(watches.contains(watch)) << watch;
      ASSERT_THAT(watches.at(watch), testing::ElementsAre(until)) << watch;
    }
    const std::string next = WatchOf(round.number, (last / kBatchesOfWatch + 1) * kBatchesOfWatch);
    ASSERT_FALSE(watches.contains(next)) << next;
  }

  const bundle::TestProject project_;
};

TEST_F(KillTest, AcknowledgedEventsExistOnceAndComplete) {
  base::Rng rng(2024);
  std::vector<int> acknowledged;  // batches, by round
  std::vector<Round> rounds;
  for (int r = 0; r < Rounds(); ++r) {
    SCOPED_TRACE(fmt::format("round {}", r));
    const Round& round = rounds.emplace_back(r, base::SystemClock().NowMs());
    const std::chrono::microseconds delay(rng.Below(30'000));
    acknowledged.push_back(PostUntilKilled(round, delay));
    ASSERT_GT(acknowledged.back(), 0);

    Events shown;
    const auto stored = Stored(&shown);
    std::multiset<std::string> requests;
    for (const auto& [user, of_user] : stored) requests.insert(of_user.begin(), of_user.end());
    const std::set<std::string> distinct(requests.begin(), requests.end());
    EXPECT_EQ(requests.size(), distinct.size()) << "an event is there twice";
    for (int number = 0; number < acknowledged.back(); ++number) {
      const Batch batch = MakeBatch(round, number);
      for (const schema::RawEvent& event : PostsOf(batch)) {
        EXPECT_EQ(distinct.count(event.request), 1u) << "lost: " << event.request;
      }
    }
    // The interrupted batch exists completely or not at all.
    const Batch next = MakeBatch(round, acknowledged.back());
    size_t there = 0;
    for (const schema::RawEvent& event : PostsOf(next)) there += distinct.count(event.request);
    EXPECT_TRUE(there == 0 || there == PostsOf(next).size())
        << there << " of " << next.events.size();
    const Watches watches = StoredWatches();
    CheckWatches(watches, round, acknowledged.back() - (there == 0 ? 1 : 0));

    const auto service = Start();
    ASSERT_TRUE(service) << service.error().message;
    for (const auto& [user, of_user] : stored) {
      EXPECT_EQ((*service)->State(user)->totals().events, of_user.size() + shown[user].size())
          << user;
    }
    EXPECT_EQ((*service)->State(kWatcher)->totals().events, watches.size());
    CheckSlates(**service, shown);
    if (HasFailure()) return;
  }

  // Sending everything again, as a client without an answer does, changes nothing.
  const auto before = Stored();
  const auto watches_before = StoredWatches();
  {
    const auto service = Start();
    ASSERT_TRUE(service) << service.error().message;
    for (const Round& round : rounds) {
      for (int number = 0; number < acknowledged[static_cast<size_t>(round.number)]; ++number) {
        const Batch batch = MakeBatch(round, number);
        const auto applied = (*service)->PostEvents(batch.events, batch.ids);
        ASSERT_TRUE(applied) << applied.error().message;
        ASSERT_EQ(applied->accepted, 0u);
        ASSERT_EQ(applied->duplicates, batch.events.size());
      }
    }
  }
  EXPECT_EQ(Stored(), before);
  EXPECT_EQ(StoredWatches(), watches_before);
}

}  // namespace
}  // namespace upnext

int main(int argc, char** argv) {
  if (argc == 7 && std::string_view(argv[1]) == upnext::kPost) {
    return upnext::PostForEver(upnext::StartService(argv[2], argv[3], argv[4]),
                               {std::atoi(argv[5]), std::atoll(argv[6])});
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
