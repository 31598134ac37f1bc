// The words of an expression.
//
//   Lexer lexer("item.price < 5");
//   UPNEXT... lexer.Next() -> {kName "item.price"}, {kSymbol "<"}, {kNumber 5}, {kEnd}
//
// A view of the text. One thread.
#ifndef UPNEXT_EXPRESSION_LEXER_H_
#define UPNEXT_EXPRESSION_LEXER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "expression/tree.h"

namespace upnext::expression {

struct Token {
  enum class Kind : uint8_t { kEnd, kName, kParameter, kNumber, kText, kSymbol } kind = Kind::kEnd;
  size_t at = 0;
  std::string_view text = {};  // as written; of a text what is between the quotes
  double number = 0;

  bool Is(std::string_view word) const {
    return (kind == Kind::kName || kind == Kind::kSymbol) && text == word;
  }
};
std::string Found(const Token& token);  // for messages: "'<'", "the end"

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}
  Checked<Token> Next();  // kEnd at the end, again and again

 private:
  Checked<Token> Number();
  Checked<Token> Quoted();
  Checked<Token> Symbol();
  size_t NameEnd(size_t at) const;  // `at` when there is no name

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace upnext::expression

#endif  // UPNEXT_EXPRESSION_LEXER_H_
