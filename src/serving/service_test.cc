#include "serving/service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "serving/test_service.h"

namespace upnext::serving {
namespace {

using bundle::TestProject;
using events::RawEvent;
using testing::HasSubstr;

class ServiceTest : public testing::Test {
 protected:
  std::vector<std::string> ListOf(const std::string& user, uint32_t n = 10) {
    const Result<Slate> slate = service_->Recommend({.user = user, .n = n});
    EXPECT_TRUE(slate);
    std::vector<std::string> ids;
    for (const Recommendation& item : slate->items) ids.push_back(item.id);
    return ids;
  }
  static RawEvent Watch(const std::string& user, const std::string& item) {
    return features::Watch(user, item, events::kNoTime, 99);
  }

  TestService service_;
};

TEST_F(ServiceTest, SV04_PostedWatchChangesTheNextListAndLeavesTheItemOut) {
  for (const std::string user : {"u", "a new user"}) {
    const std::vector<std::string> before = ListOf(user);
    ASSERT_FALSE(before.empty());
    const auto applied = service_->PostEvents({Watch(user, before[0])}, {});
    ASSERT_TRUE(applied) << applied.error().message;
    EXPECT_EQ(applied->accepted, 1u);
    const std::vector<std::string> after = ListOf(user);
    EXPECT_THAT(after, testing::Not(testing::Contains(before[0])));
    // Not the same list minus one item: the user's vector moved.
    std::vector<std::string> rest(before.begin() + 1, before.end());
    EXPECT_NE(std::vector<std::string>(after.begin(), after.begin() + 9), rest);
  }
}

TEST_F(ServiceTest, EventsSurviveARestart) {
  ASSERT_TRUE(service_->PostEvents({Watch("u", "i3"), Watch("u", "not of the log")}, {}));
  const std::string state = service_->State("u")->Serialize();
  const std::vector<std::string> list = ListOf("u");
  service_.Restart();
  EXPECT_EQ(service_->State("u")->Serialize(), state);
  EXPECT_EQ(ListOf("u"), list);
}

TEST_F(ServiceTest, EventsWithoutATimeGetTheClock) {
  service_.clock().Set(features::Minutes(30'000));
  ASSERT_TRUE(service_->PostEvents({Watch("somebody", "i3")}, {}));
  EXPECT_EQ(service_->State("somebody")->totals().last_ms, features::Minutes(30'000));
  RawEvent early = Watch("somebody", "i4");
  early.time_ms = features::Minutes(29'000);
  ASSERT_TRUE(service_->PostEvents({early}, {}));
  EXPECT_EQ(service_->State("somebody")->totals().first_ms, features::Minutes(29'000));
}

TEST_F(ServiceTest, StatusCountsEventsAndDuplicates) {
  const std::vector<std::string> ids = {"a", "a", ""};
  const std::vector<RawEvent> events = {Watch("u", "i3"), Watch("u", "i3"), Watch("u", "fresh")};
  ASSERT_TRUE(service_->PostEvents(events, ids));
  const ServiceStatus status = service_->status();
  EXPECT_EQ(status.events_applied, 2u);
  EXPECT_EQ(status.duplicates, 1u);
  EXPECT_EQ(status.items, 41u);
  EXPECT_EQ(status.bundle_version, "v000001");
  EXPECT_EQ(status.log_version, "v000001");
  const auto mismatch = service_->PostEvents(events, std::vector<std::string>{"one"});
  ASSERT_FALSE(mismatch);
  EXPECT_EQ(mismatch.error().code, Code::kInvalidArgument);
  EXPECT_EQ(service_->status().events_applied, 2u);
}

TEST_F(ServiceTest, SV03_BundleOfAnotherLogIsRefused) {
  const TestProject other({.items = 41});
  ServiceOptions options = service_.options();
  options.log_root = other.log_root();
  const auto service = Service::Start(options);
  ASSERT_FALSE(service);
  EXPECT_EQ(service.error().code, Code::kFailedPrecondition);
  EXPECT_THAT(service.error().message, HasSubstr("trained on log"));
}

TEST_F(ServiceTest, WithoutABundleItSaysWhatToRun) {
  const base::TestFolder empty;
  ServiceOptions options = service_.options();
  options.bundle_root = empty.path();
  const auto service = Service::Start(options);
  ASSERT_FALSE(service);
  EXPECT_EQ(service.error().code, Code::kNotFound);
  EXPECT_THAT(service.error().message, HasSubstr("upnext train"));
}

TEST_F(ServiceTest, SecondServiceOnTheSameStoreIsRefused) {
  const auto second = Service::Start(service_.options());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::kAborted);
}

TEST_F(ServiceTest, RequestsAndEventsFromManyThreadsLoseNothing) {
  constexpr int kThreads = 4, kEach = 25;
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        RawEvent event = Watch(i % 2 == 0 ? "shared" : fmt::format("own{}", t),
                               fmt::format("new{}", (t + i) % 7));
        const std::vector<std::string> ids = {fmt::format("{}-{}", t, i)};
        if (!service_->PostEvents({event}, ids)) ++failures;
        if (!service_->Recommend({.user = "shared", .n = 5})) ++failures;
        if (!service_->Similar("i3", 5)) ++failures;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
  uint64_t events = service_->State("shared")->totals().events;
  for (int t = 0; t < kThreads; ++t) {
    events += service_->State(fmt::format("own{}", t))->totals().events;
  }
  EXPECT_EQ(events, static_cast<uint64_t>(kThreads * kEach));
  const std::string state = service_->State("shared")->Serialize();
  service_.Restart();
  EXPECT_EQ(service_->State("shared")->Serialize(), state);
}

}  // namespace
}  // namespace upnext::serving
