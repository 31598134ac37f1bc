#include "cli/feed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "net/slate_json.h"

namespace upnext::cli {
namespace {

serving::Slate OneItem() {
  serving::Slate slate;
  slate.request = "r1";
  serving::Recommendation item;
  item.item = 3;
  item.id = "v3";
  item.title = "Größe — und sehr viele Wörter, die in keine Spalte eines Terminals passen";
  item.score = 12.5;
  item.sources = {{"candidate-model", 0.5}, {"co-watch", 0.25, "v1"}, {"popular", 9}};
  item.predictions = {12.5f};
  item.reason = "popular";
  slate.items.push_back(item);
  slate.counts.catalogue = 1234;
  slate.counts.filtered = {{"seen", 5}, {"removed", 2}};
  slate.notes = {"unknown user"};
  slate.degraded = {{"generators", "popular", "failed: NaN"}};
  return slate;
}

TEST(Feed, TableNamesItemReasonAndOnRequestWhoProposedIt) {
  const std::vector<std::string> objectives = {"watch"};
  const std::string plain = SlateTable(OneItem(), objectives, "u1", false);
  EXPECT_THAT(plain, testing::HasSubstr("note: unknown user"));
  EXPECT_THAT(plain, testing::HasSubstr("  degraded: generators, popular: failed: NaN\n"));
  EXPECT_THAT(plain, testing::HasSubstr("v3"));
  EXPECT_THAT(plain, testing::HasSubstr("Größe — und sehr"));
  EXPECT_THAT(plain, testing::Not(testing::HasSubstr("Terminals")));
  EXPECT_THAT(plain, testing::Not(testing::HasSubstr("proposed by")));
  const std::string explained = SlateTable(OneItem(), objectives, "u1", true);
  EXPECT_THAT(explained, testing::HasSubstr(
                             "proposed by candidate-model 0.5, co-watch 0.25 from v1, popular 9"));
  EXPECT_THAT(explained, testing::HasSubstr("predicted watch 12.5"));
  EXPECT_THAT(explained, testing::HasSubstr("1,234 items in the catalogue"));
  EXPECT_THAT(explained, testing::HasSubstr("(5 seen, 2 removed left out)"));
}

TEST(Feed, TitlesReasonsAndNotesStayOnTheirLine) {
  serving::Slate slate = OneItem();
  slate.items[0].title = "\x1b[31mred\tand\nline";
  slate.items[0].reason = "because you watched \x1b]0;title\a";
  slate.notes = {"region '\x1b[2J' was never seen"};
  slate.degraded = {{"generators", "popular", "failed:\nno \x1b[2J"}};
  const std::string table = SlateTable(slate, {}, "u1", false);
  EXPECT_THAT(table, testing::Not(testing::HasSubstr("\x1b")));
  EXPECT_THAT(table, testing::HasSubstr("\\x1b[31mred\\tand\\nline"));
  EXPECT_THAT(table, testing::HasSubstr("\\x1b]0;title\\x07"));
  EXPECT_EQ(std::ranges::count(table, '\n'), 4) << table;
}

TEST(Feed, ABoostIsExplained) {
  serving::Slate slate = OneItem();
  EXPECT_THAT(SlateTable(slate, {}, "u1", true), testing::Not(testing::HasSubstr("boosted")));
  slate.items[0].boost = 1.5;
  EXPECT_THAT(SlateTable(slate, {}, "u1", true), testing::HasSubstr("boosted by 1.5"));
  EXPECT_EQ(net::SlateJson(slate, {}, "u1", true)["items"][0]["boost"], 1.5);
}

TEST(Feed, ASecondPageGoesOnCounting) {
  EXPECT_THAT(SlateTable(OneItem(), {}, "u1", false), testing::HasSubstr("\n   1  "));
  EXPECT_THAT(SlateTable(OneItem(), {}, "u1", false, 20), testing::HasSubstr("\n  21  "));
}

TEST(Feed, JsonHoldsTheSame) {
  const std::vector<std::string> objectives = {"watch"};
  const nlohmann::json out = net::SlateJson(OneItem(), objectives, "u1", true);
  EXPECT_EQ(out["user"], "u1");
  EXPECT_EQ(out["request"], "r1");
  EXPECT_EQ(out["items"][0]["item"], "v3");
  EXPECT_EQ(out["items"][0]["predictions"]["watch"], 12.5);
  EXPECT_EQ(out["items"][0]["sources"][2]["source"], "popular");
  EXPECT_EQ(out["items"][0]["sources"][1]["from"], "v1");
  EXPECT_FALSE(out["items"][0]["sources"][0].contains("from"));
  EXPECT_EQ(out["counts"]["filtered_seen"], 5);
  EXPECT_EQ(out["counts"]["filtered_removed"], 2);
  EXPECT_FALSE(net::SlateJson(OneItem(), objectives, "u1", false).contains("counts"));
}

}  // namespace
}  // namespace upnext::cli
