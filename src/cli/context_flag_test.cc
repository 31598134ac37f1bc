#include "cli/context_flag.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace upnext::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;

schema::Schema Site() {
  return schema::Schema::Parse(
             "schema.requests.page = 'category'\nschema.requests.depth = 'number'\n")
      .value();
}

std::string WhyNotContext(const std::vector<std::string>& flags) {
  serving::Request request;
  const Status status = SetContext(Site(), flags, &request);
  return status ? "" : status.error().message;
}

TEST(ContextFlag, SetsWhatTheParametersOfTheServiceSet) {
  constexpr uint32_t kPage = schema::request_attribute::kBuiltIn;
  // Of the log, before: the flags take its place.
  serving::Request request{.region = "north", .attributes = {{kPage, "home"}, {kPage + 1, "1"}}};
  const std::vector<std::string> flags = {"device=tv", "current_item=a=b", "page=deep"};
  ASSERT_TRUE(SetContext(Site(), flags, &request));
  EXPECT_EQ(request.device, "tv");
  EXPECT_EQ(request.region, "north");
  EXPECT_EQ(request.current_item, "a=b");
  EXPECT_EQ(request.attributes, (schema::RawAttributes{{kPage + 1, "1"}, {kPage, "deep"}}));
  ASSERT_TRUE(SetContext(Site(), std::vector<std::string>{"depth=", "region="}, &request));
  EXPECT_EQ(request.attributes, (schema::RawAttributes{{kPage, "deep"}}));
  EXPECT_EQ(request.region, "");
}

TEST(ContextFlag, MistakesAreThoseOfTheServiceAndNameTheFlag) {
  EXPECT_THAT(WhyNotContext({"page"}), HasSubstr("--context page: expected NAME=VALUE"));
  EXPECT_THAT(WhyNotContext({"page=a", "page=b"}), HasSubstr("--context page is given twice"));
  EXPECT_THAT(WhyNotContext({"pgae=a"}),
              AllOf(HasSubstr("--context: requests have no 'pgae'"), HasSubstr("'page'")));
  EXPECT_THAT(WhyNotContext({"source=popular"}),
              AllOf(HasSubstr("requests have no 'source'"), testing::Not(HasSubstr("[schema"))));
  EXPECT_THAT(WhyNotContext({"theme=dark"}), HasSubstr("[schema.requests] theme = \"category\""));
  EXPECT_THAT(
      WhyNotContext({"depth=deep"}),
      AllOf(HasSubstr("--context: depth"), HasSubstr("expected a finite number, found 'deep'")));
}

}  // namespace
}  // namespace upnext::cli
