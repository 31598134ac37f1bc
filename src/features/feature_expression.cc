#include "features/feature_expression.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

namespace upnext::features {
namespace {

constexpr std::array<std::string_view, 4> kWords = {"or", "else", "after", "unless"};

bool StartsName(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsWord(std::string_view name) { return std::ranges::find(kWords, name) != kWords.end(); }

class ExpressionParser {
 public:
  explicit ExpressionParser(std::string_view text) : text_(text) {}

  Compiled<Expression> Whole() {
    Compiled<Expression> expression = Chain(0);
    if (expression && at_ < text_.size()) {
      return Fail(fmt::format("expected the end, found '{}'", text_.substr(at_, 20)));
    }
    return expression;
  }

 private:
  std::unexpected<Mistake> Fail(std::string message) const {
    return std::unexpected(Mistake{at_, std::move(message)});
  }
  void SkipSpace() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n')) {
      ++at_;
    }
  }
  bool Take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    SkipSpace();
    return true;
  }
  std::string Found() const {
    return at_ < text_.size() ? fmt::format("'{}'", text_[at_]) : std::string("the end");
  }
  // The name at the current place, "" when there is none; it is not taken.
  std::string_view PeekName() const {
    size_t end = at_;
    if (end < text_.size() && StartsName(text_[end])) {
      while (end < text_.size() && (StartsName(text_[end]) || IsDigit(text_[end]))) ++end;
    }
    return text_.substr(at_, end - at_);
  }

  Compiled<Expression> Chain(size_t depth) {
    SkipSpace();
    Compiled<Expression> first = Operand(depth);
    if (!first || !IsWord(PeekName())) return first;
    Expression chain{.kind = Expression::Kind::kChain, .at = first->at, .name = {}};
    chain.arguments.push_back(*std::move(first));
    while (IsWord(PeekName())) {
      chain.words.emplace_back(PeekName());
      at_ += chain.words.back().size();
      SkipSpace();
      Compiled<Expression> next = Operand(depth);
      if (!next) return next;
      chain.arguments.push_back(*std::move(next));
    }
    return chain;
  }

  Compiled<Expression> Operand(size_t depth) {
    if (depth > kMaxExpressionDepth) {
      return Fail(fmt::format("expected at most {} nested calls", kMaxExpressionDepth));
    }
    if (at_ < text_.size() && IsDigit(text_[at_])) return Number();
    Expression operand{.kind = Expression::Kind::kName, .at = at_, .name = {}};
    do {
      const std::string_view name = PeekName();
      if (name.empty() || IsWord(name)) {
        return Fail(fmt::format("expected a name or a number, found {}",
                                name.empty() ? Found() : fmt::format("'{}'", name)));
      }
      operand.name += operand.name.empty() ? "" : ".";
      operand.name += name;
      at_ += name.size();
    } while (at_ < text_.size() && text_[at_] == '.' && ++at_ > 0);
    SkipSpace();
    if (!Take('(')) return operand;
    operand.kind = Expression::Kind::kCall;
    do {
      Compiled<Expression> argument = Chain(depth + 1);
      if (!argument) return argument;
      operand.arguments.push_back(*std::move(argument));
    } while (Take(','));
    if (!Take(')')) return Fail(fmt::format("expected ',' or ')', found {}", Found()));
    return operand;
  }

  Compiled<Expression> Number() {
    Expression number{.kind = Expression::Kind::kNumber, .at = at_, .name = {}};
    const char* begin = text_.data() + at_;
    const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), number.number,
                                              std::chars_format::fixed);
    if (error != std::errc() || !std::isfinite(number.number)) return Fail("expected a number");
    at_ += static_cast<size_t>(end - begin);
    SkipSpace();
    return number;
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

Compiled<Expression> ParseExpression(std::string_view text) {
  if (text.size() > kMaxExpressionBytes) {
    return std::unexpected(Mistake{kMaxExpressionBytes,
                                   fmt::format("expected at most {} bytes", kMaxExpressionBytes)});
  }
  return ExpressionParser(text).Whole();
}

std::string ToText(const Expression& expression) {
  if (expression.kind == Expression::Kind::kNumber) return fmt::format("{}", expression.number);
  if (expression.kind == Expression::Kind::kName) return expression.name;
  std::string text;
  const bool chain = expression.kind == Expression::Kind::kChain;
  if (!chain) text = expression.name + "(";
  for (size_t i = 0; i < expression.arguments.size(); ++i) {
    if (i > 0) text += chain ? fmt::format(" {} ", expression.words[i - 1]) : std::string(", ");
    text += ToText(expression.arguments[i]);
  }
  return chain ? text : text + ")";
}

}  // namespace upnext::features
