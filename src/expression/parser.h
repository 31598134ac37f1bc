// Text to tree. What names and types mean is the checker's business (checker.h).
//
//   expression := and { "or" and }                    and := not { "and" not }
//   not        := "not" not | comparison
//   comparison := sum [ ("==" | "!=" | "<" | "<=" | ">" | ">=") sum
//                     | ["not"] "in" sum | "has" ("any" | "all") sum | "is" ["not"] "missing" ]
//   sum        := product { ("+" | "-") product }     product := factor { ("*" | "/") factor }
//   factor     := "-" factor | operand { "else" operand }
//   operand    := number [unit] | text | "true" | "false" | "now" | "$"name | name{.name}
//               | list | function "(" expression {"," expression} ")" | "(" expression ")"
//   list       := "[" [ value { "," value } ] "]"     value := ["-"] number [unit] | text
//
// A pure function: any number of threads.
#ifndef UPNEXT_EXPRESSION_PARSER_H_
#define UPNEXT_EXPRESSION_PARSER_H_

#include <cstddef>
#include <string_view>

#include "expression/tree.h"

namespace upnext::expression {

// What an expression may cost: to read, and to evaluate for each item.
inline constexpr size_t kMaxTextBytes = 4000;
inline constexpr size_t kMaxNesting = 32;       // of parentheses, calls, `not` and signs
inline constexpr size_t kMaxOperations = 200;   // nodes of the tree
inline constexpr size_t kMaxListValues = 1000;  // of a list, written or given

Checked<Node> ParseExpression(std::string_view text);

}  // namespace upnext::expression

#endif  // UPNEXT_EXPRESSION_PARSER_H_
