#include "expression/evaluate.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "schema/attribute.h"

namespace upnext::expression {
namespace {

using schema::Entity;

constexpr double kDay = 86'400;

// A result that no number is, such as a division by 0, is missing.
double Finite(double number) { return std::isfinite(number) ? number : kMissing; }

double Calculate(Op op, double a, double b) {
  switch (op) {
    case Op::kAdd:
      return Finite(a + b);
    case Op::kSubtract:
      return Finite(a - b);
    case Op::kMultiply:
      return Finite(a * b);
    case Op::kDivide:
      return Finite(a / b);
    case Op::kMin:
      return std::isnan(a) || a < b ? a : b;
    default:  // kMax
      return std::isnan(a) || a > b ? a : b;
  }
}

double Call(Op op, double a) {
  switch (op) {
    case Op::kNegate:
      return -a;
    case Op::kAbs:
      return std::abs(a);
    case Op::kExp:
      return Finite(std::exp(a));
    case Op::kLog:
      return Finite(std::log(a));
    case Op::kHour:
      return (a - kDay * std::floor(a / kDay)) / 3600;
    default: {  // kWeekday; 1970 began on a Thursday
      const double days = std::floor(a / kDay) + 3;
      return days - 7 * std::floor(days / 7);
    }
  }
}

template <typename T>
bool Compare(Op op, T a, T b) {
  switch (op) {
    case Op::kEqual:
      return a == b;
    case Op::kNotEqual:
      return a < b || a > b;
    case Op::kLess:
      return a < b;
    case Op::kLessOrEqual:
      return a <= b;
    case Op::kGreater:
      return a > b;
    default:  // kGreaterOrEqual
      return a >= b;
  }
}

bool Contains(std::span<const uint32_t> set, bool is_sorted, uint32_t id) {
  return is_sorted ? std::ranges::binary_search(set, id) : std::ranges::find(set, id) != set.end();
}

bool IsMember(const Step& step, const Value& a, const Value& b) {
  const bool is_sorted = step.operand != 0, negated = step.detail != 0;
  switch (step.op) {
    case Op::kIdIn:
      return a.size > 0 && Contains(b.as_ids(), is_sorted, a.ids[0]) != negated;
    case Op::kNumberIn: {
      const auto number = static_cast<float>(a.number);
      return !std::isnan(number) &&
             std::ranges::binary_search(std::span(b.numbers, b.size), number) != negated;
    }
    case Op::kTextIn:
      return a.size > 0 &&
             std::ranges::binary_search(std::span(b.texts, b.size), a.as_text()) != negated;
    case Op::kHasAny:
      return std::ranges::any_of(a.as_ids(),
                                 [&](uint32_t id) { return Contains(b.as_ids(), is_sorted, id); });
    default:  // kHasAll; a sorted set has no id twice
      return (!is_sorted || b.size <= a.size) && std::ranges::all_of(b.as_ids(), [&](uint32_t id) {
               return Contains(a.as_ids(), false, id);
             });
  }
}

bool AreEqual(Op op, const Value& a, const Value& b) {
  if (a.size == 0 || b.size == 0) return false;
  switch (op) {
    case Op::kIdEqual:
      return a.ids[0] == b.ids[0];
    case Op::kIdNotEqual:
      return a.ids[0] != b.ids[0];
    case Op::kTextEqual:
      return a.as_text() == b.as_text();
    default:  // kTextNotEqual
      return a.as_text() != b.as_text();
  }
}

Value Load(const Step& step, std::span<const Value> slots, const catalogue::Catalogue& catalogue,
           const uint32_t& item) {
  switch (step.op) {
    case Op::kSlot:
      return slots[step.operand];
    case Op::kItemId:
      return Value::Of(std::span(&item, 1));
    case Op::kItemNumber: {
      const float number = catalogue.Value(Entity::kItem, step.operand, item).number;
      return Value::Of(static_cast<double>(number));
    }
    case Op::kItemTime:
      return Value::Of(SecondsOf(catalogue.Value(Entity::kItem, step.operand, item).time_ms));
    case Op::kItemIds:
      return Value::Of(catalogue.Categories(Entity::kItem, step.operand, item));
    default:  // kItemText
      return Value::Of(catalogue.Text(Entity::kItem, step.operand, item));
  }
}

// Tests of one value, which they replace.
bool Test(const Step& step, const Value& value) {
  const bool negated = step.detail != 0;
  switch (step.op) {
    case Op::kNumberIsMissing:
      return std::isnan(value.number) != negated;
    case Op::kSetIsMissing:
      return (value.size == 0) != negated;
    case Op::kNot:
      return value.number != 1;
    default:  // kIsTrue
      return value.number == 1;
  }
}

// Whether the step jumps; if not, the value below the jump is dropped.
bool Jumps(Op op, const Value& top) {
  switch (op) {
    case Op::kJumpFalse:
      return top.number != 1;
    case Op::kJumpTrue:
      return top.number == 1;
    case Op::kJumpNumber:
      return !std::isnan(top.number);
    default:  // kJumpSet
      return top.size > 0;
  }
}

bool Relates(const Step& step, const Value& a, const Value& b) {
  if (step.op >= Op::kIdIn) return IsMember(step, a, b);
  if (step.op >= Op::kIdEqual) return AreEqual(step.op, a, b);
  if (step.detail != 0) return Compare(step.op, a.number, b.number);
  return Compare(step.op, static_cast<float>(a.number), static_cast<float>(b.number));
}

}  // namespace

double SecondsOf(int64_t time_ms) {
  return time_ms == schema::kNoTime ? kMissing : static_cast<double>(time_ms) / 1000;
}

Value Evaluate(std::span<const Step> steps, std::span<const Value> slots,
               const catalogue::Catalogue& catalogue, const uint32_t& item) {
  std::array<Value, kMaxStack + 1> stack;
  Value* top = stack.data();  // the first place stays empty
  for (size_t i = 0; i < steps.size(); ++i) {
    const Step& step = steps[i];
    if (step.op <= Op::kItemText) {
      *++top = Load(step, slots, catalogue, item);
    } else if (step.op <= Op::kMax) {
      --top;
      top->number = Calculate(step.op, top[0].number, top[1].number);
    } else if (step.op <= Op::kWeekday) {
      top->number = Call(step.op, top->number);
    } else if (step.op <= Op::kHasAll) {
      --top;
      top->number = Relates(step, top[0], top[1]) ? 1 : 0;
    } else if (step.op <= Op::kIsTrue) {
      top->number = Test(step, *top) ? 1 : 0;
    } else if (step.op == Op::kJump) {
      i = step.operand - 1;
    } else if (step.op == Op::kPopJumpFalse) {
      if ((top--)->number != 1) i = step.operand - 1;
    } else if (Jumps(step.op, *top)) {
      if (step.op == Op::kJumpFalse) top->number = 0;  // a missing flag too
      i = step.operand - 1;
    } else {
      --top;
    }
  }
  return *top;
}

}  // namespace upnext::expression
