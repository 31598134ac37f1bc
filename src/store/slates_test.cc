// Slates in the store: their order in time, their users, and what the files have of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/checksum.h"
#include "base/file.h"
#include "base/test_folder.h"
#include "schema/raw_event.h"
#include "store/rocks_db.h"
#include "store/rocks_keys.h"
#include "store/snapshot_store.h"
#include "store/store.h"

namespace upnext::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

constexpr char kOwner[] = "owner@example.org";

class SlatesTest : public testing::Test {
 protected:
  SlatesTest() { Open(); }
  void Open() {
    store_.reset();
    auto store = OpenRocksStore(path());
    ASSERT_TRUE(store) << store.error().message;
    store_ = *std::move(store);
  }
  std::filesystem::path path() const { return folder_ / "store"; }
  void Serve(const std::string& user, uint64_t request, int64_t time_ms) {
    WriteBatch batch;
    batch.slates.push_back(
        {.slate = {.request = request, .time_ms = time_ms, .user = user, .bytes = "slate"}});
    ASSERT_TRUE(store_->Commit(batch));
  }
  std::vector<uint64_t> RequestsOf(std::string_view user) {
    std::vector<uint64_t> requests;
    EXPECT_TRUE(store_->SlatesOf(user, [&](const StoredSlate& slate) {
      requests.push_back(slate.request);
      return true;
    }));
    return requests;
  }
  // How many keys of slates there are, by kind.
  std::map<char, int> Keys() {
    std::map<char, int> counts;
    const auto db = RocksDb::OpenSnapshot(path()).value();
    for (const char kind : {'q', 'r', 't'}) {
      const std::string prefix(1, kind);
      EXPECT_TRUE(db->VisitPrefix(prefix, prefix, [&](std::string_view, std::string_view) {
        ++counts[kind];
        return Ok();
      }));
    }
    return counts;
  }
  // While the store is closed.
  void Edit(const std::function<void(rocksdb::WriteBatch*)>& edit) {
    store_.reset();
    rocksdb::WriteBatch out;
    edit(&out);
    ASSERT_TRUE(RocksDb::Open(path()).value()->Write(&out));
  }
  bool InAFile(const std::string& bytes) {
    for (const auto& file : std::filesystem::directory_iterator(path())) {
      const auto read = base::ReadFile(file.path());
      if (read && read->find(bytes) != std::string::npos) return true;
    }
    return false;
  }

  const base::TestFolder folder_;
  std::unique_ptr<Store> store_;
};

TEST_F(SlatesTest, TheOldestAreDroppedAndNoRecordOfTheOthersIsRead) {
  for (uint64_t i = 1; i <= 2500; ++i) Serve(i % 2 == 0 ? "even" : "odd", i, 1000 + 10 * i / 10);
  // A damaged place of a slate that stays: who reads it gets an error.
  Edit([](rocksdb::WriteBatch* out) { out->Put(TagPrefix('q', 2400), "short"); });
  Open();
  EXPECT_FALSE(store_->SlateOf(2400));
  const Status dropped = store_->DropSlatesBefore(1000 + 2300);
  ASSERT_TRUE(dropped) << dropped.error().message;
  EXPECT_THAT(Keys(), ElementsAre(Pair('q', 201), Pair('r', 201), Pair('t', 201)));
  EXPECT_FALSE(store_->SlateOf(2299)->has_value());
  EXPECT_TRUE(store_->SlateOf(2300)->has_value());
  EXPECT_EQ(RequestsOf("odd").back(), 2301u);
}

TEST_F(SlatesTest, AStoreOfTheEarlierFormatIsReadAndThenBroughtToThisOne) {
  for (uint64_t i = 1; i <= 1500; ++i) Serve("u", i, static_cast<int64_t>(i));
  Edit([](rocksdb::WriteBatch* out) {
    out->DeleteRange("t", "u");
    out->Put(kFormatKey, BigEndian(kEarlierFormat));
  });
  const auto snapshot = SnapshotStore::Open(path(), {});
  ASSERT_TRUE(snapshot) << snapshot.error().message;
  EXPECT_TRUE((*snapshot)->SlateOf(7)->has_value());
  Open();
  EXPECT_EQ(Keys().at('t'), 1500);
  ASSERT_TRUE(store_->DropSlatesBefore(1400));
  EXPECT_THAT(Keys(), ElementsAre(Pair('q', 101), Pair('r', 101), Pair('t', 101)));
  Open();
  EXPECT_EQ(RequestsOf("u").size(), 101u);
}

TEST_F(SlatesTest, TheRequestsOfAForgottenUserAreInNoFileWhoeverDroppedTheSlates) {
  constexpr uint64_t kDropped = 0x5a51e80f00d1a7e1, kKept = 0x5a51e80f00d1a7e2;
  Serve(kOwner, kDropped, 10);
  Open();  // in a file
  ASSERT_TRUE(store_->DropSlatesBefore(20));
  Serve(kOwner, kKept, 30);
  Serve("other", 3, 40);
  Open();
  const std::string fingerprint = BigEndian(base::Fingerprint(std::string_view(kOwner)));
  const auto place = [&](uint64_t sequence) { return fingerprint + BigEndian(~sequence); };
  ASSERT_TRUE(InAFile(place(2)));
  std::vector<std::string> words;
  ASSERT_TRUE(store_->Forget(kOwner, &words));
  EXPECT_THAT(Keys(), ElementsAre(Pair('q', 1), Pair('r', 1), Pair('t', 1)));
  EXPECT_FALSE(InAFile(kOwner));
  for (const uint64_t sequence : {1, 2}) EXPECT_FALSE(InAFile(place(sequence))) << sequence;
  for (const uint64_t request : {kDropped, kKept}) EXPECT_FALSE(InAFile(BigEndian(request)));
  EXPECT_TRUE(store_->SlateOf(3)->has_value());
}

TEST_F(SlatesTest, ThoseOfASessionAreTheUsersInTheirOrder) {
  Serve("session:s", 1, 10);
  Serve("ann", 2, 20);
  Serve("session:s", 3, 30);
  EXPECT_EQ(*store_->Merge("session:s", "ann"), 0u) << "it has no events";
  EXPECT_THAT(RequestsOf("ann"), ElementsAre(3, 2, 1));
  EXPECT_THAT(RequestsOf("session:s"), IsEmpty());
  EXPECT_EQ((*store_->SlateOf(1))->user, "ann");
  EXPECT_EQ((*store_->SlateOf(1))->merged, 4u);
  EXPECT_EQ((*store_->SlateOf(2))->merged, 0u);
  EXPECT_EQ(*store_->MergedAt("ann"), 0u) << "no event came so";
  ASSERT_TRUE(store_->DropSlatesBefore(15));
  EXPECT_THAT(RequestsOf("ann"), ElementsAre(3, 2));
  Open();
  std::vector<std::string> words;
  ASSERT_TRUE(store_->Forget("ann", &words));
  EXPECT_THAT(Keys(), IsEmpty());
  for (const char* name : {"session:s", "ann"}) EXPECT_FALSE(InAFile(name)) << name;
}

TEST_F(SlatesTest, AnAnswerThatWasBegunBeforeADeletionIsLeftOutWithItsImpressions) {
  Serve(kOwner, 1, 10);
  std::vector<std::string> words;
  ASSERT_TRUE(store_->Forget(kOwner, &words));  // 2
  const schema::RawEvent impression{.user = kOwner, .item = "i"};
  const auto commit = [&](uint64_t since) {
    WriteBatch batch;
    batch.events.push_back({.event = &impression, .id = "", .since = since});
    batch.slates.push_back({.slate = {.request = since, .user = kOwner}, .since = since});
    return *store_->Commit(batch);
  };
  EXPECT_THAT(commit(1).accepted, IsEmpty());
  EXPECT_THAT(commit(1).slates, IsEmpty());
  EXPECT_THAT(RequestsOf(kOwner), IsEmpty());
  EXPECT_THAT(commit(2).slates, ElementsAre(0));
  EXPECT_THAT(RequestsOf(kOwner), ElementsAre(2));
}

TEST_F(SlatesTest, AFirstAnswerThatWasBegunBeforeTheMergeOfItsSessionIsLeftOut) {
  Serve(kOwner, 1, 10);
  const uint64_t since = store_->last_sequence();
  EXPECT_EQ(*store_->Merge("session:new", kOwner), 0u) << "nothing is known of it";
  WriteBatch batch;
  batch.slates.push_back({.slate = {.request = 7, .user = "session:new"}, .since = since});
  EXPECT_THAT(store_->Commit(batch)->slates, IsEmpty());
  EXPECT_THAT(RequestsOf("session:new"), IsEmpty());
}

}  // namespace
}  // namespace upnext::store
