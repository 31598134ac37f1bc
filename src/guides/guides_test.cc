#include "guides/guides.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace upnext::guides {
namespace {

TEST(Guides, AreAllThereWithTitleAndText) {
  for (const std::string_view name :
       {"events", "http_api", "project_file", "running", "training"}) {
    const Guide* const guide = Find(name);
    ASSERT_NE(guide, nullptr) << name;
    EXPECT_TRUE(guide->text.starts_with("# ")) << name;
    EXPECT_EQ(guide->text.substr(2, guide->title.size()), guide->title);
    EXPECT_TRUE(guide->text.ends_with('\n')) << name;
  }
  EXPECT_EQ(Find("nothing"), nullptr);
  EXPECT_TRUE(std::ranges::is_sorted(All(), {}, &Guide::name));
}

TEST(Guides, ASummaryIsTheFirstParagraphOnOneLine) {
  EXPECT_EQ(SummaryOf({"a", "A", "# A\n\nOne line\nand another.\n\nMore.\n"}),
            "One line and another.");
  EXPECT_EQ(SummaryOf({"a", "A", "# A\n"}), "");
}

TEST(Guides, TheIndexLinksEachGuide) {
  const std::string text = LlmsText("/guides/");
  EXPECT_TRUE(text.starts_with("# upnext\n\n> "));
  for (const Guide& guide : All()) {
    EXPECT_NE(text.find(std::string("](/guides/").append(guide.name).append(".md): ")), text.npos)
        << guide.name;
  }
}

}  // namespace
}  // namespace upnext::guides
