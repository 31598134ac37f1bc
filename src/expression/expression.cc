#include "expression/expression.h"

#include <utility>
#include <vector>

#include "expression/parser.h"

namespace upnext::expression {

Checked<Expression> Expression::Compile(std::string_view text, const schema::Schema& schema,
                                        Use use) {
  Checked<Node> tree = ParseExpression(text);
  if (!tree) return std::unexpected(std::move(tree).error());
  std::vector<Parameter> parameters;
  if (Checked<void> checked = CheckTypes(schema, use, &*tree, &parameters); !checked) {
    return std::unexpected(std::move(checked).error());
  }
  Checked<Program> program = MakeProgram(*tree, std::move(parameters));
  if (!program) return std::unexpected(std::move(program).error());
  return Expression(*std::move(program));
}

std::unexpected<Error> ErrorOf(const Mistake& mistake, std::string_view name) {
  return InvalidArgument("{}: at byte {}: {}", name, mistake.at + 1, mistake.message);
}

}  // namespace upnext::expression
