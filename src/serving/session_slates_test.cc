// What a session was served is the user's after a merge: pages, clicks and impressions.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "schema/raw_event.h"
#include "serving/replay.h"
#include "serving/test_service.h"

namespace upnext::serving {
namespace {

using testing::HasSubstr;

constexpr const char* kVisit = "session:v";

class SessionSlatesTest : public testing::TestWithParam<bool> {
 protected:
  void RestartWith(int64_t days, bool impressions) {
    EngineOptions options;
    options.slates = {.keep_days = days, .impressions = impressions};
    service_.Restart(options);
  }
  static schema::RawEvent Sent(const std::string& user, const Slate& slate, size_t place,
                               schema::EventType type) {
    schema::RawEvent event{.user = user, .item = slate.items[place].id, .request = slate.request};
    event.type = type;
    event.time_ms = schema::kNoTime;
    return event;
  }
  uint64_t Impressions(const std::string& user) {
    uint64_t count = 0;
    EXPECT_TRUE(service_.store()->EventsOf(user, 0, [&](uint64_t, const schema::RawEvent& event) {
      count += event.type == schema::EventType::kImpression;
      return Ok();
    }));
    return count;
  }
  uint64_t Clicks() {
    uint64_t clicks = 0;
    for (const Attributed& row : service_->attribution()) clicks += row.clicks;
    return clicks;
  }
  Result<Slate> PageAfter(const std::string& user, const std::string& request) {
    return service_->Recommend(*service_->generation(), {.user = user, .n = 3}, request);
  }
  TestService service_;
};

// Also after a restart, when memory knows nothing.
TEST_P(SessionSlatesTest, AreTheUsersAfterTheMerge) {
  RestartWith(30, true);
  const auto slate = service_->Recommend({.user = kVisit, .n = 3});
  const auto merged = service_->Merge(kVisit, "u1");
  ASSERT_TRUE(merged) << merged.error().message;
  EXPECT_EQ(merged->changed, 3u) << "the impressions that the server wrote";
  if (GetParam()) service_.Restart();
  const auto posted = service_->PostEvents({Sent("u1", *slate, 0, schema::EventType::kImpression),
                                            Sent("u1", *slate, 1, schema::EventType::kClick)},
                                           {});
  ASSERT_TRUE(posted) << posted.error().message;
  EXPECT_EQ(posted->accepted, 1u);
  EXPECT_EQ(posted->duplicates, 1u);
  EXPECT_EQ(Impressions("u1"), 3u);
  EXPECT_EQ(Clicks(), 1u);
  const auto next = PageAfter("u1", slate->request);
  ASSERT_TRUE(next) << next.error().message;
  for (const Recommendation& item : next->items) {
    for (const Recommendation& before : slate->items) EXPECT_NE(item.id, before.id);
  }
  EXPECT_EQ(PageAfter(kVisit, slate->request).error().code, Code::kNotFound);
  EXPECT_EQ(service_->Served(slate->request)->request.user, "u1");
}
INSTANTIATE_TEST_SUITE_P(FromMemoryAndStore, SessionSlatesTest, testing::Bool());

TEST_F(SessionSlatesTest, NextPagesOfASessionGoOnWithoutALog) {
  RestartWith(0, false);
  const auto slate = service_->Recommend({.user = kVisit, .n = 3});
  ASSERT_TRUE(service_->Merge(kVisit, "u1"));
  EXPECT_TRUE(PageAfter("u1", slate->request));
  EXPECT_FALSE(PageAfter(kVisit, slate->request));
}

TEST_F(SessionSlatesTest, AnAnswerUnderWayDuringTheMergeIsNobodys) {
  RestartWith(30, true);
  const auto first = service_->Recommend({.user = kVisit, .n = 3});
  const auto slate =
      service_->Recommend(*service_->generation(), {.user = kVisit, .n = 3}, "",
                          [&](auto*) { EXPECT_TRUE(service_->Merge(kVisit, "u1")); });
  EXPECT_FALSE(service_->Served(slate->request));
  EXPECT_FALSE(PageAfter("u1", slate->request));
  EXPECT_FALSE(PageAfter(kVisit, slate->request));
  EXPECT_EQ(Impressions(kVisit), 0u);
  EXPECT_TRUE(service_->Served(first->request));
}

TEST_F(SessionSlatesTest, AreReplayedAsOnesOfASession) {
  const auto slate = service_->Recommend({.user = kVisit, .n = 3});
  std::vector<schema::RawEvent> watches;
  for (size_t place : {0, 1}) {
    watches.push_back(Sent(kVisit, *slate, place, schema::EventType::kWatch));
    watches.back().value = 95;
  }
  ASSERT_TRUE(service_->PostEvents(watches, {}));
  const auto later = service_->Recommend({.user = kVisit, .n = 3});
  ASSERT_TRUE(service_->Merge(kVisit, "u1"));
  ReplayOptions options;
  options.log_root = service_.project().log_root();
  options.bundle_root = service_.project().bundle_root();
  options.store = service_.project().store();
  options.generation = service_.options().generation;
  const auto replayer = Replayer::Open(std::move(options));
  ASSERT_TRUE(replayer) << replayer.error().message;
  const auto replayed = (*replayer)->Replay(*RequestNumber(later->request));
  ASSERT_TRUE(replayed) << replayed.error().message;
  EXPECT_EQ(replayed->result, Replayed::Result::kUnsure);
  EXPECT_THAT(replayed->detail, HasSubstr("a session that was merged"));
}

}  // namespace
}  // namespace upnext::serving
