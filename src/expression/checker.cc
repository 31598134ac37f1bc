#include "expression/checker.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "base/suggest.h"
#include "base/time_text.h"
#include "expression/names.h"

namespace upnext::expression {
namespace {

constexpr Type kFlag{Kind::kFlag}, kNumber{Kind::kNumber}, kTime{Kind::kTime};

bool IsOpen(const Node& node) {
  return node.type.kind == Kind::kOpenText || node.type.kind == Kind::kOpenList ||
         node.type.kind == Kind::kOpenParameter;
}
bool Is(const Node& node, Kind kind) { return node.type.kind == kind; }
bool IsOrdered(const Node& node) { return Is(node, Kind::kNumber) || Is(node, Kind::kTime); }
bool IsScalar(const Type& type) { return type.kind <= Kind::kId || type.kind == Kind::kText; }
bool AreEqual(const Type& a, const Type& b) {
  return a.kind == b.kind && (a.kind > Kind::kIds || a.kind < Kind::kId || a.space == b.space);
}

class Checker {
 public:
  Checker(const schema::Schema& schema, std::vector<Parameter>* parameters)
      : schema_(schema), parameters_(*parameters) {}

  Checked<void> Check(Node& node) {
    for (Node& child : node.children) {
      if (Checked<void> checked = Check(child); !checked) return checked;
      node.reads_item |= child.reads_item;
    }
    switch (node.form) {
      case Form::kNumber:
        return Done(node, kNumber);
      case Form::kFlag:
        return Done(node, kFlag);
      case Form::kNow:
        return Done(node, kTime);
      case Form::kText:
        return Done(node, {Kind::kOpenText});
      case Form::kList:
        return List(node);
      case Form::kParameter:
        AddParameter(node, false);
        return Done(node, {Kind::kOpenParameter});
      case Form::kName:
        return Name(node);
      case Form::kOr:
      case Form::kAnd:
      case Form::kNot:
        return Settled(node, kFlag, kFlag);
      case Form::kCompare:
        return Compare(node);
      case Form::kMember:
        return Member(node);
      case Form::kIsMissing:
        return IsMissing(node);
      case Form::kArithmetic:
        return Arithmetic(node);
      case Form::kNegate:
        return Settled(node, kNumber, kNumber);
      case Form::kElse:
        return Else(node);
      case Form::kCall:
        return Call(node);
    }
    return {};
  }

  // Gives an open node the type, or fails when the node has another one.
  Checked<void> Settle(Node& node, const Type& type) {
    if (Is(node, Kind::kOpenParameter)) {
      return node.form == Form::kElse ? Settled(node, type, type) : Done(node, type);
    }
    if (Is(node, Kind::kOpenText) && (type.kind == Kind::kId || type.kind == Kind::kText)) {
      return Done(node, type);
    }
    if (Is(node, Kind::kOpenText) && type.kind == Kind::kTime) return Date(node);
    if (AreEqual(node.type, type)) return {};
    return Expected(node, NameOf(schema_, type));
  }

 private:
  static Checked<void> Done(Node& node, const Type& type) {
    node.type = type;
    return {};
  }
  static std::unexpected<Mistake> Fail(const Node& node, std::string message) {
    return std::unexpected(Mistake{node.at, std::move(message)});
  }
  std::unexpected<Mistake> Expected(const Node& node, std::string_view what) const {
    return Fail(node, fmt::format("expected {}, found {}", what, NameOf(schema_, node.type)));
  }
  // All children are of one type, and the node is of another.
  Checked<void> Settled(Node& node, const Type& children, const Type& type) {
    for (Node& child : node.children) {
      if (Checked<void> settled = Settle(child, children); !settled) return settled;
    }
    return Done(node, type);
  }

  void AddParameter(const Node& node, bool is_optional) {
    const auto known = std::ranges::find(parameters_, node.word, &Parameter::name);
    if (known == parameters_.end()) {
      parameters_.push_back({node.word, is_optional});
    } else {
      known->is_optional |= is_optional;
    }
  }

  // A day is its beginning in UTC.
  static Checked<void> Date(Node& node) {
    constexpr size_t kDayBytes = 10;  // of 2026-01-31
    const auto ms = base::ParseTime(node.word.size() == kDayBytes ? node.word + "Z" : node.word);
    if (!ms) {
      return Fail(node,
                  fmt::format("expected a date such as \"2026-01-31\" or a date and time such "
                              "as \"2026-01-31T18:00:00Z\", found \"{}\"",
                              node.word));
    }
    node.number = static_cast<double>(*ms) / 1000;
    return Done(node, kTime);
  }

  static Checked<void> List(Node& node) {
    for (const Literal& value : node.list) {
      if (value.is_text == node.list.front().is_text) continue;
      return std::unexpected(Mistake{value.at, "expected a list of only numbers or only texts"});
    }
    return Done(node, {Kind::kOpenList});
  }

  Checked<void> Name(Node& node) {
    auto resolved = ResolvePath(schema_, node);
    if (!resolved) return std::unexpected(std::move(resolved).error());
    node.path = resolved->first;
    node.reads_item = node.path.owner == Owner::kItem;
    return Done(node, resolved->second);
  }

  // Both children get the type of the one that has one.
  Checked<void> Agree(Node& a, Node& b) {
    if (IsOpen(a) && IsOpen(b)) {
      return Fail(a,
                  "expected an attribute, a number or a function on one of the two sides, since "
                  "neither says what the other one is");
    }
    return IsOpen(a) ? Settle(a, b.type) : Settle(b, a.type);
  }

  Checked<void> Compare(Node& node) {
    Node& left = node.children[0];
    Node& right = node.children[1];
    for (const Node& side : node.children) {
      if (Is(side, Kind::kIds) || Is(side, Kind::kOpenList)) {
        return Fail(side,
                    fmt::format("a set cannot be compared by '{}': write VALUE in SET, SET has "
                                "any SET or SET has all SET",
                                node.word));
      }
    }
    if (Checked<void> agreed = Agree(left, right); !agreed) return agreed;
    const bool is_order = node.word != "==" && node.word != "!=";
    if (is_order && !IsOrdered(left)) {
      return Expected(left, fmt::format("a number or a time before '{}'", node.word));
    }
    return Done(node, kFlag);
  }

  // What a list holds, where the other side is of this type.
  Checked<void> SettleList(Node& list, const Type& value) {
    Type type{Kind::kIds, value.space};
    if (value.kind == Kind::kNumber) type = {Kind::kNumbers};
    if (value.kind == Kind::kText) type = {Kind::kTexts};
    const bool has_texts = value.kind != Kind::kNumber;
    if (!list.list.empty() && list.list.front().is_text != has_texts) {
      return Fail(list, fmt::format("expected a list of {}", has_texts ? "texts" : "numbers"));
    }
    return Done(list, type);
  }

  Checked<void> Member(Node& node) {
    Node& left = node.children[0];
    Node& right = node.children[1];
    const bool is_in = node.word == "in" || node.word == "not in";
    if (!is_in && !Is(left, Kind::kIds)) {
      return Expected(left, fmt::format("a set before '{}'", node.word));
    }
    if (is_in && Is(left, Kind::kIds)) {
      return Fail(left,
                  "expected one value before 'in', found a set: write SET has any LIST or SET "
                  "has all LIST");
    }
    if (right.form == Form::kList || right.form == Form::kParameter) {
      if (IsOpen(left)) return Fail(left, "expected an attribute before a list");
      if (is_in && left.type.kind != Kind::kNumber && left.type.kind != Kind::kId &&
          left.type.kind != Kind::kText) {
        return Expected(left, "a number, an id or a text before a list");
      }
      if (Checked<void> settled = SettleList(right, left.type); !settled) return settled;
      return Done(node, kFlag);
    }
    if (!Is(right, Kind::kIds)) {
      return Expected(right, fmt::format("a set or a list after '{}'", node.word));
    }
    const Type type{is_in ? Kind::kId : Kind::kIds, right.type.space};
    if (Checked<void> settled = Settle(left, type); !settled) return settled;
    return Done(node, kFlag);
  }

  Checked<void> IsMissing(Node& node) {
    Node& tested = node.children[0];
    if (IsOpen(tested) && tested.form != Form::kParameter) {
      return Expected(tested, "an attribute, a parameter or a number before 'is missing'");
    }
    if (IsOpen(tested)) AddParameter(tested, true);
    return Done(node, kFlag);
  }

  // Seconds are numbers: the difference of two times is one, and may be added to a time.
  Checked<void> Arithmetic(Node& node) {
    Node& left = node.children[0];
    Node& right = node.children[1];
    const bool is_sum = node.word == "+" || node.word == "-";
    if (node.word == "-" && Is(left, Kind::kOpenText) && Is(right, Kind::kTime)) {
      if (Checked<void> settled = Settle(left, kTime); !settled) return settled;
    }
    if (is_sum && Is(left, Kind::kTime)) {
      if (node.word == "-" && (Is(right, Kind::kTime) || Is(right, Kind::kOpenText))) {
        if (Checked<void> settled = Settle(right, kTime); !settled) return settled;
        return Done(node, kNumber);
      }
      if (Checked<void> settled = Settle(right, kNumber); !settled) return settled;
      return Done(node, kTime);
    }
    if (node.word == "+" && Is(right, Kind::kTime)) {
      if (Checked<void> settled = Settle(left, kNumber); !settled) return settled;
      return Done(node, kTime);
    }
    return Settled(node, kNumber, kNumber);
  }

  Checked<void> Else(Node& node) {
    Node& left = node.children[0];
    Node& right = node.children[1];
    if (Is(left, Kind::kOpenParameter)) AddParameter(left, true);
    if (IsOpen(left) && IsOpen(right) && !Is(left, Kind::kOpenList) &&
        !Is(right, Kind::kOpenList)) {
      return Done(node, {Kind::kOpenParameter});  // what reads it says
    }
    if (Checked<void> agreed = Agree(left, right); !agreed) return agreed;
    if (!IsScalar(left.type)) return Expected(left, "one value before 'else'");
    return Done(node, left.type);
  }

  Checked<void> Call(Node& node);
  Checked<void> If(Node& node);

  const schema::Schema& schema_;
  std::vector<Parameter>& parameters_;
};

struct Function {
  std::string_view name;
  size_t min_arguments, max_arguments;
};
constexpr auto kFunctions = std::to_array<Function>({{"abs", 1, 1},
                                                     {"exp", 1, 1},
                                                     {"hour", 1, 1},
                                                     {"if", 3, 3},
                                                     {"log", 1, 1},
                                                     {"max", 2, SIZE_MAX},
                                                     {"min", 2, SIZE_MAX},
                                                     {"weekday", 1, 1}});

Checked<void> Checker::Call(Node& node) {
  const auto function = std::ranges::find(kFunctions, node.word, &Function::name);
  if (function == kFunctions.end()) {
    std::vector<std::string> names;
    for (const Function& one : kFunctions) names.emplace_back(one.name);
    return Fail(node, fmt::format("unknown function '{}'{}", node.word,
                                  base::DidYouMean(node.word, names)));
  }
  const size_t n = node.children.size();
  if (n < function->min_arguments || n > function->max_arguments) {
    return Fail(node, fmt::format("{}: expected {}{} arguments, found {}", node.word,
                                  function->max_arguments == SIZE_MAX ? "at least " : "",
                                  function->min_arguments, n));
  }
  if (node.word == "if") return If(node);
  if (node.word == "hour" || node.word == "weekday") return Settled(node, kTime, kNumber);
  const bool is_time =
      (node.word == "min" || node.word == "max") &&
      std::ranges::any_of(node.children, [](const Node& child) { return Is(child, Kind::kTime); });
  return is_time ? Settled(node, kTime, kTime) : Settled(node, kNumber, kNumber);
}

Checked<void> Checker::If(Node& node) {
  if (Checked<void> settled = Settle(node.children[0], kFlag); !settled) return settled;
  Node& yes = node.children[1];
  Node& no = node.children[2];
  const Type type = !IsOpen(yes) ? yes.type : !IsOpen(no) ? no.type : kNumber;
  if (type.kind > Kind::kTime) {
    return Expected(IsOpen(yes) ? no : yes, "a number, a time, or true or false");
  }
  for (Node* branch : {&yes, &no}) {
    if (Checked<void> settled = Settle(*branch, type); !settled) return settled;
  }
  return Done(node, type);
}

}  // namespace

Checked<void> CheckTypes(const schema::Schema& schema, Use use, Node* root,
                         std::vector<Parameter>* parameters) {
  Checker checker(schema, parameters);
  if (Checked<void> checked = checker.Check(*root); !checked) return checked;
  return checker.Settle(*root, use == Use::kCondition ? kFlag : kNumber);
}

}  // namespace upnext::expression
