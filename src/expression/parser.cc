#include "expression/parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <utility>

#include "expression/lexer.h"

namespace upnext::expression {
namespace {

// Words that are no names of attributes or functions.
constexpr auto kWords = std::to_array<std::string_view>(
    {"and", "or", "not", "in", "has", "any", "all", "is", "missing", "else"});

constexpr auto kUnits = std::to_array<std::pair<std::string_view, double>>(
    {{"second", 1}, {"minute", 60}, {"hour", 3600}, {"day", 86'400}, {"week", 7 * 86'400.0}});

// Seconds of "day" or "days".
std::optional<double> UnitOf(std::string_view word) {
  if (word.ends_with('s')) word.remove_suffix(1);
  for (const auto& [unit, seconds] : kUnits) {
    if (word == unit) return seconds;
  }
  return std::nullopt;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : lexer_(text) {}

  Checked<Node> Whole() {
    Advance();
    Checked<Node> node = Expression();
    if (mistake_) return std::unexpected(*std::move(mistake_));
    if (!node) return node;
    if (token_.kind != Token::Kind::kEnd) return Fail("expected an operator or the end");
    return node;
  }

 private:
  // The first mistake of the lexer stands; from then on the text seems to end.
  void Advance() {
    Checked<Token> next = lexer_.Next();
    if (!next && !mistake_) mistake_ = std::move(next).error();
    token_ = next && !mistake_ ? *next : Token{.at = token_.at};
  }
  bool Take(std::string_view word) {
    if (!token_.Is(word)) return false;
    Advance();
    return true;
  }
  std::unexpected<Mistake> Fail(std::string_view expected) const {
    return std::unexpected(
        Mistake{token_.at, fmt::format("{}, found {}", expected, Found(token_))});
  }

  // A node of what was parsed, counted.
  template <typename... Children>
  Checked<Node> Make(Form form, size_t at, std::string_view word, Children&&... children) {
    if (++nodes_ > kMaxOperations) {
      return std::unexpected(
          Mistake{at, fmt::format("expected at most {} operations and values", kMaxOperations)});
    }
    Node node{.form = form, .at = at, .word = std::string(word)};
    (node.children.push_back(std::forward<Children>(children)), ...);
    return node;
  }

  // One of `operators` between operands that `operand` parses, from left to right.
  template <size_t n>
  Checked<Node> Chain(const std::array<std::string_view, n>& operators, Form form,
                      Checked<Node> (Parser::*operand)()) {
    Checked<Node> left = (this->*operand)();
    while (left) {
      const auto found =
          std::ranges::find_if(operators, [&](std::string_view word) { return token_.Is(word); });
      if (found == operators.end()) break;
      const size_t at = token_.at;
      Advance();
      Checked<Node> right = (this->*operand)();
      if (!right) return right;
      left = Make(form, at, *found, *std::move(left), *std::move(right));
    }
    return left;
  }

  Checked<Node> Nested(Checked<Node> (Parser::*inner)()) {
    if (nesting_ == kMaxNesting) {
      return std::unexpected(
          Mistake{token_.at, fmt::format("expected at most {} levels of nesting", kMaxNesting)});
    }
    ++nesting_;
    Checked<Node> node = (this->*inner)();
    --nesting_;
    return node;
  }

  Checked<Node> Expression() {
    return Chain(std::to_array<std::string_view>({"or"}), Form::kOr, &Parser::And);
  }
  Checked<Node> And() {
    return Chain(std::to_array<std::string_view>({"and"}), Form::kAnd, &Parser::Not);
  }
  Checked<Node> Not() {
    const size_t at = token_.at;
    if (!Take("not")) return Comparison();
    Checked<Node> inner = Nested(&Parser::Not);
    if (!inner) return inner;
    return Make(Form::kNot, at, "not", *std::move(inner));
  }

  Checked<Node> Comparison() {
    Checked<Node> left = Sum();
    if (!left) return left;
    const size_t at = token_.at;
    for (const std::string_view word : {"==", "!=", "<=", ">=", "<", ">"}) {
      if (!token_.Is(word)) continue;
      Advance();
      Checked<Node> right = Sum();
      if (!right) return right;
      return Make(Form::kCompare, at, word, *std::move(left), *std::move(right));
    }
    std::string_view member;
    if (Take("in")) member = "in";
    if (member.empty() && Take("not")) {
      if (!Take("in")) return Fail("expected 'in' after 'not'");
      member = "not in";
    }
    if (member.empty() && Take("has")) {
      member = token_.Is("any") ? "has any" : token_.Is("all") ? "has all" : "";
      if (member.empty()) return Fail("expected 'any' or 'all' after 'has'");
      Advance();
    }
    if (!member.empty()) {
      Checked<Node> right = Sum();
      if (!right) return right;
      return Make(Form::kMember, at, member, *std::move(left), *std::move(right));
    }
    if (!Take("is")) return left;
    const bool is_not = Take("not");
    if (!Take("missing")) return Fail("expected 'missing' or 'not missing' after 'is'");
    Checked<Node> test = Make(Form::kIsMissing, at, "is missing", *std::move(left));
    if (test) test->number = is_not ? 1 : 0;
    return test;
  }

  Checked<Node> Sum() {
    return Chain(std::to_array<std::string_view>({"+", "-"}), Form::kArithmetic, &Parser::Product);
  }
  Checked<Node> Product() {
    return Chain(std::to_array<std::string_view>({"*", "/"}), Form::kArithmetic, &Parser::Factor);
  }
  Checked<Node> Factor() {
    const size_t at = token_.at;
    if (!Take("-")) {
      return Chain(std::to_array<std::string_view>({"else"}), Form::kElse, &Parser::Operand);
    }
    Checked<Node> inner = Nested(&Parser::Factor);
    if (!inner) return inner;
    return Make(Form::kNegate, at, "-", *std::move(inner));
  }

  Checked<Node> Operand() {
    const Token token = token_;
    switch (token.kind) {
      case Token::Kind::kNumber: {
        Checked<Node> number = Make(Form::kNumber, token.at, token.text);
        if (number) number->number = Number();
        return number;
      }
      case Token::Kind::kText:
        Advance();
        return Make(Form::kText, token.at, token.text);
      case Token::Kind::kParameter:
        Advance();
        return Make(Form::kParameter, token.at, token.text);
      case Token::Kind::kName:
        if (std::ranges::find(kWords, token.text) == kWords.end()) return Name();
        break;
      default:
        break;
    }
    if (Take("(")) {
      Checked<Node> inner = Nested(&Parser::Expression);
      if (!inner) return inner;
      if (!Take(")")) return Fail("expected ')' or an operator");
      return inner;
    }
    if (Take("[")) return List(token.at);
    return Fail("expected a value");
  }

  // The number at hand, in seconds where a unit of time follows.
  double Number() {
    double number = token_.number;
    const size_t at = token_.at;
    Advance();
    if (token_.kind != Token::Kind::kName) return number;
    if (const auto seconds = UnitOf(token_.text)) {
      number *= *seconds;
      Advance();
    }
    if (!std::isfinite(number) && !mistake_) {
      mistake_ = {at, "expected a number that is not too large"};
    }
    return number;
  }

  Checked<Node> Name() {
    const Token token = token_;
    Advance();
    if (token.text == "true" || token.text == "false") {
      Checked<Node> flag = Make(Form::kFlag, token.at, token.text);
      if (flag) flag->number = token.text == "true" ? 1 : 0;
      return flag;
    }
    if (token.text == "now") return Make(Form::kNow, token.at, token.text);
    if (!Take("(")) return Make(Form::kName, token.at, token.text);
    Checked<Node> call = Make(Form::kCall, token.at, token.text);
    while (call) {
      Checked<Node> argument = Nested(&Parser::Expression);
      if (!argument) return argument;
      call->children.push_back(*std::move(argument));
      if (Take(")")) break;
      if (!Take(",")) return Fail("expected ',' or ')'");
    }
    return call;
  }

  Checked<Node> List(size_t at) {
    Checked<Node> list = Make(Form::kList, at, "[...]");
    if (!list || Take("]")) return list;
    do {
      Literal value{.at = token_.at, .is_text = token_.kind == Token::Kind::kText};
      if (value.is_text) {
        value.text = std::string(token_.text);
        Advance();
      } else {
        const double sign = Take("-") ? -1 : 1;
        if (token_.kind != Token::Kind::kNumber) return Fail("expected a number or a text");
        value.number = sign * Number();
      }
      if (list->list.size() == kMaxListValues) {
        return std::unexpected(
            Mistake{value.at, fmt::format("expected at most {} values", kMaxListValues)});
      }
      list->list.push_back(std::move(value));
    } while (Take(","));
    if (!Take("]")) return Fail("expected ',' or ']'");
    return list;
  }

  Lexer lexer_;
  Token token_;
  std::optional<Mistake> mistake_;
  size_t nodes_ = 0, nesting_ = 0;
};

}  // namespace

Checked<Node> ParseExpression(std::string_view text) {
  if (text.size() > kMaxTextBytes) {
    return std::unexpected(Mistake{kMaxTextBytes, fmt::format("expected at most {} bytes, found {}",
                                                              kMaxTextBytes, text.size())});
  }
  return Parser(text).Whole();
}

}  // namespace upnext::expression
