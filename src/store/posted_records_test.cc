#include "store/posted_records.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/progress.h"
#include "base/test_folder.h"
#include "base/versioned_root.h"
#include "catalogue/catalogue.h"
#include "catalogue/entity_attributes.h"
#include "catalogue/test_log.h"
#include "log/append.h"
#include "log/compact.h"
#include "log/event_log.h"
#include "store/test_store.h"

namespace upnext::store {
namespace {

using schema::Entity;
using schema::IdSpace;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using Change = WriteBatch::NewRecord::Change;

constexpr uint32_t kPostedTitle = schema::item_attribute::kTitle,
                   kPostedTopics = schema::item_attribute::kTopics;

class PostedRecordsTest : public testing::Test {
 protected:
  PostedRecordsTest() { Reopen(); }
  // Everything from disk again, into a new catalogue.
  void Reopen() {
    posted_.reset();
    store_.reset();
    auto store = OpenRocksStore(folder_ / "store");
    ASSERT_TRUE(store) << store.error().message;
    store_ = std::make_unique<HookedStore>(*std::move(store));
    Attach(*log_);
  }
  void Attach(const catalogue::TestLog& log, uint64_t max_names = 100,
              size_t bytes = PostedRecords::kMostBytes) {
    posted_.reset();
    catalogue_ =
        std::make_unique<catalogue::Catalogue>(log::EventLog::Open(log.log().directory()).value());
    auto posted = PostedRecords::Attach(*store_, *catalogue_, max_names, bytes);
    ASSERT_TRUE(posted) << posted.error().message;
    posted_ = *std::move(posted);
  }
  Result<std::vector<uint32_t>> Apply(Change change, const std::string& name,
                                      schema::RawAttributes attributes,
                                      std::vector<uint32_t> mentioned = {},
                                      Entity entity = Entity::kItem) {
    const EntityChange one{change, {name, std::move(attributes)}, std::move(mentioned)};
    return posted_->Apply(entity, {&one, 1}, [] { return true; });
  }
  schema::RawAttributes Of(const std::string& name, Entity entity = Entity::kItem) const {
    const auto id = catalogue::FindEntity(*catalogue_, entity, name);
    EXPECT_TRUE(id) << id.error().message;
    return id ? catalogue::AttributesOf(*catalogue_, entity, *id) : schema::RawAttributes();
  }

  const base::TestFolder folder_;
  const std::unique_ptr<catalogue::TestLog> log_ = std::make_unique<catalogue::TestLog>(
      std::vector<schema::RawEvent>{catalogue::Watch("u", "a", catalogue::kStartMs, 10)},
      std::vector<schema::RawItem>{catalogue::ItemOf("a", 60, "c", {"x"})},
      std::vector<schema::RawUser>{});
  std::unique_ptr<HookedStore> store_;
  std::unique_ptr<catalogue::Catalogue> catalogue_;
  std::unique_ptr<PostedRecords> posted_;
};

TEST_F(PostedRecordsTest, WhatIsPutIsInTheCatalogueAtOnceAndAfterAReopening) {
  const auto ids =
      Apply(Change::kPut, "new", {{kPostedTitle, "N"}, {kPostedTopics, "fresh topic"}});
  ASSERT_TRUE(ids) << ids.error().message;
  for (const bool reopened : {false, true}) {
    if (reopened) Reopen();
    EXPECT_EQ(catalogue_->Find(IdSpace::kItem, "new"), ids->front());
    EXPECT_THAT(Of("new"),
                testing::IsSupersetOf({std::pair(kPostedTitle, std::string("N")),
                                       std::pair(kPostedTopics, std::string("fresh topic"))}));
  }
}

TEST_F(PostedRecordsTest, APatchKeepsWhatTheLogSays) {
  ASSERT_TRUE(Apply(Change::kPatch, "a", {{kPostedTitle, "A"}}, {kPostedTitle}));
  const schema::Item item = catalogue_->item(catalogue_->Find(IdSpace::kItem, "a"));
  EXPECT_EQ(item.duration_s, 60);
  EXPECT_EQ(item.title, "A");
  EXPECT_EQ(item.topics.size(), 1u);
}

TEST_F(PostedRecordsTest, WhatDoesNotExistIsNeitherPatchedNorDeleted) {
  for (const Change change : {Change::kPatch, Change::kDelete}) {
    const auto none = Apply(change, "nothing", {});
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, Code::kNotFound);
  }
  EXPECT_EQ(store_->last_sequence(), 0u);
  ASSERT_TRUE(Apply(Change::kDelete, "a", {}));
  EXPECT_TRUE(catalogue_->item(0).removed);
  EXPECT_FALSE(Apply(Change::kDelete, "a", {}));
  Reopen();
  EXPECT_TRUE(catalogue_->item(0).removed);
  EXPECT_FALSE(catalogue_->IsPresent(Entity::kItem, 0));
}

TEST_F(PostedRecordsTest, AnItemThatWasDeletedDoesNotExistAlsoWhenTheLogHasThat) {
  ASSERT_TRUE(Apply(Change::kDelete, "a", {}));
  log::PostedMark mark{.store = store_->id(), .through = store_->last_sequence()};
  // As an import makes it of the deletion; `removed` is the item of a file.
  schema::RawItem removed = catalogue::ItemOf("removed", 60, "c", {"x"});
  schema::RawItem deleted = catalogue::ItemOf("a", 0, "", {});
  removed.removed = deleted.removed = true;
  const auto attach = [&](const std::string& name) {
    const std::filesystem::path to = folder_ / name, joined = folder_ / (name + ".joined");
    std::filesystem::create_directories(to);
    std::filesystem::create_directories(joined);
    ASSERT_TRUE(log::WriteAppendedLog(joined, log_->log(), {}, std::vector{removed, deleted}, {}));
    const log::EventLog grown = log::EventLog::Open(joined).value();
    log::Forgotten nobody{
        .names = std::vector<std::vector<bool>>(grown.schema().id_spaces().size()), .posted = mark};
    nobody.names[static_cast<size_t>(IdSpace::kUser)].resize(grown.users());
    ASSERT_TRUE(log::WriteCompactedLog(to, grown, base::NoProgress(), &nobody));
    posted_.reset();
    catalogue_ = std::make_unique<catalogue::Catalogue>(log::EventLog::Open(to).value());
    posted_ = PostedRecords::Attach(*store_, *catalogue_, 100).value();
  };
  attach("moved");
  const uint32_t a = catalogue_->Find(IdSpace::kItem, "a");
  EXPECT_FALSE(catalogue_->IsPresent(Entity::kItem, a));
  EXPECT_TRUE(catalogue_->item(a).removed);
  EXPECT_TRUE(catalogue_->IsPresent(Entity::kItem, catalogue_->Find(IdSpace::kItem, "removed")));
  const auto again = Apply(Change::kDelete, "a", {});
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::kNotFound);
  ASSERT_TRUE(Apply(Change::kPut, "a", {{kPostedTitle, "A"}}));
  EXPECT_EQ(catalogue_->item(a).title, "A");
  ASSERT_TRUE(Apply(Change::kDelete, "a", {}));

  deleted.removed = false;  // a file has it again
  mark.through = store_->last_sequence();
  attach("again");
  EXPECT_TRUE(catalogue_->IsPresent(Entity::kItem, a));
}

TEST_F(PostedRecordsTest, AFailedWriteChangesNothing) {
  store_->before_commit = [] { return Unavailable("no disk"); };
  EXPECT_FALSE(Apply(Change::kPut, "a", {{kPostedTitle, "A"}}));
  store_->before_commit = nullptr;
  EXPECT_EQ(catalogue_->item(0).title, "");
  EXPECT_FALSE(catalogue_->IsPosted(Entity::kItem, 0));
}

TEST_F(PostedRecordsTest, AnItemBeyondTheLimitOfNamesIsRefusedAndACategoryIsAbsent) {
  Attach(*log_, /*max_names=*/1);
  ASSERT_TRUE(Apply(Change::kPut, "a", {{kPostedTopics, "x"}, {kPostedTopics, "first"}}));
  ASSERT_TRUE(Apply(Change::kPut, "a", {{kPostedTopics, "x"}, {kPostedTopics, "second"}}));
  EXPECT_EQ(catalogue_->item(0).topics.size(), 1u);
  const auto refused = Apply(Change::kPut, "more", {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kResourceExhausted);
  EXPECT_THAT(refused.error().message, HasSubstr("max_new_names"));
  EXPECT_FALSE(store_->RecordOf(Entity::kItem, "more")->has_value());
}

TEST_F(PostedRecordsTest, TheirMemoryHasALimit) {
  Attach(*log_, 100, /*bytes=*/1000);
  ASSERT_TRUE(Apply(Change::kPut, "a", {{kPostedTitle, std::string(2000, 'x')}}));
  const auto refused = Apply(Change::kPut, "a", {{kPostedTitle, "A"}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kResourceExhausted);
  EXPECT_THAT(refused.error().message, HasSubstr("--from-store"));
}

TEST_F(PostedRecordsTest, TakesWhatAnotherCatalogueWasGiven) {
  ASSERT_TRUE(Apply(Change::kPut, "new", {{kPostedTitle, "N"}}));
  catalogue::Catalogue other(log::EventLog::Open(log_->log().directory()).value());
  const auto late = PostedRecords::Attach(*store_, other, 100);
  ASSERT_TRUE(late);
  ASSERT_TRUE(Apply(Change::kPut, "newer", {{kPostedTitle, "NN"}}));
  EXPECT_EQ(other.Find(IdSpace::kItem, "newer"), schema::kNone);
  const uint32_t newer = (*late)->Take(Entity::kItem, "newer").value();
  EXPECT_EQ(newer, other.Find(IdSpace::kItem, "newer"));
  EXPECT_EQ(other.item(newer).title, "NN");
  EXPECT_EQ((*late)->Take(Entity::kItem, "nothing").value(), schema::kNone);
}

TEST_F(PostedRecordsTest, AUserHasAttributesUntilForgotten) {
  constexpr uint32_t kAge = schema::user_attribute::kAge;
  ASSERT_TRUE(Apply(Change::kPut, "v", {{kAge, "44"}}, {}, Entity::kUser));
  ASSERT_TRUE(Apply(Change::kPut, "u", {{kAge, "45"}}, {}, Entity::kUser));
  EXPECT_THAT(Of("v", Entity::kUser), ElementsAre(Pair(kAge, "44")));
  for (const char* user : {"u", "v"}) {
    std::vector<std::string> words;
    ASSERT_TRUE(store_->Forget(user, &words));
    posted_->Forget(user);
  }
  EXPECT_FALSE(catalogue::FindEntity(*catalogue_, Entity::kUser, "v"));
  EXPECT_FALSE(catalogue::FindEntity(*catalogue_, Entity::kUser, "u"));
  EXPECT_EQ(catalogue_->Find(IdSpace::kUser, "v"), schema::kNone);
  Reopen();
  EXPECT_FALSE(catalogue::FindEntity(*catalogue_, Entity::kUser, "v"));
  EXPECT_FALSE(catalogue::FindEntity(*catalogue_, Entity::kUser, "u")) << "the log has the name";
  ASSERT_TRUE(Apply(Change::kPut, "v", {{kAge, "7"}}, {}, Entity::kUser));
  EXPECT_THAT(Of("v", Entity::kUser), ElementsAre(Pair(kAge, "7")));
}

}  // namespace
}  // namespace upnext::store
