#include "serving/service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <set>
#include <thread>

#include "base/time_text.h"
#include "base/versioned_root.h"
#include "bundle/test_bundle.h"
#include "retrieval/generator_registry.h"
#include "schema/attribute.h"
#include "schema/raw_event.h"
#include "schema/schema.h"
#include "serving/test_service.h"

namespace upnext::serving {
namespace {

using bundle::TestProject;
using schema::RawEvent;
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
    return features::Watch(user, item, schema::kNoTime, 99);
  }

  TestService service_;
};

TEST_F(ServiceTest, TimesFarAheadOfTheClockOrBeforeTheLogAreRefused) {
  service_.RestartWithLimits(60'000, 100 * base::kDayMs);
  const int64_t now = service_.clock().NowMs();
  const auto post = [&](int64_t time_ms) {
    return service_->PostEvents(
        {features::Watch("u", "i1", now, 99), features::Watch("u", "i1", time_ms, 99)}, {});
  };
  EXPECT_TRUE(post(now + 60'000)) << "clocks differ a little";
  EXPECT_TRUE(post(now - 90 * base::kDayMs));
  const auto refused = post(now + 60'001);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
  EXPECT_THAT(refused.error().message,
              testing::AllOf(HasSubstr("events[1]: time: expected at most 60 s after"),
                             HasSubstr("found " + base::FormatTime(now + 60'001))));
  EXPECT_FALSE(post(schema::kLatestMs));
  const int64_t first = service_->generation()->catalogue().log().stats().first_ms;
  EXPECT_TRUE(post(first - 100 * base::kDayMs));
  const auto early = post(first - 100 * base::kDayMs - 1);
  ASSERT_FALSE(early);
  EXPECT_EQ(early.error().code, Code::kInvalidArgument);
  EXPECT_THAT(early.error().message,
              testing::AllOf(HasSubstr("events[1]: time: expected at most 100 days before"),
                             HasSubstr("is at " + base::FormatTime(first)),
                             HasSubstr("[import] max_days_behind")));
  EXPECT_EQ(service_->status().events_applied, 6u) << "nothing of a refused batch is kept";
}

TEST(ServiceOfASite, ACategoryOfARequestThatTheLogNeverHadIsIgnoredWithANote) {
  const auto schema = schema::Schema::Parse("schema.requests.page = 'category'");
  ASSERT_TRUE(schema);
  TestService service({.schema = *schema});
  constexpr uint32_t kPage = schema::request_attribute::kBuiltIn;
  const auto notes = [&] {
    const auto slate = service->Recommend({.user = "u", .attributes = {{kPage, "home"}}});
    EXPECT_TRUE(slate);
    return slate ? slate->notes : std::vector<std::string>();
  };
  EXPECT_THAT(notes(), testing::Contains("page 'home' was never seen and is ignored"));
  RawEvent event = features::Watch("u", "i1", service.clock().NowMs(), 99);
  event.attributes = {{kPage, "home"}};
  ASSERT_TRUE(service->PostEvents({event}, {}));
  EXPECT_THAT(notes(), testing::Not(testing::Contains(HasSubstr("page")))) << "an event had it";
}

// Few candidates of the model alone, in its order: what is listed depends on the user's vector, and
// so do the scores.
TEST_F(ServiceTest, SV04_PostedWatchesMoveTheUserVectorOfTheNextRequest) {
  EngineOptions options;
  for (const auto& entry : retrieval::BuiltInGenerators()) {
    options.budgets[std::string(entry.name)] = entry.name == "candidate-model" ? 8 : 0;
  }
  service_.Restart(options);
  const auto retrieved = [&](const std::string& user) {
    const Result<Slate> slate =
        service_->Recommend({.user = user, .n = 8, .stage = Stage::kRetrieval});
    EXPECT_TRUE(slate);
    std::map<std::string, double> scores;
    for (const Recommendation& item : slate->items) scores.emplace(item.id, item.score);
    return scores;
  };
  for (const std::string user : {"u", "a new user"}) {
    SCOPED_TRACE(user);
    const std::map<std::string, double> before = retrieved(user);
    ASSERT_EQ(before.size(), 8u);
    EXPECT_EQ(retrieved(user), before) << "nothing happened in between";
    const std::string watched = before.begin()->first;
    ASSERT_TRUE(service_->PostEvents({Watch(user, watched)}, {}));
    const std::map<std::string, double> after = retrieved(user);
    EXPECT_FALSE(after.contains(watched));
    size_t common = 0;
    for (const auto& [item, score] : after) {
      const auto at = before.find(item);
      if (at == before.end()) continue;
      ++common;
      EXPECT_NE(score, at->second) << item << ": scored with the vector of before";
    }
    EXPECT_GT(common, 0u);
    // The same as after a fold of everything from disk.
    service_.Restart();
    EXPECT_EQ(retrieved(user), after);
  }
}

TEST_F(ServiceTest, SV04_PostedWatchChangesTheNextListAndLeavesTheItemOut) {
  for (const std::string user : {"u", "a new user"}) {
    const std::vector<std::string> before = ListOf(user);
    ASSERT_FALSE(before.empty());
    const auto posted = service_->PostEvents({Watch(user, before[0])}, {});
    ASSERT_TRUE(posted) << posted.error().message;
    EXPECT_EQ(posted->accepted, 1u);
    EXPECT_THAT(ListOf(user), testing::Not(testing::Contains(before[0])));
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
  const auto service = Service::Start(options, service_.store());
  ASSERT_FALSE(service);
  EXPECT_EQ(service.error().code, Code::kFailedPrecondition);
  EXPECT_THAT(service.error().message, HasSubstr("trained on log"));
}

TEST_F(ServiceTest, WhatWasAppendedToTheLogCountsAsIfItHadBeenPosted) {
  const std::vector<std::string> first = ListOf("u");
  std::vector<RawEvent> more = {Watch("u", first[0]), Watch("u", "brand-new"),
                                Watch("newcomer", "brand-new"), Watch("newcomer", "i2")};
  for (size_t i = 0; i < more.size(); ++i) {
    more[i].time_ms = features::Minutes(19'000 + static_cast<double>(i));
  }
  const TestService posted;
  ASSERT_TRUE(posted->PostEvents(more, {}));
  features::AppendToLog(base::VersionedRoot(service_.project().log_root()), more);
  EXPECT_EQ(service_->status().log_version, "v000001") << "a running service keeps its log";
  service_.Restart();
  EXPECT_EQ(service_->status().log_version, "v000002");
  EXPECT_EQ(service_->status().bundle_version, "v000001");
  EXPECT_EQ(service_->status().users, posted->status().users + 1);  // the newcomer has a number
  for (const std::string user : {"u", "newcomer", "u3"}) {
    EXPECT_EQ(service_->State(user)->Serialize(), posted->State(user)->Serialize()) << user;
    const Result<Slate> slate = posted->Recommend({.user = user, .n = 10});
    ASSERT_TRUE(slate);
    std::vector<std::string> expected;
    for (const Recommendation& item : slate->items) expected.push_back(item.id);
    EXPECT_EQ(ListOf(user), expected) << user;
  }
  EXPECT_THAT(ListOf("u"), testing::Not(testing::Contains(first[0])));
}

TEST_F(ServiceTest, ItemsBeyondTheBundleAreUnknownToItAndRemovedOnesLeave) {
  const std::string removed = ListOf("u3")[0];
  std::vector<RawEvent> more;
  for (int i = 0; i < 300; ++i) {
    more.push_back(Watch(fmt::format("new{}", i % 7), fmt::format("brand-new{}", i)));
    more.back().time_ms = features::Minutes(19'000 + i);
    more.back().device = more.back().region = more.back().source = fmt::format("name{}", i);
  }
  features::AppendToLog(base::VersionedRoot(service_.project().log_root()), more,
                        {{.item = removed, .removed = true}});
  service_.Restart();
  for (uint32_t user = 0; user < 12; ++user) {
    EXPECT_FALSE(ListOf(bundle::TestUser(user)).empty());
  }
  EXPECT_FALSE(ListOf("new3").empty());
  EXPECT_THAT(ListOf("u3"), testing::Not(testing::Contains(removed)));
  const Result<Slate> slate = service_->Recommend({.user = "new1",
                                                   .n = 10,
                                                   .device = "name7",
                                                   .region = "name299",
                                                   .current_item = "brand-new299"});
  ASSERT_TRUE(slate) << slate.error().message;
  for (const Recommendation& item : slate->items) {
    if (item.id.find("brand-new") == std::string::npos) continue;
    EXPECT_EQ(item.sources.front().source, "trending") << "the only one that knows them";
  }
  EXPECT_TRUE(service_->generation()->Similar({"brand-new299", 5}));
}

TEST_F(ServiceTest, AppendedEventsOfKnownNamesReachStoredStates) {
  ASSERT_TRUE(service_->PostEvents({Watch("u", "i3")}, {}));
  const uint64_t events = service_->State("u")->totals().events;
  RawEvent event = Watch("u", "i4");
  event.time_ms = features::Minutes(19'000);
  features::AppendToLog(base::VersionedRoot(service_.project().log_root()), {event});
  service_.Restart();
  EXPECT_EQ(service_->State("u")->totals().events, events + 1);
}

TEST_F(ServiceTest, WithoutABundleItSaysWhatToRun) {
  const base::TestFolder empty;
  ServiceOptions options = service_.options();
  options.bundle_root = empty.path();
  const auto service = Service::Start(options, service_.store());
  ASSERT_FALSE(service);
  EXPECT_EQ(service.error().code, Code::kNotFound);
  EXPECT_THAT(service.error().message, HasSubstr("upnext train"));
}

TEST_F(ServiceTest, AnItemThatManyChooseIsTrendingForOthersWithinSecondsAndAfterARestart) {
  const auto trending = [&](const std::string& item) {
    std::this_thread::sleep_for(features::LiveCounts::kRefresh);
    const Result<Slate> slate = service_->Recommend({.user = "u5", .n = 40});
    EXPECT_TRUE(slate);
    for (const Recommendation& one : slate->items) {
      for (const SourceScore& source : one.sources) {
        if (one.id == item && source.source == "trending") return source.score;
      }
    }
    return 0.0;
  };
  EXPECT_EQ(trending("brand-new"), 0);
  std::vector<RawEvent> chosen, by_one;
  for (int i = 0; i < 300; ++i) {
    chosen.push_back(Watch(fmt::format("reader {}", i), "brand-new"));
    by_one.push_back(Watch("one client", "pushed"));
  }
  ASSERT_TRUE(service_->PostEvents(chosen, {}));
  ASSERT_TRUE(service_->PostEvents(by_one, {}));
  EXPECT_NEAR(trending("brand-new"), 300, 1);
  EXPECT_LE(trending("pushed"), 1.01);
  service_.Restart();
  EXPECT_NEAR(trending("brand-new"), 300, 1);
}

TEST_F(ServiceTest, EventsThatCannotBeStoredAreRefusedAndFeedsContinue) {
  const std::vector<std::string> before = ListOf("u");
  service_.store()->before_commit = []() -> Status { return ResourceExhausted("no space left"); };
  const auto refused = service_->PostEvents({Watch("u", before[0])}, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kResourceExhausted);
  EXPECT_EQ(ListOf("u"), before);
  EXPECT_EQ(service_->status().events_applied, 0u);
}

// While the clock stands still, of this generation, the next one and the next server.
TEST_F(ServiceTest, RequestIdsAreFreshAndListsAreNot) {
  const std::vector<std::string> list = ListOf("u");
  std::set<std::string> requests;
  const auto ask_twice = [&] {
    for (int i = 0; i < 2; ++i) {
      const Result<Slate> slate = service_->Recommend({.user = "u", .n = 10});
      ASSERT_TRUE(slate) << slate.error().message;
      EXPECT_TRUE(requests.insert(slate->request).second) << slate->request;
    }
    EXPECT_EQ(ListOf("u"), list);
  };
  ask_twice();
  auto opened = bundle::OpenCurrent(base::VersionedRoot(service_.project().bundle_root()),
                                    base::VersionedRoot(service_.project().log_root()), {},
                                    bundle::LogChoice::kNewest);
  ASSERT_TRUE(opened) << opened.error().message;
  auto next = Generation::Make(*std::move(opened), service_.options().generation, service_.store(),
                               service_->generation().get());
  ASSERT_TRUE(next) << next.error().message;
  ASSERT_TRUE(service_->Replace(*std::move(next)));
  ask_twice();
  service_.Restart();
  ask_twice();
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
        if (!service_->generation()->Similar({"i3", 5})) ++failures;
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
