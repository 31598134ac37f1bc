// A server's clock that is set back, as by NTP or a restored virtual machine.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/clock.h"
#include "features/test_log.h"
#include "schema/event.h"
#include "serving/test_service.h"

namespace upnext::serving {
namespace {

TEST(ClockBack, EventsAreTakenAndFeedsMadeAsBefore) {
  TestService service;
  ASSERT_TRUE(service->PostEvents({features::Watch("ann", "i3", schema::kNoTime, 99)}, {}));
  service.clock().Advance(-base::kDayMs);
  // Its time is before that of the last one; the order is that of arrival.
  ASSERT_TRUE(service->PostEvents({features::Watch("ann", "i5", schema::kNoTime, 99)}, {}));
  EXPECT_EQ(service->State("ann")->totals().events, 2u);
  const Result<Slate> feed = service->Recommend({.user = "ann", .n = 10});
  ASSERT_TRUE(feed) << feed.error().message;
  EXPECT_FALSE(feed->items.empty());
  std::vector<std::string> ids;
  for (const Recommendation& one : feed->items) ids.push_back(one.id);
  EXPECT_THAT(ids, testing::Not(testing::Contains("i5")));
  // A page that was served after what is now the time can still be asked on.
  const auto next =
      service->Recommend(*service->generation(), {.user = "ann", .n = 5}, feed->request);
  EXPECT_TRUE(next) << next.error().message;
  service.Restart();
  EXPECT_EQ(service->State("ann")->totals().events, 2u);
}

}  // namespace
}  // namespace upnext::serving
