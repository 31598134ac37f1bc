#include "serving/follower.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <thread>

#include "base/file.h"
#include "base/mutex.h"
#include "bundle/test_bundle.h"
#include "features/test_log.h"
#include "log/append.h"
#include "log/event_log.h"
#include "schema/event.h"
#include "schema/raw_event.h"
#include "serving/test_service.h"

namespace upnext::serving {
namespace {

using schema::RawEvent;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

class FollowerTest : public testing::Test {
 protected:
  FollowerOptions Options() {
    return {.service = service_.options(),
            .report =
                [this](std::string_view line) {
                  base::MutexLock lock(mutex_);
                  said_ += std::string(line) + "\n";
                },
            .every = std::chrono::milliseconds(5)};
  }
  std::string said() {
    base::MutexLock lock(mutex_);
    return said_;
  }
  static void Await(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!done()) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "nothing was taken up";
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }
  void AwaitVersions(const std::string& bundle, const std::string& log) {
    Await([&] {
      const ServiceStatus status = service_->status();
      return status.bundle_version == bundle && status.log_version == log;
    });
  }
  base::VersionedRoot Logs() { return base::VersionedRoot(service_.project().log_root()); }
  base::VersionedRoot Bundles() { return base::VersionedRoot(service_.project().bundle_root()); }
  // The same models as another version, and the current one.
  std::string PublishBundle() {
    base::VersionedRoot root = Bundles();
    const auto staged = root.Begin();
    EXPECT_TRUE(staged);
    std::filesystem::copy(service_.project().bundle_folder(), *staged,
                          std::filesystem::copy_options::recursive);
    const auto version = root.Publish(*staged);
    EXPECT_TRUE(version && root.SetCurrent(*version));
    return version.value_or("");
  }
  static RawEvent Watch(const std::string& user, const std::string& item) {
    return features::Watch(user, item, schema::kNoTime, 99);
  }
  std::vector<std::string> Feed(const std::string& user) {
    const Result<Slate> slate = service_->Recommend({.user = user, .n = 40});
    EXPECT_TRUE(slate) << slate.error().message;
    std::vector<std::string> ids;
    for (const Recommendation& item : slate->items) ids.push_back(item.id);
    return ids;
  }

  // By how many users trending says that an item was chosen, as of now.
  double Chosen(const std::string& item) {
    const Result<Slate> slate = service_->Recommend({.user = "nobody", .n = 100});
    EXPECT_TRUE(slate) << slate.error().message;
    for (const Recommendation& one : slate->items) {
      for (const SourceScore& source : one.sources) {
        if (one.id == item && source.source == "trending") return source.score;
      }
    }
    return 0;
  }

  TestService service_;
  base::Mutex mutex_;
  std::string said_;
};

TEST_F(FollowerTest, ANewLogIsTakenUpWithItsFlagsAndHistories) {
  const std::string removed = Feed("u").front();
  ASSERT_TRUE(service_->PostEvents({Watch("poster", "i3")}, {}));
  const Follower follower(*service_, service_.store(), Options());
  features::AppendToLog(Logs(), {features::Watch("poster", "i5", features::Minutes(19'000), 99)},
                        {{.item = removed, .removed = true}});
  AwaitVersions("v000001", "v000002");
  EXPECT_THAT(Feed("u"), Not(Contains(removed)));
  // The log's event and the posted one.
  EXPECT_EQ(service_->State("poster")->totals().events, 2u);
  ASSERT_TRUE(service_->PostEvents({Watch("poster", "of the store")}, {}));
  EXPECT_EQ(service_->State("poster")->totals().events, 3u);
  EXPECT_THAT(said(), HasSubstr("serving bundle v000001 (log v000002)"));
}

// The store has been read for the new generation, which is not served yet, when more is posted.
TEST_F(FollowerTest, EventsOfTheTimeOfATakeUpCountForWhatIsChosenMost) {
  ASSERT_TRUE(service_->PostEvents({Watch("a", "new"), Watch("b", "new")}, {}));
  std::atomic<int> scans = 0;
  service_.store()->after_all_events = [&] {
    ++scans;
    EXPECT_TRUE(
        service_->PostEvents({Watch("b", "new"), Watch("c", "new"), Watch("c", "newest")}, {}));
    EXPECT_EQ(service_->generation()->log_version(), "v000001");
  };
  const Follower follower(*service_, service_.store(), Options());
  features::AppendToLog(Logs(),
                        {features::Watch("of the log", "i5", features::Minutes(19'000), 99)}, {});
  AwaitVersions("v000001", "v000002");
  EXPECT_EQ(scans, 1);
  Await([&] { return Chosen("newest") > 0; });
  EXPECT_NEAR(Chosen("new"), 3, 0.01) << "of a, b and c, once each";
  EXPECT_NEAR(Chosen("newest"), 1, 0.01);
}

TEST_F(FollowerTest, ANewBundleIsTakenUpAndARollBackToo) {
  const auto first = service_->generation();
  const int64_t since = service_->status().take_ups.since_ms;
  service_.clock().Advance(5000);
  const Follower follower(*service_, service_.store(), Options());
  ASSERT_EQ(PublishBundle(), "v000002");
  AwaitVersions("v000002", "v000001");
  EXPECT_EQ(&service_->generation()->states(), &first->states()) << "the log is the same";
  ASSERT_TRUE(Bundles().SetCurrent("v000001"));
  AwaitVersions("v000001", "v000001");
  Await([&] { return service_->status().take_ups.done == 2; });
  EXPECT_EQ(service_->status().take_ups.since_ms, since + 5000);
  EXPECT_EQ(service_->status().take_ups.failed, 0u);
}

TEST_F(FollowerTest, WhatIsCurrentAlreadyIsNotTakenUpAgain) {
  Follower follower(*service_, service_.store(), Options());
  const auto first = service_->generation();
  ASSERT_TRUE(Bundles().SetCurrent("v000001"));
  follower.Look();
  PublishBundle();
  AwaitVersions("v000002", "v000001");
  EXPECT_EQ(service_->status().take_ups.done, 1u);
}

TEST_F(FollowerTest, WhatCannotBeOpenedIsReportedAndTriedAgainWhenCurrentChanges) {
  const Follower follower(*service_, service_.store(), Options());
  base::VersionedRoot root = Bundles();
  const auto staged = root.Begin();
  std::filesystem::copy(service_.project().bundle_folder(), *staged,
                        std::filesystem::copy_options::recursive);
  ASSERT_TRUE(base::WriteFileAtomic(*staged / "ranker.uxs", "damaged"));
  ASSERT_TRUE(root.SetCurrent(*root.Publish(*staged)));
  Await([&] { return service_->status().take_ups.failed > 0; });
  EXPECT_THAT(service_->status().take_ups.failure, HasSubstr("ranker.uxs"));
  EXPECT_EQ(service_->status().bundle_version, "v000001");
  EXPECT_THAT(said(), HasSubstr("are not taken up: "));
  EXPECT_FALSE(Feed("u").empty());
  PublishBundle();
  AwaitVersions("v000003", "v000001");
  Await([&] { return service_->status().take_ups.failure.empty(); });
  EXPECT_EQ(service_->status().take_ups.failed, 1u) << "the damaged one was tried once";
}

TEST_F(FollowerTest, AFailureEndsWhenTheServedVersionsAreCurrentAgain) {
  Follower follower(*service_, service_.store(), Options());
  std::filesystem::create_directories(Bundles().Path("v000002"));
  ASSERT_TRUE(Bundles().SetCurrent("v000002"));
  Await([&] { return !service_->status().take_ups.failure.empty(); });
  follower.Look();
  Await([&] { return service_->status().take_ups.failed >= 2; });
  ASSERT_TRUE(Bundles().SetCurrent("v000001"));
  Await([&] { return service_->status().take_ups.failure.empty(); });
}

TEST_F(FollowerTest, ALogOfOtherNumbersIsNotedAndNotServed) {
  const Follower follower(*service_, service_.store(), Options());
  base::VersionedRoot root = Logs();
  const auto staged = root.Begin();
  ASSERT_TRUE(log::WriteEventLog(*staged, bundle::TestEvents(41), bundle::TestItems(41),
                                 bundle::TestUsers()));
  ASSERT_TRUE(root.SetCurrent(*root.Publish(*staged)));
  Await([&] { return !service_->status().take_ups.note.empty(); });
  EXPECT_THAT(service_->status().take_ups.note, HasSubstr("in log v000002 ids have other numbers"));
  EXPECT_EQ(service_->status().log_version, "v000001");
  EXPECT_TRUE(service_->status().take_ups.failure.empty());
}

TEST_F(FollowerTest, NamesOfAnEarlierLogLeaveTheStore) {
  ASSERT_TRUE(service_->PostEvents({Watch("poster", "of the store")}, {}));
  store::Numbering old{.log = service_->generation()->catalogue().log().content_digest(),
                       .first = {}};
  const auto& log = service_->generation()->catalogue().log();
  for (size_t i = 0; i < log.schema().id_spaces().size(); ++i) {
    old.first.push_back(log.dictionary(static_cast<schema::IdSpace>(i)).size());
  }
  const auto names = [&] {
    int count = 0;
    EXPECT_TRUE(service_.store()->Names(
        old, [&](schema::IdSpace, std::string_view, uint32_t) { ++count; }));
    return count;
  };
  ASSERT_GT(names(), 0);
  const Follower follower(*service_, service_.store(), Options());
  auto request_under_way = service_->generation();
  features::AppendToLog(Logs(), {features::Watch("u", "i5", features::Minutes(19'000), 99)});
  AwaitVersions("v000001", "v000002");
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_GT(names(), 0) << "a request may need them";
  request_under_way.reset();
  Await([&] { return names() == 0; });
}

TEST_F(FollowerTest, TakeUpsUnderLoadFailNoRequestAndLoseNoEvent) {
  Follower follower(*service_, service_.store(), Options());
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0}, answered{0};
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const std::string user = fmt::format("writer {}", t);
      for (uint64_t i = 1; !stop; ++i) {
        const auto posted = service_->PostEvents({Watch(user, fmt::format("new {}", i % 30))}, {});
        if (!posted || posted->accepted != 1) ++wrong;
        // What was acknowledged is in the next answer.
        const auto state = service_->State(user);
        if (!state || state->totals().events != i) ++wrong;
        if (!service_->Recommend({.user = user, .n = 10})) ++wrong;
        ++answered;
      }
    });
  }
  for (int n = 2; n <= 6; ++n) {
    const int before = answered;
    const std::string version = fmt::format("v{:06}", n);
    features::AppendToLog(Logs(), {features::Watch("u", "i5", features::Minutes(19'000 + n), 99)});
    ASSERT_EQ(PublishBundle(), version);
    follower.Look();
    AwaitVersions(version, version);
    Await([&] { return answered > before + 8; });
  }
  stop = true;
  threads.clear();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(service_->status().take_ups.failed, 0u);
  EXPECT_GE(service_->status().take_ups.done, 5u);
}

TEST_F(FollowerTest, ACallReturnsWhenTheNewVersionsAreServed) {
  FollowerOptions options = Options();
  options.every = std::chrono::hours(1);
  Follower follower(*service_, service_.store(), options);
  ASSERT_TRUE(follower.TakeUpNow());
  EXPECT_EQ(service_->status().bundle_version, "v000001");
  const std::string version = PublishBundle();
  ASSERT_TRUE(follower.TakeUpNow());
  EXPECT_EQ(service_->status().bundle_version, version);
  // What cannot be opened is the caller's error, and is not served.
  const std::string damaged = PublishBundle();
  std::filesystem::resize_file(Bundles().Path(damaged) / "manifest.json", 10);
  const Status refused = follower.TakeUpNow();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr(damaged));
  EXPECT_EQ(service_->status().bundle_version, version);
}

}  // namespace
}  // namespace upnext::serving
