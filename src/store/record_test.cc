// Items and users in the store, and their encoding.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "base/file.h"
#include "base/test_folder.h"
#include "schema/attribute.h"
#include "schema/raw_event.h"
#include "schema/schema.h"
#include "store/record_codec.h"
#include "store/store.h"

namespace upnext::store {
namespace {

using schema::Entity;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using Change = WriteBatch::NewRecord::Change;

constexpr uint32_t kItemDuration = schema::item_attribute::kDuration,
                   kItemTitle = schema::item_attribute::kTitle,
                   kItemTopics = schema::item_attribute::kTopics;

schema::Schema ShopOfRecords() {
  return schema::Schema::Parse("schema.items.price = 'number'\nschema.users.plan = 'category'\n")
      .value();
}

TEST(RecordCodec, KeepsAttributesAndRefusesEveryTruncation) {
  const schema::Schema schema = ShopOfRecords();
  const uint32_t price = *schema.FindAttribute(Entity::kItem, "price");
  const RecordBody record{.attributes = {{kItemTopics, "x"}, {kItemTopics, "y"}, {price, "2.5"}}};
  const std::string bytes = EncodeRecord(schema, Entity::kItem, record);
  const auto back = DecodeRecord(schema, Entity::kItem, bytes);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_FALSE(back->deleted);
  EXPECT_EQ(back->attributes, record.attributes);
  for (size_t n = 0; n < bytes.size(); ++n) {
    const auto cut = DecodeRecord(schema, Entity::kItem, std::string_view(bytes).substr(0, n));
    ASSERT_FALSE(cut) << n;
    EXPECT_EQ(cut.error().code, Code::kDataLoss);
  }
  EXPECT_FALSE(DecodeRecord(schema, Entity::kItem, bytes + "x"));
  std::string other = bytes;
  other[0] = 2;
  EXPECT_FALSE(DecodeRecord(schema, Entity::kItem, other)) << "a later version";
  other = bytes;
  other[1] = 1;
  EXPECT_FALSE(DecodeRecord(schema, Entity::kItem, other)) << "deleted, with attributes";
}

TEST(RecordCodec, AttributesOfAnotherSchemaAreLeftOut) {
  const schema::Schema schema = ShopOfRecords();
  const uint32_t price = *schema.FindAttribute(Entity::kItem, "price");
  const std::string bytes =
      EncodeRecord(schema, Entity::kItem, {.attributes = {{kItemTitle, "a"}, {price, "2.5"}}});
  EXPECT_THAT(DecodeRecord({}, Entity::kItem, bytes)->attributes,
              ElementsAre(Pair(kItemTitle, "a")));
  const schema::Schema flags = schema::Schema::Parse("schema.items.price = 'flag'\n").value();
  EXPECT_THAT(DecodeRecord(flags, Entity::kItem, bytes)->attributes,
              ElementsAre(Pair(kItemTitle, "a")));
}

class RecordTest : public testing::Test {
 protected:
  RecordTest() { Reopen(); }
  void Reopen() {
    store_.reset();
    auto store = OpenRocksStore(folder_ / "store");
    ASSERT_TRUE(store) << store.error().message;
    store_ = *std::move(store);
  }
  std::optional<Record> Commit(WriteBatch::NewRecord record) {
    WriteBatch batch;
    batch.records.push_back(std::move(record));
    const auto done = store_->Commit(batch);
    EXPECT_TRUE(done) << done.error().message;
    if (!done) return std::nullopt;
    EXPECT_EQ(done->records.size(), 1u);
    return done->records[0];
  }
  std::optional<Record> Put(const std::string& name, const schema::RawAttributes& attributes,
                            Entity entity = Entity::kItem, uint64_t after = 0) {
    const schema::RawEntity row{name, attributes};
    return Commit({.entity = entity, .change = Change::kPut, .row = &row, .after = after});
  }
  std::optional<Record> Patch(const std::string& name, const schema::RawAttributes& attributes,
                              const std::vector<uint32_t>& mentioned,
                              const schema::RawAttributes* base = nullptr, uint64_t after = 0) {
    const schema::RawEntity row{name, attributes};
    return Commit({.entity = Entity::kItem,
                   .change = Change::kPatch,
                   .row = &row,
                   .mentioned = mentioned,
                   .base = base,
                   .after = after});
  }
  std::optional<Record> Delete(const std::string& name) {
    const schema::RawEntity row{name, {}};
    return Commit({.entity = Entity::kItem, .change = Change::kDelete, .row = &row});
  }
  std::vector<std::string> Names(Entity entity = Entity::kItem, std::string_view after = "") const {
    std::vector<std::string> names;
    EXPECT_TRUE(store_->Records(entity, after, [&](const Record& record) {
      names.push_back(record.row.name);
      return Ok();
    }));
    return names;
  }
  std::optional<Record> Of(const std::string& name, Entity entity = Entity::kItem) const {
    const auto record = store_->RecordOf(entity, name);
    EXPECT_TRUE(record) << record.error().message;
    return record ? *record : std::nullopt;
  }

  const base::TestFolder folder_;
  std::unique_ptr<Store> store_;
};

TEST_F(RecordTest, ArePutPatchedAndDeletedDurably) {
  EXPECT_EQ(Put("a", {{kItemTitle, "A"}, {kItemDuration, "3"}})->sequence, 1u);
  const auto patched =
      Patch("a", {{kItemDuration, "4"}, {kItemTopics, "x"}}, {kItemDuration, kItemTopics});
  ASSERT_TRUE(patched);
  EXPECT_EQ(patched->sequence, 2u);
  EXPECT_THAT(patched->row.attributes,
              ElementsAre(Pair(kItemDuration, "4"), Pair(kItemTopics, "x"), Pair(kItemTitle, "A")));
  EXPECT_THAT(Patch("a", {}, {kItemTitle})->row.attributes,
              ElementsAre(Pair(kItemDuration, "4"), Pair(kItemTopics, "x")));
  Put("b", {});
  Delete("b");
  Reopen();
  EXPECT_EQ(store_->last_sequence(), 5u);
  EXPECT_THAT(Of("a")->row.attributes,
              ElementsAre(Pair(kItemDuration, "4"), Pair(kItemTopics, "x")));
  EXPECT_TRUE(Of("b")->deleted);
  EXPECT_EQ(Of("c"), std::nullopt);
  EXPECT_FALSE(Patch("b", {}, {kItemTitle})) << "nothing to change";
  EXPECT_FALSE(Patch("c", {}, {kItemTitle}));
  EXPECT_EQ(Of("c"), std::nullopt);
  EXPECT_FALSE(Put("b", {{kItemTitle, "back"}})->deleted);
}

TEST_F(RecordTest, AreVisitedInOrderOfTheirNamesFromACursor) {
  for (const char* name : {"b", "a", "ab", "b\x01", "c"}) Put(name, {});
  Put("u", {}, Entity::kUser);
  EXPECT_THAT(Names(), ElementsAre("a", "ab", "b", "b\x01", "c"));
  EXPECT_THAT(Names(Entity::kItem, "ab"), ElementsAre("b", "b\x01", "c"));
  EXPECT_THAT(Names(Entity::kItem, "b"), ElementsAre("b\x01", "c"));
  EXPECT_THAT(Names(Entity::kItem, "zz"), IsEmpty());
  EXPECT_THAT(Names(Entity::kUser), ElementsAre("u"));
}

TEST_F(RecordTest, APatchOfWhatOnlyTheLogHasBeginsWithTheLog) {
  const schema::RawAttributes base = {{kItemDuration, "3"}, {kItemTitle, "of the log"}};
  EXPECT_THAT(Patch("a", {{kItemTitle, "new"}}, {kItemTitle}, &base)->row.attributes,
              ElementsAre(Pair(kItemDuration, "3"), Pair(kItemTitle, "new")));
  // What was posted last counts, unless the log has it.
  const schema::RawAttributes later = {{kItemDuration, "9"}};
  EXPECT_THAT(
      Patch("a", {{kItemTopics, "x"}}, {kItemTopics}, &later)->row.attributes,
      ElementsAre(Pair(kItemDuration, "3"), Pair(kItemTopics, "x"), Pair(kItemTitle, "new")));
  EXPECT_THAT(Patch("a", {{kItemTopics, "y"}}, {kItemTopics}, &later, /*after=*/2)->row.attributes,
              ElementsAre(Pair(kItemDuration, "9"), Pair(kItemTopics, "y")));
}

TEST_F(RecordTest, WhatChangesNothingHasNoNewNumberUnlessTheLogHasIt) {
  EXPECT_EQ(Put("a", {{kItemTitle, "A"}})->sequence, 1u);
  EXPECT_EQ(Put("a", {{kItemTitle, "A"}})->sequence, 1u);
  EXPECT_EQ(store_->last_sequence(), 1u);
  EXPECT_EQ(Put("a", {{kItemTitle, "A"}}, Entity::kItem, /*after=*/1)->sequence, 2u);
}

TEST_F(RecordTest, ChangesOfOneBatchBuildOnEachOtherAndShareItWithEvents) {
  const schema::RawEntity first{"a", {{kItemTitle, "A"}}}, second{"a", {{kItemDuration, "3"}}};
  schema::RawEvent event;
  event.user = "u";
  event.item = "a";
  event.type = schema::EventType::kClick;
  WriteBatch batch;
  batch.events.push_back({&event, ""});
  batch.records.push_back({.entity = Entity::kItem, .change = Change::kPut, .row = &first});
  batch.records.push_back({.entity = Entity::kItem,
                           .change = Change::kPatch,
                           .row = &second,
                           .mentioned = {kItemDuration}});
  const auto done = store_->Commit(batch);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->first, 1u);
  EXPECT_EQ(done->records[1]->sequence, 3u);
  EXPECT_THAT(Of("a")->row.attributes,
              ElementsAre(Pair(kItemDuration, "3"), Pair(kItemTitle, "A")));
  EXPECT_EQ(store_->last_sequence(), 3u);
}

TEST_F(RecordTest, ManyThreadsLoseNoPatch) {
  Put("a", {});
  std::vector<std::thread> threads;
  for (uint32_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const uint32_t attribute = std::array{kItemDuration, kItemTitle, kItemTopics, uint32_t{2}}[t];
      for (int i = 0; i < 20; ++i) {
        const schema::RawEntity row{"a", {{attribute, std::to_string(i)}}};
        WriteBatch batch;
        batch.records.push_back({.entity = Entity::kItem,
                                 .change = Change::kPatch,
                                 .row = &row,
                                 .mentioned = {attribute}});
        EXPECT_TRUE(store_->Commit(batch));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(Of("a")->row.attributes,
              ElementsAre(Pair(kItemDuration, "19"), Pair(2, "19"), Pair(kItemTopics, "19"),
                          Pair(kItemTitle, "19")));
  EXPECT_EQ(store_->last_sequence(), 81u);
}

TEST_F(RecordTest, AForgottenUserHasNoRecordAndNoIdAlsoInTheFiles) {
  const Numbering numbering{.log = 7, .first = std::vector<uint32_t>(9)};
  const std::string secret = "someone@example.org";
  const std::vector<std::string_view> names = {secret, "other"};
  ASSERT_TRUE(store_->Intern(numbering, schema::IdSpace::kUser, names));
  Put(secret, {{schema::user_attribute::kAge, "44"}}, Entity::kUser);
  Put("other", {}, Entity::kUser);
  std::vector<std::string> words;
  ASSERT_TRUE(store_->Forget(secret, &words));
  EXPECT_THAT(words, IsEmpty());
  EXPECT_EQ(Of(secret, Entity::kUser), std::nullopt);
  EXPECT_THAT(Names(Entity::kUser), ElementsAre("other"));
  std::vector<std::string> known;
  ASSERT_TRUE(store_->Names(numbering, [&](schema::IdSpace, std::string_view name, uint32_t) {
    known.emplace_back(name);
  }));
  EXPECT_THAT(known, ElementsAre("other"));
  store_.reset();
  for (const auto& file : std::filesystem::directory_iterator(folder_ / "store")) {
    const auto text = base::ReadFile(file.path());
    ASSERT_TRUE(text);
    EXPECT_EQ(text->find(secret), std::string::npos) << file.path();
  }
}

}  // namespace
}  // namespace upnext::store
