// Resources of one user.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/test_api.h"

namespace upnext::net {
namespace {

using testing::HasSubstr;

TEST_F(ApiTest, ADeletedUserHasNoHistoryAtOnceAndAfterARestart) {
  const auto events_of = [&](const char* user) {
    return service_->State(user).value().totals().events;
  };
  Post("/v1/events", R"({"events": [{"user": "a/b", "item": "i2", "type": "click"}]})");
  ASSERT_EQ(events_of("a/b"), 1u);
  ASSERT_GT(events_of("u"), 1u) << "of the log";
  const HttpResponse answer = Delete("/v1/users/a%2Fb");
  EXPECT_EQ(answer.status, 200u) << answer.body;
  EXPECT_EQ(nlohmann::json::parse(answer.body)["user"], "a/b");
  EXPECT_EQ(Delete("/v1/users/u").status, 200u);
  EXPECT_EQ(Delete("/v1/users/u").status, 200u) << "may be repeated";
  EXPECT_EQ(events_of("a/b"), 0u);
  EXPECT_EQ(events_of("u"), 0u);
  service_.Restart();
  EXPECT_EQ(events_of("u"), 0u);
}

TEST_F(ApiTest, ADeletionTakesNoParameters) {
  EXPECT_THAT(Detail(Delete("/v1/users/u?all=1"), 400), HasSubstr("no parameter 'all'"));
}

}  // namespace
}  // namespace upnext::net
