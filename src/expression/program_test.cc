#include "expression/program.h"

#include <gtest/gtest.h>

#include <string_view>
#include <vector>

#include "expression/test_site.h"

namespace upnext::expression {
namespace {

class ProgramTest : public SiteTest {
 protected:
  std::vector<Op> OpsOf(std::string_view text) const {
    const auto compiled = Expression::Compile(text, schema_, Use::kCondition);
    EXPECT_TRUE(compiled) << compiled.error().message;
    std::vector<Op> ops;
    if (!compiled) return ops;
    for (const Step& step : compiled->program()->steps) ops.push_back(step.op);
    return ops;
  }
};

// It is computed when the expression is bound, once for all items.
TEST_F(ProgramTest, WhatDoesNotReadTheItemIsASlot) {
  const std::vector<Op> one_comparison = {Op::kItemNumber, Op::kSlot, Op::kLess};
  EXPECT_EQ(OpsOf("item.price < 5"), one_comparison);
  EXPECT_EQ(OpsOf("item.price < 2 * max(3, user.age else 1) - (if($a > 1, 2, 3))"), one_comparison);
  EXPECT_EQ(OpsOf("now > '2026-01-01' and user.language in ['de'] or $a == 1"),
            std::vector<Op>{Op::kSlot});
  EXPECT_EQ(OpsOf("item.stock and (user.plan == 'free' or hour(now) < 6)"),
            (std::vector<Op>{Op::kItemNumber, Op::kJumpFalse, Op::kSlot}));
}

}  // namespace
}  // namespace upnext::expression
