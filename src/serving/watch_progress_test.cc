#include "serving/watch_progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "serving/test_service.h"

namespace upnext::serving {
namespace {

using testing::HasSubstr;

class WatchProgressTest : public testing::Test {
 protected:
  Result<Posted> Post(float value, float portion = schema::kAbsent, const std::string& id = "w",
                      const std::string& item = "i0") {
    service_.clock().Advance(1000);
    schema::RawEvent event{.user = "watcher", .item = item, .value = value};
    event.time_ms = schema::kNoTime;
    event.type = schema::EventType::kWatch;
    event.progress = true;
    event.portion = portion;
    return service_->PostEvents({event}, std::vector<std::string>{id});
  }
  std::string Refusal(const Result<Posted>& posted) {
    return posted ? std::string() : posted.error().message;
  }
  uint64_t Watches() { return service_->State("watcher")->totals().events; }
  std::string StateBytes() { return service_->State("watcher")->Serialize(); }

  TestService service_;
};

TEST_F(WatchProgressTest, TheStateSeesOneWatchAsFarAsItIs) {
  for (const float seconds : {10.0f, 40.0f, 90.0f}) {
    EXPECT_EQ(Post(seconds)->accepted, 1u);
    EXPECT_EQ(Watches(), 1u);
  }
  const std::string open = StateBytes();
  service_.Restart();
  EXPECT_EQ(StateBytes(), open);
  // Closed, it is the same watch.
  service_.clock().Advance(WatchCloser::kRestMs + 1);
  service_.Restart();
  for (int i = 0; i < 1000; ++i) {
    uint64_t events = 0;
    ASSERT_TRUE(service_.store()->EventsOf("watcher", 0, [&](uint64_t, const schema::RawEvent&) {
      ++events;
      return Ok();
    }));
    if (events == 1) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(StateBytes(), open);
  EXPECT_EQ(Post(95)->duplicates, 1u);
  EXPECT_EQ(StateBytes(), open);
}

TEST_F(WatchProgressTest, APortionIsOneOfTheDuration) {
  ASSERT_TRUE(Post(0, 0.5f));  // of 100 seconds
  const std::string by_portion = StateBytes();
  ASSERT_TRUE(service_->Forget("watcher"));
  ASSERT_TRUE(Post(50, schema::kAbsent, "w2"));
  EXPECT_EQ(service_->State("watcher")->totals().events, 1u);
  float value = 0;
  ASSERT_TRUE(service_.store()->OpenWatchesOf("watcher", [&](const schema::RawEvent& event) {
    value = event.value;
    return Ok();
  }));
  EXPECT_EQ(value, 50);
  EXPECT_FALSE(by_portion.empty());
  EXPECT_THAT(Refusal(Post(0, 1.5f)), HasSubstr("events[0]: portion: expected 0 to 1"));
  EXPECT_THAT(Refusal(Post(0, 0.5f, "w", "i4")), HasSubstr("duration of item 'i4' is not known"));
  EXPECT_THAT(Refusal(Post(5, schema::kAbsent, "")), HasSubstr("expected an id"));
}

}  // namespace
}  // namespace upnext::serving
