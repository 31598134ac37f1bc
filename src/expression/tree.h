// An expression as a tree: what the parser makes, and what the checker adds to it.
#ifndef UPNEXT_EXPRESSION_TREE_H_
#define UPNEXT_EXPRESSION_TREE_H_

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "schema/event.h"

namespace upnext::expression {

// What is wrong with an expression, and where: offset in bytes from its start.
struct Mistake {
  size_t at = 0;
  std::string message;
};
template <typename T>
using Checked = std::expected<T, Mistake>;

// What a value is. kOpen...: not known from the text alone; the other operand says it.
enum class Kind : uint8_t {
  kFlag,
  kNumber,
  kTime,
  kId,       // one id of a space
  kIds,      // a set of them
  kText,     // of an attribute of kind text
  kNumbers,  // lists that are written, or given as a parameter
  kTexts,
  kOpenText,      // "a text": an id, a text or a time
  kOpenList,      // [...]
  kOpenParameter  // $name
};

struct Type {
  Kind kind = Kind::kNumber;
  schema::IdSpace space = schema::IdSpace::kItem;  // of kId and kIds
};

// Whose attribute it is. kRequestItem: of an item that the request names.
enum class Owner : uint8_t { kItem, kUser, kRequest, kRequestItem };
struct Path {
  Owner owner = Owner::kItem;
  uint32_t attribute = 0;
  uint32_t through = 0;     // of kRequestItem: the attribute of the request that names the item
  bool is_item_id = false;  // `item` itself
};

struct Literal {
  size_t at = 0;
  bool is_text = false;
  double number = 0;
  std::string text = {};
};

enum class Form : uint8_t {
  kNumber,
  kText,
  kFlag,
  kNow,
  kList,
  kName,
  kParameter,
  kOr,
  kAnd,
  kNot,
  kCompare,     // word: == != < <= > >=
  kMember,      // word: in, not in, has any, has all
  kIsMissing,   // number: 1 for `is not missing`
  kArithmetic,  // word: + - * /
  kNegate,
  kElse,
  kCall
};

struct Node {
  Form form = Form::kNumber;
  size_t at = 0;          // offset in the text
  std::string word = {};  // a name, a text, an operator, a function
  double number = 0;      // a number; 1 for true
  std::vector<Literal> list = {};
  std::vector<Node> children = {};
  // By the checker.
  Type type = {};
  Path path = {};           // of a name
  bool reads_item = false;  // false: the same for all items of a request
};

}  // namespace upnext::expression

#endif  // UPNEXT_EXPRESSION_TREE_H_
