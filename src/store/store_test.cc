#include "store/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/test_folder.h"
#include "store/event_codec.h"

namespace upnext::store {
namespace {

using schema::EventType;
using schema::RawEvent;

RawEvent Watch(const std::string& user, const std::string& item, int64_t time_ms) {
  RawEvent event;
  event.user = user;
  event.item = item;
  event.time_ms = time_ms;
  event.type = EventType::kWatch;
  event.value = 12.5f;
  event.device = "phone";
  return event;
}

std::vector<std::string> ItemsOf(const Store& store, std::string_view user) {
  std::vector<std::string> items;
  EXPECT_TRUE(store.EventsOf(user, [&](const RawEvent& e) { items.push_back(e.item); }));
  return items;
}

TEST(EventCodec, KeepsEveryFieldAndRefusesEveryTruncation) {
  RawEvent event = Watch("u", "i", 123);
  event.query = "taylor swift";
  event.request = "r";
  event.source = "popular";
  event.region = "DE";
  event.current_item = "j";
  event.position = 7;
  event.propensity = 0.25f;
  event.off_site = true;
  const std::string bytes = EncodeEvent(event);
  const Result<RawEvent> back = DecodeEvent(bytes);
  ASSERT_TRUE(back);
  EXPECT_EQ(EncodeEvent(*back), bytes);
  EXPECT_EQ(back->current_item, "j");
  EXPECT_EQ(back->position, 7);
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(DecodeEvent(std::string_view(bytes).substr(0, size))) << size;
  }
  EXPECT_FALSE(DecodeEvent(bytes + "x"));
}

TEST(RocksStore, CommittedBatchIsThereWholeAfterReopening) {
  base::TestFolder folder;
  {
    auto store = OpenRocksStore(folder.path() / "store");
    ASSERT_TRUE(store) << store.error().message;
    WriteBatch batch;
    batch.events = {{Watch("ann", "x", 1), "id-1"}, {Watch("bob", "y", 2), ""}};
    batch.states = {{"ann", "state of ann"}};
    batch.names = {{schema::IdSpace::kItem, "x"}, {schema::IdSpace::kQuery, "y z"}};
    ASSERT_TRUE((*store)->Commit(batch));
    batch = {};
    batch.events = {{Watch("ann", "z", 3), ""}};
    ASSERT_TRUE((*store)->Commit(batch));
  }
  auto store = OpenRocksStore(folder.path() / "store");
  ASSERT_TRUE(store) << store.error().message;
  EXPECT_EQ((*store)->events(), 3u);
  EXPECT_THAT(ItemsOf(**store, "ann"), testing::ElementsAre("x", "z"));
  EXPECT_THAT(ItemsOf(**store, "bob"), testing::ElementsAre("y"));
  EXPECT_TRUE(*(*store)->HasEvent("ann", "id-1"));
  EXPECT_FALSE(*(*store)->HasEvent("bob", "id-1"));
  EXPECT_EQ(**(*store)->State("ann"), "state of ann");
  EXPECT_FALSE((*store)->State("bob")->has_value());
  std::vector<std::string> names;
  ASSERT_TRUE(
      (*store)->Names([&](schema::IdSpace, std::string_view name) { names.emplace_back(name); }));
  EXPECT_THAT(names, testing::ElementsAre("x", "y z"));
}

TEST(RocksStore, UsersWhoseIdsBeginAlikeStayApart) {
  base::TestFolder folder;
  auto store = OpenRocksStore(folder.path() / "store");
  ASSERT_TRUE(store);
  WriteBatch batch;
  batch.events = {{Watch("a", "1", 1), ""}, {Watch("ab", "2", 2), ""}, {Watch("", "3", 3), ""}};
  ASSERT_TRUE((*store)->Commit(batch));
  EXPECT_THAT(ItemsOf(**store, "a"), testing::ElementsAre("1"));
  EXPECT_THAT(ItemsOf(**store, "ab"), testing::ElementsAre("2"));
}

TEST(RocksStore, AnotherLogDropsStatesAndNamesButNoEvent) {
  base::TestFolder folder;
  auto store = OpenRocksStore(folder.path() / "store");
  ASSERT_TRUE(store);
  EXPECT_EQ(*(*store)->StateTag(), 0u);
  WriteBatch batch;
  batch.events = {{Watch("ann", "x", 1), "id-1"}};
  batch.states = {{"ann", "bytes"}};
  batch.names = {{schema::IdSpace::kItem, "x"}};
  ASSERT_TRUE((*store)->Commit(batch));
  ASSERT_TRUE((*store)->ResetFor(42));
  EXPECT_EQ(*(*store)->StateTag(), 42u);
  EXPECT_FALSE((*store)->State("ann")->has_value());
  int names = 0;
  ASSERT_TRUE((*store)->Names([&](schema::IdSpace, std::string_view) { ++names; }));
  EXPECT_EQ(names, 0);
  EXPECT_THAT(ItemsOf(**store, "ann"), testing::ElementsAre("x"));
  EXPECT_TRUE(*(*store)->HasEvent("ann", "id-1"));
}

TEST(RocksStore, SecondOpenerIsToldWhoHoldsIt) {
  base::TestFolder folder;
  auto store = OpenRocksStore(folder.path() / "store");
  ASSERT_TRUE(store);
  auto second = OpenRocksStore(folder.path() / "store");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::kAborted);
  EXPECT_THAT(second.error().message,
              testing::HasSubstr(fmt::format("process {} holds", getpid())));
}

}  // namespace
}  // namespace upnext::store
