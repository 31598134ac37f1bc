// An expression as a program for a stack of values. What does not read the item is a slot: its value
// is found once for a request.
//
//   item.price * 2 < $max   ->   ItemNumber price, Slot 2, Multiply, Slot $max, Less
//
// A plain value.
#ifndef UPNEXT_EXPRESSION_PROGRAM_H_
#define UPNEXT_EXPRESSION_PROGRAM_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "expression/checker.h"
#include "expression/tree.h"

namespace upnext::expression {

inline constexpr size_t kMaxStack = 64;  // values at the same time

// In groups that Evaluate tells apart by their order.
enum class Op : uint8_t {
  kSlot,  // loads
  kItemId,
  kItemNumber,  // operand: the attribute; also of flags
  kItemTime,
  kItemIds,
  kItemText,
  kAdd,  // of two numbers
  kSubtract,
  kMultiply,
  kDivide,
  kMin,
  kMax,
  kNegate,  // of one
  kAbs,
  kExp,
  kLog,
  kHour,
  kWeekday,
  kEqual,  // of numbers, as float; detail: of times, exact
  kNotEqual,
  kLess,
  kLessOrEqual,
  kGreater,
  kGreaterOrEqual,
  kIdEqual,
  kIdNotEqual,
  kTextEqual,
  kTextNotEqual,
  kIdIn,      // operand: the right set is sorted; detail: negated, and so below
  kNumberIn,  // a list is always sorted
  kTextIn,
  kHasAny,  // operand: the right set is sorted
  kHasAll,
  kNumberIsMissing,  // tests of one value
  kSetIsMissing,     // of ids and texts
  kNot,
  kIsTrue,        // a flag that may be missing
  kJump,          // operand: the next step
  kPopJumpFalse,  // jumps after a condition that is not true
  kJumpFalse,     // keeps the condition where it jumps
  kJumpTrue,
  kJumpNumber,  // keeps a number that is not missing and jumps, else drops it
  kJumpSet
};

struct Step {
  Op op = Op::kSlot;
  uint8_t detail = 0;
  uint32_t operand = 0;
};

struct Slot {
  enum class From : uint8_t { kNumber, kText, kList, kParameter, kIsGiven, kNow, kPath, kSteps };
  From from = From::kNumber;
  Type type = {};
  double number = 0;
  std::string word = {};  // a text, or the name of a parameter
  std::vector<Literal> list = {};
  Path path = {};
  std::vector<Step> steps = {};  // read only slots before this one
};

struct Program {
  std::vector<Step> steps;
  std::vector<Slot> slots;
  std::vector<Parameter> parameters;
};

// Of a checked tree. A mistake when it needs more than kMaxStack values.
Checked<Program> MakeProgram(const Node& root, std::vector<Parameter> parameters);

}  // namespace upnext::expression

#endif  // UPNEXT_EXPRESSION_PROGRAM_H_
