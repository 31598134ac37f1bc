#include "training/coverage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "features/test_log.h"
#include "schema/attribute.h"
#include "schema/raw_event.h"
#include "schema/schema.h"

namespace upnext::training {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr char kFourAttributes[] =
    "schema.requests.page = 'category'\nschema.requests.depth = 'number'\n"
    "schema.requests.signed_in = 'flag'\nschema.requests.opened = 'time'\n";

// Of a log whose last event has the attributes.
std::string AbsentIn(const schema::RawAttributes& last, std::string_view schema_text) {
  const auto schema = schema::Schema::Parse(schema_text);
  EXPECT_TRUE(schema);
  std::vector<schema::RawEvent> events;
  for (double minute = 0; minute < 20; ++minute) {
    events.push_back(features::Watch("u", "i", features::Minutes(minute), 50));
  }
  events.back().attributes = last;
  const features::TestLog log(events, {}, {}, *schema);
  return WhichRequestAttributesAreAbsent(log.log());
}

TEST(RequestAttributes, ThoseThatNoEventHasAreNamedWithWhatToDo) {
  using schema::request_attribute::kBuiltIn;
  EXPECT_THAT(AbsentIn({}, kFourAttributes),
              AllOf(HasSubstr("no event of the log has page, depth, signed_in, opened,"),
                    HasSubstr("return it from the events SELECT")));
  EXPECT_THAT(AbsentIn({{kBuiltIn, "home"}, {kBuiltIn + 2, "false"}}, kFourAttributes),
              HasSubstr("no event of the log has depth, opened,"));
  EXPECT_THAT(AbsentIn({{kBuiltIn + 1, "0"}, {kBuiltIn + 3, "1700000000"}}, kFourAttributes),
              HasSubstr("no event of the log has page, signed_in,"));
}

TEST(RequestAttributes, NothingIsSaidWhenAllOccurOrNoneIsDeclared) {
  using schema::request_attribute::kBuiltIn;
  EXPECT_EQ(AbsentIn({{kBuiltIn, "home"}}, "schema.requests.page = 'category'"), "");
  EXPECT_EQ(AbsentIn({}, ""), "");
}

}  // namespace
}  // namespace upnext::training
