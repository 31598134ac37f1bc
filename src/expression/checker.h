// The types of an expression: names are looked up in the schema, texts and parameters get the type
// that the other operand asks for.
//
//   std::vector<Parameter> parameters;
//   if (auto checked = CheckTypes(schema, Use::kCondition, &tree, &parameters); !checked) ...
//
// Pure functions: any number of threads.
#ifndef UPNEXT_EXPRESSION_CHECKER_H_
#define UPNEXT_EXPRESSION_CHECKER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "expression/tree.h"
#include "schema/schema.h"

namespace upnext::expression {

// What the whole expression says: true or false, or a number.
enum class Use : uint8_t { kCondition, kNumber };

struct Parameter {
  std::string name;
  bool is_optional = false;  // the expression says what holds without it
};

// Sets type, path and reads_item of every node. `parameters`: each once, in the order of the text.
Checked<void> CheckTypes(const schema::Schema& schema, Use use, Node* root,
                         std::vector<Parameter>* parameters);

}  // namespace upnext::expression

#endif  // UPNEXT_EXPRESSION_CHECKER_H_
