#include "store/stored_events.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/checksum.h"
#include "base/file.h"
#include "base/test_folder.h"
#include "store/rocks_db.h"
#include "store/store.h"

namespace upnext::store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
namespace fs = std::filesystem;

constexpr char kGone[] = "somebody@example.org";

class StoredEventsTest : public ::testing::Test {
 protected:
  StoredEventsTest() : store_(OpenRocksStore(path()).value()) {}
  fs::path path() const { return folder_ / "store"; }
  void Post(const std::string& user, int64_t time_ms, const std::string& id = "") {
    const schema::RawEvent event = {
        .user = user, .item = "i", .time_ms = time_ms, .type = schema::EventType::kClick};
    const auto done = store_->Commit({.events = {{&event, id}}, .states = {}});
    ASSERT_TRUE(done) << done.error().message;
  }
  // "ann 10 id", of what a log with this mark does not have; the mark of one that has them.
  std::vector<std::string> Read(const log::PostedMark& since) {
    std::vector<std::string> lines;
    const auto mark =
        ReadStored(path(), {}, since, {.event = [&](const schema::RawEvent& event) -> Status {
                     EXPECT_TRUE(event.posted);
                     lines.push_back(fmt::format("{} {} {}", event.user, event.time_ms, event.id));
                     return Ok();
                   }});
    EXPECT_TRUE(mark) << mark.error().message;
    mark_ = mark.value_or(log::PostedMark{});
    return lines;
  }
  std::set<std::string> Files() const {
    std::set<std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(folder_.path())) {
      files.insert(entry.path().string());
    }
    return files;
  }
  std::vector<std::string> FilesWith(std::string_view bytes) const {
    std::vector<std::string> found;
    for (const std::string& file : Files()) {
      if (!fs::is_regular_file(file)) continue;
      if (base::ReadFile(file).value().find(bytes) != std::string::npos) found.push_back(file);
    }
    return found;
  }
  void Reopen() {
    store_.reset();
    store_ = OpenRocksStore(path()).value();
  }

  base::TestFolder folder_;
  std::unique_ptr<Store> store_;
  log::PostedMark mark_;
};

TEST_F(StoredEventsTest, WhatALogDoesNotHaveIsReadWhileTheStoreIsOpen) {
  Post("bob", 20, "b-1");
  Post("ann", 10);
  const std::set<std::string> files = Files();
  EXPECT_THAT(Read({}), ElementsAre("ann 10 ", "bob 20 b-1"));
  EXPECT_EQ(mark_, (log::PostedMark{.store = store_->id(), .through = 2}));
  EXPECT_EQ(Files(), files) << "reading leaves the folder as it is";
  const log::PostedMark first = mark_;
  EXPECT_THAT(Read(first), IsEmpty());
  Post("ann", 30);
  EXPECT_THAT(Read(first), ElementsAre("ann 30 "));
  EXPECT_THAT(Read({.store = store_->id() + 2, .through = 3}),
              ElementsAre("ann 10 ", "ann 30 ", "bob 20 b-1"))
      << "the mark of another store says nothing about this one";
}

TEST_F(StoredEventsTest, EventsAreReadFromFilesThatTheServerMergedMeanwhile) {
  for (int i = 0; i < 100; ++i) Post(fmt::format("u{:03}", i), i);
  Reopen();
  std::vector<std::string> words;
  ASSERT_TRUE(store_->Forget("u007", &words));  // writes the files anew
  EXPECT_EQ(Read({}).size(), 99u);
  EXPECT_EQ(mark_.through, 101u);
}

TEST_F(StoredEventsTest, ItemsAndUsersAreReadOnce) {
  const schema::RawEntity item{"i", {{schema::item_attribute::kTitle, "I"}}}, gone{"g", {}},
      user{"u", {}};
  WriteBatch batch;
  batch.records.push_back({.entity = schema::Entity::kItem,
                           .change = WriteBatch::NewRecord::Change::kPut,
                           .row = &item});
  batch.records.push_back({.entity = schema::Entity::kItem,
                           .change = WriteBatch::NewRecord::Change::kDelete,
                           .row = &gone});
  ASSERT_TRUE(store_->Commit(batch));
  std::vector<std::string> found;
  const auto read = [&](const log::PostedMark& since) {
    found.clear();
    return ReadStored(path(), {}, since,
                      {.event = [](const schema::RawEvent&) { return Ok(); },
                       .record =
                           [&](schema::Entity entity, const Record& record) {
                             found.push_back(fmt::format("{} {} {} {}", schema::EntityName(entity),
                                                         record.row.name, record.deleted,
                                                         record.row.attributes.size()));
                             return Ok();
                           }});
  };
  const auto mark = read({});
  ASSERT_TRUE(mark) << mark.error().message;
  EXPECT_THAT(found, ElementsAre("items g true 0", "items i false 1"));
  EXPECT_EQ(mark->through, 2u);
  WriteBatch more;
  more.records.push_back({.entity = schema::Entity::kUser,
                          .change = WriteBatch::NewRecord::Change::kPut,
                          .row = &user});
  ASSERT_TRUE(store_->Commit(more));
  ASSERT_TRUE(read(*mark));
  EXPECT_THAT(found, ElementsAre("users u false 0"));
}

TEST_F(StoredEventsTest, WithoutAStoreThereIsNothing) {
  const log::PostedMark since = {.store = 3, .through = 4};
  const auto mark = ReadStored(folder_ / "none", {}, since,
                               {.event = [](const schema::RawEvent&) { return Ok(); }});
  ASSERT_TRUE(mark) << mark.error().message;
  EXPECT_EQ(*mark, since);
  EXPECT_EQ(ReadDeletions(folder_ / "none").value().store, 0u);
}

TEST_F(StoredEventsTest, AStoreKeepsItsIdAndEachHasItsOwn) {
  const uint64_t id = store_->id();
  EXPECT_NE(id, 0u);
  Reopen();
  EXPECT_EQ(store_->id(), id);
  EXPECT_NE(OpenRocksStore(folder_ / "other").value()->id(), id);
}

TEST_F(StoredEventsTest, NumbersContinueAfterThoseOfALogThatIsNewer) {
  Post("ann", 10);
  ASSERT_TRUE(store_->ContinueAfter(50));
  ASSERT_TRUE(store_->ContinueAfter(7)) << "smaller than what is there: nothing to do";
  EXPECT_EQ(store_->last_sequence(), 50u);
  Reopen();
  Post("ann", 20);
  EXPECT_THAT(Read({.store = store_->id(), .through = 50}), ElementsAre("ann 20 "));
  EXPECT_EQ(mark_.through, 51u);
}

TEST_F(StoredEventsTest, NamesAndStatesOfOtherLogsAreInNoFileOnceTheyAreDropped) {
  const Numbering log = {.log = 1, .first = std::vector<uint32_t>(16, 5)};
  const std::vector<std::string_view> words = {"xylophone"};
  ASSERT_TRUE(store_->Intern(log, schema::IdSpace::kQuery, words));
  const SavedState state = {.through = 1, .bytes = "bytes"};
  ASSERT_TRUE(
      store_->Commit({.events = {}, .states = {{.tag = 1, .user = kGone, .state = state}}}));
  Reopen();
  ASSERT_FALSE(FilesWith("xylophone").empty());
  ASSERT_TRUE(store_->DropOthers(2, 2));
  EXPECT_THAT(FilesWith("xylophone"), IsEmpty());
  EXPECT_THAT(FilesWith(kGone), IsEmpty());
}

TEST_F(StoredEventsTest, WordsThatOnlyAForgottenUserSearchedAreInNoFileAndIdsStayAsTheyWere) {
  const auto search = [&](std::string user, std::string query) {
    const schema::RawEvent event = {.user = std::move(user),
                                    .time_ms = 1,
                                    .type = schema::EventType::kSearch,
                                    .query = std::move(query)};
    ASSERT_TRUE(store_->Commit({.events = {{&event, ""}}, .states = {}}));
  };
  using schema::IdSpace;
  const std::vector<Numbering> logs = {{.log = 1, .first = std::vector<uint32_t>(16, 5)},
                                       {.log = 2, .first = std::vector<uint32_t>(16, 9)}};
  const std::vector<std::string_view> queries = {"xylophone", "shared words", "okapi"};
  for (const Numbering& log : logs) ASSERT_TRUE(store_->Intern(log, IdSpace::kQuery, queries));
  ASSERT_TRUE(store_->Intern(logs[0], IdSpace::kItem, std::vector<std::string_view>{"okapi"}));
  for (const char* query : {"xylophone", "shared words", "okapi"}) search(kGone, query);
  search("ann", "shared words");
  Reopen();
  // Waits for the next commit, which does not come.
  ASSERT_TRUE(store_->Intern(logs[0], IdSpace::kQuery, std::vector<std::string_view>{"quetzal"}));
  ASSERT_FALSE(FilesWith("xylophone").empty());

  std::vector<std::string> words;
  ASSERT_TRUE(store_->Forget(kGone, &words));
  EXPECT_THAT(words, testing::UnorderedElementsAre("xylophone", "okapi", "quetzal"));
  EXPECT_THAT(FilesWith("xylophone"), IsEmpty());
  EXPECT_FALSE(FilesWith("shared words").empty());
  for (const bool again : {false, true}) {
    if (again) Reopen();
    for (const Numbering& log : logs) {
      std::map<std::string, uint32_t> names;
      ASSERT_TRUE(store_->Names(log, [&](IdSpace space, std::string_view name, uint32_t id) {
        if (space == IdSpace::kQuery) names.emplace(name, id);
      }));
      EXPECT_THAT(names, ElementsAre(testing::Pair("shared words", log.first[0] + 1)));
    }
  }
  const auto ids = store_->Intern(logs[0], IdSpace::kQuery,
                                  std::vector<std::string_view>{"shared words", "okapi"});
  ASSERT_TRUE(ids) << ids.error().message;
  EXPECT_THAT(*ids, ElementsAre(6u, 9u)) << "no id is given twice";
}

TEST_F(StoredEventsTest, AForgottenUserIsInNoFileAndOthersStay) {
  for (int i = 0; i < 50; ++i) {
    Post(kGone, i, fmt::format("id-{}", i));
    Post(fmt::format("u{}", i), i);
  }
  Reopen();  // some of it in files, some in the write-ahead log
  Post(kGone, 60, "id-60");
  const SavedState state = {.through = 3, .bytes = "bytes"};
  ASSERT_TRUE(store_->Commit({.events = {},
                              .states = {{.tag = 1, .user = kGone, .state = state},
                                         {.tag = 9, .user = kGone, .state = state}}}));
  ASSERT_FALSE(FilesWith(kGone).empty());

  std::vector<std::string> words;
  const Status forgotten = store_->Forget(kGone, &words);
  ASSERT_TRUE(forgotten) << forgotten.error().message;
  EXPECT_EQ(store_->ForgottenAt(kGone).value(), 102u);
  EXPECT_EQ(store_->ForgottenAt("u1").value(), 0u);
  EXPECT_EQ(Read({}).size(), 50u);
  EXPECT_FALSE(store_->State(1, kGone).value());
  ASSERT_TRUE(
      store_->Commit({.events = {}, .states = {{.tag = 1, .user = kGone, .state = state}}}));
  EXPECT_FALSE(store_->State(1, kGone).value()) << "a state that was made before is not saved";
  const log::Deletions deletions = ReadDeletions(path()).value();
  EXPECT_EQ(deletions.store, store_->id());
  EXPECT_EQ(deletions.last, 102u);
  EXPECT_THAT(deletions.users, ElementsAre(std::pair(base::Fingerprint(kGone), uint64_t{102})));
  EXPECT_THAT(FilesWith(kGone), IsEmpty());
  Reopen();
  EXPECT_THAT(FilesWith(kGone), IsEmpty());

  Post(kGone, 70, "id-1");
  EXPECT_THAT(Read({.store = store_->id(), .through = 102}),
              ElementsAre(fmt::format("{} 70 id-1", kGone)))
      << "who comes back is new, with any id";
}

TEST(StoredEvents, AStoreThatAServerIsMakingHasNothingYet) {
  const base::TestFolder folder;
  const fs::path path = folder / "store";
  ASSERT_TRUE(RocksDb::Open(path));  // its files are there before its format is written
  const StoredVisitor none = {
      .event = [](const schema::RawEvent&) { return Internal("an event"); }};
  const auto mark = ReadStored(path, {}, {.store = 3, .through = 4}, none);
  ASSERT_TRUE(mark) << mark.error().message;
  EXPECT_EQ(mark->through, 4u);
  EXPECT_TRUE(ReadDeletions(path)->users.empty());
}

}  // namespace
}  // namespace upnext::store
