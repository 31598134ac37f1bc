// `upnext import --from-store`: posted events become part of the log, once; and events that a file
// and a client both have are one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "base/versioned_root.h"
#include "import/test_import.h"
#include "log/test_log_text.h"
#include "schema/raw_event.h"

namespace upnext::import {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// What a store holds, as ImportOptions::posted hands it out.
struct Posts {
  uint64_t store = 7;
  std::vector<schema::RawEvent> events = {};  // number i + 1
  struct Row {
    schema::Entity entity;
    schema::RawEntity row;
    bool deleted = false;
  };
  std::vector<Row> rows = {};  // those from `rows_from` on are new to a log of this store
  size_t rows_from = 0;

  void Add(std::string user, std::string item, int64_t time_ms, std::string id = "") {
    events.push_back({.user = std::move(user),
                      .item = std::move(item),
                      .time_ms = time_ms,
                      .type = schema::EventType::kClick,
                      .id = std::move(id),
                      .posted = true});
  }
  ReadPosted Reader() const {
    return [this](const log::PostedMark& since, const auto& visit) -> Result<log::PostedMark> {
      for (size_t i = since.store == store ? since.through : 0; i < events.size(); ++i) {
        UPNEXT_RETURN_IF_ERROR(visit.event(events[i]));
      }
      for (size_t i = since.store == store ? rows_from : 0; i < rows.size(); ++i) {
        UPNEXT_RETURN_IF_ERROR(visit.row(rows[i].entity, rows[i].row, rows[i].deleted));
      }
      return log::PostedMark{.store = store, .through = events.size() + rows.size()};
    };
  }
};

class ImportPostedTest : public ImportTest {
 protected:
  // Imports the lines of a file, if there are any, and the posts, if they are asked for.
  Result<ImportReport> RunWith(std::string_view lines, const Posts* posts, bool append = false) {
    Write("events.csv", "user,item,time,type,id\n" + std::string(lines));
    ImportOptions options = {.events_sql = "FROM read_csv('{data}/events.csv')", .append = append};
    if (posts != nullptr) options.posted = posts->Reader();
    options.posted_alone = lines.empty();
    return Run(options);
  }
  std::vector<std::string> Events() const { return log::TextOf(Current()); }
  log::EventLog Current() const {
    const base::VersionedRoot root(log_root());
    return log::EventLog::Open(root.Path(root.Current().value())).value();
  }
};

TEST_F(ImportPostedTest, PostedEventsJoinTheLogOnce) {
  Posts posts;
  posts.Add("a", "new", 150'000);
  posts.Add("b", "x", 90'000);
  ASSERT_TRUE(RunWith("a,x,100,click,\n", nullptr));
  auto report = RunWith("", &posts);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->version, "v000002");
  EXPECT_EQ(report->posted, 2u);
  EXPECT_EQ(report->posted_new, 2u);
  EXPECT_THAT(Events(), ElementsAre("a 100000 click x", "a 150000 click new posted",
                                    "b 90000 click x posted"));
  EXPECT_EQ(Current().posted(), (log::PostedMark{.store = 7, .through = 2}));

  report = RunWith("", &posts);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->version, "v000002") << "nothing new is no new version";
  EXPECT_EQ(report->posted, 0u);

  posts.Add("a", "x", 200'000);
  report = RunWith("", &posts);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->posted_new, 1u);
  EXPECT_EQ(Current().events(), 4u);
}

TEST_F(ImportPostedTest, PostedEventsArePlausibleUpToNowHoweverOldTheLogIs) {
  constexpr int64_t kLongAfter = 1'600'000'000'000, kFuture = 4'102'444'800'000;
  Posts posts;
  for (int i = 0; i < 5; ++i) posts.Add("a", "x", 150'000 + i * 60'000);
  posts.Add("b", "x", kLongAfter);
  posts.Add("b", "x", kFuture);  // by a server whose clock was wrong
  ASSERT_TRUE(RunWith("a,x,100,click,\n", nullptr));
  const auto report = RunWith("", &posts);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->posted_new, 6u);
  EXPECT_EQ(report->implausible_times, 1u);
  EXPECT_EQ(Current().stats().last_ms, kLongAfter);
}

TEST_F(ImportPostedTest, AnEventOfBothIsOneInEitherOrder) {
  Posts posts;
  posts.Add("a", "x", 101'500);             // the file says 100
  posts.Add("a", "y", 300'000, "order-9");  // the file says 900
  const std::string_view file = "a,x,100,click,\na,y,900,click,order-9\na,z,950,click,\n";
  ASSERT_TRUE(RunWith("c,x,1,click,\n", nullptr));
  ASSERT_TRUE(RunWith(file, nullptr, true));
  auto report = RunWith("", &posts);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->duplicates, 2u);
  EXPECT_EQ(report->posted_new, 0u);
  EXPECT_EQ(report->version, "v000002");
  EXPECT_EQ(Current().events(), 4u);

  std::filesystem::remove_all(log_root());
  ASSERT_TRUE(RunWith("c,x,1,click,\n", nullptr));
  ASSERT_TRUE(RunWith("", &posts));
  EXPECT_EQ(Current().events(), 3u);
  report = RunWith(file, nullptr, true);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->duplicates, 2u);
  EXPECT_EQ(Current().events(), 4u);
  EXPECT_EQ(Current().posted().through, 2u) << "an append of files leaves the mark as it is";
}

TEST_F(ImportPostedTest, FilesAndPostedEventsComeInOneVersion) {
  Posts posts;
  posts.Add("a", "x", 101'500);
  posts.Add("b", "x", 102'000);
  ASSERT_TRUE(RunWith("c,x,1,click,\n", nullptr));
  const auto report = RunWith("a,x,100,click,\n", &posts, true);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->version, "v000002");
  EXPECT_THAT(Events(),
              ElementsAre("a 100000 click x", "b 102000 click x posted", "c 1000 click x"));
}

TEST_F(ImportPostedTest, AFullImportBeginsAgainAndCanTakeAllPostedEvents) {
  Posts posts;
  posts.Add("a", "y", 200'000);
  ASSERT_TRUE(RunWith("a,x,100,click,\n", nullptr));
  ASSERT_TRUE(RunWith("", &posts));
  ASSERT_TRUE(RunWith("a,x,100,click,\n", nullptr));
  EXPECT_THAT(Events(), ElementsAre("a 100000 click x"));
  EXPECT_EQ(Current().posted(), log::PostedMark{}) << "its posted events are those of the store";
  ASSERT_TRUE(RunWith("a,x,100,click,\n", &posts));
  EXPECT_THAT(Events(), ElementsAre("a 100000 click x", "a 200000 click y posted"));
  EXPECT_EQ(Current().posted().through, 1u);
}

TEST_F(ImportPostedTest, AnotherStoreIsReadFromItsBeginning) {
  Posts posts;
  posts.Add("a", "y", 200'000);
  ASSERT_TRUE(RunWith("a,x,100,click,\n", nullptr));
  ASSERT_TRUE(RunWith("", &posts));
  posts = {.store = 8};
  posts.Add("a", "z", 300'000);
  ASSERT_TRUE(RunWith("", &posts));
  EXPECT_EQ(Current().events(), 3u) << "what the first store gave stays in the log";
  EXPECT_EQ(Current().posted(), (log::PostedMark{.store = 8, .through = 1}));
}

TEST_F(ImportPostedTest, WithoutALogItIsRefused) {
  const Posts posts;
  const auto report = RunWith("", &posts);
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().message, HasSubstr("there is no log yet"));
}

TEST_F(ImportPostedTest, WhatTheSchemaDoesNotAllowIsRejected) {
  Posts posts;
  posts.Add("a", "", 200'000);
  posts.Add("a", "y", 200'000);
  ASSERT_TRUE(RunWith("a,x,100,click,\n", nullptr));
  const auto report = RunWith("", &posts);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->rejected_events, 1u);
  EXPECT_EQ(report->posted_new, 1u);
  EXPECT_THAT(Rejects(), HasSubstr("store"));
}

TEST_F(ImportPostedTest, DeclaredAttributesComeAlong) {
  const schema::Schema schema =
      schema::Schema::Parse("schema.requests.page = 'category'\nschema.requests.depth = 'number'\n")
          .value();
  Posts posts;
  posts.Add("a", "y", 200'000);
  posts.events.back().attributes = {
      {*schema.FindAttribute(schema::Entity::kRequest, "page"), "home"},
      {*schema.FindAttribute(schema::Entity::kRequest, "depth"), "2.5"}};
  const ImportOptions options = {
      .events_sql = "SELECT 'a' AS user, 'x' AS item, 1 AS time, 'click' AS type",
      .schema = schema,
      .posted = posts.Reader()};
  ASSERT_TRUE(Run(options));
  EXPECT_THAT(Events(),
              ElementsAre("a 1000 click x", "a 200000 click y posted page home depth 2.5"));
}

TEST_F(ImportPostedTest, TheWindowOfSameEventsIsAnOption) {
  Posts posts;
  posts.Add("a", "x", 101'500);
  for (const auto& [window_ms, events] : {std::pair(0, 2u), std::pair(1'500, 1u)}) {
    std::filesystem::remove_all(log_root());
    const ImportOptions options = {
        .events_sql = "SELECT 'a' AS user, 'x' AS item, 100 AS time, 'click' AS type",
        .posted = posts.Reader(),
        .same_event_ms = window_ms};
    ASSERT_TRUE(Run(options));
    EXPECT_EQ(Current().events(), events);
    EXPECT_EQ(Current().same_event_ms(), window_ms);
  }
}

TEST_F(ImportPostedTest, IdsOfEventsAreReadAsTheyAreWritten) {
  ASSERT_TRUE(RunWith("a,x,100,click,007\na,y,200,click,7\na,z,300,click,007\n", nullptr));
  EXPECT_EQ(Current().events(), 2u) << "z has the id of x";
  EXPECT_EQ(Current().stats().with_id, 2u);
}

schema::Schema EveryKind() {
  return schema::Schema::Parse(
             "schema.items.stock = 'flag'\nschema.items.price = 'number'\n"
             "schema.items.listed = 'time'\nschema.items.brand = 'category'\n"
             "schema.items.tags = 'categories'\nschema.items.body = 'text'\n"
             "schema.items.vector = 'vector(2)'\nschema.users.plan = 'category'\n")
      .value();
}

TEST_F(ImportPostedTest, PostedItemsAndUsersTakeThePlaceOfThoseOfTheFiles) {
  using enum schema::Entity;
  const schema::Schema schema = EveryKind();
  const auto of = [&](schema::Entity entity, std::string_view name) {
    return *schema.FindAttribute(entity, name);
  };
  Write("events.csv", "user,item,time,type\na,x,100,click\na,y,200,click\n");
  ImportOptions options = {.events_sql = "FROM read_csv('{data}/events.csv')",
                           .items_sql =
                               "SELECT 'x' AS item, 7 AS price, 'old' AS brand UNION ALL "
                               "SELECT 'y', 8, 'kept' UNION ALL SELECT 'gone', 9, 'b'",
                           .schema = schema};
  ASSERT_TRUE(Run(options));
  Posts posts;
  posts.rows = {{kItem,
                 {"x",
                  {{schema::item_attribute::kCreated, "-1.500"},
                   {of(kItem, "stock"), "true"},
                   {of(kItem, "listed"), "1704067201.250"},
                   {of(kItem, "brand"), "it's"},
                   {of(kItem, "tags"), "t"},
                   {of(kItem, "tags"), "s"},
                   {of(kItem, "body"), "B"},
                   {of(kItem, "vector"), "1.5 2"}}}},
                {kItem, {"new", {}}},
                {kItem, {"gone", {}}, /*deleted=*/true},
                {kUser, {"someone", {{of(kUser, "plan"), "pro"}}}}};
  const auto check = [&](const char* when) {
    const log::EventLog log = Current();
    const auto id = [&](std::string_view name) {
      return log.dictionary(schema::IdSpace::kItem).Find(name);
    };
    EXPECT_EQ(log::DeclaredText(log, kItem, id("x")),
              " stock true listed 1704067201.250 brand it's tags t s body B vector 1.5 2")
        << when;
    EXPECT_EQ(log.item(id("x")).created_ms, -1'500) << when;
    EXPECT_EQ(log::DeclaredText(log, kItem, id("y")), " price 8 brand kept") << when;
    EXPECT_EQ(log::DeclaredText(log, kItem, id("new")), "") << when;
    EXPECT_TRUE(log.item(id("gone")).removed) << when;
    EXPECT_EQ(log::DeclaredText(log, kItem, id("gone")), "") << when;
    const uint32_t user = log.dictionary(schema::IdSpace::kUser).Find("someone");
    EXPECT_EQ(log::DeclaredText(log, kUser, user), " plan pro") << when;
    EXPECT_EQ(log.posted().through, 4u) << when;
  };
  options.posted = posts.Reader();
  options.posted_alone = true;
  auto report = Run(options);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->posted_items, 3u);
  EXPECT_EQ(report->posted_users, 1u);
  check("alone");
  options.posted_alone = false;
  report = Run(options);
  ASSERT_TRUE(report) << report.error().message;
  check("with all files");
}

}  // namespace
}  // namespace upnext::import
