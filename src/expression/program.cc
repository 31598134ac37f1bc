#include "expression/program.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace upnext::expression {
namespace {

constexpr auto kOperators = std::to_array<std::pair<std::string_view, Op>>({
    {"+", Op::kAdd},
    {"-", Op::kSubtract},
    {"*", Op::kMultiply},
    {"/", Op::kDivide},
    {"==", Op::kEqual},
    {"!=", Op::kNotEqual},
    {"<", Op::kLess},
    {"<=", Op::kLessOrEqual},
    {">", Op::kGreater},
    {">=", Op::kGreaterOrEqual},
    {"min", Op::kMin},
    {"max", Op::kMax},
    {"abs", Op::kAbs},
    {"exp", Op::kExp},
    {"log", Op::kLog},
    {"hour", Op::kHour},
    {"weekday", Op::kWeekday},
});
Op OpOf(std::string_view word) {
  return std::ranges::find(kOperators, word, &std::pair<std::string_view, Op>::first)->second;
}

bool IsNumber(const Type& type) { return type.kind <= Kind::kTime; }  // flags and times too

class Emitter {
 public:
  explicit Emitter(std::vector<Parameter> parameters) {
    program_.parameters = std::move(parameters);
  }

  Checked<Program> Make(const Node& root) {
    std::vector<Step> steps;
    Emit(root, /*for_item=*/true, &steps);
    if (deepest_ > kMaxStack) {
      return std::unexpected(
          Mistake{root.at, fmt::format("expected at most {} values at the same time, found {}; "
                                       "remove parentheses, or use parts",
                                       kMaxStack, deepest_)});
    }
    program_.steps = std::move(steps);
    return std::move(program_);
  }

 private:
  // `for_item`: in the steps of an item, so that what does not read the item becomes a slot.
  void Emit(const Node& node, bool for_item, std::vector<Step>* steps) {
    if (IsLeaf(node)) return Push(LeafStep(node), steps);
    if (for_item && !node.reads_item) {
      const size_t height = height_;
      std::vector<Step> of_request;
      EmitOperator(node, false, &of_request);
      height_ = height;
      return Push(
          {.operand = AddSlot(
               {.from = Slot::From::kSteps, .type = node.type, .steps = std::move(of_request)})},
          steps);
    }
    EmitOperator(node, for_item, steps);
  }

  static bool IsLeaf(const Node& node) { return node.children.empty() || IsGivenTest(node); }
  // Of a flag: a comparison is always true or false.
  static bool MayBeMissing(const Node& node) {
    return node.form == Form::kName || node.form == Form::kParameter || node.form == Form::kElse ||
           node.form == Form::kCall;
  }
  static bool IsGivenTest(const Node& node) {
    return node.form == Form::kIsMissing && node.children[0].type.kind == Kind::kOpenParameter;
  }

  uint32_t AddSlot(Slot slot) {
    program_.slots.push_back(std::move(slot));
    return static_cast<uint32_t>(program_.slots.size() - 1);
  }

  Step LeafStep(const Node& node) {
    if (node.form == Form::kName && node.reads_item) return ItemStep(node);
    Slot slot{.type = node.type, .number = node.number, .word = node.word, .list = node.list};
    slot.path = node.path;
    switch (node.form) {
      case Form::kText:
        slot.from = node.type.kind == Kind::kTime ? Slot::From::kNumber : Slot::From::kText;
        break;
      case Form::kList:
        slot.from = Slot::From::kList;
        break;
      case Form::kParameter:
        slot.from = Slot::From::kParameter;
        break;
      case Form::kIsMissing:
        slot.from = Slot::From::kIsGiven;
        slot.word = node.children[0].word;
        break;
      case Form::kNow:
        slot.from = Slot::From::kNow;
        break;
      case Form::kName:
        slot.from = Slot::From::kPath;
        break;
      default:
        slot.from = Slot::From::kNumber;
    }
    return {.operand = AddSlot(std::move(slot))};
  }

  static Step ItemStep(const Node& node) {
    if (node.path.is_item_id) return {.op = Op::kItemId};
    const auto op = [&] {
      switch (node.type.kind) {
        case Kind::kTime:
          return Op::kItemTime;
        case Kind::kId:
        case Kind::kIds:
          return Op::kItemIds;
        case Kind::kText:
          return Op::kItemText;
        default:
          return Op::kItemNumber;
      }
    };
    return {.op = op(), .operand = node.path.attribute};
  }

  void Push(const Step& step, std::vector<Step>* steps) {
    steps->push_back(step);
    deepest_ = std::max(deepest_, ++height_);
  }
  // An operator that replaces `operands` values by one.
  void Replace(const Step& step, size_t operands, std::vector<Step>* steps) {
    steps->push_back(step);
    height_ -= operands - 1;
  }
  // A jump whose end is not known yet: its place.
  size_t Jump(Op op, std::vector<Step>* steps) {
    steps->push_back({.op = op});
    return steps->size() - 1;
  }
  static void Land(size_t jump, std::vector<Step>* steps) {
    (*steps)[jump].operand = static_cast<uint32_t>(steps->size());
  }

  void EmitOperator(const Node& node, bool for_item, std::vector<Step>* steps) {
    const auto emit = [&](size_t child) { Emit(node.children[child], for_item, steps); };
    switch (node.form) {
      case Form::kOr:
      case Form::kAnd:
      case Form::kElse: {
        emit(0);
        const Op or_else = IsNumber(node.type) ? Op::kJumpNumber : Op::kJumpSet;
        const size_t jump = Jump(node.form == Form::kOr    ? Op::kJumpTrue
                                 : node.form == Form::kAnd ? Op::kJumpFalse
                                                           : or_else,
                                 steps);
        --height_;
        emit(1);
        if (node.form != Form::kElse && MayBeMissing(node.children[1])) {
          Replace({.op = Op::kIsTrue}, 1, steps);
        }
        return Land(jump, steps);
      }
      case Form::kNot:
        emit(0);
        return Replace({.op = Op::kNot}, 1, steps);
      case Form::kNegate:
        emit(0);
        return Replace({.op = Op::kNegate}, 1, steps);
      case Form::kIsMissing:
        emit(0);
        return Replace(
            {.op = IsNumber(node.children[0].type) ? Op::kNumberIsMissing : Op::kSetIsMissing,
             .detail = static_cast<uint8_t>(node.number)},
            1, steps);
      case Form::kCompare:
      case Form::kMember:
        emit(0);
        emit(1);
        return Replace(node.form == Form::kCompare ? CompareStep(node) : MemberStep(node), 2,
                       steps);
      case Form::kArithmetic:
        emit(0);
        emit(1);
        return Replace({.op = OpOf(node.word)}, 2, steps);
      default:
        return EmitCall(node, for_item, steps);
    }
  }

  void EmitCall(const Node& node, bool for_item, std::vector<Step>* steps) {
    const auto emit = [&](size_t child) { Emit(node.children[child], for_item, steps); };
    emit(0);
    if (node.word == "if") {
      const size_t to_else = Jump(Op::kPopJumpFalse, steps);
      --height_;
      emit(1);
      const size_t to_end = Jump(Op::kJump, steps);
      Land(to_else, steps);
      --height_;
      emit(2);
      return Land(to_end, steps);
    }
    if (node.children.size() == 1) return Replace({.op = OpOf(node.word)}, 1, steps);
    for (size_t i = 1; i < node.children.size(); ++i) {
      emit(i);
      Replace({.op = OpOf(node.word)}, 2, steps);
    }
  }

  static Step CompareStep(const Node& node) {
    const Kind kind = node.children[0].type.kind;
    const bool is_equal = node.word == "==";
    if (kind == Kind::kId) return {.op = is_equal ? Op::kIdEqual : Op::kIdNotEqual};
    if (kind == Kind::kText) return {.op = is_equal ? Op::kTextEqual : Op::kTextNotEqual};
    return {.op = OpOf(node.word), .detail = static_cast<uint8_t>(kind == Kind::kTime)};
  }

  static Step MemberStep(const Node& node) {
    const Node& right = node.children[1];
    const bool is_sorted = right.form == Form::kList || right.form == Form::kParameter;
    Step step{.op = Op::kIdIn,
              .detail = static_cast<uint8_t>(node.word == "not in"),
              .operand = is_sorted};
    if (node.word == "has any") step.op = Op::kHasAny;
    if (node.word == "has all") step.op = Op::kHasAll;
    if (right.type.kind == Kind::kNumbers) step.op = Op::kNumberIn;
    if (right.type.kind == Kind::kTexts) step.op = Op::kTextIn;
    return step;
  }

  Program program_;
  size_t height_ = 0, deepest_ = 0;
};

}  // namespace

Checked<Program> MakeProgram(const Node& root, std::vector<Parameter> parameters) {
  return Emitter(std::move(parameters)).Make(root);
}

}  // namespace upnext::expression
