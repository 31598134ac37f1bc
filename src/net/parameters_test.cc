#include "net/parameters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace upnext::net {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string WhyNot(std::string_view target) {
  const auto url = ParseTarget(target);
  EXPECT_FALSE(url) << target;
  return url ? "" : url.error().message;
}

TEST(ParseTarget, NamesTheCharacterThatMustBeEncoded) {
  const std::string path = "/v1/recommendations?user=";
  EXPECT_THAT(WhyNot(path + "a|b"), AllOf(HasSubstr("'|' at byte 27"), HasSubstr("write %7C")));
  EXPECT_THAT(WhyNot(path + "用户"), AllOf(HasSubstr("'用'"), HasSubstr("write %E7%94%A8")));
  EXPECT_THAT(WhyNot(path + "a\xff"), HasSubstr("write %FF"));
  EXPECT_THAT(WhyNot(path + "a%zz"), AllOf(HasSubstr("'%' at byte 27"), HasSubstr("write %25")));
  EXPECT_THAT(WhyNot(path + "100%"), HasSubstr("write %25"));
  EXPECT_THAT(WhyNot("/a b"), AllOf(HasSubstr("' ' at byte 3"), HasSubstr("write %20")));
  EXPECT_THAT(WhyNot("/healthz#x"), HasSubstr("write %23"));
  for (const char c : {'{', '}', '^', '[', ']', '"', '<', '>', '\\', '`'}) {
    const std::string target = path + c;
    if (ParseTarget(target)) continue;  // some readers of URLs take more in a query
    EXPECT_THAT(WhyNot(target), HasSubstr(fmt::format("write %{:02X}", c)));
  }
  for (const char* target : {"", "*", "nonsense", "http://localhost/healthz"}) {
    EXPECT_THAT(WhyNot(target), HasSubstr("not a path with a query")) << target;
  }
}

TEST(Parameters, OneMayBeRepeated) {
  const auto url = ParseTarget("/x?a=1&b=2&b=3");
  ASSERT_TRUE(url);
  EXPECT_EQ(Parameters::Parse(*url).error().message, "parameter b is given twice");
  auto parameters = Parameters::Parse(*url, {"b"});
  ASSERT_TRUE(parameters);
  EXPECT_THAT(parameters->Texts("b"), testing::ElementsAre("2", "3"));
  EXPECT_EQ(parameters->Text("a"), "1");
  EXPECT_TRUE(parameters->CheckAllKnown());
}

}  // namespace
}  // namespace upnext::net
