#include "cli/expression_flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace upnext::cli {
namespace {

TEST(ExpressionFlagsTest, ParametersOfOneNameAreAList) {
  const auto parameters = ParametersOf({.parameters = {"max=5", "ids=a", "ids=b=c", "none="}});
  ASSERT_TRUE(parameters) << parameters.error().message;
  EXPECT_EQ(*parameters,
            (expression::Arguments{{"max", {"5"}}, {"ids", {"a", "b=c"}}, {"none", {""}}}));
  for (const char* wrong : {"max", "=5"}) {
    EXPECT_EQ(ParametersOf({.parameters = {wrong}}).error().message,
              "--parameter: expected NAME=VALUE, found '" + std::string(wrong) + "'");
  }
}

}  // namespace
}  // namespace upnext::cli
