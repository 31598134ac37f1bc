#include "cli/feed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
  item.sources = {{"candidate-model", 0.5}, {"popular", 9}};
  item.predictions = {12.5f};
  item.reason = "popular";
  slate.items.push_back(item);
  slate.counts.catalogue = 1234;
  slate.notes = {"unknown user"};
  return slate;
}

TEST(Feed, TableNamesItemReasonAndOnRequestWhoProposedIt) {
  const std::vector<std::string> objectives = {"watch"};
  const std::string plain = SlateTable(OneItem(), objectives, "u1", false);
  EXPECT_THAT(plain, testing::HasSubstr("note: unknown user"));
  EXPECT_THAT(plain, testing::HasSubstr("v3"));
  EXPECT_THAT(plain, testing::HasSubstr("Größe — und sehr"));
  EXPECT_THAT(plain, testing::Not(testing::HasSubstr("Terminals")));
  EXPECT_THAT(plain, testing::Not(testing::HasSubstr("proposed by")));
  const std::string explained = SlateTable(OneItem(), objectives, "u1", true);
  EXPECT_THAT(explained, testing::HasSubstr("proposed by candidate-model 0.5, popular 9"));
  EXPECT_THAT(explained, testing::HasSubstr("predicted watch 12.5"));
  EXPECT_THAT(explained, testing::HasSubstr("1,234 items in the catalogue"));
}

TEST(Feed, JsonHoldsTheSame) {
  const std::vector<std::string> objectives = {"watch"};
  const nlohmann::json out = net::SlateJson(OneItem(), objectives, "u1", true);
  EXPECT_EQ(out["user"], "u1");
  EXPECT_EQ(out["request"], "r1");
  EXPECT_EQ(out["items"][0]["item"], "v3");
  EXPECT_EQ(out["items"][0]["predictions"]["watch"], 12.5);
  EXPECT_EQ(out["items"][0]["sources"][1]["source"], "popular");
  EXPECT_FALSE(net::SlateJson(OneItem(), objectives, "u1", false).contains("counts"));
}

}  // namespace
}  // namespace upnext::cli
