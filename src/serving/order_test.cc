// What changes the order of a feed besides the models: dislikes, the item being watched, pages.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "features/live_counts.h"
#include "features/test_log.h"
#include "schema/event.h"
#include "serving/test_service.h"

namespace upnext::serving {
namespace {

using schema::EventType;

class OrderTest : public testing::TestWithParam<bool> {
 protected:
  static std::vector<std::string> IdsOf(const Slate& slate) {
    std::vector<std::string> ids;
    for (const Recommendation& item : slate.items) ids.push_back(item.id);
    return ids;
  }
  std::vector<std::string> Feed(const Request& request) const {
    const auto slate = test_->Recommend(request);
    EXPECT_TRUE(slate) << slate.error().message;
    return slate ? IdsOf(*slate) : std::vector<std::string>();
  }
  void Post(const std::string& user, EventType type, const std::string& item,
            float value = schema::kAbsent) {
    schema::RawEvent event = features::Of(type, user, item, features::Minutes(++minute_));
    event.value = value;
    EXPECT_TRUE(test_->PostEvents({event}, {}));
  }
  static uint32_t Disliked(const Slate& slate) {
    for (const FilterReason& reason : slate.counts.filtered) {
      if (reason.filter == "disliked") return reason.items;
    }
    ADD_FAILURE();
    return 0;
  }
  double minute_ = 19'000;
  TestService test_{{.ranker = GetParam()}};
};

TEST_P(OrderTest, ADismissedItemLeavesThatUsersFeedAtOnce) {
  for (const EventType type : {EventType::kDismiss, EventType::kDislike}) {
    const std::string first = Feed({.user = "u4", .n = 2})[0];
    Post("u4", type, first);
    EXPECT_THAT(Feed({.user = "u4", .n = 40}), testing::Not(testing::Contains(first)));
  }
  EXPECT_EQ(Disliked(*test_->Recommend({.user = "u4", .n = 40})), 2u);
  EXPECT_EQ(Disliked(*test_->Recommend({.user = "u5", .n = 40})), 0u);
  test_.Restart({.feed = {.filter_disliked = false}});
  EXPECT_EQ(Disliked(*test_->Recommend({.user = "u4", .n = 40})), 0u);
}

TEST_P(OrderTest, ALowRatingTakesAnItemOutAndAHigherOneBringsItBack) {
  test_.Restart({.feed = {.low_rating = 2.0f}});
  const std::string first = Feed({.user = "u4", .n = 2})[0];
  Post("u4", EventType::kRating, first, 2);
  EXPECT_THAT(Feed({.user = "u4", .n = 40}), testing::Not(testing::Contains(first)));
  Post("u4", EventType::kRating, first, 3);
  EXPECT_THAT(Feed({.user = "u4", .n = 40}), testing::Contains(first));
  Post("u4", EventType::kRating, first, 2);
  test_.Restart({});
  EXPECT_THAT(Feed({.user = "u4", .n = 40}), testing::Contains(first)) << "the log has no ratings";
}

// Items n of channel c<n mod 4> and topic t<n mod 3>; the user is new, so nothing was watched.
TEST_P(OrderTest, ItemsOfADislikedChannelAndTopicGoDown) {
  const std::vector<std::string> before = Feed({.user = "new", .n = 40});
  const int disliked = std::stoi(before.back().substr(1));
  Post("new", EventType::kDislike, before.back());
  const std::vector<std::string> after = Feed({.user = "new", .n = 40});
  test_.Restart({.feed = {.filter_disliked = false}});
  std::vector<std::string> unlowered = Feed({.user = "new", .n = 40});
  std::erase(unlowered, before.back());
  ASSERT_EQ(after.size(), unlowered.size());
  const auto mean_place = [&](const std::vector<std::string>& feed) {
    double places = 0, items = 0;
    for (size_t i = 0; i < feed.size(); ++i) {
      const int n = std::stoi(feed[i].substr(1));
      if (n % 4 != disliked % 4 && n % 3 != disliked % 3) continue;
      places += static_cast<double>(i);
      ++items;
    }
    return places / items;
  };
  EXPECT_GT(mean_place(after), mean_place(unlowered) + 3);
}

TEST_P(OrderTest, APageIsTheRestOfALongerList) {
  const std::vector<std::string> all = Feed({.user = "u1", .n = 15});
  ASSERT_EQ(all.size(), 15u);
  std::vector<std::string> pages;
  for (const uint32_t offset : {0u, 5u, 10u}) {
    const auto page = Feed({.user = "u1", .n = 5, .offset = offset});
    pages.insert(pages.end(), page.begin(), page.end());
  }
  EXPECT_EQ(pages, all);
  std::vector<std::string> second = {all.begin() + 5, all.begin() + 10};
  EXPECT_EQ(Feed({.user = "u1", .n = 5, .exclude = {all.begin(), all.begin() + 5}}), second);
  EXPECT_THAT(Feed({.user = "u1", .n = 5, .offset = 1'000}), testing::IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(, OrderTest, testing::Bool(), [](const auto& test) {
  return test.param ? "WithARanker" : "WithoutARanker";
});

TEST(OrderWithoutARanker, WhatManyChooseNowAndTheModelDoesNotKnowIsOnTheFirstPage) {
  TestService test({.ranker = false});
  std::vector<schema::RawEvent> events;
  for (int reader = 0; reader < 100; ++reader) {
    for (const char* item : {"hot", "warm"}) {
      if (item[0] == 'w' && reader % 2 == 0) continue;
      events.push_back(
          features::Watch(fmt::format("r{}", reader), item, test.clock().NowMs() - 1'000, 99));
    }
  }
  ASSERT_TRUE(test->PostEvents(events, {}));
  test.Restart();  // counts what is stored; a running server does so within seconds
  const auto place = [&](const char* id, uint32_t offset = 0) {
    const auto slate = test->Recommend({.user = "u4", .n = 41, .offset = offset});
    EXPECT_TRUE(slate);
    for (size_t i = 1; i < slate->items.size() && i < 20; ++i) {
      EXPECT_GE(slate->items[i - 1].score, slate->items[i].score) << i;
    }
    return std::ranges::find(slate->items, id, &Recommendation::id) - slate->items.begin();
  };
  EXPECT_EQ(place("hot"), 4);
  EXPECT_EQ(place("warm"), 9);
  EXPECT_EQ(place("warm", 5), 4) << "pages are parts of one list";
  test.Restart({.live = {.every = 3}});
  EXPECT_EQ(place("hot"), 2);
  test.Restart({.live = {.every = 0}});
  EXPECT_GT(place("hot"), 20);
}

// The positives of the log are complete watches.
TEST_P(OrderTest, ANewArticleThatAThousandUsersClickIsInListsMinutesLater) {
  const auto sources = [&]() -> std::vector<std::string> {
    const auto slate = test_->Recommend({.user = "u4", .n = 60});
    EXPECT_TRUE(slate);
    const auto found = std::ranges::find(slate->items, "article", &Recommendation::id);
    std::vector<std::string> names;
    if (found == slate->items.end()) return names;
    if (!GetParam()) {
      EXPECT_EQ(found - slate->items.begin(), 4) << "the first place for new items";
    }
    for (const SourceScore& source : found->sources) names.push_back(source.source);
    return names;
  };
  EXPECT_THAT(sources(), testing::IsEmpty());
  std::vector<schema::RawEvent> clicks;
  for (int reader = 0; reader < 1'000; ++reader) {
    clicks.push_back(features::Of(schema::EventType::kClick, fmt::format("reader {}", reader),
                                  "article", test_.clock().NowMs()));
  }
  ASSERT_TRUE(test_->PostEvents(clicks, {}));
  test_.clock().Advance(5 * 60'000);
  std::this_thread::sleep_for(features::LiveCounts::kRefresh);
  EXPECT_THAT(sources(), testing::Contains("trending"));
}

TEST(OrderWithoutARanker, TheItemBeingWatchedChangesTheFeedAndIsTheReason) {
  const TestService test({.ranker = false});
  const auto before = test->Recommend({.user = "u1", .n = 10});
  const auto watching = test->Recommend({.user = "u1", .n = 10, .current_item = "i2"});
  ASSERT_TRUE(before && watching);
  size_t because = 0, from_history = 0;
  for (const Recommendation& item : watching->items) {
    const bool from_current = std::ranges::any_of(
        item.sources, [](const SourceScore& source) { return source.from == "i2"; });
    because += from_current ? 1 : 0;
    from_history += from_current ? 0 : 1;
    EXPECT_EQ(item.reason.find("Title of 2") != std::string::npos, from_current) << item.reason;
  }
  EXPECT_GE(because, 2u);
  EXPECT_GE(from_history, 2u);
  for (size_t i = 1; i < watching->items.size(); ++i) {
    EXPECT_GE(watching->items[i - 1].score, watching->items[i].score);
  }
}

}  // namespace
}  // namespace upnext::serving
