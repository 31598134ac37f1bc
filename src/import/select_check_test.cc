#include "import/select_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "import/test_import.h"

namespace upnext::import {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(CheckSelects, SaysTheColumnsOfTheTablesThatAreGiven) {
  const auto checks =
      CheckSelects({.events_sql = "SELECT 'u' AS user, 'i' AS item, 0 AS time, 'watch' AS type;",
                    .users_sql = "SELECT 'u' AS user, 7 AS nothing_known"});
  ASSERT_TRUE(checks);
  ASSERT_EQ(checks->size(), 2u);
  EXPECT_THAT((*checks)[0].columns, ElementsAre("user", "item", "time", "type"));
  EXPECT_FALSE((*checks)[0].error);
  EXPECT_EQ((*checks)[1].table, "users");
  ASSERT_TRUE((*checks)[1].error);
  EXPECT_THAT((*checks)[1].error->message, HasSubstr("nothing_known"));
}

TEST(CheckSelects, TwoStatementsAreNoSelect) {
  const auto checks =
      CheckSelects({.events_sql = "SELECT 1 AS user; COPY (SELECT 1) TO 'written.csv'"});
  ASSERT_TRUE(checks);
  ASSERT_TRUE((*checks)[0].error);
  EXPECT_FALSE(std::filesystem::exists("written.csv"));
}

}  // namespace
}  // namespace upnext::import
