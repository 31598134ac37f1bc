#include "serving/attribution.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "serving/test_service.h"

namespace upnext::serving {
namespace {

Attributed RowOf(const std::vector<Attributed>& rows, const std::string& source) {
  for (const Attributed& row : rows) {
    if (row.source == source) return row;
  }
  return {};
}

TEST(Attribution, ClicksAndSecondsAreThoseOfTheFirstSourceOfTheAnswer) {
  TestService service;
  const auto slate = service->Recommend({.user = "u", .n = 5});
  ASSERT_TRUE(slate && !slate->items.empty());
  const Recommendation& item = slate->items.front();
  const std::string source = item.sources.front().source;
  schema::RawEvent click{.user = "u", .item = item.id, .request = slate->request};
  click.time_ms = schema::kNoTime;
  click.type = schema::EventType::kClick;
  schema::RawEvent watch = click;
  watch.type = schema::EventType::kWatch;
  watch.value = 12.5f;
  schema::RawEvent like = click, elsewhere = click, of_nobody = click, other_user = click;
  like.type = schema::EventType::kLike;
  elsewhere.item = "no item of the answer";
  of_nobody.request = "00000000000000ab";
  other_user.user = "u1";
  const std::vector<std::string> ids = {"1", "2", "3", "4", "5", "6"};
  ASSERT_TRUE(service->PostEvents({click, watch, like, elsewhere, of_nobody, other_user}, ids));
  ASSERT_TRUE(service->PostEvents({click, watch}, std::vector<std::string>{"1", "2"}));  // repeated
  const Attributed row = RowOf(service->attribution(), source);
  EXPECT_EQ(row.scenario, "");
  EXPECT_EQ(row.clicks, 1u);
  EXPECT_EQ(row.watch_seconds, 12.5);
  EXPECT_GE(row.served, 1u);
  uint64_t served = 0, clicks = 0;
  for (const Attributed& one : service->attribution()) {
    served += one.served;
    clicks += one.clicks;
  }
  EXPECT_EQ(served, slate->items.size());
  EXPECT_EQ(clicks, 1u);
}

TEST(Attribution, RowsAreBounded) {
  Attribution attribution;
  Recommendation item;
  item.sources = {{"popular", 1}};
  for (size_t i = 0; i < Attribution::kMostRows + 10; ++i) {
    attribution.CountServed("s" + std::to_string(i), {&item, 1});
  }
  const std::vector<Attributed> rows = attribution.rows();
  EXPECT_EQ(rows.size(), Attribution::kMostRows + 1);
  EXPECT_EQ(RowOf(rows, "other").served, 10u);
}

}  // namespace
}  // namespace upnext::serving
