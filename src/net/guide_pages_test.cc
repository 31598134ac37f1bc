#include "net/guide_pages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "guides/guides.h"

namespace upnext::net {
namespace {

using ::testing::HasSubstr;

TEST(GuidePages, TheIndexLinksPagesThatThereAre) {
  const HttpResponse index = AnswerGuideIndex();
  EXPECT_EQ(index.content_type, "text/plain; charset=utf-8");
  EXPECT_THAT(index.body, HasSubstr("(/guides/http_api.md)"));
  const auto page = AnswerGuide("http_api.md");
  ASSERT_TRUE(page);
  EXPECT_EQ(page->content_type, "text/markdown; charset=utf-8");
  EXPECT_EQ(page->body, guides::Find("http_api")->text);
  EXPECT_TRUE(AnswerGuide("http_api"));
}

TEST(GuidePages, AnotherNameIsToldWhatThereIs) {
  const auto none = AnswerGuide("../etc/passwd");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Code::kNotFound);
  EXPECT_THAT(none.error().message, HasSubstr("expected one of assistants, "));
}

}  // namespace
}  // namespace upnext::net
