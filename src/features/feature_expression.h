// The language of declared features, as text to tree. What the names mean is feature_compiler.h's
// business.
//
//   rate(positive, watch or positive, item.channel, 3)
//   expression := operand { word operand }          words: or else after unless
//   operand    := number | name{.name} [ ( expression {, expression} ) ]
//
// Pure functions: any number of threads.
#ifndef UPNEXT_FEATURES_FEATURE_EXPRESSION_H_
#define UPNEXT_FEATURES_FEATURE_EXPRESSION_H_

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace upnext::features {

// What is wrong with an expression, and where: offset in bytes from its start.
struct Mistake {
  size_t at = 0;
  std::string message;
};
template <typename T>
using Compiled = std::expected<T, Mistake>;

struct Expression {
  enum class Kind { kName, kNumber, kCall, kChain } kind = Kind::kName;
  size_t at = 0;     // offset in the text
  std::string name;  // "item.price"; of calls, the function
  double number = 0;
  std::vector<Expression> arguments = {};  // of calls; of chains, the operands
  std::vector<std::string> words = {};     // of chains: between the operands, "or"
};

inline constexpr size_t kMaxExpressionBytes = 1000, kMaxExpressionDepth = 8;
inline constexpr size_t kMaxTerms = 16;  // event types joined by "or"

Compiled<Expression> ParseExpression(std::string_view text);
// Equal trees give equal texts, whatever the white space was.
std::string ToText(const Expression& expression);

}  // namespace upnext::features

#endif  // UPNEXT_FEATURES_FEATURE_EXPRESSION_H_
