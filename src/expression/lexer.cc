#include "expression/lexer.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <utility>

namespace upnext::expression {
namespace {

bool StartsName(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// What other languages write, and what it is called here.
constexpr auto kForeign = std::to_array<std::pair<std::string_view, std::string_view>>(
    {{"&&", "and"}, {"||", "or"}, {"!", "not"}, {"=", "=="}, {"<>", "!="}});

}  // namespace

std::string Found(const Token& token) {
  if (token.kind == Token::Kind::kEnd) return "the end";
  if (token.kind == Token::Kind::kText) return fmt::format("the text \"{}\"", token.text);
  return fmt::format("'{}'", token.text);
}

size_t Lexer::NameEnd(size_t at) const {
  if (at >= text_.size() || !StartsName(text_[at])) return at;
  while (at < text_.size() && (StartsName(text_[at]) || IsDigit(text_[at]))) ++at;
  return at;
}

Checked<Token> Lexer::Next() {
  while (at_ < text_.size() && std::string_view(" \t\r\n").contains(text_[at_])) ++at_;
  if (at_ == text_.size()) return Token{.at = at_};
  const char first = text_[at_];
  if (IsDigit(first)) return Number();
  if (first == '"' || first == '\'') return Quoted();
  const bool is_parameter = first == '$';
  Token token{is_parameter ? Token::Kind::kParameter : Token::Kind::kName, at_};
  const size_t begin = at_ + (is_parameter ? 1 : 0);
  size_t end = NameEnd(begin);
  if (end == begin && is_parameter) {
    return std::unexpected(Mistake{at_, "expected the name of a parameter after '$'"});
  }
  if (end == begin) return Symbol();
  while (!is_parameter && end < text_.size() && text_[end] == '.' && NameEnd(end + 1) > end + 1) {
    end = NameEnd(end + 1);
  }
  token.text = text_.substr(begin, end - begin);
  at_ = end;
  return token;
}

Checked<Token> Lexer::Number() {
  Token token{Token::Kind::kNumber, at_};
  const char* const begin = text_.data() + at_;
  const auto [end, error] =
      std::from_chars(begin, text_.data() + text_.size(), token.number, std::chars_format::fixed);
  if (error != std::errc() || !std::isfinite(token.number)) {
    return std::unexpected(Mistake{at_, "expected a number that is not too large"});
  }
  token.text = text_.substr(at_, static_cast<size_t>(end - begin));
  at_ += token.text.size();
  return token;
}

Checked<Token> Lexer::Quoted() {
  const size_t end = text_.find(text_[at_], at_ + 1);
  if (end == std::string_view::npos) {
    return std::unexpected(
        Mistake{at_, fmt::format("expected a closing {} of this text", text_[at_])});
  }
  const Token token{Token::Kind::kText, at_, text_.substr(at_ + 1, end - at_ - 1)};
  at_ = end + 1;
  return token;
}

Checked<Token> Lexer::Symbol() {
  const std::string_view rest = text_.substr(at_);
  for (const std::string_view symbol : {"==", "!=", "<=", ">=", "<>", "&&", "||", "<", ">", "+",
                                        "-",  "*",  "/",  "(",  ")",  "[",  "]",  ",", "!", "="}) {
    if (!rest.starts_with(symbol)) continue;
    for (const auto& [foreign, ours] : kForeign) {
      if (symbol == foreign) {
        return std::unexpected(Mistake{at_, fmt::format("found '{}': write {}", foreign, ours)});
      }
    }
    const Token token{Token::Kind::kSymbol, at_, rest.substr(0, symbol.size())};
    at_ += symbol.size();
    return token;
  }
  return std::unexpected(
      Mistake{at_, fmt::format("expected a name, a value or an operator, found '{}'", rest[0])});
}

}  // namespace upnext::expression
