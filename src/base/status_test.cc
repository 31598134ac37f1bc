#include "base/status.h"

#include <gtest/gtest.h>

#include <memory>
#include <type_traits>

namespace upnext {
namespace {

struct Animal {
  virtual ~Animal() = default;
};
struct Dog : Animal {};

Result<int> Half(int value) {
  if (value % 2 != 0) return InvalidArgument("expected an even number, found {}", value);
  return value / 2;
}

Result<int> Quarter(int value) {
  UPNEXT_ASSIGN_OR_RETURN(const int half, Half(value));
  return Half(half);
}

Status CheckEven(int value) {
  UPNEXT_RETURN_IF_ERROR(Half(value));
  return Ok();
}

Result<std::unique_ptr<Animal>> MakeAnimal() { return std::make_unique<Dog>(); }

TEST(Status, MacrosPassValuesOnAndErrorsUp) {
  EXPECT_EQ(Quarter(12).value(), 3);
  ASSERT_FALSE(Quarter(6));
  EXPECT_EQ(Quarter(6).error().message, "expected an even number, found 3");
  EXPECT_TRUE(CheckEven(2));
  EXPECT_EQ(CheckEven(1).error().code, Code::kInvalidArgument);
}

template <typename First, typename Second>
Result<std::unique_ptr<std::pair<First, Second>>> MakePair(int value) {
  if (value < 0) return InvalidArgument("expected a positive number, found {}", value);
  return std::make_unique<std::pair<First, Second>>(value, value);
}

Result<std::unique_ptr<std::pair<int, double>>> MakeIntDouble(int value) {
  UPNEXT_ASSIGN_OR_RETURN(auto pair, MakePair<int, double>(value));
  return pair;
}

TEST(Status, AssignTakesExpressionsWithCommasAndValuesThatOnlyMove) {
  EXPECT_EQ(MakeIntDouble(7).value()->first, 7);
  EXPECT_FALSE(MakeIntDouble(-7));
}

TEST(Status, ResultConvertsToBasesAsItsValueDoes) { EXPECT_NE(MakeAnimal().value(), nullptr); }

TEST(Status, ContextComesBeforeTheMessageAndKeepsTheCode) {
  const Status status = WithContext(Half(3).error(), "upnext.toml");
  EXPECT_EQ(status.error().message, "upnext.toml: expected an even number, found 3");
  EXPECT_EQ(status.error().code, Code::kInvalidArgument);
}

TEST(Status, CodesKeepTheNumbersOfGrpc) {
  EXPECT_EQ(static_cast<int>(Code::kNotFound), 5);
  EXPECT_EQ(static_cast<int>(Code::kDataLoss), 15);
  EXPECT_EQ(CodeName(Code::kFailedPrecondition), "failed precondition");
}

}  // namespace
}  // namespace upnext
