// Watches that go on: what was said last counts, once, until they are closed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/test_folder.h"
#include "schema/event.h"
#include "schema/raw_event.h"
#include "store/store.h"

namespace upnext::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class OpenWatchesTest : public testing::Test {
 protected:
  OpenWatchesTest() { Open(); }
  void Open() {
    store_.reset();
    auto store = OpenRocksStore(folder_ / "store");
    ASSERT_TRUE(store) << store.error().message;
    store_ = *std::move(store);
  }
  // Whether it was taken.
  bool Post(const std::string& id, int64_t time_ms, float value, bool progress = true,
            const std::string& user = "u") {
    const schema::RawEvent event{.user = user,
                                 .item = "v",
                                 .time_ms = time_ms,
                                 .type = schema::EventType::kWatch,
                                 .value = value};
    WriteBatch batch;
    batch.events.push_back({&event, id, progress});
    const auto done = store_->Commit(batch);
    EXPECT_TRUE(done) << done.error().message;
    return done->accepted.size() == 1;
  }
  std::vector<float> OpenOnes() {
    std::vector<float> values;
    EXPECT_TRUE(store_->OpenWatchesOf("u", [&](const schema::RawEvent& event) {
      values.push_back(event.value);
      return Ok();
    }));
    return values;
  }
  std::vector<float> Events() {
    std::vector<float> values;
    EXPECT_TRUE(store_->EventsOf("u", 0, [&](uint64_t, const schema::RawEvent& event) {
      values.push_back(event.value);
      return Ok();
    }));
    return values;
  }
  bool InAFile(const std::string& bytes) const {
    for (const auto& file : std::filesystem::directory_iterator(folder_ / "store")) {
      const auto text = base::ReadFile(file.path());
      if (text && text->find(bytes) != std::string::npos) return true;
    }
    return false;
  }

  const base::TestFolder folder_;
  std::unique_ptr<Store> store_;
};

TEST_F(OpenWatchesTest, TheLastThatWasSaidCounts) {
  EXPECT_TRUE(Post("a", 1000, 10));
  EXPECT_TRUE(Post("a", 2000, 20));
  EXPECT_FALSE(Post("a", 1500, 15)) << "arrives late";
  EXPECT_FALSE(Post("a", 2000, 20)) << "sent again";
  EXPECT_TRUE(Post("a", 3000, 5)) << "the player went back";
  EXPECT_TRUE(Post("b", 1000, 1));
  EXPECT_THAT(OpenOnes(), ElementsAre(5, 1));
  EXPECT_THAT(Events(), IsEmpty());
  Open();
  EXPECT_THAT(OpenOnes(), ElementsAre(5, 1));
}

TEST_F(OpenWatchesTest, SeveralInOneBatchAreOne) {
  std::vector<schema::RawEvent> events(3);
  WriteBatch batch;
  for (size_t i = 0; i < events.size(); ++i) {
    events[i] = {.user = "u",
                 .item = "v",
                 .time_ms = static_cast<int64_t>(1000 * (i + 1)),
                 .type = schema::EventType::kWatch,
                 .value = static_cast<float>(i)};
    batch.events.push_back({&events[i], "a", true});
  }
  EXPECT_EQ(store_->Commit(batch)->accepted.size(), 3u);
  EXPECT_THAT(OpenOnes(), ElementsAre(2));
  EXPECT_EQ(store_->last_sequence(), 3u);
}

TEST_F(OpenWatchesTest, OneThatRestedIsAnEventAndTakesNoMore) {
  const uint64_t before = store_->Changes("u");
  Post("a", 1000, 10);
  Post("b", 9000, 20);
  EXPECT_GT(store_->Changes("u"), before);
  const auto closed = store_->CloseWatches(5000);
  ASSERT_TRUE(closed);
  ASSERT_EQ(closed->size(), 1u);
  EXPECT_EQ(closed->front().id, "a");
  EXPECT_THAT(Events(), ElementsAre(10));
  EXPECT_THAT(OpenOnes(), ElementsAre(20));
  EXPECT_FALSE(Post("a", 10'000, 30)) << "it is closed";
  EXPECT_FALSE(Post("a", 10'000, 30, false));
  EXPECT_THAT(*store_->CloseWatches(5000), IsEmpty());
  Open();
  EXPECT_THAT(Events(), ElementsAre(10));
}

TEST_F(OpenWatchesTest, AnEventWithoutProgressEndsIt) {
  Post("a", 1000, 10);
  EXPECT_TRUE(Post("a", 2000, 42, false));
  EXPECT_THAT(Events(), ElementsAre(42));
  EXPECT_THAT(OpenOnes(), IsEmpty());
  EXPECT_FALSE(Post("a", 3000, 50));
}

TEST_F(OpenWatchesTest, NothingIsLeftOfAForgottenUser) {
  Post("id of the watch", 1000, 10, true, "u");
  Post("b", 1000, 10, true, "u2");
  ASSERT_TRUE(InAFile("id of the watch"));
  std::vector<std::string> words;
  ASSERT_TRUE(store_->Forget("u", &words));
  EXPECT_THAT(OpenOnes(), IsEmpty());
  EXPECT_FALSE(InAFile("id of the watch"));
}

TEST_F(OpenWatchesTest, AMergedSessionsWatchGoesOnAsTheUsersAndOfTwoTheNewerCounts) {
  Post("a", 1000, 30, true, "session:s");
  Post("b", 1000, 50, true, "session:s");
  Post("b", 2000, 300);
  EXPECT_EQ(*store_->Merge("session:s", "u"), 0u);
  EXPECT_THAT(OpenOnes(), ElementsAre(30, 300));
  Post("a", 3000, 580);
  EXPECT_THAT(OpenOnes(), ElementsAre(580, 300));
  Open();
  EXPECT_EQ(store_->CloseWatches(5000)->size(), 2u);
  EXPECT_THAT(Events(), UnorderedElementsAre(580, 300));
  EXPECT_THAT(OpenOnes(), IsEmpty());
}

}  // namespace
}  // namespace upnext::store
