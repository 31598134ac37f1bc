// A second import of everything keeps the numbers of the log that there is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "import/test_import.h"
#include "log/event_log.h"
#include "log/forget.h"
#include "schema/event.h"

namespace upnext::import {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ImportContinueTest : public ImportTest {
 protected:
  log::EventLog ImportOf(std::string_view events, std::string_view items = "") {
    Write("events.csv", "user,item,time,type\n" + std::string(events));
    Write("items.csv", "item,channel,removed\n" + std::string(items));
    return RunAndOpen(options_);
  }
  static uint32_t ItemOf(const log::EventLog& log, std::string_view name) {
    return log.dictionary(schema::IdSpace::kItem).Find(name);
  }
  ImportOptions options_ = {.events_sql = "FROM read_csv('{data}/events.csv', all_varchar = true)",
                            .items_sql = "FROM read_csv('{data}/items.csv', all_varchar = true)"};
};

TEST_F(ImportContinueTest, ANewExportHasTheNumbersOfTheOldAndItsOwnFlagsAndHistories) {
  const log::EventLog old =
      ImportOf("u1,b,1,like\nu2,c,2,like\nu3,d,3,like\n", "b,x,\nc,y,\nd,y,\n");
  EXPECT_EQ(report_.gone_items, 0u);
  const log::EventLog log = ImportOf("u1,b,1,like\nu2,a,5,like\n", "b,x,true\nc,z,\na,y,\n");
  EXPECT_EQ(report_.numbered_afresh, "");
  EXPECT_THAT(log.lineage(), ElementsAre(old.digest(), log.digest()));
  EXPECT_EQ(ItemOf(log, "b"), ItemOf(old, "b"));
  EXPECT_EQ(ItemOf(log, "a"), old.items());
  EXPECT_TRUE(log.item(ItemOf(log, "b")).removed);
  EXPECT_EQ(log.dictionary(schema::IdSpace::kChannel).name(log.item(ItemOf(log, "c")).channel),
            "z");
  EXPECT_THAT(Lines(log), ElementsAre("u1 b 1000 like nan", "u2 a 5000 like nan"));
  EXPECT_TRUE(log.IsGone(schema::Entity::kItem, ItemOf(log, "d")));
  EXPECT_EQ(report_.gone_items, 1u);
  EXPECT_EQ(report_.gone_users, 1u);
  EXPECT_EQ(report_.log_items, 3u);
  EXPECT_EQ(report_.log_users, 2u);
  EXPECT_EQ(report_.log_events, 2u);
}

TEST_F(ImportContinueTest, WhatIsGoneIsReportedOnceAndForgottenUsersAreNot) {
  const std::string others = "u4,b,1,like\nu5,b,1,like\n";
  ImportOf("u1,b,1,like\nu2,c,2,like\nu3,d,3,like\n" + others);
  const auto forgotten = log::ForgetUsers(base::VersionedRoot(log_root()),
                                          {.users = {"u3"}, .deletions = {}}, base::NoProgress());
  ASSERT_TRUE(forgotten) << forgotten.error().message;
  const std::pair<uint64_t, uint64_t> expected[] = {{1, 0}, {0, 0}};
  for (const auto& gone : expected) {
    ImportOf("u1,b,1,like\nu2,c,2,like\n" + others);
    EXPECT_EQ(report_.numbered_afresh, "");
    EXPECT_EQ(std::pair(report_.gone_items, report_.gone_users), gone);
    EXPECT_EQ(report_.log_users, 4u);
    EXPECT_EQ(report_.log_items, 2u);
  }
  ImportOf("u1,b,1,like\nu1,c,1,like\n" + others);
  EXPECT_EQ(report_.gone_users, 1u) << "u2";
}

TEST_F(ImportContinueTest, TheSameExportAgainIsTheSameLog) {
  const log::EventLog old = ImportOf("u1,b,1,like\nu2,c,2,like\n");
  const log::EventLog log = ImportOf("u1,b,1,like\nu2,c,2,like\n");
  EXPECT_EQ(log.content_digest(), old.content_digest());
  EXPECT_NE(log.directory(), old.directory());
}

TEST_F(ImportContinueTest, AnotherSiteIsNumberedAfreshAndTheReportSaysWhy) {
  const log::EventLog old = ImportOf("u1,b,1,like\nu2,c,2,like\nu2,d,2,like\n");
  const log::EventLog log = ImportOf("u1,b,1,like\n");
  EXPECT_THAT(report_.numbered_afresh, HasSubstr("2 of 3 numbers of items"));
  EXPECT_THAT(log.lineage(), ElementsAre(log.digest()));
  EXPECT_EQ(log.items(), 1u);
  EXPECT_EQ(report_.gone_items, 0u);
}

TEST_F(ImportContinueTest, AnotherSchemaIsNumberedAfresh) {
  const log::EventLog old = ImportOf("u1,b,1,like\n");
  options_.schema = schema::Schema::Parse("schema.users.plan = 'category'").value();
  const log::EventLog log = ImportOf("u1,b,1,like\n");
  EXPECT_EQ(report_.numbered_afresh, "the [schema] has changed");
  EXPECT_THAT(log.lineage(), ElementsAre(log.digest()));
}

TEST_F(ImportContinueTest, ADamagedLogIsReplacedWithANote) {
  const log::EventLog old = ImportOf("u1,b,1,like\nu2,c,2,like\n");
  ASSERT_TRUE(base::WriteFileAtomic(old.directory() / "items.upn", "no log"));
  const log::EventLog log = ImportOf("u1,b,1,like\nu1,a,1,like\n");
  EXPECT_THAT(log.lineage(), ElementsAre(log.digest()));
}

}  // namespace
}  // namespace upnext::import
