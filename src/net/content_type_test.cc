#include "net/content_type.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace upnext::net {
namespace {

using testing::HasSubstr;

TEST(ContentType, IsJsonInUtf8WhateverElseItSays) {
  for (const char* type :
       {"application/json", " Application/JSON\t", "application/json;charset=utf-8",
        "application/json; Charset=\"UTF-8\"", "application/json ; version=1;charset=utf-8 ; x",
        "application/json;", "application/json; profile=charset"}) {
    EXPECT_EQ(WhyNotJson(type), "") << type;
  }
}

TEST(ContentType, OthersAreNamed) {
  EXPECT_THAT(WhyNotJson(""), HasSubstr("found none"));
  EXPECT_THAT(WhyNotJson(" ; charset=utf-8"), HasSubstr("found none"));
  EXPECT_THAT(WhyNotJson("text/plain; charset=utf-8"), HasSubstr("found 'text/plain'"));
  EXPECT_THAT(WhyNotJson("application/jsonx"), HasSubstr("found 'application/jsonx'"));
}

TEST(ContentType, AnotherCharsetThanUtf8IsNamed) {
  EXPECT_THAT(WhyNotJson("application/json; charset=utf-16"), HasSubstr("'utf-16'"));
  EXPECT_THAT(WhyNotJson("application/json;CHARSET=\"iso-8859-1\""), HasSubstr("'iso-8859-1'"));
  EXPECT_THAT(WhyNotJson("application/json; charset=utf-8; charset=latin1"), HasSubstr("latin1"));
  EXPECT_THAT(WhyNotJson("application/json; charset"), HasSubstr("charset ''"));
  EXPECT_THAT(WhyNotJson("application/json; charset=\""), HasSubstr("charset '\"'"));
}

}  // namespace
}  // namespace upnext::net
